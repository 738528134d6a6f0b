"""The values that go into the store and come out of it.

All are frozen. Contents that concern the service alone (decisions, openings, stamps, sealed bodies,
references, recipients) are opaque bytes here; only numbers, positions and digests are looked at. Times are µs
since the epoch, UTC.

A *position* is the id that the log's stream gave to an item, such as `1700000000000-0`.
"""

from __future__ import annotations

from dataclasses import dataclass

BEGINNING = "0-0"
"""The position before the first item of a log."""


def position_order(position: str) -> tuple[int, int]:
    """Give a position as a pair that sorts as the log does."""
    milliseconds, _, sequence = position.partition("-")
    return int(milliseconds), int(sequence or 0)


# --- Writing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewItem:
    """One item to append, whole.

    `item` is `<originator>/<id>`. `digest` (32 bytes) is the digest of the sealed bulletin and `stmt` (32
    bytes) that of the statement, by which a repeat is recognised. `decision` is the frozen routing decision
    and `opening` the policy opening, both encrypted by the service; an empty `opening` is not kept.
    `receipt_of` names the bulletin that this item is a receipt for.
    """

    item: str
    kind: str
    registry_version: int
    taken_at: int
    stmt: bytes
    stamp: bytes
    digest: bytes
    sealed: bytes
    decision: bytes
    expires_at: int
    opening: bytes = b""
    receipt_of: str | None = None

    @property
    def size(self) -> int:
        """How many bytes this item adds to a group, without its names."""
        return len(self.stamp) + len(self.sealed) + len(self.decision) + len(self.opening)


@dataclass(frozen=True, slots=True)
class Appended:
    """The item is in the log, durably, at `position`."""

    position: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same statement was accepted before: `stamp` is the first answer."""

    position: str
    stamp: bytes


@dataclass(frozen=True, slots=True)
class Conflicting:
    """This (originator, id) was accepted before with another statement."""

    position: str


@dataclass(frozen=True, slots=True)
class StaleRegistry:
    """Nothing was written: the store has registry version `version`. Decide and seal again under that one."""

    version: int


@dataclass(frozen=True, slots=True)
class StaleStamp:
    """Nothing was written: a later stamp is in the log. Stamp again, at `not_before` (µs) or later."""

    not_before: int


Outcome = Appended | Repeated | Conflicting | StaleRegistry | StaleStamp
"""What became of one item of a group. A stale item says nothing about the others of its group."""


# --- Reading the log ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an item without moving its body: where it stands, its statement digest and first
    answer.
    """

    position: str
    stmt: bytes
    stamp: bytes
    erased: bool


@dataclass(frozen=True, slots=True)
class Body:
    """The body of an item. When `erased`, `sealed` holds the tombstone instead of the sealed bytes."""

    position: str
    stmt: bytes
    stamp: bytes
    sealed: bytes
    erased: bool = False


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of the log. An entry that is not one of ours (the store was tampered with) has an empty
    `item`.

    `decision` is the frozen decision (as given in `NewItem.decision`) while the item is not routed, and
    afterwards None with `recipients` (as given in `RoutedItem.recipients`) in its place; both are None when
    neither is there.
    """

    position: str
    item: str
    kind: str
    digest: bytes
    expires_at: int
    decision: bytes | None
    recipients: bytes | None = None


# --- Inboxes ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """An item in the log: its position and the digest that it must have there."""

    position: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The end of an inbox: its last number, the chain there, the last item's place; and where the inbox
    begins.

    `floor_number` is the last number that was trimmed (0 when none was), `floor_chain` the chain there,
    `floor_position` where its item stood in the log, and `floor_mac` the broker's proof of all three. The
    last two are empty as long as nothing was trimmed.
    """

    number: int
    chain: bytes
    position: str
    digest: bytes
    floor_number: int
    floor_chain: bytes
    floor_position: str = ""
    floor_mac: bytes = b""

    @property
    def last_item(self) -> Place:
        """The place of the last item that was put into the inbox."""
        return Place(self.position, self.digest)


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """One entry of an inbox: the numbers `first` to `last`, the chain after it, its MAC and its packed
    references.
    """

    first: int
    last: int
    chain: bytes
    mac: bytes
    references: bytes


# --- Routing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoutingView:
    """One consistent view of the log: how far it is routed, what was last routed to whom, and what comes
    next.
    """

    routed: str
    routed_to: dict[str, Place]
    entries: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """What to append to one agency's inbox. Written only when the inbox's head still is `expected`, all of
    it.
    """

    agency: str
    expected: Head | None
    head: Head
    entries: tuple[InboxEntry, ...]


@dataclass(frozen=True, slots=True)
class RoutedItem:
    """An item that every recipient's inbox has: `recipients` replaces its decision."""

    item: str
    recipients: bytes


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the router is behind: entries not routed yet, and the age in µs of the oldest of them (0 for
    none).
    """

    entries: int
    oldest_age: int


# --- Trimming -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Swept:
    """What one step of a sweep did: `position` is where the next one goes on, None at the routed position."""

    position: str | None
    erased: int


# --- Standing -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """What the store says of itself. `epoch` is None for a store that was never begun; `taken_at` in µs."""

    epoch: bytes | None
    generation: int
    registry_version: int
    routed: str
    taken_at: int


@dataclass(frozen=True, slots=True)
class Usage:
    """How the server is doing, for health pages. `maximum_bytes` 0 is no limit; `file_bytes` is its
    append-only file.
    """

    used_bytes: int
    maximum_bytes: int
    last_write_ok: bool
    file_bytes: int
    loading: bool
    rewriting: bool
    connected_replicas: int
    server: str
