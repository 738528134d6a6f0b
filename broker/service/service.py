"""The service of one broker process: all its stories over one store, started and stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

import structlog

from broker.protocol import dsse
from broker.protocol.exchange import Exchange
from broker.protocol.identity import Identity
from broker.protocol.limits import PAIR_KEY_LIFE_US
from broker.service import clock as wall
from broker.service.acknowledgements import Acknowledgements
from broker.service.allowance import Allowance
from broker.service.audience import Audience
from broker.service.blind_keys import BlindKeys
from broker.service.blind_posting import BlindPosting
from broker.service.bodies import Bodies
from broker.service.checkup import Checkup
from broker.service.clock import Clock
from broker.service.deciding import Deciding
from broker.service.feeds import Feeds
from broker.service.fetching import Fetching
from broker.service.floors import Floors
from broker.service.heads import Heads
from broker.service.inbox_checks import InboxChecks
from broker.service.inbox_proof import InboxProof
from broker.service.intake import Intake
from broker.service.lag import RouterLag
from broker.service.metrics import Metrics
from broker.service.pair_keys import PairKeys
from broker.service.posting import Posting
from broker.service.reading import Reading
from broker.service.receipts import Receipts
from broker.service.router import Router
from broker.service.sealing import Sealer
from broker.service.subscriptions import Subscriptions
from broker.service.sweeper import Sweeper
from broker.service.trust import Trust
from broker.service.vault import Vault
from broker.store.cancelling import end
from broker.store.store import Store

log = structlog.get_logger("harkara.service")


class Service:
    """Get one by `Service.start`, end it by `close`. The parts are public; the web layer calls them.

    Without an `allowance` agencies have no limits.
    """

    def __init__(
        self,
        *,
        store: Store,
        exchange: Exchange,
        identity: Identity,
        store_key: bytes,
        epoch: bytes,
        clock: Clock = wall.now,
        allowance: Allowance | None = None,
        pair_key_life: int = PAIR_KEY_LIFE_US,
        data: Path | None = None,
    ) -> None:
        self.store = store
        self.metrics = Metrics()
        self.allowance = allowance or Allowance()
        vault = Vault(store_key)
        proof = InboxProof(store_key, exchange.id, epoch)
        self.trust = Trust(exchange, store.members, vault)
        self.pair_keys = PairKeys(identity, store.members, life=pair_key_life)
        self.subscriptions = Subscriptions(self.trust, store.members, vault, clock, self.allowance)
        self.router = Router(store, vault, proof, on_news=self._news, clock=clock)
        self.lag = RouterLag(store.routing)
        sealer = Sealer(
            identity, self.pair_keys, store.committer, vault, clock, self.metrics, self.lag.too_far
        )
        intake = Intake(store.log, store.committer, clock)
        deciding = Deciding(store.log, vault, self.subscriptions, clock)
        self.posting = Posting(
            trust=self.trust,
            intake=intake,
            deciding=deciding,
            sealer=sealer,
            clock=clock,
            allowance=self.allowance,
            metrics=self.metrics,
        )
        self.blind = BlindPosting(
            trust=self.trust,
            intake=intake,
            deciding=deciding,
            sealer=sealer,
            keys=BlindKeys(self.trust, store.members, clock),
            clock=clock,
            allowance=self.allowance,
            metrics=self.metrics,
        )
        self.audience = Audience(self.posting, self.blind)
        bodies = Bodies(store.log, vault, self.trust)
        self.fetching = Fetching(store.log, vault, bodies)
        self.receipts = Receipts(
            trust=self.trust,
            log=store.log,
            intake=intake,
            sealer=sealer,
            vault=vault,
            fetching=self.fetching,
            clock=clock,
            allowance=self.allowance,
        )
        heads = Heads(self.trust, identity, store.members, self.subscriptions, clock)
        floors = Floors(self.trust, identity, clock)
        self.reading = Reading(
            trust=self.trust,
            inboxes=store.inboxes,
            ticks=store.ticks,
            proof=proof,
            bodies=bodies,
            heads=heads,
            floors=floors,
            clock=clock,
        )
        self.sweeper = Sweeper(store, proof, clock)
        self.feeds = Feeds(self.trust, self.reading, heads, floors, store.ticks, clock, self.allowance)
        self.acknowledgements = Acknowledgements(
            self.trust, store.inboxes, store.members, proof, clock, self.allowance
        )
        self.checkup = Checkup(
            store=store,
            trust=self.trust,
            router=self.router,
            lag=self.lag,
            inboxes=InboxChecks(store.inboxes, store.members, proof),
            metrics=self.metrics,
            clock=clock,
            data=data,
        )
        self.metrics.follow(
            live_feeds=lambda: self.feeds.live, deliveries=lambda: self.router.standing.deliveries
        )
        self._clock = clock
        self._started = False
        self._routing: asyncio.Task[None] | None = None
        self._sampling: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self, registry: dsse.Envelope, entitlements: dsse.Envelope) -> None:
        """Put the registry into force and start to route. Raises what `Trust.start` raises."""
        await self.trust.start(registry, entitlements)
        self._started = True
        self.trust.on_change(lambda newer: self.pair_keys.drop_stale(newer, self._clock()))
        self.store.ticks.on_registry(self.trust.news)
        self.store.before_writing(self.pair_keys.restore)
        self._routing = asyncio.create_task(self.router.run(), name="harkara-router")
        self._sampling = asyncio.create_task(self.lag.run(), name="harkara-lag")
        self._sweeping = asyncio.create_task(self.sweeper.run(), name="harkara-sweeper")
        for task in (*self.store.tasks, self._routing, self._sampling, self._sweeping):
            task.add_done_callback(self._note_end)

    async def close(self) -> None:
        """Stop routing and loading, also when `start` has refused. The store is the caller's to close."""
        self.checkup.stopping = True
        if self._started:
            self.feeds.stop()
        await self.stop_routing()
        await end([task for task in (self._sampling, self._sweeping) if task is not None])
        await self.trust.close()

    async def stop_routing(self) -> None:
        """Let other brokers route; this one goes on with all else. Harmless when it does not route."""
        if self._routing is not None:
            await end([self._routing])
            self._routing = None
            await self.router.close()

    def _note_end(self, task: asyncio.Task[None]) -> None:
        # Nothing runs these again. A broker that lost one takes posts that wait for ever, or that nobody
        # gets: it must be seen to, and no more be sent.
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("task-ended", task=task.get_name(), exc_info=fault)
            self.checkup.ended.append(task.get_name())

    def _news(self, agencies: Collection[str]) -> None:
        self.store.ticks.wake(list(agencies))
