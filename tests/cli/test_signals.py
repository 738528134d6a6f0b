"""How a feed ends from outside: by Ctrl-C, by a pipe that nobody reads. Quietly, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack
from pathlib import Path

from tests.cli.world import World, make_exchange, running, served

FOLLOWING = "Following the inbox"


def test_ctrl_c_ends_a_feed_that_waits(world: World) -> None:
    with running("feed", "--follow", variables=world.variables("pk.anf")) as feed:
        feed.wait_for(FOLLOWING)
        assert feed.end(signal.SIGINT) == 130
    assert "Traceback" not in "\n".join(feed.told)


def test_ctrl_c_ends_a_feed_that_has_shown_something_and_keeps_its_place(world: World) -> None:
    with running("feed", "--follow", variables=world.variables("pk.anf")) as feed:
        feed.wait_for(FOLLOWING)
        posted = world.post("pk.fia", "--to", "pk.anf")
        feed.wait_for(posted)
        assert feed.end(signal.SIGINT) == 130
    assert "Traceback" not in "\n".join(feed.told)
    assert [item for item in world.feed("pk.anf", "--count", "9") if not item["redelivered"]] == []


def test_each_line_of_json_is_there_at_once(world: World) -> None:
    with running("feed", "--follow", "--json", variables=world.variables("pk.anf")) as feed:
        for _ in range(2):
            posted = world.post("pk.fia", "--to", "pk.anf")
            assert json.loads(feed.wait_for(posted))["id"] == posted
        assert feed.end(signal.SIGINT) == 130


def test_a_pipe_that_nobody_reads_ends_a_feed_quietly_and_the_item_comes_again(world: World) -> None:
    world.must("pk.anf", "feed")  # what other tests posted
    reading, writing = os.pipe()
    with running("feed", "--follow", out=writing, variables=world.variables("pk.anf")) as feed:
        os.close(writing)
        feed.wait_for(FOLLOWING)
        os.close(reading)
        posted = world.post("pk.fia", "--to", "pk.anf")
        assert feed.wait() == 141
    assert "Traceback" not in "\n".join(feed.told)
    (again,) = world.feed("pk.anf", "--count", "9")
    assert (again["id"], again["redelivered"]) == (posted, True)


def test_ctrl_c_ends_a_feed_whose_broker_is_gone(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with served(make_exchange(tmp_path / "own")) as url:
            world = World(tmp_path / "own", url, tmp_path / "own-state")
            feed = stack.enter_context(
                running("feed", "--follow", "--json", variables=world.variables("pk.anf"))
            )
            feed.wait_for(world.post("pk.fia", "--to", "pk.anf"))
        assert feed.end(signal.SIGINT) == 130
        assert "Traceback" not in "\n".join(feed.told)
