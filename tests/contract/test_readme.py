"""Pages with examples are run as they stand: a reader who types what they say gets what they say.

Each runs in an empty directory with an empty home, on ports of its own (8470 and 8471 in the text stand for
two free ones), with this environment's `harkara` first on the PATH.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.readme_examples import blocks, commands, not_printed, script
from tests.ports import free_port
from tests.stores import without_settings

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = {
    str(path.relative_to(REPOSITORY)): found
    for path in (
        REPOSITORY / "README.md",
        REPOSITORY / "keys/README.md",
        *sorted(REPOSITORY.glob("docs/*.md")),
    )
    if commands(found := path.read_text("utf-8"))
}
README = PAGES["README.md"]
STAND_IN = Path(__file__).with_name("curl_stand_in.py")
SECONDS = 300
"""The whole page has to be through by then: seconds on a machine that is idle."""
pytestmark = pytest.mark.timeout(SECONDS + 10)


def stand_in_for_curl(directory: Path) -> Path:
    """Put a program `curl` into `directory`: set-up asks for Python, pip and make alone."""
    directory.mkdir()
    program = directory / "curl"
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{STAND_IN}' \"$@\"\n", "utf-8")
    program.chmod(0o755)
    return directory


def run_page(page: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run every command of `page` in `directory`; stdout and stderr come together, as written. It fails, too,
    when a command does not print what the page says.
    """
    listen, ops = free_port(), free_port()
    # Both at once: the one port may have the other's number in it.
    page = re.sub("8470|8471", lambda found: str({"8470": listen, "8471": ops}[found[0]]), page)
    home = directory / "home"
    work = directory / "work"
    home.mkdir()
    work.mkdir()
    programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
    if shutil.which("curl") is None:
        programs.append(str(stand_in_for_curl(directory / "bin")))
    kept = {name: value for name, value in without_settings().items() if not name.startswith("XDG_")}
    environment = kept | {
        "HOME": str(home),
        "PATH": os.pathsep.join(programs),
        "COLUMNS": "80",
        "HARKARA_LISTEN": f"127.0.0.1:{listen}",
        "HARKARA_URL": f"http://127.0.0.1:{listen}",
        "HARKARA_OPS": f"127.0.0.1:{ops}",
    }
    ready = f"(exec 3<>/dev/tcp/127.0.0.1/{listen}) 2>/dev/null"
    typed = commands(page)
    done = subprocess.run(
        ["bash", "-c", script(typed, ready)],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode == 0 and (missing := not_printed(typed, done.stdout)):
        return subprocess.CompletedProcess(done.args, 1, "\n".join([done.stdout, *missing]))
    return done


def test_the_pages_that_teach_have_examples() -> None:
    assert {"README.md", "keys/README.md", "docs/first-day.md"} <= PAGES.keys()


@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_a_page_works_and_prints_what_the_page_says(tmp_path: Path, name: str) -> None:
    done = run_page(PAGES[name], tmp_path)
    assert done.returncode == 0, done.stdout


def test_every_python_example_of_the_readme_compiles_and_imports_what_exists() -> None:
    for line, body in blocks(README, "python"):
        tree = compile(body, f"README.md:{line}", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("broker"):
                module = importlib.import_module(node.module or "")
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def page(*lines: str, mark: str = "console") -> str:
    return "\n".join(["Text.", "", f"```{mark}", *lines, "```", ""])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(page("$ true", "$ false"), id="a-command-fails"),
        pytest.param(page("$ false | true"), id="the-first-of-a-pipe-fails"),
        pytest.param(page("$ no-such-program --help"), id="a-program-is-missing"),
        pytest.param(page("$ test -e \\", "  nothing-here"), id="a-continued-command-fails"),
        pytest.param(page("$ true") + page("$ exit 3"), id="the-second-block-fails"),
        pytest.param(page("$ echo a", "b"), id="another-output"),
        pytest.param(page("$ echo a b", "a"), id="a-part-of-a-line"),
        pytest.param(page("$ printf 'a\\nb\\n'", "b", "a"), id="another-order"),
        pytest.param(page("$ true", "a", "$ echo a"), id="the-output-of-another-command"),
    ],
)
def test_a_page_with_a_fault_is_refused(tmp_path: Path, text: str) -> None:
    assert run_page(text, tmp_path).returncode != 0


def test_a_server_that_does_not_come_up_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.contract.readme_examples.WAIT_TENTHS", 3)
    assert run_page(page("$ sleep 60 &"), tmp_path).returncode != 0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(page("$ x=1; echo a; echo b", "a", "b", "$ test $x = 1"), id="one-shell-for-all"),
        pytest.param(page("$ echo 'at 10:04, key 4f…'", "at …, key …"), id="what-differs-each-time"),
        pytest.param(page("$ printf 'a\\nb\\nc\\n'", "a", "c"), id="lines-left-out"),
        pytest.param(page("$ cd / && pwd", "/") + page("$ test $PWD = /"), id="from-block-to-block"),
        pytest.param(page("$ test a = \\", "    a"), id="a-command-over-two-lines"),
        pytest.param(page("$ false", mark="sh"), id="other-blocks-are-not-run"),
        pytest.param(
            page("$ python -m http.server --bind 127.0.0.1 8470 &", "$ exec 3<>/dev/tcp/127.0.0.1/8470"),
            id="a-server-in-the-background",
        ),
    ],
)
def test_a_page_without_a_fault_passes(tmp_path: Path, text: str) -> None:
    done = run_page(text, tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param("-sS --fail http://127.0.0.1:8470/", 0, id="a-page-that-is-there"),
        pytest.param("-sS --fail http://127.0.0.1:8470/nothing", 22, id="a-page-that-is-not"),
        pytest.param("-sS --fail http://127.0.0.1:8471/", 7, id="nobody-listens"),
        pytest.param("-sS --fail --insecure http://127.0.0.1:8470/", 2, id="an-option-it-does-not-know"),
        pytest.param("-sS http://127.0.0.1:8470/", 2, id="a-refusal-would-pass-unseen"),
        pytest.param("-sS --fail http://example.org/", 2, id="another-machine"),
    ],
)
def test_the_stand_in_for_curl_ends_as_curl_would(tmp_path: Path, arguments: str, code: int) -> None:
    serve = "$ python -m http.server --bind 127.0.0.1 8470 2>/dev/null &"
    call = f"$ '{sys.executable}' '{STAND_IN}' {arguments}; test $? = {code}"
    done = run_page(page(serve, call), tmp_path)
    assert done.returncode == 0, done.stdout
