"""The registry in force: everywhere as soon as it is published, never an older one, never an insider's."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from broker.errors import (
    BadSignature,
    HarkaraError,
    Malformed,
    NotAuthentic,
    NotFound,
    SchemaError,
    StoreTampered,
    StoreUnavailable,
    Unavailable,
    UnsafeConfiguration,
    VersionConflict,
    WrongExchange,
)
from broker.protocol import dsse, times
from broker.protocol.limits import DAY_US
from broker.service import trust
from broker.service.service import Service
from broker.store import names, ticks
from broker.store.store import Store
from tests.exchange_fixtures import (
    ACADEMY,
    BROKER,
    FIA,
    ISLAMABAD,
    TestExchange,
    envelope_json,
    identity,
    make_exchange,
    next_version,
    post_body,
    sign_bulletin,
)
from tests.service.conftest import publish, registry_body, start_service
from tests.service.reader import Reader
from tests.waiting import until


async def test_a_published_registry_is_in_force_at_every_broker(
    store: Store, exchange: TestExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "HEADS_EVERY_S", 3_600.0)  # they hear of it, or never
    one, other = await start_service(store, exchange), await start_service(store, exchange)
    newer = next_version(exchange)
    await publish(one, newer)
    await until(lambda: other.trust.registry.version == newer.registry.version)
    assert other.trust.registry.digest == newer.registry.digest
    await one.close()
    await other.close()


async def test_a_broker_started_with_an_older_file_takes_the_stores_registry(
    store: Store, exchange: TestExchange
) -> None:
    service = await start_service(store, exchange)
    await publish(service, next_version(exchange))
    await service.close()
    again = await start_service(store, exchange)
    assert again.trust.registry.version == 2
    await again.close()


async def test_older_registries_stay_readable_for_those_who_walk_from_one_to_the_next(
    service: Service, exchange: TestExchange
) -> None:
    await publish(service, next_version(exchange))
    first = dsse.from_json(json.loads(await service.trust.registry_document(1)))
    assert first == exchange.registry_envelope
    assert dsse.from_json(json.loads(await service.trust.registry_document())) != first
    with pytest.raises(NotFound):
        await service.trust.registry_document(9)


async def test_a_registry_that_is_asked_for_again_and_again_is_made_ready_once(
    service: Service, exchange: TestExchange
) -> None:
    newer = next_version(exchange)
    await publish(service, newer)
    first, second = [await service.trust.registry_document(version) for version in (1, 2)]
    await service.store.connections.writing.delete(names.registry(1))
    for _ in range(2):
        assert await service.trust.registry_document(1) is first
        assert await service.trust.registry_document() is second


def _other_entitlements(exchange: TestExchange) -> bytes:
    newer = next_version(exchange)
    mixed = next_version(exchange, grants={ACADEMY: exchange.grants[FIA]})
    envelopes = {"registry": newer.registry_envelope, "entitlements": mixed.entitlements_envelope}
    return json.dumps({name: dsse.to_json(envelope) for name, envelope in envelopes.items()}).encode()


def _forged(exchange: TestExchange) -> bytes:
    newer = next_version(exchange).registry_envelope
    signature = exchange.signing(FIA).sign(newer.payload_type, newer.payload).signatures
    forged = dsse.Envelope(newer.payload_type, newer.payload, signature)
    body = json.loads(registry_body(next_version(exchange)))
    return json.dumps(body | {"registry": dsse.to_json(forged)}).encode()


REFUSED = [
    pytest.param(registry_body, VersionConflict, id="that is in force already"),
    pytest.param(_forged, BadSignature, id="that an agency signed"),
    pytest.param(_other_entitlements, NotAuthentic, id="with other entitlements than it commits to"),
    pytest.param(
        lambda x: registry_body(make_exchange(x.now, name="Another exchange")),
        BadSignature,
        id="of another exchange",
    ),
    pytest.param(
        lambda x: registry_body(next_version(x, epoch="1" * 32)),
        VersionConflict,
        id="that begins another epoch",
    ),
    pytest.param(lambda x: b"{}", Malformed, id="that is none"),
    pytest.param(lambda x: envelope_json(x.registry_envelope), Malformed, id="without entitlements"),
]


@pytest.mark.parametrize(("make", "refusal"), REFUSED)
async def test_no_registry_is_published(
    make: Any, refusal: type[HarkaraError], service: Service, exchange: TestExchange
) -> None:
    body = make(exchange)
    with pytest.raises(refusal):
        await service.trust.publish(body)
    assert service.trust.registry.version == 1
    assert (await service.store.members.standing()).registry_version == 1


async def test_a_registry_that_an_insider_put_into_the_store_is_not_loaded(
    service: Service, exchange: TestExchange
) -> None:
    stranger = make_exchange(exchange.now, name="Another exchange")
    value = service.trust._closed(stranger.registry_envelope, stranger.entitlements_envelope, 2)
    await service.store.connections.writing.set(names.registry(2), value)
    with pytest.raises(HarkaraError):
        await service.trust.load(2)
    assert service.trust.registry.digest == exchange.registry.digest


async def test_a_registry_that_could_not_be_loaded_at_once_is_loaded_as_soon_as_the_store_answers(
    store: Store, exchange: TestExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await start_service(store, exchange), await start_service(store, exchange)
    monkeypatch.setattr(trust, "RETRY_SECONDS", 0.05)
    lost = [StoreUnavailable("the store does not answer")]
    load = other.trust.load

    async def load_later(version: int) -> None:
        if lost:
            raise lost.pop()
        await load(version)

    monkeypatch.setattr(other.trust, "load", load_later)
    await publish(one, next_version(exchange))
    await until(lambda: other.trust.registry.version == 2)
    assert not lost, "it was not loaded at the first try"
    await one.close()
    await other.close()


async def _foreign(service: Service, exchange: TestExchange) -> bytes:
    stranger = make_exchange(exchange.now, name="Another exchange")
    return service.trust._closed(stranger.registry_envelope, stranger.entitlements_envelope, 2)


async def _garbage(service: Service, exchange: TestExchange) -> bytes:
    return b"garbage"


@pytest.mark.parametrize(
    "value", [pytest.param(_foreign, id="of another exchange"), pytest.param(_garbage, id="of garbage")]
)
async def test_an_author_is_not_told_to_be_wrong_because_of_a_registry_in_the_store(
    value: Any, service: Service, exchange: TestExchange
) -> None:
    client = service.store.connections.writing
    await client.set(names.registry(2), await value(service, exchange))
    await client.hset(names.STATE, "registry", 2)
    with pytest.raises(StoreTampered):
        await service.posting.post(post_body(sign_bulletin(exchange, FIA)[0]))


async def test_a_registry_made_without_the_newest_one_takes_no_revocation_back(
    store: Store, exchange: TestExchange
) -> None:
    one = await start_service(store, exchange)
    other = await start_service(store, exchange)
    other.trust.news = lambda version: None  # type: ignore[method-assign]  # its tick is late
    other.store.ticks._registry_callbacks.clear()
    revoking = next_version(exchange, revoked={exchange.signing(ACADEMY).kid: exchange.now})
    await publish(one, revoking)
    assert other.trust.registry.version == 1
    without = next_version(exchange, version=3)
    with pytest.raises((SchemaError, VersionConflict)):
        await publish(other, without)
    assert (await store.members.standing()).registry_version == 2
    await one.close()
    await other.close()


async def test_entitlements_lie_in_the_store_encrypted(service: Service, exchange: TestExchange) -> None:
    value = await service.store.connections.reading.get(names.registry(1))
    assert b"originate" not in value
    assert dsse.encode64(exchange.entitlements_envelope.payload).encode() not in value
    assert dsse.encode64(exchange.registry_envelope.payload).encode() in value, (
        "the registry is for all members"
    )


async def test_a_store_of_another_exchange_is_refused(store: Store, exchange: TestExchange) -> None:
    service = await start_service(store, exchange)
    await service.close()
    other = make_exchange(exchange.now, name="Another exchange", epoch="2" * 32)
    with pytest.raises(UnsafeConfiguration):
        await start_service(store, other)


async def test_a_registry_file_of_another_exchange_is_refused(store: Store, exchange: TestExchange) -> None:
    other = make_exchange(exchange.now, name="Another exchange")
    with pytest.raises(WrongExchange):
        await Service(
            store=store,
            exchange=exchange.exchange,
            identity=exchange.broker,
            store_key=exchange.store_key,
            epoch=exchange.registry.epoch,
        ).start(other.registry_envelope, other.entitlements_envelope)


async def test_a_renewed_sealing_key_is_used_from_the_next_bulletin_on(
    service: Service, exchange: TestExchange
) -> None:
    before, _ = sign_bulletin(exchange, FIA)
    await service.posting.post(post_body(before, None))
    await Reader(service, exchange, ISLAMABAD).items(1)
    renewed = next_version(
        exchange, identities={ISLAMABAD: identity(exchange.id, ISLAMABAD, exchange.now, 1)}
    )
    await publish(service, renewed)
    after, _ = sign_bulletin(exchange, FIA, severity="Minor")
    await service.posting.post(post_body(after, None))
    old, new = await Reader(service, exchange, ISLAMABAD).items(2)
    assert await Reader(service, exchange, ISLAMABAD).open(old) == before
    assert await Reader(service, renewed, ISLAMABAD).open(new) == after
    with pytest.raises(NotAuthentic):
        await Reader(service, exchange, ISLAMABAD).open(new)


async def test_a_broker_far_behind_walks_from_version_to_version(
    store: Store, exchange: TestExchange
) -> None:
    service = await start_service(store, exchange)
    newer = next_version(next_version(next_version(exchange)))
    for each in (next_version(exchange), next_version(next_version(exchange)), newer):
        await publish(service, each)
    await service.close()
    again = await start_service(store, exchange)
    assert again.trust.registry.digest == newer.registry.digest
    await again.close()


async def test_a_broker_whose_file_is_another_of_the_same_version_does_not_start(
    store: Store, exchange: TestExchange
) -> None:
    service = await start_service(store, exchange)
    await publish(service, next_version(exchange))
    await service.close()
    other = next_version(exchange, grants={ISLAMABAD: exchange.grants[ACADEMY]})
    with pytest.raises(UnsafeConfiguration):
        await start_service(store, other)


async def test_a_broker_whose_own_keys_are_over_says_so_and_not_that_the_post_is_wrong(
    store: Store, exchange: TestExchange
) -> None:
    late = exchange.now + 336 * DAY_US
    members = {name: identity(exchange.id, name, late, 1) for name in (FIA, ISLAMABAD)}
    end = times.format(late + DAY_US)
    lasting = make_exchange(exchange.now, expires=end, grace=end)
    renewed = next_version(lasting, identities=members, expires=end, grace=end)
    service = await start_service(store, renewed, clock=lambda: late)
    statement, _ = sign_bulletin(replace(renewed, now=late), FIA)
    with pytest.raises(Unavailable) as raised:
        await service.posting.post(post_body(statement, None))
    assert BROKER in raised.value.detail
    await service.close()
