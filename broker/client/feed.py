"""The feed: every item of an inbox once, in order, verified, from where this consumer was.

The one loop of both ways of reading. It asks the source, walks the inbox, opens each item, writes the place
before an item is handed out and after the loop asks for the next, holds the registry to every head, and
acknowledges. An item that does not verify is handed out as `Unverified`, numbers that expired before they
were read as `Expired`; a gap, a fork or a rollback stops everything, and what proves it is kept. A broker
that is away is waited for: for ever when following, for a while when draining.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from broker.client.acknowledging import Acknowledger
from broker.client.arrivals import Arrival, EpochSeen, FeedSource, FloorSeen, PageSource, Source
from broker.client.backoff import Patience
from broker.client.doubts import Doubt, DoubtfulItem
from broker.client.evidence import keep_evidence
from broker.client.inbox_check import FORGED, ROLLBACK, InboxWalk, Position, claimed_registry
from broker.client.items import (
    Answering,
    Expired,
    FeedItem,
    ReceivedBulletin,
    is_counted,
    received,
    unverified,
)
from broker.client.opening import Opener
from broker.client.place import Place, PlaceFile
from broker.client.state import State, check_consumer
from broker.client.subscription_memory import SubscriptionMemory
from broker.client.transport import Transport
from broker.client.trust import Trust
from broker.errors import CursorNotOurs, InboxBroken, NotFound, RolledBack
from broker.protocol import dsse
from broker.protocol.bulletin import Bulletin
from broker.protocol.delivery import Entry, Item
from broker.protocol.head import Head

T = TypeVar("T")
log = logging.getLogger("harkara.client")

FOR_EVER_SECONDS = 3_600.0
"""How long one call waits for news when nothing bounds it; then it is made again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a feed. `after`: look from a number without moving the place. `timeout`: end after so
    many seconds without an item (None: at the end of the inbox when draining, never when following).
    """

    consumer: str
    follow: bool
    after: int | None = None
    count: int | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """What a feed works with."""

    agency: str
    trust: Trust
    transport: Transport
    opener: Opener
    acknowledger: Acknowledger
    state: State
    answering: Answering
    subscriptions: SubscriptionMemory
    patience: Patience


class Feed:
    """One reading of an inbox: `items` once, then it is used up."""

    def __init__(self, parts: Parts, wanted: Wanted) -> None:
        self._parts = parts
        self._wanted = wanted
        self._file: PlaceFile | None = None
        if wanted.after is None:
            self._file = PlaceFile(parts.state.places, check_consumer(wanted.consumer))
        self._source: Source = self._new_source()
        self._place = Place(Position(b"", 0, 0, None))
        self._walk = InboxWalk(parts.agency, self._place.position)
        self._acknowledging: asyncio.Task[None] | None = None
        self._told: Head | None = None
        self._arrival: Arrival | None = None
        self._quiet_since = 0.0
        # A follower waits for its broker for ever; who drains wants an answer.
        self._patience = Patience(math.inf) if wanted.follow else parts.patience

    async def items(self) -> AsyncIterator[FeedItem]:
        """Give the items. Raises `InboxBroken`, `NotAuthentic` (a freeze), or why nothing may be read."""
        if self._file is not None:
            await asyncio.to_thread(self._file.open)
        handed = 0
        try:
            await self._begin()
            self._quiet_since = _now()
            while not self._is_over():
                arrival = self._arrival = await self._persist(self._next)
                item = None if arrival is None else await self._take(arrival)
                if item is not None:
                    yield item
                    handed += is_counted(item)
                    self._quiet_since = _now()
                    await self._finish()
                    if handed == self._wanted.count:
                        break
            await self._settle()
        except InboxBroken as error:
            raise await asyncio.to_thread(self._with_evidence, error) from None
        finally:
            await self._end()

    # --- what comes -------------------------------------------------------------------------------

    async def _next(self) -> Arrival | None:
        """Give the next arrival; None when none came in time. A cursor that is refused is looked into."""
        if self._acknowledging is not None and self._acknowledging.done():
            self._acknowledging.result()  # the broker may have said that it has another history
        try:
            return await self._source.next(self._walk.position, self._left())
        except (RolledBack, CursorNotOurs) as error:
            await self._source.reset()
            if await self._moved_to_new_epoch():
                return None
            if self._walk.position.chain is None and isinstance(error, CursorNotOurs):
                # Nothing was held against it: somebody looks from a number that there is not.
                raise NotFound(f"the inbox has no item {self._walk.position.after} to look from") from None
            raise InboxBroken(f"{ROLLBACK}: {error.detail}", *error.problems) from None

    async def _take(self, arrival: Arrival) -> FeedItem | None:
        if isinstance(arrival, EpochSeen):
            await self._see_epoch(arrival.epoch)
            return None
        if isinstance(arrival, FloorSeen):
            return await self._see_floor(arrival.envelope)
        if isinstance(arrival, Entry):
            self._walk.enter(arrival)
            return None
        if isinstance(arrival, dsse.Envelope):
            await self._see_head(arrival)
            return None
        return await self._hand_out(arrival)

    async def _see_epoch(self, epoch: bytes) -> None:
        if epoch == self._walk.position.epoch:
            return
        await self._source.reset()
        if not await self._moved_to_new_epoch() or epoch != self._walk.position.epoch:
            raise InboxBroken(f"{FORGED}: the broker serves an epoch that is not the registry's")

    async def _see_floor(self, envelope: dsse.Envelope) -> Expired | None:
        trust = self._parts.trust
        try:
            skipped = self._walk.skip(envelope, trust.registry)
        except InboxBroken:
            # A broker's key may be newer than what is known here.
            await self._persist(trust.refresh, reconnect=False)
            skipped = self._walk.skip(envelope, trust.registry)
        if skipped is None:
            return None
        return Expired(*skipped)

    async def _see_head(self, envelope: dsse.Envelope) -> None:
        trust = self._parts.trust
        claimed = claimed_registry(envelope)
        registry = await self._persist(lambda: trust.at_least(claimed))
        before = self._walk.position.head
        head = self._walk.close(envelope, registry)
        await self._persist(lambda: trust.see_head(head))
        await asyncio.to_thread(self._parts.subscriptions.check, head)
        if before is not None and head.generation > before.head.generation:
            log.warning("the store was taken back: generation %d, number %d", head.generation, head.number)
        self._told = head
        if self._file is None:
            return
        if before is None or (before.head.number, before.head.generation) != (head.number, head.generation):
            await self._save(replace(self._place, position=self._walk.position))
        if head.number > self._place.acknowledged and self._wanted.follow:
            self._acknowledge_soon(head)

    async def _hand_out(self, item: Item) -> FeedItem:
        kind, digest = self._walk.expect(item)
        redelivered = self._file is not None and self._place.is_redelivery(item.number)
        latest = self._walk.position.taken_at
        try:
            if item.body is None:
                raise DoubtfulItem(Doubt.WITHHELD, f"{Doubt.WITHHELD.value}: {item.withheld}")
            if item.kind != kind:
                raise DoubtfulItem(Doubt.KIND)
            body = item.body
            opener = self._parts.opener
            verified = await self._persist(
                lambda: opener.open(kind, body, digest=digest, latest_stamp=latest), reconnect=False
            )
        except DoubtfulItem as doubtful:
            found: FeedItem = unverified(item.number, kind, doubtful, redelivered=redelivered)
        else:
            found = received(verified, item.number, redelivered=redelivered, answering=self._parts.answering)
            if isinstance(found, ReceivedBulletin) and found.bulletin.type == "Cancel":
                found = replace(found, unknown_references=await self._unknown_references(found.bulletin))
            self._walk.stamped(verified.outside.stamp.taken_at)
        self._walk.take(item)
        if self._file is not None:
            await self._save(replace(self._place, handed=max(self._place.handed, item.number)))
        return found

    async def _unknown_references(self, cancel: Bulletin) -> tuple[str, ...]:
        """Give what a Cancel refers to and the broker has not given to this agency: originals go first."""
        unknown: list[str] = []
        for each in cancel.references:
            path = f"/v1/bulletins/{cancel.originator}/{each}"
            try:
                await self._persist(lambda path=path: self._parts.transport.get(path), reconnect=False)
            except NotFound:
                unknown.append(each)
        return tuple(unknown)

    # --- the place --------------------------------------------------------------------------------

    async def _begin(self) -> None:
        trust, wanted = self._parts.trust, self._wanted
        if trust.needs_refresh():
            await self._persist(trust.refresh)
        registry = trust.registry
        if self._file is not None:
            kept = await asyncio.to_thread(self._file.load, registry.epoch)
            self._place = kept or Place(self._start())
        elif wanted.after:
            self._place = Place(Position.looking(registry.epoch, wanted.after))
        else:
            self._place = Place(self._start())
        self._walk = InboxWalk(self._parts.agency, self._place.position)

    def _start(self) -> Position:
        registry = self._parts.trust.registry
        return Position.start(registry.exchange, registry.epoch, self._parts.agency)

    async def _moved_to_new_epoch(self) -> bool:
        """Begin again when the registry, asked for anew, names another epoch than the one that was read."""
        before = self._walk.position.epoch
        await self._persist(self._parts.trust.refresh)
        if self._parts.trust.registry.epoch == before:
            return False
        log.warning("the store was begun anew: a new epoch, and a new inbox from number 1")
        await self._begin()
        return True

    async def _finish(self) -> None:
        """The loop has asked for the next item: the place moves behind the one that it had."""
        self._place = replace(self._place, position=self._walk.position)
        # When more is here already, the next write, before the next item is handed out, says both.
        if self._file is not None and not self._source.ready():
            await self._save(self._place)

    async def _save(self, place: Place) -> None:
        self._place = place
        if self._file is not None:
            await asyncio.to_thread(self._file.save, place)

    # --- waiting, and the end ---------------------------------------------------------------------

    async def _persist(self, attempt: Callable[[], Awaitable[T]], *, reconnect: bool = True) -> T:
        return await self._patience.call(attempt, between=self._source.reset if reconnect else None)

    def _left(self) -> float:
        if self._wanted.timeout is None:
            return FOR_EVER_SECONDS if self._wanted.follow else 0.0
        return max(0.0, self._quiet_since + self._wanted.timeout - _now())

    def _is_over(self) -> bool:
        """Tell whether the feed ends here: nothing came for as long as was asked, and (draining) nothing is
        left.
        """
        if self._left() > 0.0:
            return False
        return self._wanted.follow or self._at_end()

    def _at_end(self) -> bool:
        """Tell whether the inbox was read to its end: a head of this reading stands where the reader does."""
        told = self._told
        return not self._source.ready() and told is not None and told.number == self._walk.position.after

    def _acknowledge_soon(self, head: Head) -> None:
        if self._acknowledging is None or self._acknowledging.done():
            self._acknowledging = asyncio.create_task(self._acknowledge(head), name="harkara-acknowledge")

    async def _acknowledge(self, head: Head) -> None:
        if await self._parts.acknowledger.send(head, self._parts.trust.registry):
            self._place = replace(self._place, acknowledged=max(self._place.acknowledged, head.number))

    async def _settle(self) -> None:
        """Before a feed ends by itself: the last acknowledgement, and the place."""
        if self._file is None:
            return
        if self._acknowledging is not None:
            await self._acknowledging
        head = self._told
        if head is not None and self._place.acknowledged < head.number <= self._place.position.after:
            await self._acknowledge(head)
        await self._save(self._place)

    async def _end(self) -> None:
        if self._acknowledging is not None:
            self._acknowledging.cancel()
            await asyncio.gather(self._acknowledging, return_exceptions=True)
        await self._source.reset()
        if self._file is not None:
            self._file.close()

    def _with_evidence(self, error: InboxBroken) -> InboxBroken:
        path = keep_evidence(self._parts.state.evidence, error, self._walk.position, self._arrival)
        return InboxBroken(f"{error.detail} (evidence: {path})", *error.problems)

    def _new_source(self) -> Source:
        if self._wanted.follow:
            return FeedSource(self._parts.transport)
        return PageSource(self._parts.transport, self._parts.agency)


def _now() -> float:
    return asyncio.get_running_loop().time()
