"""What a feed yields: a verified bulletin, a verified receipt, the fact that an item did not verify, or that
some expired before they were read.

An `Unverified` has number and reason and never content. The other two hold only what passed every check of
`item_check`; what proves it (statement, stamp, sealed header) is kept with them for `harkara export`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Protocol

from broker.client.doubts import Doubt, DoubtfulItem
from broker.client.item_check import VerifiedItem
from broker.errors import shorten
from broker.protocol import dsse
from broker.protocol.answers import Receipt, ReceiptKind
from broker.protocol.bulletin import Bulletin
from broker.protocol.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Posted:
    """A statement that the broker accepted. `stamp` was verified; `repeated` says that it was accepted
    before.
    """

    originator: str
    id: str
    stamp: Stamp
    envelope: dsse.Envelope
    repeated: bool
    recipients: int | None = None
    """How many receive it, the broker's word with its first answer."""
    sealed_for: tuple[str, ...] = ()
    """For whom a blind post was sealed here; empty for what the broker sealed, and for a repeat."""

    @property
    def taken_at(self) -> int:
        """Give when it was accepted, µs since the epoch."""
        return self.stamp.taken_at


class Answering(Protocol):
    """Who sends receipts for a received bulletin."""

    async def send_receipt(
        self,
        about: ReceivedBulletin,
        kind: ReceiptKind,
        *,
        note: str | None,
        until: str | None,
        actor: str | None,
    ) -> Posted:
        """Sign and send one receipt."""
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves an item to a third party, offline, given the registry: nothing else of the broker is
    needed.
    """

    statement: dsse.Envelope
    stamp: dsse.Envelope
    sealed_header: bytes
    ciphertext_digest: bytes
    """SHA-256 of the ciphertext: with the sealed header it shows what the stamp's `sealed` stands for."""


class NothingToTell:
    """An item that asks for no receipt: acknowledging it tells nobody, so that a loop need not look first."""

    __slots__ = ()

    async def acknowledge(
        self, kind: ReceiptKind = "opened", *, note: str | None = None, actor: str | None = None
    ) -> None:
        """Do nothing: that the inbox was read this far, the client tells the broker by itself."""


@dataclass(frozen=True, slots=True)
class ReceivedBulletin:
    """A bulletin that verified. `number` is its place in the inbox, 0 for one's own copy.

    `redelivered`: it was handed out before, and the program ended before it asked for the next item.
    """

    number: int
    bulletin: Bulletin
    stamp: Stamp
    evidence: Evidence
    redelivered: bool = False
    unknown_references: tuple[str, ...] = ()
    """What a Cancel refers to, and this agency does not have (any more)."""
    _answering: Answering | None = field(default=None, repr=False, compare=False)

    kind = "bulletin"

    @property
    def originator(self) -> str:
        """Give who says this: proven by signature."""
        return self.bulletin.originator

    @property
    def id(self) -> str:
        """Give the bulletin's id; with `originator` it names it everywhere."""
        return self.bulletin.id

    @property
    def taken_at(self) -> int:
        """Give when the broker accepted it, µs since the epoch."""
        return self.stamp.taken_at

    @property
    def respond_by_at(self) -> int | None:
        """Give until when an answer is wanted, µs since the epoch, or None."""
        return self.bulletin.respond_by_at(self.stamp.taken_at)

    async def acknowledge(
        self, kind: ReceiptKind = "opened", *, note: str | None = None, actor: str | None = None
    ) -> Posted:
        """Send the originator a receipt: `opened`, `actioned` or `refused`. Raises what a post raises."""
        return await self._answer(kind, note=note, until=None, actor=actor)

    async def answer(
        self,
        kind: ReceiptKind,
        *,
        note: str | None = None,
        until: str | None = None,
        actor: str | None = None,
    ) -> Posted:
        """Answer its request: `confirmed`, `denied`, or `later` with `until` (RFC 3339). Raises what a post
        raises.
        """
        return await self._answer(kind, note=note, until=until, actor=actor)

    async def _answer(
        self, kind: ReceiptKind, *, note: str | None, until: str | None, actor: str | None
    ) -> Posted:
        if self._answering is None:
            raise RuntimeError("this bulletin did not come through an Agency")
        return await self._answering.send_receipt(self, kind, note=note, until=until, actor=actor)


@dataclass(frozen=True, slots=True)
class ReceivedReceipt(NothingToTell):
    """A receipt that verified: another agency's signed word about a bulletin of this one."""

    number: int
    receipt: Receipt
    stamp: Stamp
    evidence: Evidence
    redelivered: bool = False

    kind = "receipt"

    @property
    def originator(self) -> str:
        """Give the agency that gave the receipt: proven by signature."""
        return self.receipt.agency

    @property
    def id(self) -> str:
        """Give the receipt's own id."""
        return self.receipt.id

    @property
    def taken_at(self) -> int:
        """Give when the broker accepted it, µs since the epoch."""
        return self.stamp.taken_at


@dataclass(frozen=True, slots=True)
class Unverified(NothingToTell):
    """An item without content. `kind` is what it was announced as, `code` the stable form of `reason`. It
    did not verify, or (`withheld`) the broker does not give it any more: it has expired, or an entitlement
    changed.
    """

    number: int
    kind: str
    code: str
    reason: str
    redelivered: bool = False

    @property
    def withheld(self) -> bool:
        """Tell whether it was not given at all: no sign of an attack."""
        return self.code == Doubt.WITHHELD.code


@dataclass(frozen=True, slots=True)
class Expired(NothingToTell):
    """The numbers `first` to `last` expired before this consumer read them, and the broker has removed them:
    its signed word for it was verified.
    """

    first: int
    last: int
    redelivered: bool = False

    @property
    def number(self) -> int:
        """Give the last of them: the feed goes on behind it."""
        return self.last

    @property
    def kind(self) -> str:
        """Give `expired`: what they were is not known any more."""
        return "expired"


Received = ReceivedBulletin | ReceivedReceipt
FeedItem = ReceivedBulletin | ReceivedReceipt | Unverified | Expired


def is_counted(item: FeedItem) -> bool:
    """Tell whether an item is one of the `count` of a feed: numbers that expired unread are told beside."""
    return not isinstance(item, Expired)


def received(
    verified: VerifiedItem, number: int, *, redelivered: bool, answering: Answering | None
) -> Received:
    """Give a verified item as it is handed out."""
    outside = verified.outside
    sealed = outside.body.sealed
    evidence = Evidence(
        verified.statement, outside.body.stamp, sealed.header, hashlib.sha256(sealed.ciphertext).digest()
    )
    if isinstance(verified.document, Bulletin):
        return ReceivedBulletin(
            number, verified.document, outside.stamp, evidence, redelivered, _answering=answering
        )
    return ReceivedReceipt(number, verified.document, outside.stamp, evidence, redelivered)


def unverified(number: int, kind: str, error: DoubtfulItem, *, redelivered: bool) -> Unverified:
    """Give an item that did not verify as it is handed out."""
    return Unverified(number, shorten(kind), error.doubt.code, shorten(error.words), redelivered)
