"""The way in that bulletins and receipts share: who sent it, and whether it was accepted before."""

from __future__ import annotations

from broker.errors import ExpiredKey, Problem
from broker.protocol import admission, dsse
from broker.protocol.card import Card
from broker.protocol.registry import Registry
from broker.service.clock import Clock
from broker.service.sealing import Accepted, conflict
from broker.service.store_word import from_the_store
from broker.store.commit import Committer
from broker.store.log import Log
from broker.store.together import Together


class Intake:
    """Asks the first questions about a signed statement."""

    def __init__(self, log: Log, committer: Committer, clock: Clock) -> None:
        self._known = Together(log.known)
        self._committer = committer
        self._clock = clock

    def sender(self, statement: dsse.Envelope, registry: Registry, *, kind: str) -> Card:
        """Give whose statement of payload type `kind` it is: an agency with both keys in force.

        Raises `UnknownKey`, `ExpiredKey`, `RevokedKey` or `BadSignature`.
        """
        now = self._clock()
        card = admission.authenticate(statement, registry, now, kind=kind)
        self.check_reads(card, registry)
        return card

    def check_reads(self, card: Card, registry: Registry) -> None:
        """Hold an author to a sealing key in force, for its own copy. Raises `ExpiredKey`."""
        if registry.sealing_kid(card.id, self._clock()) is None:
            raise ExpiredKey(
                "this agency has no sealing key in force, so its own copy could not be sealed to it",
                Problem("/signatures/0/keyid", "a member with both keys in force", card.id),
            )

    async def first_answer(self, author: str, item_id: str, stmt: bytes) -> Accepted | None:
        """Give the stamp that this very statement got before; None when its id is new.

        Raises `IdConflict` when the id was taken by other bytes, and what the look-up raises.
        """
        known = await self._known.answer(f"{author}/{item_id}")
        if known is None:
            return None
        if known.stmt != stmt:
            raise conflict(item_id)
        await self._committer.confirm_repeat()
        with from_the_store("stamp"):
            return Accepted(author, item_id, dsse.from_bytes(known.stamp), repeated=True)
