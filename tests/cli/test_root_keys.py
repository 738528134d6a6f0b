"""After a change of root keys a registry no longer opens from exchange.json: nothing takes it unverified,
every command says what it is, and whoever has followed the change opens it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from broker.client.state import State
from broker.client.trust_files import RegistryFiles
from broker.protocol import dsse
from broker.protocol.keys import SigningKey
from broker.protocol.registry import follow
from tests.cli.runner import call, must
from tests.exchange_fixtures import (
    BROKER,
    FIA,
    TestExchange,
    fixed,
    make_exchange,
    next_version,
    sign_registry,
)

FIRST = make_exchange()


def with_another_root_key(before: TestExchange, seed: str) -> TestExchange:
    """Give the next version with another root key, signed by the old one and by the new one."""
    new = SigningKey.from_seed(fixed(seed))
    changed = next_version(before)
    document = msgspec.structs.replace(changed.registry.document, root_keys=[dsse.encode64(new.public)])
    envelope = sign_registry(document, (*before.root_keys, new))
    return replace(changed, root_keys=(new,), registry=follow(before.registry, envelope))


CHANGE = with_another_root_key(FIRST, "another root key")
AFTER = next_version(CHANGE)
STRANGE = next_version(with_another_root_key(FIRST, "the root key of somebody else"))


def written(exchange: TestExchange, where: str = "data") -> Path:
    """Write the files of an exchange, beside the exchange.json of its beginning."""
    directory = Path(where)
    directory.mkdir(exist_ok=True)
    for name, content in exchange.files().items():
        (directory / name).write_bytes(content)
        (directory / name).chmod(0o600)
    return directory


def followed(*steps: TestExchange) -> None:
    """Let the agency have followed these versions."""
    files = RegistryFiles(State.of(Path("state"), FIRST.id, FIA).registry)
    files.load(FIRST.exchange)
    for step in steps:
        files.save(step.registry)


OPERATOR = [
    pytest.param(["registry", "show", "--data", "data"], id="show"),
    pytest.param(["registry", "renew", "--data", "data"], id="renew"),
    pytest.param(["registry", "publish", "--data", "data", "--offline"], id="publish"),
    pytest.param(
        ["serve", "--data", "data", "--store-key", "store.key", "--identity", f"data/{BROKER}.key"],
        id="serve",
    ),
    pytest.param(["registry", "show", "--registry", "data/registry.json"], id="an-agency-without-identity"),
]


@pytest.mark.parametrize("arguments", OPERATOR)
@pytest.mark.parametrize(
    "exchange", [pytest.param(AFTER, id="followed"), pytest.param(STRANGE, id="strange")]
)
def test_what_the_first_root_keys_did_not_sign_is_not_taken_and_the_file_is_named(
    exchange: TestExchange, arguments: list[str]
) -> None:
    written(exchange)
    must("init", "other")
    Path("other/store.key").rename("store.key")
    done = call(*arguments)
    assert (done.code, done.out) == (3, ""), done.err
    assert "data/registry.json does not open from exchange.json" in done.err
    assert "root keys that exchange.json names" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("exchange", "steps", "version"),
    [
        pytest.param(CHANGE, [FIRST], 2, id="the-change-itself-is-signed-by-both"),
        pytest.param(AFTER, [FIRST, CHANGE], 3, id="the-change-was-followed"),
        pytest.param(AFTER, [FIRST, CHANGE, AFTER], 3, id="the-file-was-followed"),
        pytest.param(AFTER, [FIRST], None, id="the-change-was-not-seen"),
        pytest.param(AFTER, [], None, id="nothing-is-kept"),
        pytest.param(STRANGE, [FIRST, CHANGE], None, id="signed-by-a-stranger"),
    ],
)
def test_whoever_has_followed_the_change_opens_what_came_after(
    exchange: TestExchange, steps: list[TestExchange], version: int | None
) -> None:
    written(exchange)
    followed(*steps)
    identity = ("--identity", "data/pk.fia.key", "--state", "state")
    done = call("registry", "show", "--registry", "data/registry.json", *identity, "--json")
    if version is None:
        assert (done.code, done.out) == (3, ""), done.err
        assert "bad-signature" in done.err
    else:
        assert done.json["version"] == version
