"""The stamp: the broker's signed acceptance. The answer to a post, and part of every item.

It names what was taken (`stmt`), the sealed form that everybody receives (`sealed`), when, and under which
registry version. Where the broker seals, the stamp is the seal as well: one signature, not two. Source:
schemas/protocol.md, "What the broker says".
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.protocol import dsse, encoding
from broker.protocol.encoding import Bin

STAMP_TYPE = dsse.payload_type("stamp", "msgpack")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a stamp says. `taken_at` is in µs since the epoch; `originator` of a receipt is the agency that
    made it.
    """

    exchange: bytes
    broker_kid: bytes
    originator: str
    id: str
    stmt: bytes
    sealed: bytes
    taken_at: int
    registry_version: int

    def pack(self) -> bytes:
        """Give F("harkara/1 stamp", …)."""
        return encoding.pack(
            "stamp",
            self.exchange,
            self.broker_kid,
            self.originator,
            self.id,
            self.stmt,
            self.sealed,
            self.taken_at,
            self.registry_version,
        )


def read_stamp(payload: bytes) -> Stamp:
    """Read the payload of a stamp's envelope; its signature is the caller's to verify. Raises `Malformed`."""
    return Stamp(*encoding.unpack(payload, "stamp", Bin(32), Bin(32), str, str, Bin(32), Bin(32), int, int))
