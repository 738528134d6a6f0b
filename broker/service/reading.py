"""Reading an inbox: verified entries, the bodies inside the window, and the head at the end.

Nothing that the store says of an inbox is passed on unverified: each entry must be ours (`inbox_proof`) and
follow the one before in number and chain, or the reading stops there with `StoreTampered`. A head is signed
only for what was verified like this, so an insider at the store cannot make an honest broker vouch for an
inbox with an entry less.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from broker.errors import (
    CursorNotOurs,
    InboxBroken,
    NotAuthentic,
    NotFound,
    Problem,
    RolledBack,
    StoreTampered,
)
from broker.protocol.delivery import Body, Entry, Item, Page
from broker.protocol.limits import PAGE_BYTES
from broker.service.bodies import Bodies
from broker.service.clock import Clock
from broker.service.cursor import Cursor
from broker.service.floors import Floors
from broker.service.heads import Heads
from broker.service.inbox_proof import InboxProof
from broker.service.references import InboxReference
from broker.service.sweeper import SWEPT_AFTER_US
from broker.service.trust import Trust
from broker.store.inboxes import Inboxes
from broker.store.records import Head as StoredHead
from broker.store.records import InboxEntry
from broker.store.ticks import Ticks

log = structlog.get_logger("harkara.reading")

ITEMS_PER_PAGE = 500
"""The most items of one answer."""
FILL_BYTES = PAGE_BYTES // 2
"""Where an answer stops being filled: what is left of it is room for one more body and the framing."""
BODIES_AT_ONCE = 32
"""Bodies read from the store at a time. All that a page may hold would be 140 MB, most of it read in vain."""

READS = 3
"""How often an inbox is read that is trimmed meanwhile: what comes before an entry is a read of its own."""


@dataclass(frozen=True, slots=True)
class Verified:
    """One verified entry with its references."""

    entry: InboxEntry
    references: list[InboxReference]

    def as_entry(self) -> Entry:
        """Give what a reader needs to compute the chain."""
        return Entry(
            self.entry.first, self.entry.last, tuple((ref.kind, ref.digest) for ref in self.references)
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Items with the entries that they stand in. `number` and `chain` are the end of the whole inbox, `floor`
    where it begins when that is behind the cursor: what came before has expired.
    """

    entries: tuple[Entry, ...]
    items: tuple[Item, ...]
    number: int
    chain: bytes
    at_end: bool
    floor: tuple[int, bytes] | None = None


