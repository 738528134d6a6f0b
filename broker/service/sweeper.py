"""The sweeper: takes away what has expired, a little at a time.

Content goes first, soon after it expires: the body becomes a tombstone, so that a repeat still gets its
answer. Log entries and references go a day later, when nobody can post or answer the same again, and never
because somebody acknowledged. An inbox keeps its last entry for ever: by it its end is proven. An entry goes
only after it was proven to be ours and to have expired; the floor that stands for it is under the store key.

Bytes that were erased stay in the store's append-only file until it is rewritten: the sweeper has that done.
Any number of brokers may sweep: each step compares what it replaces, or passes over what is gone. Source:
schemas/protocol.md, "What the broker says", floor.
"""

from __future__ import annotations

import asyncio

import structlog

from broker.errors import HarkaraError, InboxBroken, NotAuthentic
from broker.protocol.limits import HOUR_US, SECOND_US, SENT_AGE_US
from broker.service.clock import Clock
from broker.service.inbox_proof import InboxProof
from broker.store.records import BEGINNING, Head, position_order
from broker.store.store import Store

SWEEP_SECONDS = 60.0
"""How long the sweeper rests between two rounds."""
SWEPT_AFTER_US = 10 * SECOND_US
"""How long content outlives its expiry at least: clocks of brokers may differ by less."""
TRIMMED_AFTER_US = SENT_AGE_US + SWEPT_AFTER_US
"""How long log entries and references do: until then the same statement may come again."""
REWRITTEN_AFTER_US = 12 * HOUR_US
"""How long erased bytes stay in the store's file at most, and how often a file is rewritten for them."""
STEP_ENTRIES = 256
STEPS = 64
"""Most steps of one kind in a round: what is left over waits for the next."""
INBOX_ENTRIES = 4
"""Entries of an inbox that are read at a time."""

log = structlog.get_logger("harkara.sweeper")


class Sweeper:
    """Sweeps one store for one broker process."""

    def __init__(
        self, store: Store, proof: InboxProof, clock: Clock, *, interval: float = SWEEP_SECONDS
    ) -> None:
        self._trimming, self._inboxes, self._members = store.trimming, store.inboxes, store.members
        self._proof, self._clock = proof, clock
        self._interval = interval
        self._place = BEGINNING
        """How far the log was swept; from its end on, from its beginning again."""
        self.erased = 0
        self.trimmed = 0
        """Bodies and log entries that this process took away."""
        self._erased_since: int | None = clock()
        """Since when something may lie in the store's file that was erased: from the start on, for what a
        process before this one erased. None: since the last rewrite nothing was.
        """

    async def run(self) -> None:
        """Sweep until cancelled; goes on by itself when the store is lost and returns."""
        while True:
            try:
                await self.sweep()
            except HarkaraError as error:
                log.warning("sweeper-cannot-work", reason=error.detail)
            await asyncio.sleep(self._interval)

    async def sweep(self) -> None:
        """Make one round. Raises `StoreUnavailable` and `OutcomeUnknown`; it may simply be called again."""
        now, before = self._clock(), self.erased + self.trimmed
        await self._sweep_bodies(now - SWEPT_AFTER_US)
        # Asked first: what was routed then is routed now. A reference to what is not is the router's to find.
        routed = (await self._members.standing()).routed
        for agency in sorted(await self._inboxes.agencies()):
            try:
                await self._trim_inbox(agency, now - TRIMMED_AFTER_US, routed)
            except NotAuthentic as error:
                log.error("inbox-not-ours", agency=agency, reason=error.detail)
        await self._trim_log(now - TRIMMED_AFTER_US)
        if self._erased_since is None and self.erased + self.trimmed > before:
            self._erased_since = now
        if self._erased_since is not None and now - self._erased_since >= REWRITTEN_AFTER_US:
            await self._trimming.rewrite()
            self._erased_since = None

    async def _sweep_bodies(self, before: int) -> None:
        for _ in range(STEPS):
            swept = await self._trimming.sweep(self._place, STEP_ENTRIES, before)
            self.erased += swept.erased
            self._place = swept.position or BEGINNING
            if swept.position is None:
                return

    async def _trim_log(self, before: int) -> None:
        for _ in range(STEPS):
            removed = await self._trimming.trim_log(STEP_ENTRIES, before)
            self.trimmed += removed
            if removed < STEP_ENTRIES:
                return

    async def _trim_inbox(self, agency: str, before: int, routed: str) -> None:
        """Raise the floor of an inbox over the entries at its beginning that have expired. Raises
        `InboxBroken`, and `NotAuthentic` for a head that cannot be read.
        """
        for _ in range(STEPS):
            head, higher, read = await self._higher_floor(agency, before, routed)
            if head is None or higher is None:
                return
            if not await self._trimming.trim_inbox(agency, head, higher) or read < INBOX_ENTRIES:
                return  # somebody else was faster, or there is no more

    async def _higher_floor(
        self, agency: str, before: int, routed: str
    ) -> tuple[Head | None, Head | None, int]:
        """Give the head of an inbox, what it becomes by trimming (None: nothing to trim), and how many
        entries were read.
        """
        head, entries = await self._inboxes.window(agency, 0, INBOX_ENTRIES)
        self._proof.check_floor(agency, head)
        if head is None:
            return None, None, 0
        number = head.floor_number
        chain = head.floor_chain if number else self._proof.first_chain(agency)
        higher = None
        for entry in entries:
            if entry.last >= head.number:
                break
            if entry.first != number + 1:
                raise InboxBroken(f"the inbox of {agency} lacks number {number + 1}")
            references = self._proof.open(agency, entry, chain)
            latest = references[-1].position
            if any(reference.expires_at > before for reference in references) or (
                position_order(latest) > position_order(routed)
            ):
                break
            number, chain = entry.last, entry.chain
            higher = self._proof.raise_floor(agency, head, number, chain, latest)
        return head, higher, len(entries)
