"""Subscriptions: what an agency asked to hear, by version; an older one cannot silence it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from broker.errors import (
    AuthorMismatch,
    BadSignature,
    CursorNotOurs,
    HarkaraError,
    OutOfWindow,
    RolledBack,
    SchemaError,
    TooLarge,
    VersionConflict,
    WrongExchange,
)
from broker.protocol import dsse, times
from broker.protocol.answers import ACKNOWLEDGEMENT_TYPE, SUBSCRIPTION_TYPE
from broker.protocol.limits import HOUR_US
from broker.service.cursor import Cursor
from broker.service.service import Service
from broker.store import names
from tests.exchange_fixtures import (
    FIA,
    ISLAMABAD,
    MOI,
    TestExchange,
    envelope_json,
    post_body,
    sign_bulletin,
)
from tests.service.reader import Reader


def _signed(
    exchange: TestExchange, kind: str, fields: dict[str, Any], signer: str = ISLAMABAD, *, blanks: int = 0
) -> bytes:
    usual = {
        "exchange": exchange.id.hex(),
        "registry": 1,
        "agency": ISLAMABAD,
        "at": times.format(exchange.now),
    }
    payload = json.dumps(usual | fields).encode() + b" " * blanks
    return envelope_json(exchange.signing(signer).sign(kind, payload))


def subscription(of: TestExchange, version: int = 1, signer: str = ISLAMABAD, **fields: Any) -> bytes:
    return _signed(of, SUBSCRIPTION_TYPE, {"version": version} | fields, signer)


async def acknowledgement(exchange: TestExchange, service: Service, **fields: Any) -> bytes:
    page = await service.reading.page(ISLAMABAD, Cursor())
    head = Reader(service, exchange, ISLAMABAD).head_of(page)
    usual = {"epoch": head.epoch.hex(), "number": head.number, "chain": head.chain.hex()}
    return _signed(exchange, ACKNOWLEDGEMENT_TYPE, usual | fields)


async def post(service: Service, exchange: TestExchange, **fields: Any) -> dsse.Envelope:
    statement, _ = sign_bulletin(exchange, FIA, **fields)
    await service.posting.post(post_body(statement, None))
    return statement


async def test_an_agency_hears_only_what_it_subscribed_to_and_its_head_says_which_version(
    service: Service, exchange: TestExchange
) -> None:
    body = subscription(exchange, categories=["human-smuggling"])
    assert await service.subscriptions.put(body) == {"agency": ISLAMABAD, "version": 1}
    await post(service, exchange, category="terrorism")
    wanted = await post(service, exchange, category="human-smuggling")
    reader = Reader(service, exchange, ISLAMABAD)
    assert await reader.statements(1) == [wanted]
    head = reader.head_of(await service.reading.page(ISLAMABAD, Cursor()))
    assert head.subscription_version == 1
    assert len(await Reader(service, exchange, MOI).items(2)) == 2


async def test_an_agency_may_look_at_its_own_subscription(service: Service, exchange: TestExchange) -> None:
    assert await service.subscriptions.get(ISLAMABAD) == {"version": 0}
    body = subscription(exchange, severity="Severe")
    await service.subscriptions.put(body)
    assert await service.subscriptions.get(ISLAMABAD) == {"version": 1, "statement": json.loads(body)}


async def test_a_replayed_older_subscription_cannot_silence_an_agency(
    service: Service, exchange: TestExchange
) -> None:
    narrow, wide = subscription(exchange, 1, categories=["other"]), subscription(exchange, 2)
    await service.subscriptions.put(narrow)
    await service.subscriptions.put(wide)
    with pytest.raises(VersionConflict):
        await service.subscriptions.put(narrow)
    await post(service, exchange)
    assert len(await Reader(service, exchange, ISLAMABAD).items(1)) == 1


async def test_the_same_subscription_again_is_no_conflict(service: Service, exchange: TestExchange) -> None:
    body = subscription(exchange, 3)
    for _ in range(2):
        assert (await service.subscriptions.put(body))["version"] == 3


GARBLED = [
    pytest.param(b"1|" + b"\0" * 60, id="that does not open"),
    pytest.param(b"garbage", id="without a version"),
    pytest.param(b"9" * 5_000 + b"|", id="of a version without end"),
    pytest.param(b"", id="that is empty"),
]


@pytest.mark.parametrize("garbled", GARBLED)
async def test_a_subscription_that_the_store_garbled_counts_as_none_and_may_be_made_anew(
    garbled: bytes, service: Service, exchange: TestExchange
) -> None:
    await service.subscriptions.put(subscription(exchange, categories=["other"]))
    await service.store.connections.writing.hset(
        names.SUBSCRIPTIONS, mapping={ISLAMABAD: garbled, b"\xff": b"1|"}
    )
    await post(service, exchange)
    reader = Reader(service, exchange, ISLAMABAD)
    assert len(await reader.items(1)) == 1
    assert reader.head_of(await service.reading.page(ISLAMABAD, Cursor())).subscription_version < 2
    if b"|" not in garbled:
        assert await service.subscriptions.put(subscription(exchange, 2)) == {
            "agency": ISLAMABAD,
            "version": 2,
        }


REFUSED = [
    pytest.param(lambda x: subscription(x, signer=MOI), AuthorMismatch, id="of another agency"),
    pytest.param(lambda x: subscription(x, exchange="0" * 64), WrongExchange, id="for another exchange"),
    pytest.param(lambda x: subscription(x, at=times.format(x.now - 30 * HOUR_US)), OutOfWindow, id="too old"),
    pytest.param(lambda x: subscription(x, categories=["piracy"]), SchemaError, id="to an unknown category"),
    pytest.param(lambda x: subscription(x, 0), SchemaError, id="of version 0"),
    pytest.param(
        lambda x: _signed(x, SUBSCRIPTION_TYPE, {"version": 1}, blanks=16 * 1024),
        TooLarge,
        id="that would make every post carry its blanks",
    ),
    pytest.param(
        lambda x: _signed(x, ACKNOWLEDGEMENT_TYPE, {"version": 1}), BadSignature, id="signed as another kind"
    ),
]


@pytest.mark.parametrize(("make", "refusal"), REFUSED)
async def test_a_subscription_is_refused(
    make: Any, refusal: type[HarkaraError], service: Service, exchange: TestExchange
) -> None:
    with pytest.raises(refusal):
        await service.subscriptions.put(make(exchange))
    assert await service.subscriptions.version(ISLAMABAD) == 0


async def test_an_acknowledgement_counts_and_a_lower_one_is_answered_with_the_highest(
    service: Service, exchange: TestExchange
) -> None:
    await post(service, exchange)
    await Reader(service, exchange, ISLAMABAD).items(1)
    lower = await acknowledgement(exchange, service)
    await post(service, exchange, severity="Minor")
    await Reader(service, exchange, ISLAMABAD).items(2)
    assert await service.acknowledgements.take(await acknowledgement(exchange, service)) == {"number": 2}
    assert await service.acknowledgements.take(lower) == {"number": 2}


async def test_an_empty_inbox_may_be_acknowledged(service: Service, exchange: TestExchange) -> None:
    assert await service.acknowledgements.take(await acknowledgement(exchange, service)) == {"number": 0}


ACKNOWLEDGEMENTS = [
    pytest.param({"number": 7}, CursorNotOurs, "/number", id="beyond the end"),
    pytest.param({"chain": "1" * 64}, RolledBack, "/chain", id="of another chain"),
    pytest.param({"epoch": "1" * 32}, CursorNotOurs, "/epoch", id="of another epoch"),
    pytest.param({"agency": MOI}, AuthorMismatch, "/agency", id="for another agency"),
    pytest.param({"number": -1}, SchemaError, "/number", id="below zero"),
]


@pytest.mark.parametrize(("fields", "refusal", "pointer"), ACKNOWLEDGEMENTS)
async def test_an_acknowledgement_is_refused(
    fields: dict[str, Any],
    refusal: type[HarkaraError],
    pointer: str,
    service: Service,
    exchange: TestExchange,
) -> None:
    await post(service, exchange)
    await Reader(service, exchange, ISLAMABAD).items(1)
    with pytest.raises(refusal) as raised:
        await service.acknowledgements.take(await acknowledgement(exchange, service, **fields))
    assert (raised.value.within, raised.value.problems[0].pointer) == ("/payload", pointer)
