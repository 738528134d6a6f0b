"""The references of an inbox entry: what the store keeps for each number of an agency's inbox.

One entry holds up to 64 of them, packed in one field that is opaque to the store; the entry's MAC covers the
positions and its chain covers kinds and digests. Each carries the agency's own wrap, so that reading an item
needs its body and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from broker.protocol import encoding
from broker.protocol.encoding import Bin, ListOf, Row
from broker.protocol.pairkeys import WRAP_BYTES

REFERENCES_PER_ENTRY = 64

_REFERENCES = ListOf(Row((str, str, Bin(32), Bin(WRAP_BYTES), int, str)))


@dataclass(frozen=True, slots=True)
class InboxReference:
    """One numbered item: its kind, `<originator>/<id>`, sealed digest, wrap, expiry (µs) and position in the
    log.
    """

    kind: str
    item: str
    digest: bytes
    wrap: bytes
    expires_at: int
    position: str


def pack_references(references: Sequence[InboxReference]) -> bytes:
    """Give the bytes that the store keeps."""
    return encoding.pack(
        "references", [[r.kind, r.item, r.digest, r.wrap, r.expires_at, r.position] for r in references]
    )


def unpack_references(packed: bytes) -> list[InboxReference]:
    """Read what `pack_references` gave. Raises `Malformed`."""
    (rows,) = encoding.unpack(packed, "references", _REFERENCES)
    return [InboxReference(*row) for row in rows]
