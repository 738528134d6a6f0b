"""The inbox check: does what came follow what this reader holds? Pure; the one gate of every inbox answer.

It decides whether entries, items and heads continue a position without a gap, a fork or a rollback, and it
stops everything, by `InboxBroken`, when they do not. Whether one item is authentic is asked elsewhere
(`item_check`), and never stops a feed.

Invariants, for the next editor:
- `after` grows by exactly one for each item taken, so no number comes twice and none is left out unsaid;
- an entry counts only when its chain follows from the chain at the end of the entry before it, and `at`,
  `chain` move only when the last number of an entry has been taken;
- of an entry that was left half-read, the end and its chain are remembered: it cannot come again with other
  contents;
- numbers are skipped by a broker's signed floor alone, never backwards, and whoever reads is told which;
- the highest head ever seen binds: an entry may neither run over its number nor end there with another chain.

A position without a chain (a reader that looks from a number it does not hold) checks numbers alone.
Source: schemas/protocol.md, "What the broker says" and "Cursor".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NoReturn

from broker.client.signers import signed_by
from broker.errors import HarkaraError, InboxBroken, Problem
from broker.protocol import dsse
from broker.protocol.chain import Reference, first_link, link
from broker.protocol.delivery import Entry, Item
from broker.protocol.head import HEAD_TYPE, Head, read_head
from broker.protocol.history import FLOOR_TYPE, Floor, read_floor
from broker.protocol.registry import Registry

GAP = "gap"
FORK = "fork"
ROLLBACK = "rollback"
FORGED = "forged"
"""What can be wrong with an inbox. Each detail of an `InboxBroken` from here begins with one of the four."""


@dataclass(frozen=True, slots=True)
class EntryEnd:
    """The last number of an entry, and the chain there."""

    number: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class SeenHead:
    """A head that was verified, and the envelope that proves it."""

    head: Head
    envelope: dsse.Envelope


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reader stands. `chain` is the one at `at`, the last entry end not above `after`; None: not
    known.

    `unfinished` is the end of the entry that `after` lies in; `taken_at` the latest stamp so far (µs), 0 for
    none.
    """

    epoch: bytes
    after: int
    at: int
    chain: bytes | None
    unfinished: EntryEnd | None = None
    head: SeenHead | None = None
    taken_at: int = 0

    @classmethod
    def start(cls, exchange: bytes, epoch: bytes, agency: str) -> Position:
        """Give the position before the first item."""
        return cls(epoch, 0, 0, first_link(exchange, epoch, agency))

    @classmethod
    def looking(cls, epoch: bytes, after: int) -> Position:
        """Give a position that knows a number and no chain."""
        return cls(epoch, after, after, None)


def verify_head(envelope: dsse.Envelope, registry: Registry) -> Head:
    """Give a head that a broker of the exchange signed. Raises `InboxBroken`."""
    with _word_of_a_broker("head"):
        head = read_head(envelope.payload)
        signed_by(envelope, registry, at=head.signed_at, role="broker", kind=HEAD_TYPE)
    if head.exchange != registry.exchange:
        _break(FORGED, "a head of another exchange", registry.exchange.hex(), head.exchange.hex())
    return head


def verify_floor(envelope: dsse.Envelope, registry: Registry) -> Floor:
    """Give a floor that a broker of the exchange signed. Raises `InboxBroken`."""
    with _word_of_a_broker("floor"):
        floor = read_floor(envelope.payload)
        signed_by(envelope, registry, at=floor.at, role="broker", kind=FLOOR_TYPE)
    if floor.exchange != registry.exchange:
        _break(FORGED, "a floor of another exchange", registry.exchange.hex(), floor.exchange.hex())
    return floor


@contextmanager
def _word_of_a_broker(what: str) -> Iterator[None]:
    try:
        yield
    except HarkaraError as error:
        raise InboxBroken(
            f"{FORGED}: a {what} is not signed by a broker of the exchange: {error.detail}"
        ) from None


def claimed_registry(envelope: dsse.Envelope) -> int:
    """Give the registry version that a head names, before it is verified: a hint of what to fetch. 0 for
    none.
    """
    try:
        return read_head(envelope.payload).registry_version
    except HarkaraError:
        return 0


