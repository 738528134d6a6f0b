"""Feeds: an inbox followed live, as events that the web layer writes to its reader.

A feed is a loop of windows: read what is new, hand it out, wait to be woken. All feeds of a process are woken
by one blocking reader; joining and leaving costs the store nothing. Whether the reader may still read is
asked at every turn, and a new registry wakes all feeds, so that a revoked key loses its feed at once.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from broker.errors import HarkaraError, Unavailable
from broker.protocol import dsse
from broker.protocol.delivery import entry_json
from broker.protocol.registry import Registry
from broker.service.allowance import Allowance
from broker.service.clock import Clock
from broker.service.cursor import Cursor
from broker.service.floors import Floors
from broker.service.heads import Heads
from broker.service.reading import Reading, Window
from broker.service.shared_json import SharedJson
from broker.service.trust import Trust
from broker.store.ticks import Ticks

PING_SECONDS = 15.0
HEAD_SECONDS = 1.0
"""At most one head a second: a signature per delivery would cost more than the rest."""
WINDOW_ITEMS = 100
WINDOW_BYTES = 1024 * 1024
"""What a feed holds while its reader takes it, or does not: an agency may have 32 of them."""


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event: `bulletin` and `receipt` have their number as `id`; `floor`, `head`, `notice` and `ping`
    have none. `data` is for one encoder: parts of an item stand encoded already (`SharedJson`).
    """

    event: str
    id: int | None = None
    data: dict[str, Any] | None = None


class Feeds:
    """All live feeds of one process."""

    def __init__(
        self,
        trust: Trust,
        reading: Reading,
        heads: Heads,
        floors: Floors,
        ticks: Ticks,
        clock: Clock,
        allowance: Allowance,
    ) -> None:
        self._trust = trust
        self._reading = reading
        self._heads = heads
        self._floors = floors
        self._ticks = ticks
        self._clock = clock
        self._allowance = allowance
        self._json = SharedJson()
        self.live = 0
        """How many feeds are open."""
        self._stopping = False
        trust.on_change(self._wake_all)

    def stop(self) -> None:
        """End all feeds, each with a notice: the broker is about to stop."""
        self._stopping = True
        self._wake_all(self._trust.registry)

    async def follow(self, agency: str, kid: bytes, cursor: Cursor) -> AsyncIterator[FeedEvent]:
        """Follow the inbox of `agency` for a reader that signed with the key `kid`.

        The first event comes at once; whatever is wrong with the cursor is raised before it, and
        `RateLimited` when the agency has as many feeds as it may. A feed that must end later (its key was
        revoked, the store is lost, the broker stops) ends with a `notice`.
        """
        with self._allowance.feed(agency), self._counted(), self._ticks.watch(agency) as watch:
            window = await self._read(agency, kid, cursor)
            feed = _Feed(cursor.after, self._json)
            while True:
                try:
                    if window.floor is not None:
                        floor = self._floors.sign(agency, *window.floor)
                        yield feed.floor(window.floor[0], floor)
                    for event in feed.items(window):
                        yield event
                    if window.at_end:
                        if feed.head_is_due(window):
                            head = await self._heads.sign(agency, window.number, window.chain)
                            yield feed.head(window, head)
                        if not await watch.wait(feed.pause(window)) and feed.ping_is_due():
                            yield feed.ping()
                    window = await self._read(agency, kid, Cursor(feed.after))
                except HarkaraError as error:
                    yield FeedEvent("notice", None, {"code": error.code, "detail": error.detail})
                    return

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.live += 1
        try:
            yield
        finally:
            self.live -= 1

    async def _read(self, agency: str, kid: bytes, cursor: Cursor) -> Window:
        if self._stopping:
            raise Unavailable("the broker is about to stop: come again", retry_after=1.0)
        self._trust.registry.signer(kid, self._clock(), role="agency")
        return await self._reading.window(agency, cursor, WINDOW_ITEMS, WINDOW_BYTES)

    def _wake_all(self, registry: Registry) -> None:
        self._ticks.wake(registry.agencies())


class _Feed:
    """What one feed has told its reader, and when."""

    def __init__(self, after: int, json: SharedJson) -> None:
        self.after = after
        self._json = json
        self._entry_told = 0
        self._head_told = -1
        self._head_at = -HEAD_SECONDS
        self._spoke_at = time.monotonic()

    def items(self, window: Window) -> Iterator[FeedEvent]:
        entries = {number: entry for entry in window.entries for number in range(entry.first, entry.last + 1)}
        for item in window.items:
            fields = self._json.of(item)
            if item.number > self._entry_told:
                # Once an entry, with its first item that is sent: the reader computes the chain from it.
                fields["entry"] = entry_json(entries[item.number])
                self._entry_told = entries[item.number].last
            self.after = item.number
            self._spoke_at = time.monotonic()
            yield FeedEvent(item.kind, item.number, fields)

    def floor(self, number: int, floor: dsse.Envelope) -> FeedEvent:
        self.after = self._entry_told = number
        self._spoke_at = time.monotonic()
        return FeedEvent("floor", None, dsse.to_json(floor))

    def head_is_due(self, window: Window) -> bool:
        return window.number != self._head_told and time.monotonic() >= self._head_at + HEAD_SECONDS

    def head(self, window: Window, head: dsse.Envelope) -> FeedEvent:
        self._head_told = window.number
        self._head_at = self._spoke_at = time.monotonic()
        return FeedEvent("head", None, dsse.to_json(head))

    def pause(self, window: Window) -> float:
        due = self._spoke_at + PING_SECONDS
        if window.number != self._head_told:
            due = min(due, self._head_at + HEAD_SECONDS)
        return max(0.0, due - time.monotonic())

    def ping_is_due(self) -> bool:
        return time.monotonic() >= self._spoke_at + PING_SECONDS

    def ping(self) -> FeedEvent:
        # A head follows every ping: a quiet reader learns of a newer registry from it.
        self._head_told = -1
        self._spoke_at = time.monotonic()
        return FeedEvent("ping")
