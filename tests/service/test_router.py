"""The router: each recipient gets each item once, in order, by the decision frozen at admission."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from broker.service import router as router_module
from broker.store import names
from broker.store.records import Appended, Place
from broker.store.routing import Advance
from broker.store.store import Store
from tests.service.routing_world import (
    AGENCIES,
    World,
    drain,
    item_with,
    read_inbox,
    router_of,
)
from tests.stores import Server
from tests.waiting import HANG_S, until


async def test_each_recipient_gets_each_item_once_in_order_and_nobody_else_any(store: Store) -> None:
    world, router, dice = World(), router_of(store), random.Random(1)
    for _ in range(150):
        await world.post(store, dice.sample(AGENCIES, dice.randint(0, len(AGENCIES))))
        if dice.random() < 0.1:
            await router.tick()
    await drain(router)
    await world.check(store)
    assert await read_inbox(store, "pk.fia") == []


async def test_references_of_one_tick_are_in_one_entry(store: Store) -> None:
    world, router = World(), router_of(store)
    for _ in range(64):
        await world.post(store, ["pk.a1"])
    await router.tick()
    entries = await store.inboxes.entries("pk.a1", 0, 100)
    assert [(entry.first, entry.last) for entry in entries] == [(1, 64)]


async def test_the_frozen_decision_is_delivered_whatever_registry_is_in_force_by_then(store: Store) -> None:
    world, dice = World(), random.Random(2)
    routers = [router_of(store), router_of(store)]
    for n in range(60):
        await world.post(store, dice.sample(AGENCIES, 3), registry_version=n + 1)
        await store.members.publish_registry(n + 1, b"another audience")
        if dice.random() < 0.2:
            await asyncio.gather(*(router.tick() for router in routers))
    await drain(routers[0])
    await world.check(store)


async def test_routers_that_race_lose_and_double_nothing(store: Store, store_url: str) -> None:
    world, dice = World(), random.Random(3)
    others = [await Store.open(store_url) for _ in range(2)]
    routers = [router_of(each) for each in (store, *others)]

    async def route() -> None:
        router = routers[dice.randrange(3)]
        await asyncio.sleep(dice.random() * 0.002)
        await router.tick()

    rounds = 0
    # They have to meet, or this shows nothing; on a machine that does one thing at a time that may take a
    # while.
    while rounds < 25 or not any(router.standing.collisions for router in routers):
        await asyncio.gather(world.post(store, dice.sample(AGENCIES, 4)), *(route() for _ in range(6)))
        rounds += 1
    await drain(routers[0])
    await world.check(store)
    for each in others:
        await each.close()


async def test_a_tampered_decision_is_told_and_holds_up_nothing(store: Store, server: Server) -> None:
    world, router = World(), router_of(store)
    await world.post(store, ["pk.a1"])
    forged = item_with(100, ["pk.a1"], decision=b"not ours")
    moved = item_with(101, ["pk.a1"], decision=item_with(102, ["pk.a1"]).decision)
    gone = item_with(103, ["pk.a1"])
    for item in (forged, moved, gone):
        assert isinstance(await store.committer.commit(item), Appended)
    with server.client() as client:
        client.delete(names.decision(gone.item))
        client.xadd(names.LOG, {"not": "ours"})
    await world.post(store, ["pk.a1", "pk.a2"])
    await drain(router)
    await world.check(store)
    assert router.standing.tampered == 4
    assert await store.log.decisions([forged.item]) == [b"not ours"], "evidence stays"
    assert (await store.routing.lag()).entries == 0


async def test_garbled_notes_of_what_was_routed_to_whom_do_no_harm(store: Store, server: Server) -> None:
    world, router = World(), router_of(store)
    for _ in range(3):
        await world.post(store, ["pk.a1", "pk.a2"])
        await drain(router)
    with server.client() as client:
        for agency, note in ((b"pk.a1", b"garbled"), (b"pk.a2", b"|"), (b"\xff", b"1-x|"), (b"pk.a3", b"")):
            client.hset(names.ROUTED_TO, agency, note)
    await router.reconcile()
    await world.post(store, ["pk.a1", "pk.a2", "pk.a3"])
    await drain(router)
    await world.check(store)


async def test_an_item_for_nobody_is_routed_to_nobody(store: Store) -> None:
    world, router = World(), router_of(store)
    await world.post(store, [])
    await drain(router)
    await world.check(store)
    assert router.standing.items == 1


async def test_many_more_items_than_a_tick_takes_are_routed_by_several(store: Store) -> None:
    world, router = World(), router_of(store)
    for _ in range(200):
        await world.post(store, AGENCIES[:2])
    await drain(router)
    await world.check(store)


FORGERIES = [
    pytest.param("mac", id="an entry whose MAC is not ours"),
    pytest.param("chain", id="a chain that does not follow"),
    pytest.param("digest", id="a reference to another item"),
    pytest.param("dropped", id="the last entry dropped"),
    pytest.param("head", id="a head that is not its last entry's"),
    pytest.param("garbled head", id="a head that cannot be read"),
    pytest.param("garbled entry", id="an entry without its fields"),
]


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_inbox_is_not_extended_and_the_others_go_on(
    store: Store, server: Server, forgery: str
) -> None:
    world = World()
    for _ in range(3):
        await world.post(store, ["pk.a1", "pk.a2"])
        await router_of(store).tick()
    key, heads = names.inbox("pk.a1"), names.heads(names.partition_of("pk.a1"))
    with server.client() as client:
        entries: Any = client.xrange(key)
        (last_id, last), head = entries[-1], client.hget(heads, "pk.a1")
        assert isinstance(head, bytes)
        if forgery == "head":
            client.hset(heads, "pk.a1", head.replace(last[b"c"], b"z" * 32))
        elif forgery == "garbled head":
            client.hset(heads, "pk.a1", b"garbled")
        elif forgery == "dropped":
            client.xdel(key, last_id)
        else:
            client.xdel(key, last_id)
            other = item_with(0, []).digest
            changed = {
                "garbled entry": {b"z": b"z"},
                "mac": {b"m": b"z" * 32},
                "chain": {b"c": b"z" * 32},
                "digest": {b"r": last[b"r"].replace(item_with(2, []).digest, other)},
            }[forgery]
            last = changed if forgery == "garbled entry" else last | changed
            client.delete(key)
            for entry_id, fields in [*entries[:-1], (last_id, last)]:
                client.xadd(key, fields, id=entry_id)
    router = router_of(store)
    await world.post(store, ["pk.a1", "pk.a2"])
    await drain(router)
    assert router.standing.broken_inboxes == {"pk.a1"}
    assert await read_inbox(store, "pk.a2") == world.due_to("pk.a2")
    assert len(await store.inboxes.entries("pk.a1", 0, 9)) <= 3


async def test_an_inbox_that_was_mended_gets_what_it_missed(store: Store, server: Server) -> None:
    world, router = World(), router_of(store)
    await world.post(store, ["pk.a1"])
    await drain(router)
    heads = names.heads(names.partition_of("pk.a1"))
    with server.client() as client:
        head = client.hget(heads, "pk.a1")
        assert isinstance(head, bytes)
        client.hset(heads, "pk.a1", head.replace(head[9:41], b"z" * 32))
        router = router_of(store)
        for _ in range(3):
            await world.post(store, ["pk.a1"])
        await drain(router)
        assert router.standing.broken_inboxes == {"pk.a1"}
        client.hset(heads, "pk.a1", head)
    await router.reconcile()
    assert router.standing.broken_inboxes == set()
    assert await read_inbox(store, "pk.a1") == world.due_to("pk.a1")


async def test_the_lag_counts_what_is_not_routed_and_since_when(store: Store) -> None:
    world, router = World(), router_of(store)
    assert (await store.routing.lag()).entries == 0
    for _ in range(70):
        await world.post(store, ["pk.a1"])
    await asyncio.sleep(0.1)
    lag = await store.routing.lag()
    assert lag.entries == 70
    assert 100_000 <= lag.oldest_age < 60_000_000, "µs"
    await router.tick()
    assert (await store.routing.lag()).entries == 6
    await router.tick()
    assert await store.routing.lag() == type(lag)(0, 0)


async def test_advance_refuses_what_it_did_not_read(store: Store) -> None:
    world = World()
    items = [await world.post(store, []) for _ in range(3)]
    entries = (await store.routing.read(9)).entries
    places = [Place(entry.position, entry.digest) for entry in entries]
    advance = store.routing.advance
    assert await advance("1-0", places[0], {}, [], [], entries=1) is Advance.OVERTAKEN
    assert (
        await advance("0-0", Place(places[1].position, items[0].digest), {}, [], [], entries=2)
        is Advance.STALE
    )
    assert await advance("0-0", Place("9-9", items[0].digest), {}, [], [], entries=2) is Advance.STALE
    assert await advance("0-0", places[1], {}, [], [], entries=2) is Advance.DONE
    assert await advance("0-0", places[2], {}, [], [], entries=3) is Advance.OVERTAKEN
    assert (await store.members.standing()).routed == places[1].position


async def test_one_router_leads_and_another_takes_over_the_lease_that_it_gives_back(
    store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(router_module, "LEASE_MS", 3_600_000)  # it does not lapse meanwhile
    world = World()
    async with await Store.open(store_url) as other_store:
        routers = [router_of(store), router_of(other_store)]
        tasks = [asyncio.create_task(router.run()) for router in routers]
        for _ in range(5):
            await world.post(store, AGENCIES)
        await until(lambda: sum(router.standing.items for router in routers) == 5)
        leading = [router.standing.leading for router in routers]
        assert sorted(leading) == [False, True]
        leader = leading.index(True)
        tasks[leader].cancel()
        await asyncio.wait([tasks[leader]])
        await routers[leader].close()
        await world.post(store, AGENCIES)
        await until(lambda: routers[1 - leader].standing.items > 0)
        tasks[1 - leader].cancel()
        await asyncio.wait(tasks)
    await world.check(store)


async def test_what_a_router_had_in_hand_when_it_died_is_delivered_when_its_lease_has_lapsed(
    store: Store, store_url: str
) -> None:
    assert router_module.LEASE_MS + router_module.LEASE_RETRY_S * 1000 < 5_000
    world = World()
    await world.post(store, ["pk.a1"])
    dying = await Store.open(store_url)
    await dying.routing.hold_lease("dead", router_module.LEASE_MS)

    async def die(*_: Any, **__: Any) -> Advance:
        raise asyncio.CancelledError

    dying.routing.advance = die
    with pytest.raises(asyncio.CancelledError):
        await router_of(dying).tick()
    await dying.close()
    task = asyncio.create_task(router_of(store).run())
    with store.ticks.watch("pk.a1") as watch:
        assert await watch.wait(HANG_S)
    task.cancel()
    await asyncio.wait([task])
    await drain(router_of(store))
    await world.check(store)


async def test_what_was_accepted_still_travels_when_memory_is_full(store: Store, server: Server) -> None:
    world, router = World(), router_of(store)
    for _ in range(5):
        await world.post(store, AGENCIES)
    with server.client() as client:
        client.config_set("maxmemory", 1)
        await drain(router)
        await world.check(store)
        assert await store.members.publish_registry(2, b"revoked") == 0
        client.config_set("maxmemory", 0)


async def test_recipients_that_went_with_what_expired_are_no_alarm(store: Store, server: Server) -> None:
    world, router = World(), router_of(store)
    await world.post(store, ["pk.a1"], expires_at=1_000_000)
    await drain(router)
    with server.client() as client:
        client.delete(names.heads(names.partition_of("pk.a1")), names.inbox("pk.a1"))
        assert client.delete(names.recipients(world.accepted[0][0])) == 1
    await router.reconcile()
    assert router.standing.tampered == 0


def test_several_partitions_take_part() -> None:
    assert len({names.partition_of(agency) for agency in AGENCIES}) > 2
