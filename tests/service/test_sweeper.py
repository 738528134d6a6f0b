"""Sweeping a running exchange: what readers below the floor get, and what no insider makes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from broker.errors import CursorNotOurs, NotFound, RolledBack, StoreTampered
from broker.protocol import times
from broker.protocol.history import FLOOR_TYPE, read_floor
from broker.protocol.limits import DAY_US, HOUR_US
from broker.service import clock as wall
from broker.service.cursor import Cursor
from broker.service.inbox_proof import InboxProof
from broker.service.references import pack_references, unpack_references
from broker.service.service import Service
from broker.store import names
from broker.store.head import pack_head
from broker.store.records import Head
from broker.store.store import Store
from tests.exchange_fixtures import (
    BROKER,
    FIA,
    ISLAMABAD,
    MOI,
    TestExchange,
    envelope_json,
    post_body,
    sign_acknowledgement,
    sign_bulletin,
)
from tests.service.conftest import start_service
from tests.service.reader import Reader
from tests.waiting import HANG_S


@dataclass
class Time:
    """A clock that can be put forward."""

    ahead: int = 0

    def __call__(self) -> int:
        return wall.now() + self.ahead


@dataclass
class World:
    """A broker, and the chains at the ends of Islamabad's entries."""

    service: Service
    exchange: TestExchange
    store: Store
    time: Time
    ids: list[str] = field(default_factory=list)

    @property
    def posted(self) -> int:
        return len(self.ids)

    async def post(self, count: int = 1, **fields: object) -> None:
        """Post bulletins, each with an inbox entry of its own."""
        for _ in range(count):
            text = {"en": {"headline": f"Report {self.posted}"}}
            statement, _ = sign_bulletin(self.exchange, FIA, **{"text": text, **fields})
            accepted = await self.service.posting.post(post_body(statement, None))
            self.ids.append(accepted.id)
            await self.service.reading.wait(ISLAMABAD, self.posted - 1, HANG_S)

    async def chains(self) -> dict[int, bytes]:
        return {entry.last: entry.chain for entry in await self.store.inboxes.entries(ISLAMABAD, 0, 99)}

    async def head(self) -> Head:
        head = await self.store.inboxes.head(ISLAMABAD)
        assert head is not None
        return head

    async def page(self, cursor: Cursor | None = None) -> Any:
        return await self.service.reading.page(ISLAMABAD, cursor or Cursor())

    async def write_head(self, head: Head) -> None:
        """As an insider would."""
        key = names.heads(names.partition_of(ISLAMABAD))
        await self.store.connections.writing.hset(key, ISLAMABAD, pack_head(head))


@pytest.fixture
async def world(store: Store, exchange: TestExchange) -> AsyncIterator[World]:
    """Three bulletins in an inbox."""
    time = Time()
    service = await start_service(store, exchange, clock=time)
    world = World(service, exchange, store, time)
    await world.post(3)
    yield world
    await service.close()


@pytest.fixture
async def trimmed(world: World) -> World:
    """The same, three days later."""
    world.time.ahead = 3 * DAY_US
    await world.service.sweeper.sweep()
    return world


async def test_content_goes_when_it_expires_and_the_rest_a_day_later(world: World) -> None:
    world.time.ahead = DAY_US + HOUR_US
    await world.service.sweeper.sweep()
    page = await world.page()
    assert [item.withheld for item in page.items] == ["expired"] * 3
    assert (page.floor, len(page.entries)) == (None, 3)
    assert world.service.sweeper.erased == 3
    world.time.ahead = 3 * DAY_US
    await world.service.sweeper.sweep()
    page = await world.page()
    assert [item.number for item in page.items] == [3]
    assert world.service.sweeper.trimmed == 2


async def test_a_reader_below_the_floor_gets_it_signed_and_goes_on_from_there(world: World) -> None:
    chains = await world.chains()
    world.time.ahead = 3 * DAY_US
    await world.service.sweeper.sweep()
    for after in (0, 1):
        page = await world.page(Cursor(after))
        assert [item.number for item in page.items] == [3]
        assert page.floor.payload_type == FLOOR_TYPE
        assert page.floor.signature.kid == world.exchange.signing(BROKER).kid
        floor = read_floor(page.floor.payload)
        assert (floor.agency, floor.number, floor.chain) == (ISLAMABAD, 2, chains[2])
        assert (floor.exchange, floor.epoch) == (world.exchange.id, world.exchange.registry.epoch)
    for after in (2, 3):
        assert (await world.page(Cursor(after))).floor is None


async def test_a_feed_below_the_floor_begins_with_it(trimmed: World) -> None:
    kid = trimmed.exchange.signing(ISLAMABAD).kid
    feed: Any = trimmed.service.feeds.follow(ISLAMABAD, kid, Cursor())
    async with aclosing(feed) as events:
        told = [await anext(events) for _ in range(3)]
    assert [(event.event, event.id) for event in told] == [("floor", None), ("bulletin", 3), ("head", None)]


