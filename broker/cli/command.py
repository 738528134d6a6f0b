"""What all commands share: `--json`, an example in the help, a HARKARA_ variable for every flag,
refusals in words.

`command` makes a command of a function, plain or `async`; `flag` declares one of its flags. Each
flag `--some-thing` can be given as HARKARA_SOME_THING. A variable is set once for many commands, so
it has one meaning in all of them: a flag whose name means something else elsewhere is declared
`per_command`, and its variable has the command in front, HARKARA_SUBSCRIBE_SEVERITY. A flag that
holds a secret, or names a file that does, has HARKARA_SOME_THING_FILE too: for a secret the file
that holds the value (as container secrets are given), for a file the file itself.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from broker.cli import refusals
from broker.cli.parameters import Listed, listed_together
from broker.cli.refusals import MisuseError
from broker.errors import HarkaraError

PREFIX: Final = "HARKARA_"
JSON_VARIABLE: Final = f"{PREFIX}JSON"
_TRUE: Final = ("1", "true", "t", "yes", "y", "on")
"""What a variable of a flag without a value says for yes (click's own list)."""
WIDTH: Final = 88
SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": WIDTH, "terminal_width": WIDTH}
SECRET_BYTES: Final = 64 * 1024
"""The longest secret read from a file."""


class Flag(click.Option):
    """An option with its variable. `secret` reads the value from the file named by HARKARA_…_FILE too;
    `per_command` has the command in its variable.
    """

    def __init__(self, *args: Any, secret: bool = False, per_command: bool = False, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.secret = secret
        self.per_command = per_command

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """Name where a value that is refused came from: the variable, or the flag as it is typed."""
        if ctx is not None and ctx.get_parameter_source(self.name or "") is ParameterSource.ENVIRONMENT:
            return " / ".join(self.variables)
        return repr(next(name for name in self.opts if name.startswith("--")))

    @property
    def variables(self) -> list[str]:
        """Give the variables that it can be given as."""
        return [self.envvar] if isinstance(self.envvar, str) else list(self.envvar or ())

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


def variable_of(names: list[str], command: str = "") -> str:
    """Give the variable of a flag from its names: HARKARA_SOME_THING for --some-thing, with the full
    name of the `command` in front where its own is asked for.
    """
    long = next(name for name in names if name.startswith("--")).partition("/")[0]
    words = f"{command} {long.removeprefix('--').strip()}".strip()
    return PREFIX + words.replace("-", "_").replace(" ", "_").upper()


def flag(
    *names: str, secret: bool = False, secret_file: bool = False, per_command: bool = False, **settings: Any
) -> Callable[[Any], Any]:
    """Declare a flag with its variable. `secret`: the value is one. `secret_file`: it names a file
    that is. `per_command`: its name means something else in another command.
    """
    variable = variable_of([name for name in names if name.startswith("-")])
    variables = [variable, f"{variable}_FILE"] if secret_file else [variable]
    if isinstance(settings.get("type"), Listed):  # said twice it means both, never the last alone
        settings |= {"multiple": True, "callback": listed_together}
    if secret:
        settings["help"] = f"{settings['help']}  [or in the file that {variable}_FILE names]"
        return click.option(*names, cls=Flag, secret=True, envvar=variables, show_envvar=True, **settings)
    return click.option(
        *names, cls=Flag, per_command=per_command, envvar=variables, show_envvar=True, **settings
    )


class HarkaraCommand(click.Command):
    """A command whose help ends in an example, and whose failures are told in words."""

    def __init__(self, *args: Any, example: str, full_name: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.example = inspect.cleandoc(example)
        for each in self.params:
            if isinstance(each, Flag) and each.per_command:
                each.envvar = variable_of(each.opts, full_name)
        self.params.append(
            Flag(
                ["--json", "as_json"],
                is_flag=True,
                envvar=JSON_VARIABLE,
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
        with guarded(as_json=wants_json(args)):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a failure that is expected is told and becomes an exit code."""
        with guarded(as_json=bool(ctx.params.get("as_json"))):
            return super().invoke(ctx)


def command(name: str, *, example: str, **settings: Any) -> Callable[[Callable[..., Any]], HarkaraCommand]:
    """Make a command of a function, plain or `async`. `name` is all of it, such as `registry show`;
    `example` is what the help shows, to be typed in order.
    """

    def wrap(function: Callable[..., Any]) -> HarkaraCommand:
        made = click.command(
            name.rpartition(" ")[2],
            cls=HarkaraCommand,
            example=example,
            full_name=name,
            context_settings=SETTINGS,
            **settings,
        )
        return made(_run(function))

    return wrap


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether a refusal is to be JSON when what was typed cannot be read as flags."""
    return "--json" in arguments or os.environ.get(JSON_VARIABLE, "").strip().lower() in _TRUE


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
