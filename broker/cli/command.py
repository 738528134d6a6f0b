"""What all commands share: `--json`, an example in the help, a HARKARA_ variable for every flag,
refusals in words.

`command` makes a command of a function, plain or `async`; `flag` declares one of its flags. Each
flag `--some-thing` can be given as HARKARA_SOME_THING. A flag that holds a secret, or names a file
that does, has HARKARA_SOME_THING_FILE too: for a secret the file that holds the value (as container
secrets are given), for a file the file itself.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from broker.cli import refusals
from broker.cli.parameters import Listed, listed_together
from broker.cli.refusals import MisuseError
from broker.errors import HarkaraError

PREFIX: Final = "HARKARA_"
WIDTH: Final = 88
SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": WIDTH, "terminal_width": WIDTH}
SECRET_BYTES: Final = 64 * 1024
"""The longest secret read from a file."""


class Flag(click.Option):
    """An option with its variable. `secret` reads the value from the file named by HARKARA_…_FILE too."""

    def __init__(self, *args: Any, secret: bool = False, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.secret = secret

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Give the value of the variable that is set, of a secret's file, or None."""
        found = super().resolve_envvar_value(ctx)
        if found is not None or not self.secret:
            return found
        variable = f"{variable_of(self.opts)}_FILE"
        return _secret_in(variable, os.environ[variable]) if os.environ.get(variable) else None


def _secret_in(variable: str, path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(SECRET_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise MisuseError(f"{path}, named by {variable}, cannot be read: {why}") from None


def variable_of(names: list[str]) -> str:
    """Give the variable of a flag from its names: HARKARA_SOME_THING for --some-thing."""
    long = next(name for name in names if name.startswith("--")).partition("/")[0]
    return PREFIX + long.removeprefix("--").strip().replace("-", "_").upper()


def flag(
    *names: str, secret: bool = False, secret_file: bool = False, **settings: Any
) -> Callable[[Any], Any]:
    """Declare a flag with its variable. `secret`: the value is one. `secret_file`: it names a file
    that is.
    """
    variable = variable_of([name for name in names if name.startswith("-")])
    variables = [variable, f"{variable}_FILE"] if secret_file else [variable]
    if isinstance(settings.get("type"), Listed):  # said twice it means both, never the last alone
        settings |= {"multiple": True, "callback": listed_together}
    if secret:
        settings["help"] = f"{settings['help']}  [or in the file that {variable}_FILE names]"
        return click.option(*names, cls=Flag, secret=True, envvar=variables, show_envvar=True, **settings)
    return click.option(*names, cls=Flag, envvar=variables, show_envvar=True, **settings)


class HarkaraCommand(click.Command):
    """A command whose help ends in an example, and whose failures are told in words."""

    def __init__(self, *args: Any, example: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.example = inspect.cleandoc(example)
        self.params.append(
            Flag(
                ["--json", "as_json"],
                is_flag=True,
                envvar=f"{PREFIX}JSON",
                show_envvar=True,
                help="Print one line of JSON (refusals too, on stderr).",
            )
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example as it is to be typed."""
        formatter.write_paragraph()
        formatter.write("Example:\n")
        for line in self.example.splitlines():
            formatter.write(f"  {line}\n" if line else "\n")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the flags; what is wrong with them is told and becomes an exit code."""
        with guarded(as_json="--json" in args):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a failure that is expected is told and becomes an exit code."""
        with guarded(as_json=bool(ctx.params.get("as_json"))):
            return super().invoke(ctx)


def command(name: str, *, example: str, **settings: Any) -> Callable[[Callable[..., Any]], HarkaraCommand]:
    """Make a command of a function, plain or `async`. `example` is what the help shows, to be typed
    in order.
    """

    def wrap(function: Callable[..., Any]) -> HarkaraCommand:
        made = click.command(name, cls=HarkaraCommand, example=example, context_settings=SETTINGS, **settings)
        return made(_run(function))

    return wrap


@contextmanager
def guarded(*, as_json: bool = False) -> Iterator[None]:
    """Tell what fails inside, and leave with its exit code. Ctrl-C and a closed pipe leave without a word."""
    try:
        yield
        if sys.stdout is not None:  # it is None when the caller has closed it
            sys.stdout.flush()
    except (HarkaraError, MisuseError) as error:
        code = refusals.tell(error, as_json=as_json)
    except click.ClickException as error:
        code = refusals.tell(error, as_json=as_json)
    except KeyboardInterrupt:
        code = refusals.INTERRUPTED
    except BrokenPipeError:
        refusals.forget_output()
        code = refusals.NOBODY_READS
    except OSError as error:
        code = refusals.tell(error, as_json=as_json)
    else:
        return
    raise click.exceptions.Exit(code)


def _run(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def run(**arguments: Any) -> Any:
        found = function(**arguments)
        if inspect.iscoroutine(found):
            from broker.cli.ctrl_c import run as run_until_done  # late: offline commands need no loop

            return run_until_done(found)
        return found

    return run