class Reading:
    """Reads inboxes for their agencies."""

    def __init__(
        self,
        *,
        trust: Trust,
        inboxes: Inboxes,
        ticks: Ticks,
        proof: InboxProof,
        bodies: Bodies,
        heads: Heads,
        floors: Floors,
        clock: Clock,
    ) -> None:
        self._trust = trust
        self._inboxes = inboxes
        self._ticks = ticks
        self._proof = proof
        self._bodies = bodies
        self._heads = heads
        self._floors = floors
        self._clock = clock
        self._proven: dict[str, tuple[int, bytes]] = {}
        """Number and chain of each agency's inbox where its end was last held to its entries."""

    async def page(self, agency: str, cursor: Cursor, limit: int = ITEMS_PER_PAGE) -> Page:
        """Give at most `limit` items after the cursor; the signed head when that is the end of the inbox.

        Raises as `window`.
        """
        found = await self.window(agency, cursor, limit, FILL_BYTES)
        head = await self._heads.sign(agency, found.number, found.chain) if found.at_end else None
        floor = self._floors.sign(agency, *found.floor) if found.floor else None
        return Page(agency, self._trust.registry.epoch, found.entries, found.items, head, floor)

    async def window(self, agency: str, cursor: Cursor, limit: int, most_bytes: int) -> Window:
        """Give at most `limit` items after the cursor, of about `most_bytes` but always one, and whether they
        reach the end of the inbox. A cursor below the floor is served from the floor on.

        Raises `RolledBack` when the reader's chain is not one of this inbox, `CursorNotOurs` when its numbers
        are not, `StoreTampered` when the inbox does not verify, `NotFound` when the agency is no active
        member (any more).
        """
        # Who cannot be sealed to any more may still read what was sealed to it before.
        if self._trust.registry.key_for(agency, "sign", self._clock()) is None:
            raise NotFound("this agency is not an active member")
        limit = max(1, min(limit, ITEMS_PER_PAGE))
        with _told(agency):
            head, entries = await self._inboxes.window(agency, cursor.after, limit)
            for _ in range(READS):
                try:
                    return await self._window(agency, cursor, limit, most_bytes, head, entries)
                except (InboxBroken, RolledBack, CursorNotOurs):
                    before, (head, entries) = (
                        head,
                        await self._inboxes.window(agency, cursor.after, limit),
                    )
                    if _floor_of(head) == _floor_of(before):
                        raise
            return await self._window(agency, cursor, limit, most_bytes, head, entries)

    async def _window(
        self,
        agency: str,
        cursor: Cursor,
        limit: int,
        most_bytes: int,
        head: StoredHead | None,
        entries: list[InboxEntry],
    ) -> Window:
        self._proof.check_floor(agency, head)
        await self._check_cursor(agency, cursor, head)
        floor = (head.floor_number, head.floor_chain) if head and cursor.after < head.floor_number else None
        after = floor[0] if floor else cursor.after
        end, chain_there = (head.number, head.chain) if head else (0, self._proof.first_chain(agency))
        # An entry holds up to 64 numbers: so many entries are more than so many items need.
        needed = [entry for entry in entries if entry.first <= after + limit]
        verified = await self._verify(agency, needed, head, after)
        if after == end:
            await self._prove_end(agency, head)
        items = await self._items(agency, verified, after, limit, most_bytes)
        last = items[-1].number if items else after
        touched = tuple(v.as_entry() for v in verified if v.entry.first <= last)
        return Window(touched, tuple(items), end, chain_there, at_end=last == end, floor=floor)

    async def wait(self, agency: str, after: int, seconds: float) -> None:
        """Return when there may be an item after number `after`, or after `seconds`."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        with self._ticks.watch(agency) as watch:
            while (left := ends - loop.time()) > 0:
                with _told(agency):
                    head = await self._inboxes.head(agency)
                if head is not None and head.number > after:
                    return
                await watch.wait(left)

    async def _check_cursor(self, agency: str, cursor: Cursor, head: StoredHead | None) -> None:
        end = head.number if head else 0
        # Below the floor nothing is left that a chain could be compared with; the beginning is always known.
        below = head is not None and 0 < cursor.at < head.floor_number
        if cursor.chain is not None and not below:
            there = await self._chain_at(agency, cursor.at, head)
            if cursor.at > end or (there is not None and not hmac.compare_digest(there, cursor.chain)):
                raise RolledBack(
                    "the inbox has another history than this reader holds: keep it, and call the operator",
                    Problem("/chain", there.hex(), cursor.chain.hex())
                    if there is not None
                    else Problem("/at", f"a number of at most {end}", str(cursor.at)),
                )
            if there is None:
                raise CursorNotOurs(
                    "no entry of the inbox ends there",
                    Problem("/at", "the last number of an entry", str(cursor.at)),
                )
        if cursor.after > end:
            raise CursorNotOurs(
                "the inbox does not reach so far", Problem("/after", f"at most {end}", str(cursor.after))
            )

    async def _chain_at(self, agency: str, number: int, head: StoredHead | None) -> bytes | None:
        if number == 0:
            return self._proof.first_chain(agency)
        if head is not None and number == head.floor_number:
            return head.floor_chain
        entry = await self._inboxes.entry_ending_at(agency, number)
        return entry.chain if entry else None

    async def _verify(
        self, agency: str, entries: list[InboxEntry], head: StoredHead | None, after: int
    ) -> list[Verified]:
        """Hold the entries that come after a number to the inbox and its head. Raises `InboxBroken`."""
        end = head.number if head else 0
        if not entries:
            if after < end:
                raise InboxBroken(f"number {after + 1} is missing")
            return []
        number, before = await self._before(agency, entries[0], head)
        found: list[Verified] = []
        for entry in entries:
            if entry.first != number + 1:
                raise InboxBroken(f"number {number + 1} is missing")
            found.append(Verified(entry, self._proof.open(agency, entry, before)))
            number, before = entry.last, entry.chain
        if number > end or (head is not None and number == end and before != head.chain):
            raise InboxBroken("it does not end as its head says")
        return found

    async def _prove_end(self, agency: str, head: StoredHead | None) -> None:
        """Hold a head to the entries before it, for a reader that has read them all: nothing else stands
        between what the store says and our signature. Raises `InboxBroken`.
        """
        if head is None or self._proven.get(agency) == (head.number, head.chain):
            return
        ends = await self._inboxes.ends({agency: head.number})
        self._proof.check_end(agency, head, ends[agency])
        self._proven[agency] = head.number, head.chain

    async def _before(self, agency: str, first: InboxEntry, head: StoredHead | None) -> tuple[int, bytes]:
        if first.first == 1:
            return 0, self._proof.first_chain(agency)
        if head is not None and first.first == head.floor_number + 1:
            return head.floor_number, head.floor_chain
        previous = await self._inboxes.entry_ending_at(agency, first.first - 1)
        if previous is None:
            raise InboxBroken(f"there is a gap before number {first.first}")
        return previous.last, previous.chain

    async def _items(
        self, agency: str, verified: list[Verified], after: int, limit: int, most_bytes: int
    ) -> list[Item]:
        numbered = [
            (number, reference)
            for v in verified
            for number, reference in enumerate(v.references, start=v.entry.first)
            if number > after
        ][:limit]
        items: list[Item] = []
        size = 0
        for start in range(0, len(numbered), BODIES_AT_ONCE):
            part = numbered[start : start + BODIES_AT_ONCE]
            bodies = await self._bodies.of([reference.item for _, reference in part])
            for (number, reference), body in zip(part, bodies, strict=True):
                expired = reference.expires_at <= self._clock() - SWEPT_AFTER_US
                if expired or body is None or body.digest != reference.digest:
                    items.append(
                        Item(number, reference.kind, None, self._why_gone(agency, number, reference))
                    )
                elif (refused := self._bodies.withheld(agency, body)) is not None:
                    items.append(Item(number, reference.kind, None, refused))
                else:
                    size += body.size
                    if items and size > most_bytes:
                        return items
                    items.append(Item(number, reference.kind, Body(body.sealed, reference.wrap, body.stamp)))
        return items

    def _why_gone(self, agency: str, number: int, reference: InboxReference) -> str:
        if reference.expires_at <= self._clock():
            return "expired"
        log.error("body-missing", agency=agency, number=number)
        return "missing at the broker: call the operator"


def _floor_of(head: StoredHead | None) -> int:
    return head.floor_number if head else 0


@contextmanager
def _told(agency: str) -> Iterator[None]:
    """Turn what an inbox that is not ours raises into the store's fault, and tell the operator."""
    try:
        yield
    except NotAuthentic as broken:
        log.error("inbox-tampered", agency=agency, reason=broken.detail)
        raise StoreTampered(f"the inbox does not verify, call the operator: {broken.detail}") from broken
