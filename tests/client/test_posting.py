"""Posting to a real broker: kept before it is sent, said once, its stamp verified."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from broker.client import Posted
from broker.errors import (
    AuthorMismatch,
    HarkaraError,
    MayNotOriginate,
    NotAuthentic,
    OutOfWindow,
    SchemaError,
    UnknownAgency,
    Unreachable,
    WrongExchange,
)
from broker.protocol import dsse, times
from broker.protocol.limits import HOUR_US
from broker.protocol.stamp import STAMP_TYPE
from broker.service import clock
from tests.client.conftest import Broker, drain
from tests.client.relay import Relay
from tests.exchange_fixtures import ANF, BROKER, FIA, ISLAMABAD, MOI, fixed
from tests.waiting import HANG_S


def outbox(broker: Broker) -> list[Path]:
    return [path for path in broker.state.rglob("*.json") if path.parent.name == "outbox"]


async def test_the_same_asked_for_again_is_the_same_post(broker: Broker) -> None:
    document = broker.document()
    async with broker.connect(FIA) as fia:
        first = await fia.post(document, to=[ISLAMABAD, MOI])
    async with broker.connect(FIA) as fia:
        again = await fia.post(dict(document), to=[MOI, ISLAMABAD])
    assert (again.id, again.repeated, again.envelope) == (first.id, True, first.envelope)
    assert len(outbox(broker)) == 1


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        pytest.param({"severity": "Minor"}, {}, id="another-field"),
        pytest.param({}, {"to": [ISLAMABAD]}, id="another-address"),
        pytest.param({}, {"except_": [ISLAMABAD]}, id="an-exception"),
        pytest.param({}, {"anew": True}, id="said-to-be-new"),
    ],
)
async def test_what_was_asked_for_differently_is_another_post(
    broker: Broker, fields: dict[str, Any], options: dict[str, Any]
) -> None:
    async with broker.connect(FIA) as fia:
        first = await fia.post(broker.document())
        other = await fia.post(broker.document(**fields), **options)
    assert other.id != first.id
    assert not other.repeated


async def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_bytes(
    broker: Broker, relay: Relay
) -> None:
    lost: list[bytes] = []

    def lose_first(name: str, body: bytes) -> bytes | None:
        if name == "POST /v1/bulletins" and not lost:
            lost.append(body)
            return None
        return body

    relay.change = lose_first
    async with broker.connect(FIA, url=relay.url) as fia:
        posted = await fia.post(broker.document())
    assert posted.repeated
    assert json.loads(lost[0])["id"] == posted.id
    async with broker.connect(ISLAMABAD) as police:
        assert [item.number for item in await drain(police, timeout=HANG_S, count=1)] == [1]
        assert await drain(police) == []


async def test_a_post_made_while_the_broker_is_away_is_kept_and_sent_later(broker: Broker) -> None:
    document = broker.document()
    async with broker.connect(FIA, url="http://127.0.0.1:9", patience=0.0) as fia:
        with pytest.raises(Unreachable):
            await fia.post(document)
    (kept,) = outbox(broker)
    signed = json.loads(json.loads(kept.read_bytes())["body"])
    async with broker.connect(FIA) as fia:
        posted = await fia.post(document)
    assert not posted.repeated
    assert json.loads(dsse.from_json(signed["statement"]).payload)["id"] == posted.id


REFUSED_HERE: list[Any] = [
    pytest.param({"urgency": "Soon"}, {}, SchemaError, id="a-value-that-is-none"),
    pytest.param({"headline": "x"}, {}, SchemaError, id="an-unknown-field"),
    pytest.param({"text": {"en": {"headline": "a\u202eb"}}}, {}, SchemaError, id="a-hidden-character"),
    pytest.param({"marking": "TLP:RED"}, {}, SchemaError, id="red-to-everybody"),
    pytest.param({"originator": MOI}, {}, AuthorMismatch, id="in-anothers-name"),
    pytest.param({"exchange": fixed("other").hex()}, {}, WrongExchange, id="for-another-exchange"),
    pytest.param(
        {"expires": "2026-01-01T00:00:00Z", "sent": "2025-12-31T00:00:00Z"}, {}, OutOfWindow, id="expired"
    ),
    pytest.param({}, {"to": [ISLAMABAD, ISLAMABAD]}, HarkaraError, id="an-agency-twice"),
    pytest.param({}, {"to": "pk.moi"}, HarkaraError, id="a-text-for-a-list"),
]


@pytest.mark.parametrize(("fields", "options", "error"), REFUSED_HERE)
async def test_what_the_broker_would_refuse_is_refused_before_it_is_signed(
    broker: Broker, relay: Relay, fields: dict[str, Any], options: dict[str, Any], error: type[HarkaraError]
) -> None:
    async with broker.connect(FIA, url=relay.url) as fia:
        with pytest.raises(error):
            await fia.post(broker.document(**fields), **options)
    assert outbox(broker) == []
    assert relay.asked == []


async def test_all_problems_are_named_at_once(broker: Broker) -> None:
    async with broker.connect(FIA) as fia:
        with pytest.raises(SchemaError) as refused:
            await fia.post(broker.document(urgency="Soon", severity="Bad", certainty="Maybe"))
    assert {problem.pointer for problem in refused.value.problems} == {"/urgency", "/severity", "/certainty"}


@pytest.mark.parametrize(
    ("author", "fields", "options", "error"),
    [
        pytest.param(FIA, {"category": "drug-smuggling"}, {}, MayNotOriginate, id="not-its-category"),
        pytest.param(FIA, {}, {"to": ["pk.nobody"]}, UnknownAgency, id="to-somebody-unknown"),
    ],
)
async def test_a_refusal_of_the_broker_is_its_own_error_and_nothing_stays_to_be_sent(
    broker: Broker, author: str, fields: dict[str, Any], options: dict[str, Any], error: type[HarkaraError]
) -> None:
    async with broker.connect(author) as agency:
        with pytest.raises(error) as refused:
            await agency.post(broker.document(author, **fields), **options)
    assert refused.value.problems
    assert outbox(broker) == []


def _by_an_agency(broker: Broker, stamp: dsse.Envelope) -> dsse.Envelope:
    return broker.exchange.signing(MOI).sign(STAMP_TYPE, stamp.payload)


def _changed(_: Broker, stamp: dsse.Envelope) -> dsse.Envelope:
    return dsse.Envelope(stamp.payload_type, stamp.payload[:-1] + b"\x09", stamp.signatures)


def _of_another_kind(broker: Broker, stamp: dsse.Envelope) -> dsse.Envelope:
    return broker.exchange.signing(BROKER).sign("application/vnd.harkara.head+msgpack", stamp.payload)


def _nonsense(broker: Broker, _: dsse.Envelope) -> dsse.Envelope:
    return broker.exchange.signing(BROKER).sign(STAMP_TYPE, b"\x90")


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(_by_an_agency, id="stamped-by-an-agency"),
        pytest.param(_changed, id="changed-on-its-way"),
        pytest.param(_of_another_kind, id="signed-as-something-else"),
        pytest.param(_nonsense, id="no-stamp-at-all"),
    ],
)
async def test_a_stamp_that_does_not_verify_is_no_acceptance(
    broker: Broker, relay: Relay, forge: Callable[[Broker, dsse.Envelope], dsse.Envelope]
) -> None:
    def change(name: str, body: bytes) -> bytes:
        if name != "POST /v1/bulletins":
            return body
        fields = json.loads(body)
        stamp = forge(broker, dsse.from_json(fields["stamp"]))
        return json.dumps(fields | {"stamp": dsse.to_json(stamp)}).encode()

    relay.change = change
    document = broker.document()
    async with broker.connect(FIA, url=relay.url) as fia:
        with pytest.raises(NotAuthentic):
            await fia.post(document)
        (kept,) = outbox(broker)
        assert "stamp" not in json.loads(kept.read_bytes())
        relay.change = lambda _, body: body
        assert (await fia.post(document)).repeated


async def test_the_stamp_of_another_post_is_no_acceptance(broker: Broker, relay: Relay) -> None:
    async with broker.connect(FIA, url=relay.url) as fia:
        first = await fia.post(broker.document())
        other = json.dumps({"stamp": dsse.to_json(first.envelope)}).encode()
        relay.change = lambda name, body: other if name == "POST /v1/bulletins" else body
        with pytest.raises(NotAuthentic):
            await fia.post(broker.document(severity="Minor"))


async def test_many_are_answered_in_order_and_a_bad_one_harms_no_other(broker: Broker, relay: Relay) -> None:
    documents = [broker.document(correlations=[_mark(n)]) for n in range(6)]
    documents[1] = broker.document(urgency="Soon")
    documents[3] = broker.document(category="drug-smuggling")
    async with broker.connect(FIA, url=relay.url) as fia:
        results = await fia.post_many(documents)
        assert [type(result) for result in results] == [
            Posted,
            SchemaError,
            Posted,
            MayNotOriginate,
            Posted,
            Posted,
        ]
        again = await fia.post_many(documents)
    ids = [result.id for result in results if isinstance(result, Posted)]
    assert [result.id for result in again if isinstance(result, Posted)] == ids
    assert all(result.repeated for result in again if isinstance(result, Posted))
    assert relay.asked.count("POST /v1/bulletins") == 2


def _mark(n: int) -> dict[str, str]:
    return {"system": "test", "key": "number", "value": str(n)}


async def test_more_than_a_batch_takes_several(broker: Broker, relay: Relay) -> None:
    documents = [broker.document(correlations=[_mark(n)]) for n in range(501)]
    async with broker.connect(FIA, url=relay.url) as fia:
        results = await fia.post_many(documents)
    assert all(isinstance(result, Posted) for result in results)
    assert relay.asked.count("POST /v1/bulletins") == 2


async def test_a_batch_that_meets_no_broker_fails_line_by_line(broker: Broker) -> None:
    async with broker.connect(FIA, url="http://127.0.0.1:9", patience=0.0) as fia:
        results = await fia.post_many([broker.document(), broker.document(urgency="Soon")])
    assert [type(result) for result in results] == [Unreachable, SchemaError]


async def test_text_is_normalised_before_it_is_signed(broker: Broker) -> None:
    decomposed = "Cafe\u0301 at the corner"
    document = broker.document(text={"en": {"headline": decomposed}})
    async with broker.connect(FIA) as fia, broker.connect(ISLAMABAD) as police:
        await fia.post(document)
        (item,) = await drain(police, timeout=HANG_S, count=1)
    headline = item.bulletin.text["en"].headline  # type: ignore[union-attr, index]
    assert headline == "Caf\u00e9 at the corner"


async def test_a_post_that_lay_too_long_is_signed_anew_once_it_is_known_not_to_be_there(
    broker: Broker,
) -> None:
    document = broker.document()
    long_ago = clock.now() - 25 * HOUR_US
    async with broker.connect(FIA, url="http://127.0.0.1:9", patience=0.0, clock=lambda: long_ago) as fia:
        with pytest.raises(Unreachable):
            await fia.post(document)
    (kept,) = outbox(broker)
    old = json.loads(kept.read_bytes())["id"]
    async with broker.connect(FIA) as fia:
        posted = await fia.post(document)
    assert posted.id != old
    assert not posted.repeated


async def test_a_signed_post_is_sent_unchanged(broker: Broker) -> None:
    async with broker.connect(FIA) as fia:
        body = fia.sign(broker.document(), to=[ISLAMABAD])
        assert outbox(broker) == []
        posted = await fia.send_signed(body)
        assert (await fia.send_signed(body)).repeated
        own = await fia.fetch(FIA, posted.id)
    assert dsse.to_json(own.evidence.statement) == json.loads(body)["statement"]
    assert own.number == 0


async def test_the_audience_is_shown_before_anything_is_sent(broker: Broker) -> None:
    async with broker.connect(FIA) as fia:
        reach = await fia.audience(broker.document(), to=[ISLAMABAD])
    delivers = {one.agency for one in reach if one.delivers}
    assert delivers == {ISLAMABAD}
    assert next(one.reason for one in reach if one.agency == ANF) == "not named in to"
    assert outbox(broker) == []


async def test_a_post_that_the_broker_lost_is_posted_again(
    broker: Broker, relay: Relay, caplog: pytest.LogCaptureFixture
) -> None:
    then = clock.now()
    async with broker.connect(FIA, url=relay.url, clock=lambda: then) as fia:
        first = await fia.post(broker.document())
        second = await fia.post(broker.document(severity="Minor"))
    later = clock.now() + 61_000_000
    relay.refuse = lambda name: 404 if name.endswith(second.id) else None
    async with broker.connect(FIA, url=relay.url, clock=lambda: then + 59_000_000) as fia:
        assert await fia.recheck() == []  # a minute has not passed
    before = len(relay.asked)
    relay.change = lambda _, body: body
    async with broker.connect(FIA, url=relay.url, clock=lambda: later) as fia:
        relay.refuse = lambda name: (
            404
            if name == f"GET /v1/bulletins/{FIA}/{second.id}"
            else (200 if name == f"GET /v1/bulletins/{FIA}/{first.id}" else None)
        )
        assert await fia.recheck() == [second.id]
    assert [line for line in caplog.messages if second.id in line] == []  # who asked is told by the answer
    assert relay.asked[before:] == [
        f"GET /v1/bulletins/{FIA}/{second.id}",
        f"GET /v1/bulletins/{FIA}/{first.id}",
        "POST /v1/bulletins",
    ]


async def test_a_post_that_has_expired_since_is_not_missed(broker: Broker, relay: Relay) -> None:
    soon = times.format(clock.now() + 2 * HOUR_US)
    async with broker.connect(FIA, url=relay.url) as fia:
        posted = await fia.post(broker.document(expires=soon))
    relay.refuse = lambda name: 404 if name.endswith(posted.id) else None
    async with broker.connect(FIA, url=relay.url, clock=lambda: clock.now() + 3 * HOUR_US) as fia:
        assert await fia.recheck() == []
    async with broker.connect(FIA, url=relay.url, clock=lambda: clock.now() + HOUR_US) as fia:
        relay.change = lambda _, body: body
        assert await fia.recheck() == [posted.id]


async def test_what_was_posted_is_answered_again_when_its_time_is_over(broker: Broker) -> None:
    document = broker.document(expires=times.format(clock.now() + HOUR_US))
    async with broker.connect(FIA) as fia:
        first = await fia.post(document)
    async with broker.connect(FIA, clock=lambda: clock.now() + 2 * HOUR_US) as fia:
        again = await fia.post(document)
        (of_many,) = await fia.post_many([document])
        with pytest.raises(SchemaError):  # signed anew it would be refused
            await fia.post(document, anew=True)
    assert (again.envelope, again.repeated) == (first.envelope, True)
    assert isinstance(of_many, Posted)
    assert of_many.envelope == first.envelope


@pytest.mark.parametrize(
    ("to", "recipients"),
    [
        pytest.param([ISLAMABAD, MOI], 2, id="two"),
        pytest.param([FIA], 0, id="itself"),
        pytest.param([ISLAMABAD], 1, id="one"),
    ],
)
async def test_the_first_answer_tells_how_many_receive_it(
    broker: Broker, to: list[str], recipients: int
) -> None:
    document = broker.document()
    async with broker.connect(FIA) as fia:
        assert (await fia.post(document, to=to)).recipients == recipients
        assert (await fia.post(document, to=to)).recipients is None
