"""The bytes of the protocol made by hand from their specifications, apart from the code under test.

msgpack, HKDF and DSSE's pre-authentication encoding in a few lines each: tests and vectors compare with
these, so that a mistake in the code is not its own proof.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import Any


def record(label: str, *fields: Any) -> bytes:
    """F(label, fields …)."""
    return by_hand([label, *fields])


def by_hand(value: Any) -> bytes:
    """msgpack as its specification has it, the shortest form of each; written apart from the library."""
    match value:
        case None:
            return b"\xc0"
        case int():
            for limit, head, form in ((2**8, b"\xcc", ">B"), (2**16, b"\xcd", ">H"), (2**32, b"\xce", ">I")):
                if value < 128:
                    return bytes([value])
                if value < limit:
                    return head + struct.pack(form, value)
            return b"\xcf" + struct.pack(">Q", value)
        case str():
            raw = value.encode()
            if len(raw) < 32:
                return bytes([0xA0 | len(raw)]) + raw
            if len(raw) < 256:
                return b"\xd9" + struct.pack(">B", len(raw)) + raw
            return b"\xda" + struct.pack(">H", len(raw)) + raw
        case bytes():
            if len(value) < 256:
                return b"\xc4" + struct.pack(">B", len(value)) + value
            return b"\xc5" + struct.pack(">H", len(value)) + value
        case _:
            inside = b"".join(map(by_hand, value))
            if len(value) < 16:
                return bytes([0x90 | len(value)]) + inside
            return b"\xdc" + struct.pack(">H", len(value)) + inside


def digest(label: str, *fields: Any) -> bytes:
    """SHA-256 of F(label, fields …)."""
    return hashlib.sha256(record(label, *fields)).digest()


def hkdf(ikm: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256; an empty salt is 32 zeros."""
    secret = hmac.digest(salt or bytes(32), ikm, "sha256")
    made, block = b"", b""
    while len(made) < length:
        block = hmac.digest(secret, block + info + bytes([len(made) // 32 + 1]), "sha256")
        made += block
    return made[:length]


def pae(kind: str, payload: bytes) -> bytes:
    """DSSE v1.0.2, "PAE"."""
    raw = kind.encode()
    return b" ".join([b"DSSEv1", str(len(raw)).encode(), raw, str(len(payload)).encode(), payload])
