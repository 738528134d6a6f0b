"""The Makefile promises nothing that is not there, says what is missing, and CI runs what it says it runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY, project_files

MAKEFILE = (REPOSITORY / "Makefile").read_text("utf-8")
CI = (REPOSITORY / ".ci" / "run").read_text("utf-8")
TARGETS = re.findall(r"^([a-z-]+):[^=\n]*##", MAKEFILE, re.MULTILINE)


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("make")
    assert program is not None
    return subprocess.run(
        [program, *arguments],
        cwd=REPOSITORY,
        env={**{name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_module_and_directory_that_the_makefile_runs_exists() -> None:
    modules = re.findall(r"-m ((?:tests|bench|broker)[\w.]*)", MAKEFILE)
    named = re.findall(r"(?<=\s)((?:tests|bench)/[\w/.]+)", MAKEFILE.replace("ARGS=tests/attacks", ""))
    optional = re.findall(r"\$\(wildcard ([^)]*)\)", MAKEFILE)
    paths = {*named} - {name for group in optional for name in group.split()}
    assert [name for name in modules if not (REPOSITORY / (name.replace(".", "/") + ".py")).exists()] == []
    assert [name for name in paths if not (REPOSITORY / name).exists()] == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_can_be_planned_and_is_told_of(target: str) -> None:
    assert make("--dry-run", target).returncode == 0
    assert re.search(rf"^{target}\s", make("help").stdout, re.MULTILINE)


def test_a_python_that_is_too_old_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14", "python"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    done = make("setup", f"VENV={tmp_path / 'venv'}", PATH=f"{tmp_path}:/usr/bin:/bin", PYTHON="")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_every_make_that_a_page_or_a_message_speaks_of_exists() -> None:
    spoken = {
        (target, str(name))
        for name in project_files()
        if name.suffix in {".md", ".py", ".yml"}
        for target in re.findall(
            r"(?:`|^)make ([a-z-]+)", (REPOSITORY / name).read_text("utf-8"), re.MULTILINE
        )
    }
    assert ("test", "README.md") in spoken
    assert [(target, name) for target, name in sorted(spoken) if target not in TARGETS] == []


def test_ci_runs_targets_that_exist() -> None:
    called = re.findall(r"\bmake ([a-z-]+)", CI)
    assert {"lint", "test", "test-redis", "demo"} <= set(called)
    assert set(called) <= set(TARGETS)


def test_ci_is_a_script_that_bash_understands() -> None:
    assert os.access(REPOSITORY / ".ci" / "run", os.X_OK)
    assert subprocess.run(["bash", "-n", REPOSITORY / ".ci" / "run"], check=False).returncode == 0
