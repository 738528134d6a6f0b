"""What no crash, race, lost reply or lost tail may do to an inbox; and mutants that these tests see."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from broker.errors import HarkaraError
from broker.service.router import Router
from broker.store import names
from broker.store.records import InboxEntry, Move, Place, RoutingView
from broker.store.routing import Advance
from broker.store.store import Store
from tests.proxies import NthBurst, Proxy, pass_all
from tests.service.routing_world import AGENCIES, World, drain, item_with, router_of
from tests.snapshots import Snapshot
from tests.stores import Server


async def history(store: Store) -> World:
    """Give a world with something routed and something not."""
    world = World()
    for n in range(3):
        await world.post(store, AGENCIES[n:])
    await drain(router_of(store))
    for n in range(5):
        await world.post(store, AGENCIES[: n + 1])
    return world


@pytest.mark.parametrize("what", ["lose request", "lose reply"])
@pytest.mark.parametrize("then", ["another router", "the same router", "two at once"])
async def test_a_connection_lost_at_any_step_loses_and_doubles_nothing(
    store: Store, server: Server, what: str, then: str
) -> None:
    for n in range(80):
        with server.client() as client:
            client.flushall()
        world = await history(store)
        fault = NthBurst(n, what)
        async with Proxy(server.socket) as proxy, await Store.open(proxy.url) as failing_store:
            failing = router_of(failing_store)
            proxy.judge = fault
            with contextlib.suppress(HarkaraError):
                await failing.tick()
            proxy.judge = pass_all
            if then == "another router":
                await drain(router_of(store))
            elif then == "the same router":
                await drain(failing)
            else:
                await asyncio.gather(drain(failing), drain(router_of(store)))
        await world.check(store)
        if not fault.struck:
            assert n > 5, "the fault never struck"
            return
    raise AssertionError("a tick has more steps than this test knows")


async def test_routers_that_are_slow_die_and_race_keep_to_the_order(store: Store, store_url: str) -> None:
    dice, world = random.Random(4), World()
    async with await Store.open(store_url) as second, await Store.open(store_url) as third:
        stores = [store, second, third]

        async def live_and_die() -> None:
            router = router_of(dice.choice(stores))
            task = asyncio.create_task(router.tick())
            await asyncio.sleep(dice.random() * 0.004)
            if dice.random() < 0.7:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError, HarkaraError):
                await task

        for _ in range(60):
            await asyncio.gather(
                world.post(store, dice.sample(AGENCIES, 3)), *(live_and_die() for _ in range(3))
            )
        await drain(router_of(store))
    await world.check(store)


@pytest.mark.parametrize("part", ["{log}*", names.partition_tag(names.partition_of(AGENCIES[1])) + "*"])
@pytest.mark.parametrize("seed", range(4))
async def test_a_part_of_the_store_that_loses_its_tail_gets_all_that_the_log_holds_once(
    store: Store, server: Server, part: str, seed: int
) -> None:
    dice, world = random.Random(seed), World()
    routers = [router_of(store), router_of(store)]

    async def go_on(steps: int) -> None:
        for _ in range(steps):
            await world.post(store, dice.sample(AGENCIES, 3))
            if dice.random() < 0.4:
                await dice.choice(routers).tick()

    await go_on(12)
    with server.client() as client:
        snapshot = Snapshot(client, part)
        await go_on(12)
        snapshot.restore()
    await world.keep_what_the_log_holds(store)
    await go_on(12)
    for router in routers:
        await router.reconcile()
        await drain(router)
    await world.check_held(store)
    assert not routers[0].standing.broken_inboxes


# --- Mutants: the router stands each scenario; without one rule it does not ---------------------------------


Scenario = Callable[[Store, Store, Server, bool], Awaitable[None]]


async def read_in_two_calls(store: Store, other: Store, server: Server, mutated: bool) -> None:
    """Another router works between the read of entries and the read of what was last routed to whom."""
    world = World()
    for _ in range(3):
        await world.post(store, AGENCIES[:2])
    read = store.routing.read

    async def read_twice(count: int) -> RoutingView:
        before = await read(count)
        await router_of(other).tick()
        after = await read(count)
        return RoutingView(before.routed, after.routed_to if mutated else before.routed_to, before.entries)

    store.routing.read = read_twice
    await router_of(store).tick()
    store.routing.read = read
    await drain(router_of(store))
    await world.check(store, AGENCIES[:2])


async def advance_without_the_digest(store: Store, other: Store, server: Server, mutated: bool) -> None:
    """The log loses what a router has read, and a clock that is behind puts a new item before it."""
    world = World()
    await world.post(store, AGENCIES[:1])
    await drain(router_of(store))
    script = store.routing._advance
    if mutated:
        text = script.text.replace(b"if digest ~= ARGV[3] then return -1 end", b"")
        assert text != script.text
        script.text, script.digest = text, "0" * 40
    with server.client() as client:
        snapshot = Snapshot(client, "{log}*")
        await asyncio.sleep(0.01)  # so that between what stays and what is lost there is a millisecond
        lost = await world.post(store, AGENCIES[:2])
        route = store.routing.route

        async def route_as_the_log_is_lost(moves: Any) -> Any:
            store.routing.route = route
            position = (await store.routing.read(1)).entries[0].position
            snapshot.restore()
            world.accepted.pop()
            item = item_with(50, AGENCIES[:3])
            earlier = f"{int(position.split('-')[0]) - 1}-0"
            fields: Any = {"i": item.item, "k": item.kind, "d": item.digest, "x": item.expires_at}
            client.xadd(names.LOG, fields, id=earlier)
            client.set(names.decision(item.item), item.decision)
            world.accepted.append((item.item, AGENCIES[:3]))
            return await route(moves)

        store.routing.route = route_as_the_log_is_lost
        await router_of(store).tick()
        assert lost.item not in dict(world.accepted)
    await drain(router_of(store))
    await world.check_held(store)


async def walk_back_from_the_live_tail(store: Store, other: Store, server: Server, mutated: bool) -> None:
    """An inbox grows while it is walked back, and its partition loses just that growth."""
    world, agency = World(), AGENCIES[0]
    await world.post(store, [agency])
    await drain(router_of(store))
    with server.client() as client:
        before = Snapshot(client, "{log}*")
        await world.post(store, [agency])
        await drain(router_of(store))
        before.restore()  # the log loses the last item that the inbox has
        world.accepted.pop()
        await world.post(store, [agency])
        slow, has_read, go_on = _slow_router_that_dies(other)
        await has_read.wait()
        await world.post(store, [agency])  # the slow one has not read this
        partition = Snapshot(client, names.partition_tag(names.partition_of(agency)) + "*")
        walk = store.inboxes.entries_before

        async def walk_as_it_grows(agency: str, number: int, limit: int) -> list[InboxEntry]:
            store.inboxes.entries_before = walk
            go_on.set()
            with contextlib.suppress(asyncio.CancelledError):
                await slow
            found = await walk(agency, number, limit)
            partition.restore()
            return found

        store.inboxes.entries_before = walk_as_it_grows
        router = router_of(store)
        if mutated:
            _walk_from_the_live_tail(router)
        await router.tick()
    await drain(router_of(store))
    await world.check_held(store, [agency])


def _slow_router_that_dies(
    store: Store,
) -> tuple[asyncio.Task[RoutingView], asyncio.Event, asyncio.Event]:
    """Start a router that reads now, says so, writes to inboxes when it is told to, and dies before it
    advances.
    """
    has_read, go_on, route = asyncio.Event(), asyncio.Event(), store.routing.route

    async def route_late(moves: Iterable[Move]) -> set[str]:
        has_read.set()
        await go_on.wait()
        return await route(moves)

    async def die(*_: Any, **__: Any) -> Advance:
        raise asyncio.CancelledError

    store.routing.route, store.routing.advance = route_late, die
    return asyncio.create_task(router_of(store).tick()), has_read, go_on


def _walk_from_the_live_tail(router: Router) -> None:
    inboxes = router._inboxes
    proof, routing, reads = inboxes._proof, inboxes._routing, inboxes._inboxes

    async def walk(agency: str) -> Place | None:
        for entry in await reads.entries_before(agency, 10**9, 100):
            for reference in reversed(proof.open(agency, entry)):
                place = Place(reference.position, reference.digest)
                if (await routing.holds([place]))[0]:
                    return place
        return None

    inboxes._walk_back = walk


SCENARIOS = [
    pytest.param(read_in_two_calls, id="READ in two calls"),
    pytest.param(advance_without_the_digest, id="ADVANCE without the digest"),
    pytest.param(walk_back_from_the_live_tail, id="walking back from the live tail"),
]


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_the_router_stands_what_its_mutants_do_not(
    store: Store, store_url: str, server: Server, scenario: Scenario
) -> None:
    async with await Store.open(store_url) as other:
        await scenario(store, other, server, False)


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_mutant_of_the_router_is_seen(
    store: Store, store_url: str, server: Server, scenario: Scenario
) -> None:
    async with await Store.open(store_url) as other:
        with pytest.raises(AssertionError, match="the inbox of"):
            await scenario(store, other, server, True)
