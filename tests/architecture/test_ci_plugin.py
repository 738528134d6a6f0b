"""In CI a skip fails the run, with and without workers; elsewhere it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]

# Written in pieces, because no file of this repository may hold a skip.
MARKED = "import pytest\n\n@pytest.mark.sk" + "ip\ndef test_one(): pass\n\ndef test_other(): pass\n"
WHOLE_FILE = "import pytest\npytest.importor" + "skip('no_such_module')\n\ndef test_one(): pass\n"
CLEAN = "def test_one(): pass\n"


def run(directory: Path, source: str, workers: str, ci: str) -> int:
    (directory / "test_planted.py").write_text(source, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", REPOSITORY / "pyproject.toml", "-n", workers, directory],
        cwd=REPOSITORY,
        env={**os.environ, "CI": ci},
        capture_output=True,
        check=False,
    )
    return done.returncode


@pytest.mark.parametrize("workers", ["0", "1"])
@pytest.mark.parametrize(
    ("source", "ci", "code"),
    [
        pytest.param(MARKED, "true", 1, id="a-skipped-test-in-ci"),
        pytest.param(WHOLE_FILE, "true", 1, id="a-skipped-file-in-ci"),
        pytest.param(CLEAN, "true", 0, id="no-skip-in-ci"),
        pytest.param(MARKED, "", 0, id="a-skipped-test-elsewhere"),
    ],
)
def test_a_skip_fails_the_run_in_ci_alone(
    tmp_path: Path, workers: str, source: str, ci: str, code: int
) -> None:
    assert run(tmp_path, source, workers, ci) == code
