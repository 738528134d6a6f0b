"""Receipts: signed answers that reach the originator once, and nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from broker.errors import (
    AuthorMismatch,
    BadSignature,
    HarkaraError,
    NotFound,
    OutOfWindow,
    SchemaError,
    TooLarge,
    WrongExchange,
)
from broker.protocol import dsse, times
from broker.protocol.delivery import read_item_json
from broker.protocol.limits import HOUR_US
from broker.protocol.stamp import read_stamp
from broker.service.service import Service
from tests.exchange_fixtures import (
    ANF,
    FIA,
    ISLAMABAD,
    MOI,
    TestExchange,
    envelope_json,
    make_exchange,
    post_body,
    sign_bulletin,
    sign_receipt,
)
from tests.service.reader import Reader


async def posted(service: Service, exchange: TestExchange) -> tuple[dsse.Envelope, bytes]:
    """Post a bulletin of FIA to Islamabad Police alone. Gives the statement and its sealed digest."""
    statement, address = sign_bulletin(exchange, FIA, to=[ISLAMABAD])
    accepted = await service.posting.post(post_body(statement, address))
    return statement, read_stamp(accepted.stamp.payload).sealed


async def test_a_receipt_arrives_in_the_originators_inbox_sealed_and_signed(
    service: Service, exchange: TestExchange
) -> None:
    statement, sealed = await posted(service, exchange)
    receipt = sign_receipt(exchange, ISLAMABAD, statement, sealed, "actioned", note="Patrol sent.")
    accepted = await service.receipts.take(envelope_json(receipt))
    assert (accepted.originator, accepted.repeated) == (ISLAMABAD, False)
    reader = Reader(service, exchange, FIA)
    (item,) = await reader.items(1)
    assert (item.kind, await reader.open(item)) == ("receipt", receipt)


async def test_a_receipt_may_be_given_before_the_router_has_come_to_its_bulletin(
    service: Service, exchange: TestExchange
) -> None:
    await service.stop_routing()
    statement, sealed = await posted(service, exchange)
    receipt = sign_receipt(exchange, ISLAMABAD, statement, sealed)
    assert not (await service.receipts.take(envelope_json(receipt))).repeated


async def test_the_same_receipt_again_gets_the_first_stamp(service: Service, exchange: TestExchange) -> None:
    statement, sealed = await posted(service, exchange)
    body = envelope_json(sign_receipt(exchange, ISLAMABAD, statement, sealed))
    first = await service.receipts.take(body)
    again = await service.receipts.take(body)
    assert (again.repeated, again.stamp) == (True, first.stamp)
    assert len(await Reader(service, exchange, FIA).items(1)) == 1


def _by(exchange: TestExchange, signer: str, receipt: dsse.Envelope) -> dsse.Envelope:
    return exchange.signing(signer).sign(receipt.payload_type, receipt.payload)


REFUSED = [
    pytest.param(
        lambda x, s, d: sign_receipt(x, MOI, s, d),
        NotFound,
        id="of an agency that did not receive the bulletin",
    ),
    pytest.param(lambda x, s, d: sign_receipt(x, FIA, s, d), NotFound, id="of the originator itself"),
    pytest.param(
        lambda x, s, d: sign_receipt(x, ISLAMABAD, s, b"\1" * 32), NotFound, id="for another sealed form"
    ),
    pytest.param(
        lambda x, s, d: sign_receipt(x, ISLAMABAD, s, d, stmt="1" * 64), NotFound, id="for another statement"
    ),
    pytest.param(
        lambda x, s, d: sign_receipt(x, ISLAMABAD, s, d, bulletin="0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64"),
        NotFound,
        id="for a bulletin that does not exist",
    ),
    pytest.param(
        lambda x, s, d: _by(x, ANF, sign_receipt(x, ISLAMABAD, s, d)),
        AuthorMismatch,
        id="signed by another agency",
    ),
    pytest.param(
        lambda x, s, d: sign_receipt(x, ISLAMABAD, s, d, exchange="0" * 64),
        WrongExchange,
        id="of another exchange",
    ),
    pytest.param(
        lambda x, s, d: sign_receipt(x, ISLAMABAD, s, d, at=times.format(x.now - 30 * HOUR_US)),
        OutOfWindow,
        id="given too long ago",
    ),
    pytest.param(
        lambda x, s, d: sign_receipt(x, ISLAMABAD, s, d, "later"),
        SchemaError,
        id="that says later and not when",
    ),
    pytest.param(lambda x, s, d: s, BadSignature, id="that is a bulletin"),
]


@pytest.mark.parametrize(("make", "refusal"), REFUSED)
async def test_a_receipt_is_refused_and_nothing_written(
    make: Any, refusal: type[HarkaraError], service: Service, exchange: TestExchange
) -> None:
    statement, sealed = await posted(service, exchange)
    with pytest.raises(refusal):
        await service.receipts.take(envelope_json(make(exchange, statement, sealed)))
    assert await service.store.connections.reading.xlen("{log}") == 1


async def test_the_originator_sees_who_has_its_bulletin_and_what_each_said(
    service: Service, exchange: TestExchange
) -> None:
    statement, sealed = await posted(service, exchange)
    await Reader(service, exchange, ISLAMABAD).items(1)
    receipts = [
        sign_receipt(exchange, ISLAMABAD, statement, sealed, kind) for kind in ("opened", "confirmed")
    ]
    for receipt in receipts:
        await service.receipts.take(envelope_json(receipt))
    reader = Reader(service, exchange, FIA)
    await reader.items(2)
    overview = await service.receipts.overview(FIA, FIA, json.loads(statement.payload)["id"])
    assert [(one["agency"], one["number"]) for one in overview["delivered"]] == [(ISLAMABAD, 1)]
    opened = [await reader.open(read_item_json(one)) for one in overview["receipts"]]
    assert sorted(opened, key=str) == sorted(receipts, key=str)


@pytest.mark.parametrize("caller", [ISLAMABAD, MOI, "pk.stranger"])
async def test_nobody_but_the_originator_sees_them(
    caller: str, service: Service, exchange: TestExchange
) -> None:
    statement, _ = await posted(service, exchange)
    with pytest.raises(NotFound) as known:
        await service.receipts.overview(caller, FIA, json.loads(statement.payload)["id"])
    with pytest.raises(NotFound) as unknown:
        await service.receipts.overview(caller, FIA, "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64")
    assert known.value.detail == unknown.value.detail


@pytest.mark.parametrize("caller", [FIA, ISLAMABAD])
async def test_originator_and_recipient_may_fetch_a_bulletin(
    caller: str, service: Service, exchange: TestExchange
) -> None:
    statement, _ = await posted(service, exchange)
    item = await service.fetching.one(caller, FIA, json.loads(statement.payload)["id"])
    assert await Reader(service, exchange, caller).open(item) == statement


@pytest.mark.parametrize("caller", [MOI, ANF, "pk.stranger", "pk.exchange"])
async def test_to_all_others_a_bulletin_does_not_exist(
    caller: str, service: Service, exchange: TestExchange
) -> None:
    statement, _ = await posted(service, exchange)
    refusals = []
    for bulletin_id in (json.loads(statement.payload)["id"], "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64"):
        with pytest.raises(NotFound) as raised:
            await service.fetching.one(caller, FIA, bulletin_id)
        refusals.append(raised.value.detail)
    assert refusals[0] == refusals[1]


async def test_a_pair_key_is_given_to_its_member_only(service: Service, exchange: TestExchange) -> None:
    await posted(service, exchange)
    (item,) = await Reader(service, exchange, ISLAMABAD).items(1)
    assert item.body is not None
    pkid = item.body.wrap[:16]
    assert await service.pair_keys.sealed(ISLAMABAD, pkid)
    for caller, wanted in ((MOI, pkid), (FIA, pkid), (ISLAMABAD, bytes(16))):
        with pytest.raises(NotFound):
            await service.pair_keys.sealed(caller, wanted)


async def test_a_receipt_of_another_exchanges_key_is_unknown(
    service: Service, exchange: TestExchange
) -> None:
    statement, sealed = await posted(service, exchange)
    other = make_exchange(exchange.now, name="Another exchange")
    receipt = sign_receipt(exchange, ISLAMABAD, statement, sealed)
    with pytest.raises(HarkaraError) as raised:
        await service.receipts.take(envelope_json(_by(other, ISLAMABAD, receipt)))
    assert raised.value.code == "unknown-key"


async def test_an_item_whose_recipients_are_forgotten_after_its_expiry_is_answered_as_if_it_were_not(
    service: Service, exchange: TestExchange
) -> None:
    statement, sealed = await posted(service, exchange)
    await Reader(service, exchange, ISLAMABAD).items(1)
    store = service.store.connections.writing
    await store.delete(*(await store.keys("{log}:r:*")))
    with pytest.raises(NotFound):
        await service.receipts.take(envelope_json(sign_receipt(exchange, ISLAMABAD, statement, sealed)))
    with pytest.raises(NotFound):
        await service.fetching.one(ISLAMABAD, FIA, json.loads(statement.payload)["id"])
    cancel, _ = sign_bulletin(exchange, FIA, type="Cancel", references=[json.loads(statement.payload)["id"]])
    assert not (await service.posting.post(post_body(cancel, None))).repeated
    assert await Reader(service, exchange, MOI).nothing_comes(), (
        "whoever never saw it does not hear of it now"
    )


async def test_one_recipient_cannot_flood_an_originator_with_receipts(
    service: Service, exchange: TestExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.service.receipts.RECEIPTS_ITEMS", 2)
    statement, sealed = await posted(service, exchange)
    receipts = [
        sign_receipt(exchange, ISLAMABAD, statement, sealed, kind)
        for kind in ("opened", "actioned", "confirmed")
    ]
    for receipt in receipts[:2]:
        await service.receipts.take(envelope_json(receipt))
    with pytest.raises(TooLarge):
        await service.receipts.take(envelope_json(receipts[2]))
    assert (await service.receipts.take(envelope_json(receipts[0]))).repeated, "a repeat is always answered"
