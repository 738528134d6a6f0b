"""Allowances: what one agency may use, charged for nothing that others can cause, with the exact wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from broker.errors import (
    AuthorMismatch,
    BadSignature,
    HarkaraError,
    IdConflict,
    Malformed,
    MayNotOriginate,
    OutOfWindow,
    RateLimited,
    SchemaError,
    UnknownKey,
    WrongAddress,
    WrongExchange,
)
from broker.protocol import dsse, times
from broker.protocol.bulletin import PAYLOAD_TYPE
from broker.protocol.limits import DAY_US, HOUR_US, SECOND_US
from broker.protocol.stamp import read_stamp
from broker.service import clock as wall
from broker.service.allowance import FEED_RETRY_S, Allowance, Bucket
from broker.service.cursor import Cursor
from broker.service.feeds import FeedEvent
from broker.service.service import Service
from broker.store.store import Store
from tests.exchange_fixtures import (
    FIA,
    ISLAMABAD,
    MOI,
    TestExchange,
    envelope_json,
    post_body,
    sign_acknowledgement,
    sign_bulletin,
    sign_receipt,
    sign_subscription,
)

POSTS = 3


class Hands:
    """Clocks that stand until they are moved: seconds for allowances, µs for the service."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        self.now = wall.now()

    def monotonic(self) -> float:
        """Seconds."""
        return self.seconds

    def clock(self) -> int:
        """µs."""
        return self.now


@pytest.fixture
def hands() -> Hands:
    """The clocks of a test."""
    return Hands()


@pytest.fixture
async def limited(store: Store, exchange: TestExchange, hands: Hands) -> AsyncIterator[Service]:
    """A broker that allows each agency three posts and reads a minute, and two feeds."""
    service = Service(
        store=store,
        exchange=exchange.exchange,
        identity=exchange.broker,
        store_key=exchange.store_key,
        epoch=exchange.registry.epoch,
        clock=hands.clock,
        allowance=Allowance(
            posts_per_minute=POSTS, reads_per_minute=POSTS, live_feeds=2, monotonic=hands.monotonic
        ),
    )
    await service.start(exchange.registry_envelope, exchange.entitlements_envelope)
    yield service
    await service.close()


def body_of(exchange: TestExchange, agency: str, note: str = "", /, **fields: object) -> bytes:
    text = {"en": {"headline": f"White van {note}".strip()}}
    return post_body(*sign_bulletin(exchange, agency, **({"text": text} | fields)))  # type: ignore[arg-type]


# --- the bucket ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("taken", "later", "amount", "wait"),
    [
        pytest.param([], 0, 60, 0, id="a minute's worth at once"),
        pytest.param([60], 0, 1, 1, id="one more waits until one has filled"),
        pytest.param([60], 0.25, 1, 0.75, id="part of the time has passed"),
        pytest.param([60], 1, 1, 0, id="who waited as long as told is let in"),
        pytest.param([60], 0, 30, 30, id="many wait longer"),
        pytest.param([1], 0, 500, 1, id="more than a minute's worth needs a full bucket"),
        pytest.param([500], 0, 1, 441, id="and leaves a debt"),
        pytest.param([60], 6_000, 61, 0, id="a quiet hour saves up no more than a minute's worth"),
    ],
)
def test_a_bucket_tells_the_exact_wait(taken: list[int], later: float, amount: int, wait: float) -> None:
    bucket = Bucket(60, 1_000.0)
    for each in taken:
        bucket.take(each, 1_000.0)
    assert bucket.wait(amount, 1_000.0 + later) == pytest.approx(wait)


def test_a_refusal_takes_nothing_of_either_limit(hands: Hands) -> None:
    allowance = Allowance(posts_per_minute=60, post_bytes_per_minute=600, monotonic=hands.monotonic)
    allowance.charge_post(FIA, 600)
    for _ in range(3):
        with pytest.raises(RateLimited, match="600 bytes of posts a minute") as refused:
            allowance.charge_post(FIA, 100)
        assert refused.value.retry_after == pytest.approx(10)
    hands.seconds += 10
    allowance.charge_post(FIA, 100)


@pytest.mark.parametrize(
    ("taken", "asked", "wait"),
    [
        pytest.param(10, 600, 60, id="posts make it wait longer"),
        pytest.param(1_200, 600, 120, id="bytes make it wait longer"),
    ],
)
def test_what_is_over_both_limits_is_told_the_longer_wait(
    hands: Hands, taken: int, asked: int, wait: float
) -> None:
    allowance = Allowance(posts_per_minute=1, post_bytes_per_minute=600, monotonic=hands.monotonic)
    allowance.charge_post(FIA, taken)
    with pytest.raises(RateLimited) as refused:
        allowance.check_post(FIA, asked)
    assert refused.value.retry_after == pytest.approx(wait)


