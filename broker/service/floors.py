"""Floors: the broker's signed word on where an inbox begins, for readers that stand below."""

from __future__ import annotations

from broker.protocol import dsse
from broker.protocol.history import FLOOR_TYPE, Floor
from broker.protocol.identity import Identity
from broker.service.broker_key import signing_key
from broker.service.clock import Clock
from broker.service.trust import Trust


class Floors:
    """Signs floors for one broker."""

    def __init__(self, trust: Trust, identity: Identity, clock: Clock) -> None:
        self._trust = trust
        self._identity = identity
        self._clock = clock

    def sign(self, agency: str, number: int, chain_there: bytes) -> dsse.Envelope:
        """Give the signed floor of an inbox whose floor the caller has verified. Raises `Unavailable`."""
        registry, now = self._trust.registry, self._clock()
        floor = Floor(registry.exchange, registry.epoch, agency, number, chain_there, now)
        return signing_key(self._identity, registry, now).sign(FLOOR_TYPE, floor.pack())
