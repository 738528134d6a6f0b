"""The bytes of an inbox's head: fixed, so that a router compares a whole head by comparing bytes.

`1 | u64 number | chain 32 | u8 length | position | digest 32 | u64 floor number | floor chain 32`,
big-endian. Once the inbox was trimmed there follow `u8 length | floor position | floor MAC 32`.
"""

from __future__ import annotations

import re
import struct

from broker.errors import NotAuthentic
from broker.store.records import Head

_START = struct.Struct(">BQ32sB")
_END = struct.Struct(">32sQ32s")
_FORM = 1


def pack_head(head: Head | None) -> bytes:
    """Give the bytes of a head; those of an inbox that has none are empty."""
    if head is None:
        return b""
    position = head.position.encode()
    for part in (head.chain, head.digest, head.floor_chain):
        if len(part) != 32:
            raise ValueError("chains and digests are 32 bytes")
    packed = (
        _START.pack(_FORM, head.number, head.chain, len(position))
        + position
        + _END.pack(head.digest, head.floor_number, head.floor_chain)
    )
    if not head.floor_mac:
        return packed
    if len(head.floor_mac) != 32:
        raise ValueError("a floor's MAC is 32 bytes")
    floor_position = head.floor_position.encode()
    return packed + bytes([len(floor_position)]) + floor_position + head.floor_mac


def unpack_head(packed: bytes | None) -> Head | None:
    """Give the head in `packed`; None for an inbox without one. Raises `NotAuthentic` for any other bytes."""
    if not packed:
        return None
    if len(packed) < _START.size + _END.size:
        raise NotAuthentic("the store holds a head that is cut short")
    form, number, chain, length = _START.unpack_from(packed)
    end = _START.size + length + _END.size
    if form != _FORM or len(packed) < end:
        raise NotAuthentic("the store holds a head of an unknown form")
    floor_position, floor_mac = _unpack_floor(packed[end:])
    position = packed[_START.size : _START.size + length]
    digest, floor_number, floor_chain = _END.unpack_from(packed, _START.size + length)
    if not position.replace(b"-", b"").isdigit():
        raise NotAuthentic("the store holds a head with a bad position")
    return Head(
        number, chain, position.decode(), digest, floor_number, floor_chain, floor_position, floor_mac
    )


def _unpack_floor(rest: bytes) -> tuple[str, bytes]:
    if not rest:
        return "", b""
    position = rest[1:-32]
    if len(rest) != 1 + rest[0] + 32 or not re.fullmatch(rb"[0-9]{1,20}-[0-9]{1,20}", position):
        raise NotAuthentic("the store holds a head with a bad floor")
    return position.decode(), rest[-32:]
