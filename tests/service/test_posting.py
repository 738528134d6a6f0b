"""Posting: a bulletin from its originator to the entitled; repeats, conflicts, refusals on the way."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from broker.errors import (
    AuthorMismatch,
    BadSignature,
    ExpiredKey,
    HarkaraError,
    IdConflict,
    Malformed,
    MayNotOriginate,
    OutOfWindow,
    RegistryExpired,
    RevokedKey,
    RouterBehind,
    SchemaError,
    UnknownAgency,
    UnknownKey,
    WrongAddress,
    WrongExchange,
)
from broker.protocol import dsse, times
from broker.protocol.limits import DAY_US, HOUR_US, MINUTE_US
from broker.protocol.stamp import read_stamp
from broker.service import clock, lag
from broker.service.cursor import Cursor
from broker.service.service import Service
from broker.store.store import Store
from tests.exchange_fixtures import (
    ACADEMY,
    ANF,
    BEIJING,
    CTD,
    FIA,
    ISLAMABAD,
    MOI,
    TestExchange,
    envelope_json,
    make_exchange,
    next_version,
    post_body,
    sign_bulletin,
    sign_receipt,
)
from tests.service.conftest import publish, start_service
from tests.service.reader import Reader
from tests.waiting import until


async def test_a_bulletin_travels_from_its_originator_to_an_entitled_agency_and_opens_there(
    service: Service, exchange: TestExchange
) -> None:
    statement, address = sign_bulletin(exchange, FIA)
    accepted = await service.posting.post(post_body(statement, address))
    assert (accepted.originator, accepted.repeated) == (FIA, False)
    assert await Reader(service, exchange, ISLAMABAD).statements(1) == [statement]


async def test_the_same_bytes_again_get_the_first_stamp_and_are_delivered_once(
    service: Service, exchange: TestExchange
) -> None:
    body = post_body(*sign_bulletin(exchange, FIA))
    first = await service.posting.post(body)
    again = await asyncio.gather(*(service.posting.post(body) for _ in range(5)))
    assert {answer.stamp.payload for answer in again} == {first.stamp.payload}
    assert all(answer.repeated for answer in again)
    assert len(await Reader(service, exchange, ISLAMABAD).items(1)) == 1


async def test_a_repeat_is_answered_however_old_it_is(store: Store, exchange: TestExchange) -> None:
    service = await start_service(store, exchange)
    body = post_body(*sign_bulletin(exchange, FIA))
    first = await service.posting.post(body)
    await service.close()
    later = await start_service(store, exchange, clock=lambda: clock.now() + 40 * HOUR_US)
    assert (await later.posting.post(body)).stamp == first.stamp
    await later.close()


async def test_two_of_the_same_bytes_at_once_are_one_item(service: Service, exchange: TestExchange) -> None:
    body = post_body(*sign_bulletin(exchange, FIA))
    answers = await asyncio.gather(*(service.posting.post(body) for _ in range(8)))
    assert len({answer.stamp.payload for answer in answers}) == 1
    assert len(await Reader(service, exchange, ISLAMABAD).items(1)) == 1


async def test_another_agency_may_use_the_same_id(service: Service, exchange: TestExchange) -> None:
    fia, _ = sign_bulletin(exchange, FIA)
    same_id = json.loads(fia.payload)["id"]
    moi, _ = sign_bulletin(exchange, MOI, id=same_id)
    for statement in (fia, moi):
        assert not (await service.posting.post(post_body(statement, None))).repeated
    assert await Reader(service, exchange, ISLAMABAD).statements(2) == [fia, moi]


def _changed(statement: dsse.Envelope) -> dsse.Envelope:
    payload = statement.payload.replace(b"Severe", b"Minor_"[:6])
    return dsse.Envelope(statement.payload_type, payload, statement.signatures)


def _signed_by(exchange: TestExchange, signer: str, author: str) -> dsse.Envelope:
    statement, _ = sign_bulletin(exchange, author)
    return exchange.signing(signer).sign(statement.payload_type, statement.payload)


def _foreign_key(exchange: TestExchange) -> dsse.Envelope:
    other = make_exchange(exchange.now, name="Another exchange")
    statement, _ = sign_bulletin(exchange, FIA)
    return other.signing(FIA).sign(statement.payload_type, statement.payload)


def _of_another_exchange(exchange: TestExchange) -> dsse.Envelope:
    return sign_bulletin(exchange, FIA, exchange="0" * 64)[0]


def _as_receipt(exchange: TestExchange) -> dsse.Envelope:
    statement, _ = sign_bulletin(exchange, FIA)
    return exchange.signing(FIA).sign("application/vnd.harkara.receipt+json", statement.payload)


REFUSED = [
    pytest.param(
        lambda x: _changed(sign_bulletin(x, FIA)[0]), BadSignature, id="changed after it was signed"
    ),
    pytest.param(_foreign_key, UnknownKey, id="signed by a key that the registry does not have"),
    pytest.param(
        lambda x: _signed_by(x, MOI, FIA), AuthorMismatch, id="signed by another agency than its author"
    ),
    pytest.param(lambda x: _signed_by(x, "pk.exchange", FIA), UnknownKey, id="signed by the broker"),
    pytest.param(_of_another_exchange, WrongExchange, id="made for another exchange"),
    pytest.param(_as_receipt, BadSignature, id="signed as a receipt"),
    pytest.param(lambda x: sign_bulletin(x, FIA, colour="red")[0], SchemaError, id="with an unknown field"),
    pytest.param(
        lambda x: sign_bulletin(x, FIA, category="piracy")[0], SchemaError, id="of an unknown category"
    ),
    pytest.param(
        lambda x: sign_bulletin(x, FIA, category="drug-smuggling")[0],
        MayNotOriginate,
        id="of a category that its author may not originate",
    ),
    pytest.param(
        lambda x: sign_bulletin(x, FIA, sent=times.format(x.now - 25 * HOUR_US))[0],
        OutOfWindow,
        id="sent too long ago",
    ),
    pytest.param(
        lambda x: sign_bulletin(x, FIA, sent=times.format(x.now + 10 * MINUTE_US))[0],
        OutOfWindow,
        id="sent ahead of time",
    ),
    pytest.param(
        lambda x: sign_bulletin(
            x, FIA, sent=times.format(x.now - 2 * HOUR_US), expires=times.format(x.now - HOUR_US)
        )[0],
        OutOfWindow,
        id="expired",
    ),
]


@pytest.mark.parametrize(("make", "refusal"), REFUSED)
async def test_a_post_is_refused_and_nothing_is_written_when(
    make: Any, refusal: type[HarkaraError], service: Service, exchange: TestExchange
) -> None:
    statement = make(exchange)
    with pytest.raises(refusal) as raised:
        await service.posting.post(post_body(statement, None))
    assert raised.value.problems, "a refusal names the field"
    assert await service.store.connections.reading.xlen("{log}") == 0


ADDRESSES = [
    pytest.param(
        {"to": ["pk.nobody"]}, True, UnknownAgency, "/address/to/0", id="naming nobody of the registry"
    ),
    pytest.param({"to": [ISLAMABAD]}, False, WrongAddress, "", id="left out on the way"),
    pytest.param(
        {"marking": "TLP:RED", "excepted": [CTD]}, True, WrongAddress, "/address/to", id="RED without to"
    ),
]


@pytest.mark.parametrize(("fields", "send_address", "refusal", "pointer"), ADDRESSES)
async def test_a_post_is_refused_for_its_address(
    fields: dict[str, Any],
    send_address: bool,
    refusal: type[HarkaraError],
    pointer: str,
    service: Service,
    exchange: TestExchange,
) -> None:
    statement, address = sign_bulletin(exchange, FIA, **fields)
    with pytest.raises(refusal) as raised:
        await service.posting.post(post_body(statement, address if send_address else None))
    assert [problem.pointer for problem in raised.value.problems] == [pointer]


async def test_other_bytes_under_a_taken_id_conflict(service: Service, exchange: TestExchange) -> None:
    statement, _ = sign_bulletin(exchange, FIA)
    await service.posting.post(post_body(statement, None))
    other, _ = sign_bulletin(exchange, FIA, id=json.loads(statement.payload)["id"], severity="Minor")
    with pytest.raises(IdConflict) as raised:
        await service.posting.post(post_body(other, None))
    assert (raised.value.within, raised.value.problems[0].pointer) == ("/statement/payload", "/id")
    assert await Reader(service, exchange, ISLAMABAD).statements(1) == [statement]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"statement": 1}', id="a statement that is no object"),
        pytest.param(b'{"statement": {}, "statement": {}}', id="a statement twice"),
        pytest.param(b'{"adress": {}}', id="no statement"),
    ],
)
async def test_what_is_no_post_is_malformed(body: bytes, service: Service) -> None:
    with pytest.raises(Malformed):
        await service.posting.post(body)


async def test_each_recipient_gets_what_it_is_entitled_to_and_nobody_else_anything(
    service: Service, exchange: TestExchange
) -> None:
    smuggling, _ = sign_bulletin(exchange, FIA, category="human-smuggling")
    exercise, _ = sign_bulletin(exchange, MOI, status="Exercise", marking="TLP:GREEN")
    red, address = sign_bulletin(exchange, FIA, marking="TLP:RED", to=[ISLAMABAD])
    partner, partner_address = sign_bulletin(
        exchange, FIA, category="human-trafficking", marking="TLP:GREEN", to=[BEIJING, MOI]
    )
    for statement, to in ((smuggling, None), (exercise, None), (red, address), (partner, partner_address)):
        await service.posting.post(post_body(statement, to))
    expected = {
        MOI: [smuggling, partner],
        FIA: [exercise],
        ISLAMABAD: [smuggling, exercise, red],
        ANF: [smuggling, exercise],
        CTD: [exercise],
        ACADEMY: [exercise],
        BEIJING: [partner],
    }
    for agency, statements in expected.items():
        reader = Reader(service, exchange, agency)
        assert await reader.statements(len(statements)) == statements, agency


async def test_a_cancel_reaches_who_holds_the_original_and_nobody_who_never_saw_it(
    service: Service, exchange: TestExchange
) -> None:
    original, address = sign_bulletin(exchange, FIA, marking="TLP:RED", to=[ISLAMABAD])
    await service.posting.post(post_body(original, address))
    cancel, _ = sign_bulletin(
        exchange, FIA, type="Cancel", references=[json.loads(original.payload)["id"]], marking="TLP:AMBER"
    )
    await service.posting.post(post_body(cancel, None))
    assert await Reader(service, exchange, ISLAMABAD).statements(2) == [original, cancel]
    assert await Reader(service, exchange, MOI).nothing_comes()


async def test_a_cancel_of_something_unknown_is_delivered_the_ordinary_way(
    service: Service, exchange: TestExchange
) -> None:
    cancel, _ = sign_bulletin(
        exchange, FIA, type="Cancel", references=["0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64"]
    )
    await service.posting.post(post_body(cancel, None))
    assert await Reader(service, exchange, MOI).statements(1) == [cancel]


async def test_a_revoked_key_is_refused_and_what_it_signed_before_stays(
    service: Service, exchange: TestExchange
) -> None:
    before, _ = sign_bulletin(exchange, FIA)
    await service.posting.post(post_body(before, None))
    newer = next_version(exchange, revoked={exchange.signing(FIA).kid: clock.now() - MINUTE_US})
    await publish(service, newer)
    with pytest.raises(RevokedKey):
        await service.posting.post(post_body(sign_bulletin(exchange, FIA, severity="Minor")[0], None))
    assert await Reader(service, exchange, ISLAMABAD).statements(1) == [before]


async def test_a_key_past_its_time_is_refused(store: Store, exchange: TestExchange) -> None:
    service = await start_service(store, exchange, clock=lambda: exchange.now + 400 * DAY_US)
    with pytest.raises(ExpiredKey):
        await service.posting.post(post_body(sign_bulletin(exchange, FIA)[0], None))
    await service.close()


async def test_posts_stop_when_the_registry_is_past_its_grace_and_reading_goes_on(
    store: Store, exchange: TestExchange
) -> None:
    service = await start_service(store, exchange)
    over = exchange.registry.grace + MINUTE_US
    statement, _ = sign_bulletin(exchange, FIA)
    accepted = await service.posting.post(post_body(statement, None))
    await Reader(service, exchange, ISLAMABAD).items(1)
    await service.close()
    late = await start_service(store, exchange, clock=lambda: over)
    fresh, _ = sign_bulletin(exchange, FIA, sent=times.format(over), expires=times.format(over + HOUR_US))
    with pytest.raises(RegistryExpired):
        await late.posting.post(post_body(fresh, None))
    sealed = read_stamp(accepted.stamp.payload).sealed
    receipt = sign_receipt(exchange, ISLAMABAD, statement, sealed, at=times.format(over))
    with pytest.raises(RegistryExpired):
        await late.receipts.take(envelope_json(receipt))
    page = await late.reading.page(ISLAMABAD, Cursor())
    assert [(item.number, item.withheld) for item in page.items] == [(1, "expired")]
    assert Reader(late, exchange, ISLAMABAD).head_of(page).number == 1
    await late.close()


async def test_posts_are_refused_while_accepted_ones_wait_too_long_for_the_router(
    service: Service, exchange: TestExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag, "REFUSE_AGE_US", 1)
    await service.stop_routing()
    statement, _ = sign_bulletin(exchange, FIA)
    accepted = await service.posting.post(post_body(statement, None))
    await until(service.lag.too_far)
    with pytest.raises(RouterBehind) as raised:
        await service.posting.post(post_body(sign_bulletin(exchange, FIA, severity="Minor")[0], None))
    assert raised.value.retry_after
    receipt = sign_receipt(exchange, ISLAMABAD, statement, read_stamp(accepted.stamp.payload).sealed)
    with pytest.raises(RouterBehind):
        await service.receipts.take(envelope_json(receipt))


async def test_a_decision_made_under_an_older_registry_is_made_again_under_the_newer(
    store: Store, exchange: TestExchange
) -> None:
    # Two brokers: one has published a registry that the other has not loaded yet.
    behind, ahead = await start_service(store, exchange), await start_service(store, exchange)
    behind.trust.news = lambda version: None  # type: ignore[method-assign]  # its ticks are late
    del behind.store.ticks._registry_callbacks[0:1]
    newer = next_version(exchange, grants={ISLAMABAD: exchange.grants[ACADEMY]})
    await publish(ahead, newer)
    statement, _ = sign_bulletin(exchange, FIA)
    await behind.posting.post(post_body(statement, None))
    assert behind.trust.registry.version == newer.registry.version
    assert await Reader(ahead, exchange, MOI).statements(1) == [statement]
    assert await Reader(ahead, exchange, ISLAMABAD).nothing_comes()
    await behind.close()
    await ahead.close()


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="that is good"),
        pytest.param({"category": "drug-smuggling"}, id="that its author may not originate"),
        pytest.param({"sent": "2026-01-01T00:00:00Z", "expires": "2026-01-02T00:00:00Z"}, id="that is old"),
    ],
)
async def test_who_holds_anothers_statement_learns_nothing_by_asking_for_its_audience(
    fields: dict[str, Any], service: Service, exchange: TestExchange
) -> None:
    statement, _ = sign_bulletin(exchange, FIA, **fields)
    with pytest.raises(AuthorMismatch):
        await service.audience.preview(ISLAMABAD, post_body(statement, None))
