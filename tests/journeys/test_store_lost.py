"""The worst day of an operator, as docs/operations.md tells it: an older copy of the store must not be
served, and a lost store is followed by a new epoch on an empty one.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.runner import call, must
from tests.cli.world import World, make_exchange, running, served

FIA, ANF = "pk.fia", "pk.anf"
ANYWHERE = ("--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An exchange that has carried one bulletin, read by its recipient. A copy of its store is kept."""
    found = make_exchange(tmp_path)
    with served(found) as url:
        world = World(tmp_path, url, tmp_path / "state")
        world.post(FIA)
        assert len(world.feed(ANF, "--count", "1")) == 1
    shutil.copytree(found / "store", found / "store.copy")
    return found


def test_an_older_copy_of_the_store_is_noticed_by_its_readers(data: Path) -> None:
    with served(data) as url:
        world = World(data.parent, url, data.parent / "state")
        world.post(FIA)
        assert len(world.feed(ANF, "--count", "1")) == 1
    shutil.rmtree(data / "store")
    shutil.copytree(data / "store.copy", data / "store")
    with served(data) as url:
        done = World(data.parent, url, data.parent / "state").call(ANF, "feed", "--json")
    assert done.code == 5, done
    assert "operator" in done.err


def test_after_a_new_epoch_on_an_empty_store_everybody_goes_on(data: Path) -> None:
    (data / "store").rename(data / "store.lost")
    must("registry", "epoch", "--data", data)
    must("registry", "sign", "--data", data)
    must("registry", "publish", "--data", data, "--offline")
    with served(data) as url:
        world = World(data.parent, url, data.parent / "state")
        posted = world.post(FIA)
        found = {item["id"]: item for item in world.feed(ANF)}
    assert [(posted, item["verified"], item["number"]) for item in found.values()] == [(posted, True, 1)]


def test_a_store_of_another_epoch_is_refused(data: Path) -> None:
    must("registry", "epoch", "--data", data)
    must("registry", "sign", "--data", data)
    must("registry", "publish", "--data", data, "--offline")
    with running("serve", "--data", data, *ANYWHERE) as broker:
        assert broker.wait() == 6
    assert "epoch" in "\n".join(broker.told)


def test_a_broker_that_runs_does_not_take_a_new_epoch(data: Path) -> None:
    with served(data) as url:
        must("registry", "epoch", "--data", data)
        must("registry", "sign", "--data", data)
        done = call("registry", "publish", "--data", data, "--url", url, "--json")
    assert done.code == 3
    assert json.loads(done.err.splitlines()[-1])["code"] == "version-conflict"
