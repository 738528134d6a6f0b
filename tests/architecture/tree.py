"""Which files belong to the project: what git tracks or would track; without git, what lies in its places."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PLACES = (".ci", "bench", "broker", "docs", "keys", "schemas", "tests")


def project_files() -> list[Path]:
    """Give the project's files, relative to its root, sorted; an ignored file is not among them."""
    if (REPOSITORY / ".git").exists() and shutil.which("git"):
        # safe.directory: the tests only list names, and a clone owned by another user is no reason to refuse.
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=REPOSITORY,
            capture_output=True,
            check=True,
        ).stdout.decode()
        names = {Path(name) for name in listed.split("\0") if name}
    else:
        found = [
            *REPOSITORY.glob("*"),
            *(path for place in PLACES for path in (REPOSITORY / place).rglob("*")),
        ]
        names = {path.relative_to(REPOSITORY) for path in found if "__pycache__" not in path.parts}
    return sorted(name for name in names if (REPOSITORY / name).is_file())
