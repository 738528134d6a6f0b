"""What holds for all commands: they teach, they speak JSON, each flag has its variable, nothing is
loaded early.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys

import click
import pytest

from broker.cli.command import HarkaraCommand
from broker.cli.main import ENTRIES, harkara
from broker.settings import DEFAULT_LISTEN
from tests.cli.runner import PROGRAM, call, environment, every_command, program

COMMANDS = [pytest.param(name, command, id=name.replace(" ", "-")) for name, command in every_command()]
FLAGS = [
    pytest.param(parameter, id=f"{name} {parameter.opts[0]}".replace(" ", ""))
    for name, command in every_command()
    for parameter in command.params
    if isinstance(parameter, click.Option)
]
HEAVY = ("aiohttp", "asyncio", "cryptography", "lxml", "msgpack", "msgspec", "redis", "rich", "structlog")
START_UP_S = 0.3


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_each_command_ends_its_help_with_an_example_that_calls_it(name: str, command: click.Command) -> None:
    done = call(*name.split(), "--help")
    assert done.code == 0
    assert f"$ harkara {name}" in done.out.partition("Example:")[2]
    assert isinstance(command, HarkaraCommand)


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_each_command_says_in_its_help_what_it_does(name: str, command: click.Command) -> None:
    assert command.help
    assert command.short_help
    assert command.short_help[0].islower()
    assert not command.short_help.endswith(".")


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_each_command_has_json(name: str, command: click.Command) -> None:
    assert "--json" in [option for parameter in command.params for option in parameter.opts]


@pytest.mark.parametrize("flag", FLAGS)
def test_each_flag_names_its_variable_and_says_what_it_is(flag: click.Option) -> None:
    long = next(name for name in flag.opts if name.startswith("--"))
    variable = "HARKARA_" + long[2:].upper().replace("-", "_")
    named = [flag.envvar] if isinstance(flag.envvar, str) else list(flag.envvar or [])
    assert named[0] == variable
    assert flag.show_envvar
    assert flag.help


@pytest.mark.parametrize(
    ("name", "command"),
    [
        pytest.param(name, command, id=name.replace(" ", "-"))
        for name, command in every_command()
        if any(parameter.name == "url" for parameter in command.params)
    ],
)
def test_each_command_that_asks_a_broker_asks_the_one_on_this_machine_unless_told(
    name: str, command: click.Command
) -> None:
    (url,) = (parameter for parameter in command.params if parameter.name == "url")
    assert url.default == f"http://{DEFAULT_LISTEN}"
    assert f"default: http://{DEFAULT_LISTEN}]" in " ".join(call(*name.split(), "--help").out.split())


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_no_help_is_wider_than_the_page(name: str, command: click.Command) -> None:
    lines = call(*name.split(), "--help").out.splitlines()
    assert [line for line in lines if len(line) > 90 and not line.startswith("  ")] == []


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_an_unknown_flag_is_a_usage_error_in_words_or_in_json(name: str, command: click.Command) -> None:
    told = call(*name.split(), "--no-such-flag")
    assert (told.code, told.out) == (2, "")
    assert "--no-such-flag" in told.err
    found = call(*name.split(), "--no-such-flag", "--json").refusal
    assert (found["code"], found["exit_code"]) == ("usage", 2)


def test_the_list_of_commands_holds_the_summary_of_each() -> None:
    listed = call("--help").out
    for entry in ENTRIES:
        assert re.search(rf"^  {entry.name} +{re.escape(entry.summary)}$", listed, re.MULTILINE)


def test_a_refusal_of_usage_is_json_when_json_is_asked_for() -> None:
    told = program("draft", "piracy", "--json")
    assert told.code == 2
    found = json.loads(told.err)
    assert (found["code"], found["exit_code"]) == ("usage", 2)
    assert "piracy" in found["detail"]


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        pytest.param(["regsitry"], "registry", id="a-group"),
        pytest.param(["veryfy", "x"], "verify", id="a-command"),
        pytest.param(["registry", "sing"], "sign", id="within-a-group"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_nearest_one(typed: list[str], nearest: str) -> None:
    done = program(*typed)
    assert done.code == 2
    assert f"{nearest}?" in done.err


def test_the_list_of_commands_loads_nothing_heavy() -> None:
    code = "import sys; from broker.cli.main import harkara; harkara(['--help'], standalone_mode=False)"
    tail = "; print(*(m for m in sys.modules), sep='\\n', file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, env=environment(), check=True
    )
    assert {name.partition(".")[0] for name in done.stderr.split()} & set(HEAVY) == set()


def test_the_program_starts_in_time() -> None:
    # Processor time, the best of five: what the machine does beside it is not ours.
    assert min(_processor_seconds([*PROGRAM, "--help"]) for _ in range(5)) < START_UP_S


def test_the_version_is_told() -> None:
    from broker import __version__

    assert __version__ in call("--version").out


def test_without_a_command_the_commands_are_listed() -> None:
    done = program()
    assert done.code == 2
    assert "For an agency" in done.err


def test_all_commands_are_reached_from_the_table() -> None:
    assert {entry.name for entry in ENTRIES} == set(harkara.list_commands(click.Context(harkara)))
    assert len(COMMANDS) > len(ENTRIES)


def _processor_seconds(line: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(line, capture_output=True, check=True, env=environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