def test_no_limit_is_no_limit(hands: Hands) -> None:
    allowance = Allowance(monotonic=hands.monotonic)
    for _ in range(100_000):
        allowance.charge_read(FIA)
    allowance.charge_post(FIA, 10**12)
    with allowance.feed(FIA), allowance.feed(FIA):
        allowance.check_post(FIA, 10**12)


# --- posts --------------------------------------------------------------------------------------------------


async def test_an_agency_at_its_limit_is_told_when_to_come_again_and_others_post_on(
    limited: Service, exchange: TestExchange, hands: Hands
) -> None:
    for number in range(POSTS):
        await limited.posting.post(body_of(exchange, FIA, str(number)))
    with pytest.raises(RateLimited, match="3 posts a minute: come again in 20 s") as refused:
        await limited.posting.post(body_of(exchange, FIA, "one more"))
    assert refused.value.retry_after == pytest.approx(20)
    await limited.posting.post(body_of(exchange, MOI))
    hands.seconds += 19.9
    with pytest.raises(RateLimited):
        await limited.posting.post(body_of(exchange, FIA, "one more"))
    hands.seconds += 0.1
    await limited.posting.post(body_of(exchange, FIA, "one more"))
    assert limited.metrics.posts.labels("refused")._value.get() == 2


async def test_a_post_that_makes_the_broker_look_up_many_others_counts_as_several(
    limited: Service, exchange: TestExchange, hands: Hands
) -> None:
    references = [f"0199b2d4-6f1e-7c3a-9d52-3f0a8c1e{n:04x}" for n in range(8)]
    body = body_of(exchange, FIA, type="Update", references=references)
    await limited.posting.post(body)
    with pytest.raises(RateLimited):
        await limited.posting.post(body_of(exchange, FIA, "one more"))
    hands.seconds += 20
    await limited.posting.post(body_of(exchange, FIA, "one more"))


async def test_a_dry_run_counts_its_look_ups_as_a_post_does(
    limited: Service, exchange: TestExchange, hands: Hands
) -> None:
    references = [f"0199b2d4-6f1e-7c3a-9d52-3f0a8c1e{n:04x}" for n in range(8)]
    body = body_of(exchange, FIA, type="Update", references=references)
    await limited.audience.preview(FIA, body)
    with pytest.raises(RateLimited):
        await limited.audience.preview(FIA, body)


def altered(statement: dsse.Envelope, **changes: object) -> bytes:
    return post_body(replace(statement, **changes), None)  # type: ignore[arg-type]


def not_json(exchange: TestExchange) -> bytes:
    return b"{"


def unsigned(exchange: TestExchange) -> bytes:
    return altered(sign_bulletin(exchange, FIA)[0], signatures=())


def signed_by_another(exchange: TestExchange) -> bytes:
    statement, _ = sign_bulletin(exchange, FIA)
    forged = exchange.signing(MOI).sign(PAYLOAD_TYPE, statement.payload)
    mark = replace(forged.signature, kid=exchange.signing(FIA).kid)
    return altered(forged, signatures=(mark,))


def another_payload(exchange: TestExchange) -> bytes:
    statement, _ = sign_bulletin(exchange, FIA)
    return altered(statement, payload=statement.payload.replace(b"White", b"Black"))


def of_no_member(exchange: TestExchange) -> bytes:
    statement, _ = sign_bulletin(exchange, FIA)
    return altered(statement, signatures=(replace(statement.signature, kid=b"\1" * 32),))


def said_to_be_of_fia(exchange: TestExchange) -> bytes:
    # Signed by its sender, who pays for it, and not FIA.
    return post_body(*sign_bulletin(exchange, MOI, originator=FIA))


def without_its_address(exchange: TestExchange) -> bytes:
    statement, _ = sign_bulletin(exchange, FIA, to=[MOI])
    return post_body(statement, None)


def too_old(exchange: TestExchange) -> bytes:
    return body_of(exchange, FIA, sent=times.format(exchange.now - DAY_US - HOUR_US))


@pytest.mark.parametrize(
    ("make", "refusal"),
    [
        pytest.param(not_json, Malformed, id="bytes that are nothing"),
        pytest.param(unsigned, Malformed, id="a statement without a signature"),
        pytest.param(signed_by_another, BadSignature, id="another's signature under its key id"),
        pytest.param(another_payload, BadSignature, id="its signature over other bytes"),
        pytest.param(of_no_member, UnknownKey, id="a key that nobody has"),
        pytest.param(
            said_to_be_of_fia, (AuthorMismatch, RateLimited), id="a statement that another signed in its name"
        ),
        pytest.param(without_its_address, WrongAddress, id="its statement without the address"),
        pytest.param(too_old, OutOfWindow, id="its old statement, kept by a recipient"),
    ],
)
async def test_what_others_can_send_is_not_at_an_agencys_expense(
    limited: Service,
    exchange: TestExchange,
    make: Callable[[TestExchange], bytes],
    refusal: type[HarkaraError] | tuple[type[HarkaraError], ...],
) -> None:
    for _ in range(POSTS * 2):
        with pytest.raises(refusal):
            await limited.posting.post(make(exchange))
    for number in range(POSTS):
        await limited.posting.post(body_of(exchange, FIA, str(number)))


