"""The inboxes as the router holds them: their heads, each checked or made by itself, and what they lack.

A head from the store is read and checked before anything is appended to it. Which position of the log an
inbox has reached is found by walking it back from its head's own number, never from the live end of its
stream: another router may have appended since.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

import structlog

from broker.errors import InboxBroken, NotAuthentic
from broker.service.inbox_proof import InboxProof
from broker.service.references import InboxReference
from broker.service.routing_plan import is_settled, newest_held, start_after
from broker.store.head import pack_head, unpack_head
from broker.store.inboxes import Inboxes
from broker.store.records import Head, InboxEntry, Move, Place
from broker.store.routing import Routing

WALK_PAGE = 9
"""Inbox entries read at a time while walking back, the one before included that proves the last."""
READS = 3
"""How often an inbox is read that changes while it is: it was trimmed, or another router appended."""

log = structlog.get_logger("harkara.router")


class RoutedInboxes:
    """Heads by agency. An agency whose inbox is not ours any more has no head here, and is in `broken`."""

    def __init__(self, inboxes: Inboxes, routing: Routing, proof: InboxProof) -> None:
        self.broken: set[str] = set()
        self.deliveries = 0
        self.collisions = 0
        self._inboxes, self._routing, self._proof = inboxes, routing, proof
        self._heads: dict[str, Head | None] = {}

    def __contains__(self, agency: str) -> bool:
        return agency in self._heads

    def forget(self, agencies: Iterable[str] | None = None) -> None:
        """Forget heads, all unless named: they are read and checked again."""
        if agencies is None:
            self._heads.clear()
            return
        for agency in agencies:
            self._heads.pop(agency, None)

    async def check(self, agencies: Iterable[str]) -> None:
        """Read and check the heads that are not known yet. Those of broken inboxes stay unknown."""
        unknown = [agency for agency in agencies if agency not in self._heads]
        packed = await self._inboxes.packed_heads(unknown) if unknown else {}
        for _ in range(READS):
            doubtful = await self._check(packed)
            if not doubtful:
                return
            # Head and entries are two reads: what was trimmed between them looks broken, and is not.
            again = await self._inboxes.packed_heads(doubtful)
            for agency, error in doubtful.items():
                if again[agency] == packed[agency]:
                    self._note_broken(agency, error)
            packed = {agency: head for agency, head in again.items() if head != packed[agency]}

    async def _check(self, packed: Mapping[str, bytes | None]) -> dict[str, NotAuthentic]:
        """Check these heads, and keep those that hold. Gives why the others do not."""
        heads: dict[str, Head | None] = {}
        doubtful: dict[str, NotAuthentic] = {}
        for agency, found in packed.items():
            try:
                heads[agency] = unpack_head(found)
            except NotAuthentic as error:
                doubtful[agency] = error
        ends = await self._inboxes.ends({a: head.number for a, head in heads.items() if head})
        for agency, head in heads.items():
            try:
                if head is not None:
                    self._proof.check_end(agency, head, ends[agency])
            except InboxBroken as error:
                doubtful[agency] = error
            else:
                self.broken.discard(agency)
                self._heads[agency] = head
        return doubtful

    async def _has_moved(self, agency: str) -> bool:
        """Tell whether the store has another head by now; then that one is checked and kept."""
        known = pack_head(self._heads[agency])
        packed = (await self._inboxes.packed_heads([agency]))[agency]
        if (packed or b"") == known:
            return False
        self.forget([agency])
        await self.check([agency])
        return agency in self._heads

    async def starts(self, agencies: Iterable[str], routed_to: Mapping[str, Place]) -> dict[str, str]:
        """Give, for each inbox that is not settled, the position after which the log's items are due to it.

        An inbox that turns out to be broken on the way becomes unknown.
        """
        unsettled = [
            agency
            for agency in agencies
            if agency in self._heads and not is_settled(self._heads[agency], routed_to.get(agency))
        ]
        ends = {agency: head.last_item for agency in unsettled if (head := self._heads[agency]) is not None}
        held = dict(zip(ends, await self._routing.holds(list(ends.values())), strict=True))
        starts = {}
        for agency in unsettled:
            try:
                anchor = ends[agency] if held.get(agency) else await self._anchor(agency)
            except InboxBroken as error:
                self._note_broken(agency, error)
            else:
                starts[agency] = start_after(anchor)
        return starts

    def extend(self, agency: str, references: Sequence[InboxReference]) -> Move:
        """Give what appends `references` to an inbox as it is known here."""
        return self._proof.extend(agency, self._heads[agency], references)

    async def write(self, moves: Sequence[Move]) -> bool:
        """Write to the inboxes. Gives False when another router was faster somewhere: read again."""
        if not moves:
            return True
        changed = await self._routing.route(moves)
        for move in moves:
            if move.agency in changed:
                self._heads.pop(move.agency, None)
            else:
                self._heads[move.agency] = move.head
                self.deliveries += move.head.number - (move.expected.number if move.expected else 0)
        if changed:
            self.collisions += 1
        return not changed

    async def numbers(self, agency: str, references: Sequence[InboxReference]) -> dict[str, int]:
        """Give position -> number of those references that another router has put into an inbox already."""
        wanted = {Place(r.position, r.digest) for r in references}
        found: dict[str, int] = {}
        try:
            async for entry, held in self._backwards(agency):
                for number, reference in enumerate(held, entry.first):
                    if Place(reference.position, reference.digest) in wanted:
                        found[reference.position] = number
                if len(found) == len(wanted):
                    break
        except InboxBroken as error:
            if not await self._has_moved(agency):
                self._note_broken(agency, error)
        return found

    async def _anchor(self, agency: str) -> Place | None:
        for _ in range(READS):
            try:
                return await self._walk_back(agency)
            except InboxBroken:
                if not await self._has_moved(agency):
                    raise
        return await self._walk_back(agency)

    async def _walk_back(self, agency: str) -> Place | None:
        """Give the newest place in an inbox, from its head's own number back, that the log still holds.

        Below its floor an inbox had whatever the log has up to there: that is not put in again.
        """
        async for _, references in self._backwards(agency):
            places = [Place(r.position, r.digest) for r in reversed(references)]
            found = newest_held(places, await self._routing.holds(places))
            if found:
                return found
        head = self._heads[agency]
        return Place(head.floor_position, b"") if head and head.floor_number else None

    async def _backwards(self, agency: str) -> AsyncIterator[tuple[InboxEntry, list[InboxReference]]]:
        """Give the entries from the head's own number back, each proven by the chain of the one before.

        Ends at the floor. Raises `InboxBroken` where the proof fails.
        """
        head = self._heads[agency]
        number = head.number if head else 0
        while head is not None and number > head.floor_number:
            entries = await self._inboxes.entries_before(agency, number, WALK_PAGE)
            if not entries or entries[0].last != number:
                raise InboxBroken(f"the inbox of {agency} lacks the entry that ends at {number}")
            for entry, before in zip(entries, [*entries[1:], None], strict=True):
                if entry.first == 1:
                    chain = self._proof.first_chain(agency)
                elif entry.first == head.floor_number + 1:
                    chain = head.floor_chain
                elif before is None and len(entries) == WALK_PAGE:
                    break
                elif before is None or before.last != entry.first - 1:
                    raise InboxBroken(f"the inbox of {agency} lacks the entry before {entry.first}")
                else:
                    chain = before.chain
                yield entry, self._proof.open(agency, entry, chain)
                number = entry.first - 1

    def _note_broken(self, agency: str, error: NotAuthentic) -> None:
        self._heads.pop(agency, None)
        if agency not in self.broken:
            self.broken.add(agency)
            log.error("inbox-not-ours", agency=agency, reason=error.detail)
