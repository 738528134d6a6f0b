"""Somebody with full access to the store, its file and its backups, and without the store key.

Such an insider can delete and withhold. It cannot read, and it cannot add, swap, reorder or roll back without
the broker or the reader noticing.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from broker.client import FeedItem, ReceivedBulletin, Unverified
from broker.errors import HarkaraError, InboxBroken
from broker.protocol.chain import link
from broker.protocol.limits import HOUR_US
from broker.protocol.verdict import overall
from broker.service.references import unpack_references
from broker.store import names
from broker.store.head import pack_head, unpack_head
from tests.client.conftest import Broker, drain
from tests.exchange_fixtures import ANF, FIA, ISLAMABAD, MOI
from tests.waiting import HANG_S, until


def store_of(broker: Broker) -> Any:
    """Give the insider's connection."""
    return broker.service.store.connections.writing


async def post(broker: Broker, count: int, **options: Any) -> list[str]:
    """Post so many bulletins of FIA, one after another, and give their ids."""
    found = []
    async with broker.connect(FIA) as fia:
        for number in range(1, count + 1):
            text = {"en": {"headline": f"Report {number}"}}
            found.append((await fia.post(broker.document(text=text), **options)).id)
            # Not by reading: the broker would have the bodies in memory.
            await broker.service.reading.wait(ISLAMABAD, number - 1, HANG_S)
    await until(lambda: _all_is_routed(broker))  # to the others as well
    return found


async def _all_is_routed(broker: Broker) -> bool:
    return (await broker.service.store.routing.lag()).entries == 0


async def read(broker: Broker, member: str = ISLAMABAD, **options: Any) -> list[FeedItem]:
    async with broker.connect(member, patience=1.0, **options) as agency:
        return await drain(agency)


async def entries_of(broker: Broker, member: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    return await store_of(broker).xrange(names.inbox(member))


async def put_entries(broker: Broker, member: str, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
    await store_of(broker).delete(names.inbox(member))
    for entry_id, fields in entries:
        await store_of(broker).xadd(names.inbox(member), fields, id=entry_id)


async def test_bodies_that_change_places_are_not_shown_under_each_others_names(broker: Broker) -> None:
    one, other = (names.body(f"{FIA}/{item_id}") for item_id in await post(broker, 2))
    first, second = await store_of(broker).mget(one, other)
    await store_of(broker).mset({one: second, other: first})
    items = await read(broker)
    assert [type(item) for item in items] == [Unverified, Unverified]
    assert [item.number for item in items] == [1, 2]


async def test_an_entry_of_another_agencys_inbox_does_not_pass_in_ones_own(broker: Broker) -> None:
    await post(broker, 1)
    await store_of(broker).delete(names.inbox(ANF))
    stolen = await entries_of(broker, ISLAMABAD)
    await put_entries(broker, ANF, stolen)
    head = await store_of(broker).hget(names.heads(names.partition_of(ISLAMABAD)), ISLAMABAD)
    await store_of(broker).hset(names.heads(names.partition_of(ANF)), ANF, head)
    with pytest.raises(HarkaraError) as refused:
        await read(broker, ANF)
    assert refused.value.code == "store-tampered"


async def test_an_entry_that_is_dropped_is_missed_even_when_chain_and_head_are_computed_anew(
    broker: Broker,
) -> None:
    await post(broker, 3)
    await broker.service.stop_routing()
    entries = await entries_of(broker, ISLAMABAD)
    chain, kept = entries[0][1][b"c"], [entries[0]]
    # The third becomes the second, with the chain that an honest broker would have computed; the MAC is not
    # its own.
    fields = dict(entries[2][1])
    references = [(each.kind, each.digest) for each in unpack_references(fields[b"r"])]
    fields |= {b"f": b"2", b"c": link(chain, 2, 2, references)}
    await put_entries(broker, ISLAMABAD, [*kept, (b"2-0", fields)])
    heads = names.heads(names.partition_of(ISLAMABAD))
    head = unpack_head(await store_of(broker).hget(heads, ISLAMABAD))
    assert head is not None
    shorter = type(head)(2, fields[b"c"], head.position, head.digest, head.floor_number, head.floor_chain)
    await store_of(broker).hset(heads, ISLAMABAD, pack_head(shorter))
    with pytest.raises(HarkaraError) as refused:
        await read(broker)
    assert refused.value.code == "store-tampered"


async def test_an_inbox_that_is_rolled_back_stops_a_reader_that_has_read_further(broker: Broker) -> None:
    await post(broker, 2)
    heads = names.heads(names.partition_of(ISLAMABAD))
    before = await entries_of(broker, ISLAMABAD), await store_of(broker).hget(heads, ISLAMABAD)
    text = {"en": {"headline": "The third"}}
    async with broker.connect(FIA) as fia:
        await fia.post(broker.document(text=text))
    await broker.arrived(ISLAMABAD, 3)
    assert len(await read(broker)) == 3
    await broker.service.stop_routing()
    await put_entries(broker, ISLAMABAD, before[0])
    await store_of(broker).hset(heads, ISLAMABAD, before[1])
    with pytest.raises(InboxBroken):
        await read(broker)


async def test_a_router_that_is_sent_back_to_the_beginning_delivers_nothing_twice(broker: Broker) -> None:
    await post(broker, 3)
    await broker.service.stop_routing()
    await store_of(broker).hset(names.STATE, "routed", "0-0")
    await store_of(broker).delete(names.ROUTED_TO)
    for _ in range(3):
        await broker.service.router.reconcile()
        await broker.service.router.tick()
    items = await read(broker)
    assert [item.number for item in items] == [1, 2, 3]
    assert all(isinstance(item, ReceivedBulletin) for item in items)


async def test_a_decision_moved_to_another_item_delivers_to_nobody_and_is_told(broker: Broker) -> None:
    await broker.service.stop_routing()
    async with broker.connect(FIA) as fia:
        secret = await fia.post(broker.document(marking="TLP:RED"), to=[ISLAMABAD])
        wide = await fia.post(broker.document(severity="Minor"))
    narrow, broad = (names.decision(f"{FIA}/{posted.id}") for posted in (secret, wide))
    await store_of(broker).set(narrow, await store_of(broker).get(broad))
    await broker.service.router.tick()
    assert [item.id for item in await read(broker, MOI) if isinstance(item, ReceivedBulletin)] == [wide.id]
    assert overall(await broker.service.checkup.health()) == "warn"


async def test_a_pair_key_that_is_deleted_hides_its_items_and_none_of_the_others(broker: Broker) -> None:
    await post(broker, 1)
    (key,) = [
        name
        for name in await store_of(broker).keys(f"{names.pair_key(b'')}*")
        if ISLAMABAD.encode() in await store_of(broker).get(name)
    ]
    await store_of(broker).delete(key)
    # Hours later: the next post makes a new one.
    broker.service.pair_keys.drop_stale(broker.exchange.registry, broker.exchange.now + 5 * HOUR_US)
    async with broker.connect(FIA) as fia:
        await fia.post(broker.document(severity="Minor"))
    await broker.arrived(ISLAMABAD, 2)
    assert [type(item) for item in await read(broker)] == [Unverified, ReceivedBulletin]


async def test_what_lies_in_the_store_opens_for_nobody_without_a_members_key(broker: Broker) -> None:
    await post(broker, 1)
    await asyncio.sleep(0)
    everything = b""
    for key in await store_of(broker).keys("*"):
        everything += key + (await store_of(broker).dump(key) or b"")
    for word in (b"Report 1", b"headline", b"TLP:AMBER", b"Severe"):
        assert word not in everything