async def test_a_bulletin_that_a_recipient_posts_again_is_not_at_its_authors_expense(
    limited: Service, exchange: TestExchange, hands: Hands
) -> None:
    body = body_of(exchange, FIA, "again and again")
    await limited.posting.post(body)
    for _ in range(POSTS * 2):
        assert (await limited.posting.post(body)).repeated
    for number in range(POSTS - 1):
        await limited.posting.post(body_of(exchange, FIA, str(number)))
    with pytest.raises(RateLimited):
        await limited.posting.post(body_of(exchange, FIA, "one more"))


async def test_a_receipt_that_its_reader_sends_again_is_not_at_its_authors_expense(
    limited: Service, exchange: TestExchange
) -> None:
    statement, address = sign_bulletin(exchange, FIA, to=[ISLAMABAD])
    sealed = read_stamp((await limited.posting.post(post_body(statement, address))).stamp.payload).sealed

    def receipt(number: int) -> bytes:
        at = times.format(exchange.now - number * SECOND_US)
        return envelope_json(sign_receipt(exchange, ISLAMABAD, statement, sealed, at=at))

    await limited.receipts.take(receipt(0))
    for _ in range(POSTS * 2):
        assert (await limited.receipts.take(receipt(0))).repeated
    for number in range(POSTS - 1):
        await limited.receipts.take(receipt(1 + number))
    with pytest.raises(RateLimited):
        await limited.receipts.take(receipt(9))


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        pytest.param({"category": "piracy"}, SchemaError, id="a category that there is not"),
        pytest.param({"category": "drug-smuggling"}, MayNotOriginate, id="what it may not originate"),
        pytest.param({"exchange": "0" * 64}, WrongExchange, id="made for another exchange"),
    ],
)
async def test_an_agency_pays_for_its_own_refused_posts(
    limited: Service, exchange: TestExchange, fields: dict[str, str], refusal: type[HarkaraError]
) -> None:
    for number in range(POSTS):
        with pytest.raises(refusal):
            await limited.posting.post(body_of(exchange, FIA, str(number), **fields))
    with pytest.raises(RateLimited):
        await limited.posting.post(body_of(exchange, FIA))


async def test_an_agency_pays_for_other_bytes_under_an_id_that_it_used(
    limited: Service, exchange: TestExchange
) -> None:
    one = "8d7a1e0c-94cf-4a53-9f41-0cf1f1b6f0d1"
    await limited.posting.post(body_of(exchange, FIA, "first", id=one))
    for number in range(POSTS - 1):
        with pytest.raises(IdConflict):
            await limited.posting.post(body_of(exchange, FIA, str(number), id=one))
    with pytest.raises(RateLimited):
        await limited.posting.post(body_of(exchange, FIA, "one more", id=one))


async def test_acknowledgements_and_subscriptions_count_as_posts(
    limited: Service, exchange: TestExchange
) -> None:
    acknowledgement = envelope_json(sign_acknowledgement(exchange, FIA, 9, b"\1" * 32))
    for _ in range(POSTS):
        with pytest.raises(HarkaraError, match="ends at this number"):
            await limited.acknowledgements.take(acknowledgement)
    with pytest.raises(RateLimited):
        await limited.acknowledgements.take(acknowledgement)
    with pytest.raises(RateLimited):
        await limited.subscriptions.put(envelope_json(sign_subscription(exchange, FIA, 1)))
    await limited.subscriptions.put(envelope_json(sign_subscription(exchange, MOI, 1)))


# --- feeds --------------------------------------------------------------------------------------------------


async def test_an_agency_has_so_many_live_feeds_and_a_place_is_free_when_one_ends(
    limited: Service, exchange: TestExchange
) -> None:
    def follow(agency: str) -> AsyncIterator[FeedEvent]:
        return limited.feeds.follow(agency, exchange.signing(agency).kid, Cursor())

    first, second = follow(FIA), follow(FIA)
    for feed in (first, second):
        await anext(feed)
    with pytest.raises(RateLimited, match="2 live feeds") as refused:
        await anext(follow(FIA))
    assert refused.value.retry_after == FEED_RETRY_S
    assert limited.feeds.live == 2
    other = follow(MOI)
    await anext(other)
    await first.aclose()  # type: ignore[attr-defined]
    await anext(follow(FIA))
