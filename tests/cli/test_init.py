"""`harkara init`: everything that serving needs, closed to others, never over something."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from broker.protocol import dsse
from broker.protocol.entitlements import read_entitlements
from broker.protocol.exchange import read_exchange
from broker.protocol.identity import read_identity
from broker.protocol.key_files import read_root_key, read_store_key
from broker.protocol.registry import open_registry
from tests.cli.runner import call, must

SECRET = {"root.key", "broker.key", "store.key", "entitlements.json"}
FILES = SECRET | {"exchange.json", "registry.json"}


def envelope(path: Path) -> dsse.Envelope:
    return dsse.from_json(json.loads(path.read_text()))


def test_it_writes_what_serving_needs_and_all_of_it_verifies() -> None:
    must("init", "new", "--name", "Harkara of Pakistan")
    here = Path("new")
    assert {path.name for path in here.iterdir()} == FILES
    exchange = read_exchange((here / "exchange.json").read_bytes())
    assert exchange.name == "Harkara of Pakistan"
    registry = open_registry(envelope(here / "registry.json"), exchange)
    read_entitlements(
        envelope(here / "entitlements.json"),
        exchange=exchange.id,
        version=1,
        digest=registry.entitlements_digest,
    )
    identity = read_identity((here / "broker.key").read_bytes())
    assert (identity.id, identity.role, identity.exchange) == ("int.broker", "broker", exchange.id)
    assert registry.cards["int.broker"].role == "broker"
    assert read_root_key((here / "root.key").read_bytes()).kid in exchange.root_kids
    assert len(read_store_key((here / "store.key").read_bytes())) == 32


def test_secrets_are_for_their_owner_alone() -> None:
    must("init", "new")
    assert stat.S_IMODE(Path("new").stat().st_mode) == 0o700
    for name in SECRET:
        assert stat.S_IMODE((Path("new") / name).stat().st_mode) == 0o600, name


def test_two_exchanges_of_one_name_are_two() -> None:
    first, second = must("init", "a", "--json").json, must("init", "b", "--json").json
    assert first["exchange"] != second["exchange"]


def test_several_root_keys_are_written_each_into_its_own_file() -> None:
    found = must("init", "new", "--roots", "3", "--json").json
    assert found["k"] == 2
    kids = {read_root_key(Path(found["files"][f"root-{n}.key"]).read_bytes()).kid for n in (1, 2, 3)}
    exchange = read_exchange(Path("new/exchange.json").read_bytes())
    assert kids == set(exchange.root_kids)


def test_a_directory_with_open_permissions_that_is_empty_is_closed() -> None:
    Path("new").mkdir(mode=0o755)
    must("init", "new")
    assert stat.S_IMODE(Path("new").stat().st_mode) == 0o700


@pytest.mark.parametrize("there", [pytest.param(name, id=name) for name in sorted(FILES)])
def test_nothing_is_made_over_an_exchange(there: str) -> None:
    Path("new").mkdir(mode=0o700)
    (Path("new") / there).write_text("before")
    done = call("init", "new")
    assert done.code == 6
    assert there in done.err
    assert [path.name for path in Path("new").iterdir()] == [there]
    assert (Path("new") / there).read_text() == "before"


def test_a_directory_that_others_can_write_in_is_refused() -> None:
    Path("new").mkdir()
    (Path("new") / "notes.txt").write_text("mine")
    Path("new").chmod(0o777)
    done = call("init", "new")
    assert done.code == 6
    assert "chmod go-w new" in done.err
    assert [path.name for path in Path("new").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--roots", "2", "--threshold", "3"], "3", id="more-signatures-than-keys"),
        pytest.param(["--roots", "0"], "--roots", id="no-root-key"),
        pytest.param(["--broker", "Broker"], "agency id", id="a-broker-without-a-country"),
        pytest.param(["--valid", "soon"], "duration", id="no-duration"),
    ],
)
def test_wrong_use_is_told_and_makes_nothing(arguments: list[str], said: str) -> None:
    done = call("init", "new", *arguments)
    assert done.code == 2
    assert said in done.err
    assert not Path("new").exists()


def test_a_file_in_the_way_is_told() -> None:
    Path("new").write_text("a file")
    done = call("init", "new")
    assert done.code == 2
    assert "new" in done.err


def test_json_names_every_file() -> None:
    found = must("init", "new", "--json").json
    assert set(found["files"]) == FILES
    assert all(Path(path).exists() for path in found["files"].values())