async def test_a_chain_at_the_floor_is_compared_and_one_below_cannot_be(world: World) -> None:
    chains = await world.chains()
    world.time.ahead = 3 * DAY_US
    await world.service.sweeper.sweep()
    assert len((await world.page(Cursor(2, 2, chains[2]))).items) == 1
    assert len((await world.page(Cursor(1, 1, b"?" * 32))).items) == 1
    for cursor, error in (
        (Cursor(2, 2, b"?" * 32), RolledBack),
        (Cursor(0, 0, b"?" * 32), RolledBack),
        (Cursor(3, 3, b"?" * 32), RolledBack),
        (Cursor(4), CursorNotOurs),
    ):
        with pytest.raises(error):
            await world.page(cursor)


async def test_an_acknowledgement_is_held_to_the_floor(world: World) -> None:
    chains = await world.chains()
    world.time.ahead = 3 * DAY_US
    await world.service.sweeper.sweep()
    at = times.format(world.time())

    async def acknowledge(number: int, chain: bytes) -> dict[str, Any]:
        said = sign_acknowledgement(world.exchange, ISLAMABAD, number, chain, at=at)
        return await world.service.acknowledgements.take(envelope_json(said))

    assert await acknowledge(1, b"?" * 32) == {"number": 1}, "nothing is left to compare it with"
    assert await acknowledge(2, chains[2]) == {"number": 2}
    with pytest.raises(RolledBack):
        await acknowledge(2, b"?" * 32)
    with pytest.raises(CursorNotOurs):
        await acknowledge(4, b"?" * 32)


async def test_what_has_not_expired_holds_up_what_stands_behind_it(
    store: Store, exchange: TestExchange
) -> None:
    time = Time()
    service = await start_service(store, exchange, clock=time)
    world = World(service, exchange, store, time)
    await world.post(1, expires=times.format(exchange.now + 5 * DAY_US))
    await world.post(3)
    time.ahead = 3 * DAY_US
    await service.sweeper.sweep()
    page = await world.page()
    assert page.floor is None
    assert [item.withheld for item in page.items] == [None, "expired", "expired", "expired"]
    assert (await store.inboxes.head(ISLAMABAD)) == await world.head()
    assert (await world.head()).floor_number == 0
    assert service.sweeper.trimmed == 0
    await service.close()


async def test_a_trimmed_inbox_grows_and_is_trimmed_again(trimmed: World) -> None:
    later = trimmed.time()
    fields: dict[str, object] = {"sent": times.format(later), "expires": times.format(later + HOUR_US)}
    await trimmed.post(2, **fields)
    page = await trimmed.page()
    assert [item.number for item in page.items] == [3, 4, 5]
    assert page.head is not None
    await trimmed.service.router.reconcile()
    trimmed.time.ahead += 2 * DAY_US
    await trimmed.service.sweeper.sweep()
    assert (await trimmed.head()).floor_number == 4
    assert [item.number for item in (await trimmed.page()).items] == [5]
    assert not trimmed.service.router.standing.broken_inboxes


async def test_sweeping_twice_is_sweeping_once(trimmed: World) -> None:
    before = await trimmed.head()
    await trimmed.service.sweeper.sweep()
    assert await trimmed.head() == before


async def test_a_body_that_is_missing_before_it_expires_alarms_still(world: World) -> None:
    await world.service.sweeper.sweep()
    for key in await world.store.connections.reading.keys("{log}:b:*"):
        await world.store.connections.writing.unlink(key)
    with capture_logs() as told:
        page = await world.page()
    assert {item.withheld for item in page.items} == {"missing at the broker: call the operator"}
    assert [line["event"] for line in told].count("body-missing") == 3


def _raised(head: Head, proof: InboxProof) -> Head:
    return replace(head, floor_number=head.number - 1, floor_chain=b"c" * 32, floor_position="9-0")


def _elsewhere(head: Head, proof: InboxProof) -> Head:
    return proof.raise_floor(MOI, head, head.floor_number, head.floor_chain, head.floor_position)


def _without_mac(head: Head, proof: InboxProof) -> Head:
    return replace(head, floor_position="", floor_mac=b"")