class InboxWalk:
    """Walks one inbox from a position. `position` is always where the items taken so far lead."""

    def __init__(self, agency: str, position: Position) -> None:
        self._agency = agency
        self._position = position
        self._entry: Entry | None = None
        self._end: EntryEnd | None = None

    @property
    def position(self) -> Position:
        """Give where the walk stands."""
        return self._position

    def enter(self, entry: Entry) -> None:
        """Take an entry: its items come next. The same entry may come again while its items do. Raises
        `InboxBroken`.
        """
        here = self._position
        if self._entry is not None:
            if entry != self._entry:
                kind = GAP if entry.first > self._entry.last else FORK
                _break(kind, "another entry inside an entry", _span(self._entry), _span(entry))
            return
        if len(entry.references) != entry.last - entry.first + 1 or not entry.references:
            _break(
                FORGED,
                "an entry with another number of items",
                _span(entry),
                f"{len(entry.references)} items",
            )
        if here.chain is None and here.at == here.after:  # nothing is known of the entry that `after` lies in
            if not entry.first <= here.after + 1 <= entry.last:
                _break(
                    GAP, "the inbox goes on elsewhere", f"the entry of number {here.after + 1}", _span(entry)
                )
            self._entry, self._end = entry, None
            return
        if entry.first != here.at + 1 or entry.last <= here.after:
            kind = GAP if entry.first > here.at + 1 else FORK
            _break(kind, "the inbox goes on elsewhere", f"an entry from {here.at + 1}", _span(entry))
        if here.chain is not None:
            self._end = EntryEnd(entry.last, link(here.chain, entry.first, entry.last, entry.references))
            self._hold_to_memory(entry, self._end)
        self._entry = entry

    def expect(self, item: Item) -> Reference:
        """Give the (kind, digest) that the chain has for the next item, which this must be. Raises
        `InboxBroken`.
        """
        here, entry = self._position, self._entry
        if item.number != here.after + 1:
            kind = GAP if item.number > here.after + 1 else ROLLBACK
            _break(kind, "an item out of turn", f"number {here.after + 1}", f"number {item.number}")
        if entry is None:
            _break(GAP, "an item without the entry that holds it", f"the entry of {item.number}", "none")
        return entry.references[item.number - entry.first]

    def take(self, item: Item) -> None:
        """Take the next item: the position moves behind it. Raises `InboxBroken`."""
        self.expect(item)
        here, entry = self._position, self._entry
        if entry is not None and item.number < entry.last:
            self._position = replace(here, after=item.number, unfinished=self._end)
            return
        chain = self._end.chain if self._end else None
        self._position = replace(here, after=item.number, at=item.number, chain=chain, unfinished=None)
        self._entry = self._end = None

    def skip(self, envelope: dsse.Envelope, registry: Registry) -> tuple[int, int] | None:
        """Take a signed floor: the position moves up to it. Gives the first and the last number that were
        skipped, None when there was none. Raises `InboxBroken`.
        """
        floor, here = verify_floor(envelope, registry), self._position
        if floor.agency != self._agency or floor.epoch != here.epoch:
            _break(FORGED, "a floor of another inbox", f"{self._agency}", f"{floor.agency}")
        if floor.number < here.after:
            _break(FORGED, "a floor below what was read", f"at least {here.after}", f"number {floor.number}")
        self._hold_floor(floor)
        self._position = replace(
            here, after=floor.number, at=floor.number, chain=floor.chain, unfinished=None
        )
        self._entry = self._end = None
        return (here.after + 1, floor.number) if floor.number > here.after else None

    def stamped(self, taken_at: int) -> None:
        """Remember the time of a verified stamp (µs): later ones may lag the latest by little only."""
        self._position = replace(self._position, taken_at=max(self._position.taken_at, taken_at))

    def close(self, envelope: dsse.Envelope, registry: Registry) -> Head:
        """Hold the position to a signed head: it must end exactly here. Raises `InboxBroken`."""
        head, here = verify_head(envelope, registry), self._position
        if head.agency != self._agency or head.epoch != here.epoch:
            _break(FORGED, "a head of another inbox", f"{self._agency}", f"{head.agency}")
        self._hold_to_seen(head)
        if head.number > here.after:
            _break(
                GAP, "the head counts more items than came", f"number {here.after}", f"number {head.number}"
            )
        if head.number < here.after:
            _break(
                ROLLBACK,
                "the head counts fewer items than came",
                f"number {here.after}",
                f"number {head.number}",
            )
        if self._entry is not None or (
            here.chain is not None and (here.at, here.chain) != (head.number, head.chain)
        ):
            _break(FORK, "the head has another history", "the chain of what came", "another chain")
        self._position = replace(here, head=SeenHead(head, envelope))
        return head

    def _hold_floor(self, floor: Floor) -> None:
        """Hold a floor to what is known of the chain where it lies."""
        here = self._position
        known = [EntryEnd(here.at, here.chain)] if here.chain is not None else []
        known += [end for end in (here.unfinished,) if end is not None]
        if here.head is not None and here.head.head.epoch == floor.epoch:
            known.append(EntryEnd(here.head.head.number, here.head.head.chain))
        for end in known:
            if end.number == floor.number and end.chain != floor.chain:
                _break(FORK, "a floor has another history", "the chain of what came", "another chain")
        if here.at < here.after and here.unfinished and floor.number < here.unfinished.number:
            _break(FORK, "a floor inside an entry", f"at least {here.unfinished.number}", f"{floor.number}")

    def _hold_to_memory(self, entry: Entry, end: EntryEnd) -> None:
        unfinished = self._position.unfinished
        if unfinished is not None and unfinished != end:
            _break(
                FORK,
                "an entry came again with other contents",
                f"an end at {unfinished.number}",
                _span(entry),
            )
        seen = self._position.head
        if seen is None or not entry.first <= seen.head.number <= entry.last:
            return
        if seen.head.number != entry.last:
            _break(
                FORK,
                "an entry runs over the end of an earlier head",
                f"an end at {seen.head.number}",
                _span(entry),
            )
        if seen.head.chain != end.chain:
            _break(FORK, "the inbox has another history than an earlier head", "its chain", "another chain")

    def _hold_to_seen(self, head: Head) -> None:
        seen = self._position.head
        if seen is None or seen.head.epoch != head.epoch:
            return
        if head.contradicts(seen.head):
            _break(FORK, "two signed heads of one number differ: keep both", "one chain", "two chains")
        if head.generation < seen.head.generation:
            _break(ROLLBACK, "an older generation", f"at least {seen.head.generation}", f"{head.generation}")
        if head.generation == seen.head.generation and head.number < seen.head.number:
            _break(ROLLBACK, "an older head", f"at least number {seen.head.number}", f"number {head.number}")


def _break(kind: str, words: str, expected: str, got: str) -> NoReturn:
    raise InboxBroken(f"{kind}: {words}: expected {expected}, got {got}", Problem("", expected, got))


def _span(entry: Entry) -> str:
    return f"an entry of {entry.first} to {entry.last}"
