"""The head: the broker's signed word on where an inbox ends.

Signed when an inbox has been read to its end, at most once a second an agency. It also carries the registry's
version and digest and the subscription's version, so that nobody can hold a reader back on old ones (freeze)
without it noticing. Two heads for one (epoch, generation, agency, number) with different chains prove fraud.
Source: schemas/protocol.md, "What the broker says".
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.protocol import dsse, encoding
from broker.protocol.encoding import Bin

HEAD_TYPE = dsse.payload_type("head", "msgpack")
EPOCH_BYTES = 16


@dataclass(frozen=True, slots=True)
class Head:
    """What a head says. `signed_at` is in µs since the epoch; `number` 0 with the first link is an empty
    inbox.
    """

    exchange: bytes
    epoch: bytes
    generation: int
    agency: str
    number: int
    chain: bytes
    signed_at: int
    registry_version: int
    registry_digest: bytes
    subscription_version: int

    def pack(self) -> bytes:
        """Give F("harkara/1 head", …)."""
        return encoding.pack(
            "head",
            self.exchange,
            self.epoch,
            self.generation,
            self.agency,
            self.number,
            self.chain,
            self.signed_at,
            self.registry_version,
            self.registry_digest,
            self.subscription_version,
        )

    def contradicts(self, other: Head) -> bool:
        """Tell whether this head and `other` prove that a broker signed two histories of one inbox."""
        same_place = (self.exchange, self.epoch, self.generation, self.agency, self.number) == (
            other.exchange,
            other.epoch,
            other.generation,
            other.agency,
            other.number,
        )
        return same_place and self.chain != other.chain


def read_head(payload: bytes) -> Head:
    """Read the payload of a head's envelope; its signature is the caller's to verify. Raises `Malformed`."""
    return Head(
        *encoding.unpack(
            payload, "head", Bin(32), Bin(EPOCH_BYTES), int, str, int, Bin(32), int, int, Bin(32), int
        )
    )
