"""`post --blind` and `audience --blind` by commands: sealed on this machine, told for whom, read as any
other.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.world import World

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_blind_post_tells_for_whom_it_was_sealed_and_is_read(world: World) -> None:
    done = world.must("pk.fia", "post", "-", "--to", "pk.anf", "--blind", "--json", given=world.bulletin())
    found = done.json
    assert (found["sealed_for"], found["repeated"]) == (["pk.anf"], False)
    world.routed("pk.fia", found["id"])
    assert found["id"] in world.ids("pk.anf")
    assert found["id"] not in world.ids("pk.asf")


def test_it_says_so_in_words(world: World) -> None:
    text = world.bulletin()
    first = world.must("pk.fia", "post", "-", "--blind", given=text)
    assert "sealed here for 2: pk.anf, pk.asf" in first.out
    again = world.must("pk.fia", "post", "-", "--blind", given=text)
    assert "accepted already" in again.out
    assert "sealed here" not in again.out


def test_posted_openly_it_is_another_post(world: World) -> None:
    text = world.bulletin()
    blind = world.must("pk.fia", "post", "-", "--blind", "--json", given=text).json
    openly = world.must("pk.fia", "post", "-", "--json", given=text).json
    assert openly["id"] != blind["id"]
    assert "sealed_for" not in openly


def test_each_of_many_is_sealed(world: World) -> None:
    chain = REPOSITORY / "tests/inputs/cap/quetta-chain.xml"
    filled = ("--category", "other", "--marking", "TLP:AMBER", "--expires", "2h", "--to", "pk.anf")
    done = world.must("pk.fia", "post", chain, "--format", "cap", *filled, "--blind", "--json")
    assert [json.loads(line)["sealed_for"] for line in done.out.splitlines()] == [["pk.anf"]] * 3


def test_the_audience_is_the_same_and_nothing_is_sent(world: World) -> None:
    text = world.bulletin()
    openly = world.must("pk.fia", "audience", "-", "--json", given=text).json
    assert world.must("pk.fia", "audience", "-", "--blind", "--json", given=text).json == openly
    assert openly["receivers"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["--to", "pk.nobody"], 3, "pk.nobody", id="to-nobody"),
        pytest.param(["--to", "group:none"], 3, "group:none", id="to-no-group"),
        pytest.param(["--patience", "0s", "--url", "http://127.0.0.1:9"], 4, "kept", id="no-broker"),
    ],
)
def test_a_blind_post_is_refused_in_words(world: World, arguments: list[str], code: int, said: str) -> None:
    world.must("pk.fia", "feed")  # the registry is known from now on
    done = world.call("pk.fia", "post", "-", "--blind", *arguments, given=world.bulletin())
    assert (done.code, said in done.err) == (code, True), done
