"""Any order of posts, ticks by several routers, sweeps, lost connections, crashes and lost tails, on a real
store.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs

from broker.errors import HarkaraError
from broker.service.clock import now
from broker.service.sweeper import Sweeper
from broker.store import names
from broker.store.records import Appended, Repeated
from broker.store.store import Store
from tests.proxies import NthBurst, Proxy, pass_all
from tests.service.routing_world import AGENCIES, EXPIRED_AT, PROOF, World, item_with, router_of
from tests.snapshots import Snapshot
from tests.stores import Server
from tests.waiting import HANG_S

PARTS = ["{log}*", *sorted({names.partition_tag(names.partition_of(agency)) + "*" for agency in AGENCIES})]
recipients = st.lists(st.sampled_from(AGENCIES), unique=True)


class RoutingMachine(RuleBasedStateMachine):
    """Two routers, one of them behind a network that fails."""

    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.client = self.server.client()
        self.client.flushall()
        self.world = World()
        self.snapshot: Snapshot | None = None
        self.proxy = Proxy(self.server.socket)
        self.run(self.open())

    async def open(self) -> None:
        await self.proxy.__aenter__()
        self.stores = [await Store.open(self.server.url), await Store.open(self.proxy.url)]
        self.routers = [router_of(store) for store in self.stores]
        self.sweepers = [Sweeper(store, PROOF, now) for store in self.stores]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, HANG_S))

    @rule(to=recipients)
    def post(self, to: list[str]) -> None:
        self.run(self.world.post(self.stores[0], to))

    @rule(to=recipients)
    def post_what_expires(self, to: list[str]) -> None:
        self.run(self.world.post(self.stores[0], to, expires_at=EXPIRED_AT))

    @rule(which=st.integers(0, 1))
    def sweep(self, which: int) -> None:
        with capture_logs() as told:
            self.run(self.sweepers[which].sweep())
        assert not [line for line in told if line["log_level"] == "error"]

    @rule(n=st.integers(0, 12), what=st.sampled_from(["lose request", "lose reply"]))
    def sweep_over_a_network_that_fails(self, n: int, what: str) -> None:
        self.proxy.judge = NthBurst(n, what)
        with contextlib.suppress(HarkaraError):
            self.run(self.sweepers[1].sweep())
        self.proxy.judge = pass_all

    @rule()
    def sweep_while_routing(self) -> None:
        async def all_of_them() -> None:
            await asyncio.gather(
                *(router.tick() for router in self.routers), *(sweeper.sweep() for sweeper in self.sweepers)
            )

        self.run(all_of_them())

    @rule(to=recipients)
    def post_with_a_lost_reply(self, to: list[str]) -> None:
        item = item_with(self.world.posted, to)
        self.proxy.judge = NthBurst(0, "lose reply")
        with contextlib.suppress(HarkaraError):
            self.run(self.stores[1].committer.commit(item))
        self.proxy.judge = pass_all
        outcome = self.run(self.stores[0].committer.commit(item))
        assert isinstance(outcome, Appended | Repeated)
        self.world.posted += 1
        self.world.accepted.append((item.item, tuple(to)))

    @precondition(lambda self: self.world.accepted and self.world.accepted[-1][0] not in self.world.expired)
    @rule()
    def repeat(self) -> None:
        name, to = self.world.accepted[-1]
        item = item_with(int(name.partition("/")[2]), to)
        assert isinstance(self.run(self.stores[0].committer.commit(item)), Repeated)

    @rule(which=st.integers(0, 1))
    def tick(self, which: int) -> None:
        self.run(self.routers[which].tick())

    @rule(n=st.integers(0, 12), what=st.sampled_from(["lose request", "lose reply"]))
    def tick_over_a_network_that_fails(self, n: int, what: str) -> None:
        self.proxy.judge = NthBurst(n, what)
        with contextlib.suppress(HarkaraError):
            self.run(self.routers[1].tick())
        self.proxy.judge = pass_all

    @rule(steps=st.integers(0, 30))
    def tick_and_die(self, steps: int) -> None:
        async def die() -> None:
            task = asyncio.create_task(router_of(self.stores[0]).tick())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, HarkaraError):
                await task

        self.run(die())

    @rule()
    def race(self) -> None:
        async def both() -> None:
            await asyncio.gather(*(router.tick() for router in self.routers), return_exceptions=False)

        self.run(both())

    @rule(part=st.sampled_from(PARTS))
    def copy_to_a_replica(self, part: str) -> None:
        self.snapshot = Snapshot(self.client, part)

    @precondition(lambda self: self.snapshot is not None)
    @rule()
    def fail_over(self) -> None:
        assert self.snapshot is not None
        self.snapshot.restore()
        self.snapshot = None
        self.run(self.world.keep_what_the_log_holds(self.stores[0]))

    @rule(agency=st.sampled_from(AGENCIES))
    def read_and_acknowledge(self, agency: str) -> None:
        """Read an inbox to its end, each entry proven, and say so. What is acknowledged stays: `settle`
        looks.
        """

        async def read() -> None:
            head, entries = await self.stores[0].inboxes.window(agency, 0, 500)
            number, chain = (head.floor_number, head.floor_chain) if head else (0, b"")
            for entry in entries:
                assert entry.first == number + 1
                PROOF.open(agency, entry, chain if number else PROOF.first_chain(agency))
                number, chain = entry.last, entry.chain
            assert number == (head.number if head else 0)
            highest, _ = await self.stores[0].members.acknowledge(agency, number, b"a signed word")
            assert highest >= number

        self.run(read())

    @rule()
    def settle(self) -> None:
        async def all_of_it() -> None:
            for router in self.routers:
                await router.reconcile()
                while (await router.tick()).entries:
                    pass
            await self.world.check_held(self.stores[0])

        self.run(all_of_it())

    @invariant()
    def nothing_is_called_broken_or_tampered_with(self) -> None:
        for router in self.routers:
            assert not router.standing.broken_inboxes
            assert not router.standing.tampered

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.run(self.end())
            self.loop.close()
            self.client.close()

    async def end(self) -> None:
        for store in self.stores:
            await store.close()
        await self.proxy.__aexit__(None, None, None)
        await asyncio.sleep(0)


@pytest.fixture
def machine(server: Server) -> type[RoutingMachine]:
    """The machine over the session's server."""
    RoutingMachine.server = server
    return RoutingMachine


def test_inboxes_hold_once_in_order_what_the_log_holds(machine: type[RoutingMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )
