"""What a broker says when an inbox is not whole any more: tombstone, floor, rollback.

Each is signed by the broker under its own payload type. A tombstone keeps the item's digest, so the chain
survives what it stands for; a floor says where an inbox begins after trimming; a rollback is an honest
broker's word that its store lost a tail, so that what readers hold is evidence and no accusation. Source:
schemas/protocol.md, "What the broker says" and "Rollback".
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.errors import Malformed, Problem, shorten
from broker.protocol import dsse, encoding
from broker.protocol.encoding import Bin, Maybe
from broker.protocol.head import EPOCH_BYTES

TOMBSTONE_TYPE = dsse.payload_type("tombstone", "msgpack")
FLOOR_TYPE = dsse.payload_type("floor", "msgpack")
ROLLBACK_TYPE = dsse.payload_type("rollback", "msgpack")

REASONS = ("expired", "recalled", "erased")
"""Why the content of an item is gone."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What stands for an item whose content is gone. `cancel` is the stmt of the Cancel that recalled it,
    which the same inbox receives. `at` in µs since the epoch.
    """

    exchange: bytes
    epoch: bytes
    agency: str
    number: int
    sealed: bytes
    reason: str
    cancel: bytes | None
    at: int

    def pack(self) -> bytes:
        """Give F("harkara/1 tombstone", …)."""
        return encoding.pack(
            "tombstone",
            self.exchange,
            self.epoch,
            self.agency,
            self.number,
            self.sealed,
            self.reason,
            self.cancel,
            self.at,
        )


@dataclass(frozen=True, slots=True)
class Floor:
    """Where an inbox begins: everything up to `number`, with the chain there, was trimmed. `at` in µs."""

    exchange: bytes
    epoch: bytes
    agency: str
    number: int
    chain: bytes
    at: int

    def pack(self) -> bytes:
        """Give F("harkara/1 floor", …)."""
        return encoding.pack(
            "floor", self.exchange, self.epoch, self.agency, self.number, self.chain, self.at
        )


@dataclass(frozen=True, slots=True)
class Rollback:
    """What was kept and what was lost of an inbox when the store was taken back, under a new generation."""

    exchange: bytes
    epoch: bytes
    generation: int
    agency: str
    number_kept: int
    chain_kept: bytes
    number_lost: int
    chain_lost: bytes
    at: int

    def pack(self) -> bytes:
        """Give F("harkara/1 rollback", …)."""
        return encoding.pack(
            "rollback",
            self.exchange,
            self.epoch,
            self.generation,
            self.agency,
            self.number_kept,
            self.chain_kept,
            self.number_lost,
            self.chain_lost,
            self.at,
        )


def read_tombstone(payload: bytes) -> Tombstone:
    """Read the payload of a tombstone's envelope. Raises `Malformed`, as the two below: signatures are the
    caller's to verify.
    """
    found = Tombstone(
        *encoding.unpack(
            payload, "tombstone", Bin(32), Bin(EPOCH_BYTES), str, int, Bin(32), str, Maybe(Bin(32)), int
        )
    )
    if found.reason not in REASONS:
        raise _refusal("tombstone", f"a reason of {REASONS}", shorten(found.reason))
    if (found.reason == "recalled") != (found.cancel is not None):
        raise _refusal("tombstone", "a Cancel when recalled, else none", found.reason)
    return found


def read_floor(payload: bytes) -> Floor:
    """Read the payload of a floor's envelope. Raises `Malformed`."""
    return Floor(*encoding.unpack(payload, "floor", Bin(32), Bin(EPOCH_BYTES), str, int, Bin(32), int))


def read_rollback(payload: bytes) -> Rollback:
    """Read the payload of a rollback's envelope. Raises `Malformed`."""
    found = Rollback(
        *encoding.unpack(
            payload, "rollback", Bin(32), Bin(EPOCH_BYTES), int, str, int, Bin(32), int, Bin(32), int
        )
    )
    if found.generation < 1 or found.number_lost <= found.number_kept:
        raise _refusal("rollback", "more lost than kept, under a new generation", f"{found.number_lost}")
    return found


def _refusal(purpose: str, expected: str, got: str) -> Malformed:
    return Malformed(f"the {purpose} record cannot be read", Problem("", expected, got))
