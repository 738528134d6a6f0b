"""What holds for all commands: they teach, they speak JSON, each flag has its variable, nothing is
loaded early.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

import click
import pytest

from broker.cli.command import Flag, HarkaraCommand
from broker.cli.main import ENTRIES, harkara
from broker.settings import DEFAULT_LISTEN
from tests.cli.runner import call, environment, every_command, program

COMMANDS = [pytest.param(name, command, id=name.replace(" ", "-")) for name, command in every_command()]
FLAGS = [
    pytest.param(name, parameter, id=f"{name} {parameter.opts[0]}".replace(" ", ""))
    for name, command in every_command()
    for parameter in command.params
    if isinstance(parameter, click.Option)
]
HEAVY = ("aiohttp", "asyncio", "cryptography", "lxml", "msgpack", "msgspec", "redis", "rich", "structlog")


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


PLACES = {
    "HARKARA_DATA": "the directory of an exchange",
    "HARKARA_ENTITLEMENTS": "entitlements.json",
    "HARKARA_EXCHANGE": "exchange.json",
    "HARKARA_IDENTITY": "the identity file of who runs the command",
    "HARKARA_IDENTITY_FILE": "the same",
    "HARKARA_REGISTRY": "registry.json",
    "HARKARA_STORE": "the store's address",
}
"""Variables with one meaning that commands say in words of their own."""


@pytest.mark.parametrize(("name", "flag"), FLAGS)
def test_each_flag_names_its_variable_and_says_what_it_is(name: str, flag: click.Option) -> None:
    assert isinstance(flag, Flag)
    long = next(name for name in flag.opts if name.startswith("--"))
    own = f"{name.upper().replace(' ', '_')}_" if flag.per_command else ""
    assert flag.variables[0] == f"HARKARA_{own}{long[2:].upper().replace('-', '_')}"
    assert flag.show_envvar
    assert flag.variables[0] in " ".join(call(*name.split(), "--help").out.split())
    assert flag.help


def test_no_variable_has_two_meanings() -> None:
    meanings: dict[str, set[object]] = {}
    for _, command in every_command():
        for flag in command.params:
            if isinstance(flag, Flag):
                words = (flag.help or "").partition("  [")[0]
                for variable in flag.variables:
                    said = PLACES.get(variable, words)
                    meanings.setdefault(variable, set()).add((said, flag.type.name, flag.multiple))
    assert {variable: found for variable, found in meanings.items() if len(found) > 1} == {}


def test_a_flag_has_its_plain_variable_wherever_no_other_command_means_something_else_by_it() -> None:
    kinds: dict[str, set[bool]] = {}
    for _, command in every_command():
        for flag in command.params:
            if isinstance(flag, Flag):
                kinds.setdefault(flag.opts[0], set()).add(flag.per_command)
    several = {name for name, found in kinds.items() if True in found}
    assert several == {
        *("--area", "--category", "--expires", "--marking", "--name", "--next", "--out"),
        *("--severity", "--status", "--valid"),
    }


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        pytest.param({"HARKARA_SEVERITY": "nonsense"}, 0, id="the-plain-name-is-nobodys"),
        pytest.param({"HARKARA_SUBSCRIBE_SEVERITY": "nonsense"}, 0, id="another-commands"),
        pytest.param({"HARKARA_DRAFT_SEVERITY": "nonsense"}, 2, id="its-own"),
        pytest.param({"HARKARA_DRAFT_STATUS": "all"}, 2, id="its-own-status"),
    ],
)
def test_a_variable_of_one_command_says_nothing_to_another(variables: dict[str, str], code: int) -> None:
    done = call("draft", "terrorism", **variables)
    assert done.code == code
    assert code == 0 or next(iter(variables)) in done.err


@pytest.mark.parametrize(
    ("typed", "variables", "said"),
    [
        pytest.param(["--count", "x"], {}, "'--count': expected a whole number of at least 1, got 'x'"),
        pytest.param(["--count", "0"], {}, "'--count': expected a whole number of at least 1, got '0'"),
        pytest.param(["--count", "1_0"], {}, "'--count': expected a whole number"),
        pytest.param([], {"HARKARA_COUNT": "x"}, "HARKARA_COUNT: expected a whole number"),
        pytest.param(["--count", "x"], {"HARKARA_COUNT": "3"}, "'--count': expected a whole number"),
    ],
)
def test_what_is_blamed_is_what_was_given(typed: list[str], variables: dict[str, str], said: str) -> None:
    done = call("feed", *typed, **variables)
    assert done.code == 2
    assert said in done.err
    assert ("HARKARA_COUNT" in done.err) == (not typed)


@pytest.mark.parametrize("yes", ["1", "true", "YES"])
@pytest.mark.parametrize("typed", [["post"], ["feed", "--count", "x"], ["feed", "--no-such-flag"]])
def test_a_usage_error_is_json_when_a_variable_asks_for_json(yes: str, typed: list[str]) -> None:
    found = call(*typed, HARKARA_JSON=yes).refusal
    assert (found["code"], found["exit_code"]) == ("usage", 2)


def test_a_command_that_is_not_there_is_told_in_json_when_a_variable_asks_for_it() -> None:
    found = json.loads(program("nosuch", HARKARA_JSON="1").err)
    assert (found["code"], found["exit_code"]) == ("usage", 2)
    assert program("nosuch", HARKARA_JSON="0").err.startswith("harkara:")


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
    """How long it takes is measured in `bench/start.py`."""
    code = "import sys; from broker.cli.main import harkara; harkara(['--help'], standalone_mode=False)"
    tail = "; print(*(m for m in sys.modules), sep='\\n', file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, env=environment(), check=True
    )
    assert {name.partition(".")[0] for name in done.stderr.split()} & set(HEAVY) == set()


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
