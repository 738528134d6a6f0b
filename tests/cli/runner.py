"""Call `harkara` as it is called: in this process where that is enough, as a program where it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from broker.cli.main import harkara
from tests.stores import without_settings

PROGRAM = [sys.executable, "-c", "from broker.cli.main import main; main()"]
SECONDS = 120
"""Longer than any command takes on a loaded machine; below the time limit of a test."""


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one line of JSON on stdout."""
        assert self.code == 0, self.err
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)

    @property
    def refusal(self) -> Any:
        """The refusal in JSON on stderr."""
        assert self.code != 0, self.out
        return json.loads(self.err)


def call(*arguments: str | Path, given: str | bytes | None = None, **variables: str) -> Done:
    """Call a command in this process. `given` is its stdin, `variables` its environment."""
    result = CliRunner().invoke(harkara, [str(a) for a in arguments], input=given, env=variables)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def must(*arguments: str | Path, given: str | bytes | None = None, **variables: str) -> Done:
    """Call a command that has to succeed."""
    done = call(*arguments, given=given, **variables)
    assert done.code == 0, done.err
    return done


def environment(**variables: str) -> dict[str, str]:
    """Give this environment without what would tell the program something, and with `variables`."""
    return without_settings() | variables


def program(*arguments: str | Path, given: bytes = b"", cwd: Path | None = None, **variables: str) -> Done:
    """Run a command as a program of its own."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        input=given,
        capture_output=True,
        cwd=cwd,
        env=environment(**variables),
        timeout=SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Give each command there is with its full name, groups left out."""
    yield from _below(harkara, "")


def _below(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _below(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command
