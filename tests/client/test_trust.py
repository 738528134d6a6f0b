"""Whom a client trusts: from exchange.json to the newest registry, step by step, and never by another way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.client import Agency
from broker.client.trust_files import RegistryFiles, load_exchange, with_given
from broker.errors import (
    HarkaraError,
    NotAuthentic,
    NotFound,
    Unreachable,
    UnsafeConfiguration,
    WrongExchange,
)
from broker.protocol import dsse, times
from broker.protocol.keys import SigningKey
from broker.protocol.limits import DAY_US
from broker.protocol.registry import follow
from broker.service import clock
from broker.store.store import Store
from broker.web.app import public_app
from broker.web.listener import listening
from tests.client.conftest import Broker, drain
from tests.client.relay import Relay
from tests.exchange_fixtures import (
    FIA,
    ISLAMABAD,
    TestExchange,
    envelope_json,
    fixed,
    make_exchange,
    next_version,
    sign_registry,
)
from tests.service.conftest import publish, start_service

EXCHANGE = make_exchange()


@pytest.fixture
def home(broker: Broker, tmp_path: Path) -> Path:
    """A directory with what the members hold."""
    return write_files(broker.exchange, tmp_path)


def write_files(exchange: TestExchange, home: Path) -> Path:
    for name, content in exchange.files().items():
        (home / name).write_bytes(content)
        (home / name).chmod(0o600)
    return home


def connect(url: str, home: Path, member: str = FIA, **options: Any) -> Any:
    usual: dict[str, Any] = {
        "identity": home / f"{member}.key",
        "registry": home / "registry.json",
        "state": home / "state",
    }
    return Agency.connect(url, **(usual | options))


async def test_the_files_of_a_member_are_all_it_needs(broker: Broker, home: Path) -> None:
    async with connect(broker.url, home) as fia:
        assert fia.id == FIA
        assert fia.registry().version == 1
        await fia.post(broker.document())


async def test_connecting_asks_the_broker_nothing(home: Path) -> None:
    async with connect("http://127.0.0.1:9", home) as fia:
        assert fia.registry().version == 1


async def test_without_a_registry_the_brokers_is_opened_by_the_exchange(broker: Broker, home: Path) -> None:
    await publish(broker.service, next_version(broker.exchange))
    (home / "registry.json").unlink()
    async with connect(broker.url, home, registry=None) as fia:
        assert fia.registry().version == 2
    async with connect("http://127.0.0.1:9", home, registry=None) as fia:
        assert fia.registry().version == 2


async def test_without_registry_and_broker_nothing_is_trusted(home: Path) -> None:
    with pytest.raises(Unreachable):
        async with connect("http://127.0.0.1:9", home, registry=None):
            pass


async def test_a_newer_registry_is_followed_kept_and_used_at_the_next_start(
    broker: Broker, home: Path
) -> None:
    second = next_version(broker.exchange)
    third = next_version(second)
    await publish(broker.service, second)
    await publish(broker.service, third)
    async with connect(broker.url, home) as fia:
        assert (await fia.refresh_registry()).version == 3
    async with connect("http://127.0.0.1:9", home) as fia:
        assert fia.registry().version == 3


async def test_each_version_is_walked_and_the_one_in_force_is_not_sent_again(
    broker: Broker, relay: Relay, home: Path
) -> None:
    second = next_version(broker.exchange)
    await publish(broker.service, second)
    await publish(broker.service, next_version(second))
    async with connect(relay.url, home) as fia:
        await fia.refresh_registry()
        assert relay.asked.count("GET /v1/registry") == 2  # the newest, and version 2 on the way
        await fia.refresh_registry()
        assert relay.asked.count("GET /v1/registry") == 3


async def test_an_expired_registry_is_renewed_as_soon_as_one_connects(store: Store, tmp_path: Path) -> None:
    now = clock.now()
    times_of: dict[str, Any] = {
        "issued": times.format(now - 9 * DAY_US),
        "expires": times.format(now - DAY_US),
        "grace": times.format(now + DAY_US),
    }
    old = make_exchange(now, **times_of)
    home = write_files(old, tmp_path)
    async with connect("http://127.0.0.1:9", home, patience=0.0) as fia:
        assert fia.registry().version == 1  # in its grace work goes on without the broker
    service = await start_service(store, old)
    await publish(service, next_version(old))
    async with listening(public_app(service), "127.0.0.1", 0) as port, connect(_local(port), home) as fia:
        assert fia.registry().version == 2
    await service.close()


def _local(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        pytest.param(
            lambda home: (home / f"{FIA}.key").chmod(0o644), UnsafeConfiguration, id="a-key-others-read"
        ),
        pytest.param(lambda home: (home / f"{FIA}.key").unlink(), NotFound, id="no-key"),
        pytest.param(
            lambda home: (home / f"{FIA}.key").write_bytes(b"{}"), HarkaraError, id="a-key-that-is-none"
        ),
        pytest.param(lambda home: (home / "exchange.json").unlink(), UnsafeConfiguration, id="no-exchange"),
        pytest.param(
            lambda home: (home / "exchange.json").write_bytes(
                make_exchange(name="other").exchange.document()
            ),
            WrongExchange,
            id="another-exchange",
        ),
        pytest.param(
            lambda home: (home / "registry.json").write_bytes(
                envelope_json(make_exchange(name="other").registry_envelope)
            ),
            HarkaraError,
            id="the-registry-of-another-exchange",
        ),
        pytest.param(
            lambda home: (home / "registry.json").write_bytes(
                (home / "registry.json").read_bytes().replace(b'"keyid": "', b'"keyid": "00', 1)
            ),
            HarkaraError,
            id="a-registry-that-was-changed",
        ),
    ],
)
async def test_files_that_are_not_right_are_refused_in_words(
    broker: Broker, home: Path, spoil: Callable[[Path], Any], error: type[HarkaraError]
) -> None:
    spoil(home)
    with pytest.raises(error) as refused:
        async with connect(broker.url, home):
            pass
    assert refused.value.detail


async def test_what_was_kept_is_verified_again_at_each_start(broker: Broker, home: Path) -> None:
    async with connect(broker.url, home):
        pass
    (kept,) = [path for path in (home / "state").rglob("*.json") if path.parent.name == "registry"]
    kept.write_bytes(envelope_json(make_exchange(broker.exchange.now, roots=2).registry_envelope))
    with pytest.raises(NotAuthentic, match="does not verify"):
        async with connect(broker.url, home):
            pass


async def test_the_registry_of_another_agencys_stamp_is_followed_while_reading(
    broker: Broker, home: Path
) -> None:
    async with broker.connect(FIA) as fia:
        await publish(broker.service, next_version(broker.exchange))
        await fia.post(broker.document())
        assert fia.registry().version == 2  # its own stamp said so
    await broker.arrived(ISLAMABAD, 1)
    async with connect(broker.url, home, ISLAMABAD) as police:
        assert [item.kind for item in await drain(police)] == ["bulletin"]
        assert police.registry().version == 2


# --- files, purely ------------------------------------------------------------------------------------------


def rotated(before: TestExchange, seed: str) -> TestExchange:
    """Give the next version with another root key, signed by the old one and the new one."""
    new = SigningKey.from_seed(fixed(f"root {seed}"))
    changed = next_version(before)
    document = msgspec.structs.replace(changed.registry.document, root_keys=[dsse.encode64(new.public)])
    envelope = sign_registry(document, (*before.root_keys, new))
    return replace(before, root_keys=(new,), registry=follow(before.registry, envelope))


def test_the_walk_through_changed_root_keys_can_be_made_again_from_the_kept_files(tmp_path: Path) -> None:
    steps = [EXCHANGE]
    for make in (
        next_version,
        next_version,
        lambda e: rotated(e, "a"),
        next_version,
        next_version,
        lambda e: rotated(e, "b"),
        next_version,
    ):
        steps.append(make(steps[-1]))
    files = RegistryFiles(tmp_path)
    assert files.load(EXCHANGE.exchange) is None
    for step in steps:
        files.save(step.registry)
    assert len(list(tmp_path.glob("*.json"))) < len(steps)
    found = RegistryFiles(tmp_path).load(EXCHANGE.exchange)
    assert found is not None
    assert (found.version, found.digest) == (8, steps[-1].registry.digest)


def test_a_given_file_is_taken_when_it_is_newer_and_left_when_not() -> None:
    newer = next_version(EXCHANGE)
    document = {1: envelope_json(EXCHANGE.registry_envelope), 2: envelope_json(newer.registry_envelope)}
    assert with_given(None, document[1], EXCHANGE.exchange)[0].version == 1
    assert with_given(EXCHANGE.registry, document[2], EXCHANGE.exchange)[0].version == 2
    registry, taken = with_given(newer.registry, document[1], EXCHANGE.exchange)
    assert (registry.version, taken) == (2, False)


def test_the_exchange_is_looked_for_beside_the_files(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "exchange.json").write_bytes(EXCHANGE.exchange.document())
    found = load_exchange(None, [tmp_path / "a" / "x.key", tmp_path / "registry.json"], EXCHANGE.id)
    assert found.id == EXCHANGE.id
    with pytest.raises(UnsafeConfiguration):
        load_exchange(tmp_path / "missing.json", [tmp_path / "registry.json"], EXCHANGE.id)
