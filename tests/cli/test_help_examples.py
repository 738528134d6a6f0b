"""The examples in the help are run, in the order in which a reader would, in one directory, against
a broker.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.runner import every_command
from tests.contract.readme_examples import commands, script
from tests.ports import free_port

ORDER = (
    "init",
    "keys new",
    "keys card",
    "registry add",
    "registry group",
    "registry sign",
    "registry publish",
    "registry show",
    "serve",
    "draft",
    "sign",
    "verify",
    "audience",
    "post",
    "feed",
    "fetch",
    "ack",
    "answer",
    "export",
    "receipts",
    "cancel",
    "subscribe",
    "request",
    "doctor",
    "keys rotate",
    "registry revoke",
    "registry renew",
    "registry epoch",
)
"""Each begins with what those before it left. `serve` runs beside those after it."""
SECONDS = 400
"""Some forty programs are started one after the other: ten seconds on a machine that is idle."""


def example_of(name: str) -> str:
    example = next(command for found, command in every_command() if found == name).example  # type: ignore[attr-defined]
    return f"{example} &" if name == "serve" else example


def test_every_command_but_the_demo_has_its_place_in_the_story() -> None:
    assert {name for name, _ in every_command()} - {"demo"} == set(ORDER)


@pytest.mark.timeout(SECONDS + 10)
def test_every_example_does_what_it_says(tmp_path: Path) -> None:
    port, ops = free_port(), free_port()
    page = "```console\n" + "\n".join(map(example_of, ORDER)) + "\n```\n"
    page = page.replace("8470", str(port))
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/harkara"
    program.write_text(f"#!{sys.executable}\nfrom broker.cli.main import main\nmain()\n")
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", script(commands(page), f"(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null")],
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "HOME": str(tmp_path),
            "HARKARA_LISTEN": f"127.0.0.1:{port}",
            "HARKARA_URL": f"http://127.0.0.1:{port}",
            "HARKARA_OPS": f"127.0.0.1:{ops}",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for words in ("Authentic: signed by pk.fia", "1 of 2 agencies", "Told pk.fia: opened", "accepted  20"):
        assert words in done.stdout
