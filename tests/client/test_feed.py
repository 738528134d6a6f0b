"""The feed against a real broker: each item once and in order, whatever ends and begins in between."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from broker.cli.connection import verified_item
from broker.client import Expired, FeedItem, ReceivedBulletin, ReceivedReceipt, Unverified
from broker.errors import HarkaraError, InboxBroken, NotFound, RevokedKey, UnsafeConfiguration
from broker.protocol import delivery
from broker.protocol.history import FLOOR_TYPE
from broker.protocol.limits import DAY_US
from broker.service import clock
from broker.service.cursor import Cursor
from broker.service.inbox_proof import InboxProof
from broker.service.sweeper import Sweeper
from tests.client.conftest import Broker, drain
from tests.client.relay import Relay
from tests.exchange_fixtures import FIA, ISLAMABAD, MOI, grant, identity, next_version
from tests.service.conftest import publish
from tests.waiting import HANG_S, until


async def post(broker: Broker, count: int, author: str = FIA) -> list[str]:
    async with broker.connect(author) as agency:
        documents = [broker.document(author, correlations=[_mark(n)]) for n in range(count)]
        results = await agency.post_many(documents)
    return [result.id for result in results if not isinstance(result, Exception)]


def _mark(n: int) -> dict[str, str]:
    return {"system": "test", "key": "number", "value": str(n)}


def numbers(items: list[FeedItem]) -> list[int]:
    return [item.number for item in items]


async def test_an_inbox_longer_than_a_page_comes_once_and_in_order(broker: Broker) -> None:
    posted = await post(broker, 230)
    await broker.arrived(ISLAMABAD, 230)
    async with broker.connect(ISLAMABAD) as police:
        items = await drain(police)
        assert numbers(items) == list(range(1, 231))
        assert sorted(item.id for item in items if isinstance(item, ReceivedBulletin)) == sorted(posted)
        assert await drain(police) == []


async def test_the_item_in_hand_comes_again_and_says_so(broker: Broker) -> None:
    await post(broker, 3)
    await broker.arrived(ISLAMABAD, 3)
    async with broker.connect(ISLAMABAD) as police:
        async for item in police.feed(follow=False):
            if item.number == 2:
                break
    async with broker.connect(ISLAMABAD) as police:
        again = await drain(police)
    assert [(item.number, item.redelivered) for item in again] == [(2, True), (3, False)]


async def test_a_count_ends_the_feed_behind_its_last_item(broker: Broker) -> None:
    await post(broker, 3)
    await broker.arrived(ISLAMABAD, 3)
    async with broker.connect(ISLAMABAD) as police:
        assert numbers(await drain(police, count=2)) == [1, 2]
        rest = await drain(police)
        assert [(item.number, item.redelivered) for item in rest] == [(3, False)]


async def test_consumers_keep_places_of_their_own(broker: Broker) -> None:
    await post(broker, 2)
    await broker.arrived(ISLAMABAD, 2)
    async with broker.connect(ISLAMABAD) as police:
        assert numbers(await drain(police, count=1)) == [1]
        assert numbers(await drain(police, consumer="archive")) == [1, 2]
        assert numbers(await drain(police)) == [2]


async def test_looking_from_a_number_leaves_the_place_alone(broker: Broker) -> None:
    await post(broker, 3)
    await broker.arrived(ISLAMABAD, 3)
    async with broker.connect(ISLAMABAD) as police:
        assert numbers(await drain(police, after=1)) == [2, 3]
        assert numbers(await drain(police, after=0)) == [1, 2, 3]
        assert numbers(await drain(police)) == [1, 2, 3]


async def test_one_consumer_has_one_reader(broker: Broker) -> None:
    await post(broker, 1)
    await broker.arrived(ISLAMABAD, 1)
    async with broker.connect(ISLAMABAD) as first, broker.connect(ISLAMABAD) as second:
        reading = first.feed()
        assert (await anext(reading)).number == 1
        with pytest.raises(UnsafeConfiguration, match="another feed reads"):
            await drain(second)
        await reading.aclose()  # type: ignore[attr-defined]
        assert numbers(await drain(second)) == [1]


async def test_a_feed_whose_loop_was_left_gives_its_lock_back_when_the_agency_ends(broker: Broker) -> None:
    await post(broker, 1)
    async with broker.connect(ISLAMABAD) as police:
        reading = police.feed()
        assert (await anext(reading)).number == 1
    async with broker.connect(ISLAMABAD) as police:
        assert numbers(await drain(police)) == [1]


async def test_a_live_feed_outlives_cut_connections(broker: Broker, relay: Relay) -> None:
    seen: list[FeedItem] = []

    async def read() -> None:
        async with broker.connect(ISLAMABAD, url=relay.url) as police:
            async for item in police.feed(count=6):
                seen.append(item)

    reading = asyncio.create_task(read())
    async with broker.connect(FIA) as fia:
        for n in range(6):
            await fia.post(broker.document(correlations=[_mark(n)]))
            await until(lambda: len(seen) > n)  # noqa: B023 (asked before the next turn)
            if n % 2:
                relay.cut_feeds()
    await reading
    assert numbers(seen) == [1, 2, 3, 4, 5, 6]
    assert not any(item.redelivered for item in seen)


async def test_a_feed_waits_for_a_broker_that_is_away(broker: Broker, relay: Relay) -> None:
    await post(broker, 2)
    relay.refuse = lambda name: 503 if name == "GET /v1/feed" and len(relay.asked) < 3 else None
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        items = [item async for item in police.feed(count=2)]
    assert numbers(items) == [1, 2]
    assert relay.asked.count("GET /v1/feed") == 3


async def test_a_timeout_ends_a_quiet_feed(broker: Broker) -> None:
    await post(broker, 1)
    await broker.arrived(ISLAMABAD, 1)
    async with broker.connect(ISLAMABAD) as police:
        items = [item async for item in police.feed(timeout=4.0)]
    assert numbers(items) == [1]


@pytest.mark.parametrize("follow", [True, False], ids=["live", "drained"])
async def test_a_bad_item_is_handed_out_without_content_and_the_feed_goes_on(
    broker: Broker, relay: Relay, follow: bool
) -> None:
    await post(broker, 3)
    await broker.arrived(ISLAMABAD, 3)
    page = await broker.service.reading.page(ISLAMABAD, Cursor())
    body = page.items[1].body
    assert body is not None
    spoiled = body.sealed.ciphertext[:1000]

    def spoil(_: str, answer: bytes) -> bytes:
        return answer.replace(spoiled, bytes(1000))

    relay.change = spoil
    relay.change_event = _spoil_second
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        items = [item async for item in police.feed(follow=follow, count=3)]
    assert [type(item) for item in items] == [ReceivedBulletin, Unverified, ReceivedBulletin]
    bad = items[1]
    assert isinstance(bad, Unverified)
    assert (bad.number, bad.kind, bad.code) == (2, "bulletin", "reference")


def _spoil_second(frame: bytes) -> bytes:
    if not frame.startswith(b"id: 2\n") and b"\nid: 2\n" not in frame:
        return frame
    before, found, after = frame.partition(b'"ciphertext":"')
    assert found
    return before + found + (b"BBBB" if after.startswith(b"AAAA") else b"AAAA") + after[4:]


async def test_what_an_agency_may_not_read_any_more_is_withheld_and_says_why(broker: Broker) -> None:
    await post(broker, 2)
    await broker.arrived(ISLAMABAD, 2)
    less = next_version(broker.exchange, grants={ISLAMABAD: grant(marking="TLP:GREEN")})
    await publish(broker.service, less)
    async with broker.connect(ISLAMABAD) as police:
        items = await drain(police)
    assert [item.code for item in items if isinstance(item, Unverified)] == ["withheld", "withheld"]
    assert "marking" in items[0].reason if isinstance(items[0], Unverified) else False


async def test_what_is_withheld_is_refused_by_its_number_and_not_called_forged(broker: Broker) -> None:
    await post(broker, 1)
    await broker.arrived(ISLAMABAD, 1)
    less = next_version(broker.exchange, grants={ISLAMABAD: grant(marking="TLP:GREEN")})
    await publish(broker.service, less)
    async with broker.connect(ISLAMABAD) as police:
        with pytest.raises(NotFound, match="marking"):
            await verified_item(police, "1")
        with pytest.raises(NotFound):
            await police.acknowledge(1)


async def test_looking_from_a_number_that_there_is_not_is_no_fraud(broker: Broker) -> None:
    await post(broker, 1)
    await broker.arrived(ISLAMABAD, 1)
    async with broker.connect(ISLAMABAD) as police:
        with pytest.raises(NotFound, match="9999"):
            await drain(police, after=9999)
        assert len(await police.inbox(after=0)) == 1
    assert list(broker.state.rglob("evidence/*")) == []


async def test_every_item_may_be_acknowledged_whatever_it_is(broker: Broker) -> None:
    """The loop of the documents: it does not ask what it has in hand."""
    async with broker.connect(FIA) as fia, broker.connect(ISLAMABAD) as police:
        await fia.post(broker.document(), to=[ISLAMABAD])
        (bulletin,) = [item async for item in police.feed(count=1, timeout=10)]
        sent = await bulletin.acknowledge("opened")
        (receipt,) = [item async for item in fia.feed(count=1, timeout=10)]
        assert receipt.id == sent.id if isinstance(receipt, ReceivedReceipt) and sent else False
        assert await receipt.acknowledge("opened") is None
    for silent in (Unverified(1, "bulletin", "content", "it does not open"), Expired(1, 3)):
        assert await silent.acknowledge() is None


async def test_a_number_is_acknowledged_and_answered(broker: Broker) -> None:
    async with broker.connect(FIA) as fia, broker.connect(ISLAMABAD) as police:
        posted = await fia.post(broker.document(), to=[ISLAMABAD])
        await broker.arrived(ISLAMABAD, 1)
        await police.acknowledge(1, "actioned", note="Patrol sent")
        await police.answer(1, "confirmed")
        said = [one.receipt.kind for one in (await fia.receipts(posted.id)).receipts]
        assert said == ["actioned", "confirmed"]
        with pytest.raises(NotFound):
            await police.answer(2, "confirmed")


@pytest.mark.parametrize(
    ("about", "flagged"),
    [pytest.param("posted", False, id="of-what-it-holds"), pytest.param("unknown", True, id="of-nothing")],
)
async def test_a_cancel_of_what_is_unknown_is_flagged(broker: Broker, about: str, flagged: bool) -> None:
    async with broker.connect(FIA) as fia, broker.connect(ISLAMABAD) as police:
        posted = await fia.post(broker.document(), to=[ISLAMABAD])
        await broker.arrived(ISLAMABAD, 1)
        referred = posted.id if about == "posted" else "11111111-1111-4111-8111-111111111111"
        await fia.post(broker.document(type="Cancel", references=[referred]), to=[ISLAMABAD])
        *_, cancel = [item async for item in police.feed(count=2, timeout=10)]
    assert isinstance(cancel, ReceivedBulletin)
    assert cancel.unknown_references == ((referred,) if flagged else ())


async def test_an_author_who_joined_later_is_known_by_following_the_registry(broker: Broker) -> None:
    newcomer = identity(broker.exchange.id, "pk.asf", broker.exchange.now)
    newer = next_version(broker.exchange, identities={"pk.asf": newcomer})
    async with broker.connect(ISLAMABAD) as police:
        assert await drain(police) == []
        await publish(broker.service, newer)
        broker.exchange = newer
        await post(broker, 1, "pk.asf")
        await broker.arrived(ISLAMABAD, 1)
        (item,) = await drain(police)
        assert isinstance(item, ReceivedBulletin)
        assert item.originator == "pk.asf"
        assert police.registry().version == 2


async def test_a_revoked_key_loses_its_live_feed(broker: Broker) -> None:
    gone = next_version(
        broker.exchange,
        revoked={broker.exchange.signing(ISLAMABAD).kid: broker.exchange.now},
    )
    async with broker.connect(ISLAMABAD) as police:
        reading = police.feed()
        waiting = asyncio.ensure_future(anext(reading))
        await until(lambda: broker.service.feeds.live > 0)
        await publish(broker.service, gone)
        with pytest.raises(RevokedKey):
            async with asyncio.timeout(HANG_S):
                await waiting


async def test_what_was_read_to_its_end_is_acknowledged(broker: Broker, relay: Relay) -> None:
    await post(broker, 2)
    await broker.arrived(ISLAMABAD, 2)
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        await drain(police)
        assert relay.asked.count("POST /v1/ack") == 1
        await drain(police)
        await drain(police, after=0)
        assert relay.asked.count("POST /v1/ack") == 1


async def test_what_was_not_finished_with_is_not_acknowledged(broker: Broker, relay: Relay) -> None:
    await post(broker, 2)
    await broker.arrived(ISLAMABAD, 2)
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        async for item in police.feed(follow=False):
            if item.number == 2:
                break
    assert "POST /v1/ack" not in relay.asked


async def test_a_feed_goes_on_when_its_acknowledgement_does_not_get_through(
    broker: Broker, relay: Relay
) -> None:
    await post(broker, 2)
    await broker.arrived(ISLAMABAD, 2)
    relay.refuse = lambda name: 503 if name == "POST /v1/ack" else None
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        assert numbers(await drain(police)) == [1, 2]


async def test_one_item_is_given_by_its_number(broker: Broker) -> None:
    await post(broker, 3)
    await broker.arrived(ISLAMABAD, 3)
    async with broker.connect(ISLAMABAD) as police:
        item = await police.item(2)
        assert isinstance(item, ReceivedBulletin)
        assert item.number == 2
        assert numbers(await drain(police)) == [1, 2, 3]
        for number in (-1, 0, 4, 5, 4_000):
            with pytest.raises(NotFound):
                await police.item(number)


async def test_places_survive_and_a_damaged_one_is_not_guessed_at(broker: Broker) -> None:
    await post(broker, 1)
    await broker.arrived(ISLAMABAD, 1)
    async with broker.connect(ISLAMABAD) as police:
        await drain(police)
        (place,) = [path for path in _files(broker.state, "places") if path.suffix == ".json"]
        place.write_bytes(place.read_bytes()[:-20])
        with pytest.raises(UnsafeConfiguration, match="cannot be read"):
            await drain(police)
        await police.forget_place()
        assert numbers(await drain(police)) == [1]


def _files(state: Path, kind: str) -> list[Path]:
    return [path for path in state.rglob("*") if path.parent.name == kind]


async def test_what_is_kept_is_for_its_owner_alone(broker: Broker) -> None:
    await post(broker, 1)
    async with broker.connect(ISLAMABAD) as police:
        with contextlib.suppress(NotFound):
            await drain(police, timeout=HANG_S, count=1)
    kept = [path for path in broker.state.rglob("*") if path.is_file() and path.name != "lock"]
    assert kept
    assert {oct(path.stat().st_mode & 0o777) for path in kept} == {"0o600"}


async def test_an_agency_is_not_told_of_others_items(broker: Broker) -> None:
    async with broker.connect(FIA) as fia, broker.connect(MOI) as ministry:
        posted = await fia.post(broker.document(), to=[ISLAMABAD])
        assert await drain(ministry) == []
        with pytest.raises(NotFound):
            await ministry.fetch(FIA, posted.id)


async def post_apart(broker: Broker, count: int) -> None:
    """Post one after another: each has an inbox entry of its own."""
    async with broker.connect(FIA) as fia:
        for n in range(count):
            await fia.post(broker.document(correlations=[_mark(n)]))
            await broker.arrived(ISLAMABAD, n + 1)


async def sweep(broker: Broker) -> None:
    """Sweep as in three days."""
    exchange = broker.exchange
    proof = InboxProof(exchange.store_key, exchange.id, exchange.registry.epoch)
    await Sweeper(broker.service.store, proof, lambda: clock.now() + 3 * DAY_US).sweep()


@pytest.mark.parametrize("follow", [True, False], ids=["live", "drained"])
async def test_numbers_that_expired_before_they_were_read_are_told_and_the_feed_goes_on(
    broker: Broker, follow: bool
) -> None:
    await post_apart(broker, 4)
    async with broker.connect(ISLAMABAD) as police:
        assert numbers(await drain(police, count=1)) == [1]
        await sweep(broker)
        items = [item async for item in police.feed(follow=follow, count=1)]
        assert items[0] == Expired(2, 3)
        assert numbers(items[1:]) == [4]
        assert await drain(police) == []
        assert numbers(await drain(police, after=0)) == [3, 4]
        for number in (1, 2, 3):
            with pytest.raises(NotFound, match="expired"):
                await police.item(number)
        assert (await police.item(4)).number == 4


async def test_numbers_that_expired_are_told_again_to_whoever_broke_off(broker: Broker) -> None:
    await post_apart(broker, 3)
    await sweep(broker)
    for _ in range(2):
        async with broker.connect(ISLAMABAD) as police:
            async for item in police.feed(follow=False):
                assert item == Expired(1, 2)
                break


@pytest.mark.parametrize("signer", [FIA, None], ids=["signed by an agency", "taken out"])
async def test_a_floor_that_is_no_brokers_stops_the_feed(
    broker: Broker, relay: Relay, signer: str | None
) -> None:
    await post_apart(broker, 3)
    await sweep(broker)

    def lie(_: str, answer: bytes) -> bytes:
        try:
            page = delivery.read_page(answer)
        except HarkaraError:
            return answer
        assert page.floor is not None
        other = broker.exchange.signing(signer).sign(FLOOR_TYPE, page.floor.payload) if signer else None
        return delivery.pack_page(replace(page, floor=other))

    relay.change = lie
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        with pytest.raises(InboxBroken):
            await drain(police)