def _other_chain(head: Head, proof: InboxProof) -> Head:
    return replace(head, floor_chain=b"c" * 32)


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(_raised, id="raised"),
        pytest.param(_elsewhere, id="of another inbox"),
        pytest.param(_without_mac, id="without a MAC"),
        pytest.param(_other_chain, id="with another chain"),
    ],
)
async def test_a_floor_that_an_insider_wrote_is_not_served_signed_extended_or_trimmed(
    trimmed: World, forge: Any
) -> None:
    service, exchange = trimmed.service, trimmed.exchange
    later = trimmed.time()
    fields: dict[str, object] = {"sent": times.format(later), "expires": times.format(later + HOUR_US)}
    await trimmed.post(2, **fields)
    await service.stop_routing()
    proof = InboxProof(exchange.store_key, exchange.id, exchange.registry.epoch)
    await trimmed.write_head(forge(await trimmed.head(), proof))
    for after in range(5):
        with pytest.raises(StoreTampered):
            await trimmed.page(Cursor(after))
    await service.router.reconcile()
    assert ISLAMABAD in service.router.standing.broken_inboxes
    before = await trimmed.head()
    trimmed.time.ahead += 2 * DAY_US
    with capture_logs() as told:
        await service.sweeper.sweep()
    assert ("inbox-not-ours", ISLAMABAD) in [(line["event"], line.get("agency")) for line in told]
    assert await trimmed.head() == before


async def test_an_expiry_that_an_insider_moved_forward_trims_nothing(world: World) -> None:
    client, key = world.store.connections.writing, names.inbox(ISLAMABAD)
    entries = await client.xrange(key)
    await client.delete(key)
    for entry_id, fields in entries:
        references = [replace(each, expires_at=1) for each in unpack_references(fields[b"r"])]
        await client.xadd(key, {**fields, b"r": pack_references(references)}, id=entry_id)
    await world.service.sweeper.sweep()
    assert (await world.head()).floor_number == 0
    assert await client.xlen(key) == 3
    with pytest.raises(StoreTampered):
        await world.page()


async def test_what_was_swept_leaves_no_content_in_memory_or_file(world: World) -> None:
    reader = world.store.connections.reading

    async def kept() -> int:
        return sum(len(value) for value in await reader.mget(await reader.keys("{log}:b:*")))

    before = await kept()
    world.time.ahead = DAY_US + HOUR_US
    await world.service.sweeper.sweep()
    assert await kept() < before / 2
    world.time.ahead = 3 * DAY_US
    await world.service.sweeper.sweep()
    assert len(await reader.keys("{log}:b:*")) == 1
    assert await reader.xlen(names.inbox(ISLAMABAD)) == 1


async def test_the_stores_file_is_rewritten_half_a_day_after_something_was_erased(world: World) -> None:
    client = world.store.connections.reading

    async def rewrites() -> int:
        return int((await client.info("commandstats")).get("cmdstat_bgrewriteaof", {"calls": 0})["calls"])

    begun = await rewrites()
    for ahead, asked in (
        (11 * HOUR_US, 0),
        (12 * HOUR_US, 1),  # what a process before this one erased
        (25 * HOUR_US, 1),  # nothing was erased meanwhile, and now something is
        (36 * HOUR_US, 1),
        (37 * HOUR_US, 2),
        (60 * HOUR_US, 2),
    ):
        world.time.ahead = ahead
        await world.service.sweeper.sweep()
        assert await rewrites() - begun == asked, ahead // HOUR_US


async def test_nobody_reads_what_has_expired_from_a_brokers_memory(world: World) -> None:
    assert await Reader(world.service, world.exchange, ISLAMABAD).statements(1)
    world.time.ahead = DAY_US + HOUR_US
    assert [item.withheld for item in (await world.page()).items] == ["expired"] * 3


async def test_for_a_day_after_its_expiry_its_originator_sees_who_had_it_and_can_cancel_it(
    world: World,
) -> None:
    first = await expired(world)
    overview = await world.service.receipts.overview(FIA, FIA, first)
    assert ISLAMABAD in [row["agency"] for row in overview["delivered"]]
    cancel, _ = sign_bulletin(
        world.exchange,
        FIA,
        type="Cancel",
        references=[first],
        sent=times.format(world.time()),
        expires=times.format(world.time() + HOUR_US),
    )
    accepted = await world.service.posting.post(post_body(cancel, None))
    assert accepted.recipients == len(overview["delivered"])


async def test_when_it_has_left_the_log_nobody_is_named_any_more(world: World) -> None:
    first = await expired(world)
    world.time.ahead = 3 * DAY_US
    await world.service.sweeper.sweep()
    with pytest.raises(NotFound):
        await world.service.receipts.overview(FIA, FIA, first)


@pytest.mark.parametrize("reader", [ISLAMABAD, MOI, BROKER])
async def test_the_overview_of_what_expired_is_the_originators_alone(world: World, reader: str) -> None:
    first = await expired(world)
    with pytest.raises(NotFound):
        await world.service.receipts.overview(reader, FIA, first)


async def expired(world: World) -> str:
    """Let everything expire and be swept, and give the first id."""
    world.time.ahead = DAY_US + HOUR_US
    await world.service.sweeper.sweep()
    return world.ids[0]
