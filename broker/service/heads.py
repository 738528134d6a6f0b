"""Heads: the broker's signed word on where an inbox ends."""

from __future__ import annotations

from broker.protocol import dsse
from broker.protocol.head import HEAD_TYPE, Head
from broker.protocol.identity import Identity
from broker.protocol.limits import SECOND_US
from broker.service.broker_key import signing_key
from broker.service.clock import Clock
from broker.service.store_word import from_the_store
from broker.service.subscriptions import Subscriptions
from broker.service.trust import Trust
from broker.store.members import Members

REUSED_US = SECOND_US
"""How long one signature serves all readers of an inbox that has not moved."""


class Heads:
    """Signs heads for one broker."""

    def __init__(
        self, trust: Trust, identity: Identity, members: Members, subscriptions: Subscriptions, clock: Clock
    ) -> None:
        self._trust = trust
        self._identity = identity
        self._members = members
        self._subscriptions = subscriptions
        self._clock = clock
        self._signed: dict[str, tuple[Head, dsse.Envelope]] = {}

    async def sign(self, agency: str, number: int, chain_there: bytes) -> dsse.Envelope:
        """Give the signed head of an inbox that the caller has read, and verified, to its end."""
        registry, now = self._trust.registry, self._clock()
        kept = self._signed.get(agency)
        if kept is not None:
            head, envelope = kept
            fresh = now - head.signed_at < REUSED_US and head.registry_version == registry.version
            if fresh and (head.number, head.chain) == (number, chain_there):
                return envelope
        with from_the_store("standing"):
            standing = await self._members.standing()
        head = Head(
            exchange=registry.exchange,
            epoch=registry.epoch,
            generation=standing.generation,
            agency=agency,
            number=number,
            chain=chain_there,
            signed_at=now,
            registry_version=registry.version,
            registry_digest=registry.digest,
            subscription_version=await self._subscriptions.version(agency),
        )
        envelope = signing_key(self._identity, registry, now).sign(HEAD_TYPE, head.pack())
        self._signed[agency] = head, envelope
        return envelope
