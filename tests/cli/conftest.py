"""Each test of the commands has a home of its own, no variables of Harkara's, and stands in an
empty directory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.runner import must
from tests.cli.world import World, make_exchange, served
from tests.stores import without_settings


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ.keys() - without_settings().keys():
        monkeypatch.delenv(name)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(work)


@pytest.fixture
def exchange() -> Path:
    """A new exchange in the directory `exchange`."""
    must("init", "exchange")
    return Path("exchange")


@pytest.fixture
def enrolled(exchange: Path) -> Path:
    """An exchange with pk.fia (originates all) and pk.anf, identities in `fia` and `anf`, its
    registry published.
    """
    for agency, place in (("pk.fia", "fia"), ("pk.anf", "anf")):
        must("keys", "new", agency, "--exchange", exchange / "exchange.json", "--out", place)
        grant = ("--originate", "all", "--receive", "all", "--marking", "TLP:RED")
        must("registry", "add", f"{place}/{agency}.card.json", "--data", exchange, *grant)
    must("registry", "sign", "--data", exchange)
    must("registry", "publish", "--data", exchange, "--offline")
    return exchange


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """An exchange that is served as long as the tests last: where it is, and its address."""
    directory = tmp_path_factory.mktemp("exchange")
    with served(make_exchange(directory)) as url:
        yield directory, url


@pytest.fixture
def world(home: tuple[Path, str], tmp_path: Path) -> World:
    """The served exchange, with agencies that remember nothing of other tests."""
    return World(*home, tmp_path / "state")
