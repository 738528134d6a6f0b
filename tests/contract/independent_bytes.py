"""The bytes of `schemas/protocol.md`, written from it alone, for the independent client: records, envelopes,
digests, padding, policy.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TYPE = "application/vnd.harkara.{}+{}"
FLOOR_BYTES = 2048


class NotBelieved(Exception):
    """What came does not prove what it says."""


@dataclass(frozen=True)
class Envelope:
    """A DSSE envelope with one signature, in force or not."""

    kind: str
    payload: bytes
    kid: bytes
    signature: bytes


def record(label: str, *fields: object) -> bytes:
    """F("harkara/1 …", …)."""
    return bytes(msgpack.packb([f"harkara/1 {label}", *fields]) or b"")


def opened(label: str, data: bytes) -> list[Any]:
    """Read a record, encode it again and compare."""
    found = msgpack.unpackb(data, strict_map_key=True)
    if msgpack.packb(found) != data or found[0] != f"harkara/1 {label}":
        raise NotBelieved(f"not a {label}")
    return found[1:]


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def pae(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def raw(text: str) -> bytes:
    """Bytes from base64."""
    return base64.b64decode(text, validate=True)


def b64(data: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(data).decode()


def micros(text: str) -> int:
    """A time of a document in µs since the epoch."""
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def envelope(found: dict[str, Any]) -> Envelope:
    """Read the JSON form."""
    (signature,) = found["signatures"]
    return Envelope(
        found["payloadType"],
        raw(found["payload"]),
        bytes.fromhex(signature["keyid"]),
        raw(signature["sig"]),
    )


def statement_digest(one: Envelope) -> bytes:
    """Stmt."""
    return sha256(record("statement", one.kind, one.payload, one.kid, one.signature))


def hkdf(ikm: bytes, info: bytes, length: int, salt: bytes | None = None) -> bytes:
    """HKDF-SHA256."""
    return HKDF(hashes.SHA256(), length, salt, info).derive(ikm)


def padded(length: int) -> int:
    """Padmé with a floor."""
    if length <= FLOOR_BYTES:
        return FLOOR_BYTES
    exponent = length.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return -(-length // step) * step


def policy_of(bulletin: dict[str, Any], salt: bytes) -> bytes:
    """The policy digest of a document."""
    codes = sorted({area["code"] for area in bulletin.get("areas", []) if "code" in area})
    said = [bulletin[name] for name in ("status", "type", "category", "marking")]
    opening = record(
        "policy",
        salt,
        *said,
        bulletin.get("severity"),
        codes,
        bulletin.get("references", []),
        micros(bulletin["expires"]),
        bulletin.get("respond_by"),
    )
    return sha256(opening)


def decrypted(key: bytes, nonce: bytes, data: bytes, bound: bytes) -> bytes:
    """AES-256-GCM."""
    try:
        return AESGCM(key).decrypt(nonce, data, bound)
    except InvalidTag:
        raise NotBelieved("this does not open") from None


def unpacked(compact: bytes) -> dict[str, Any]:
    """Give the compact form of an envelope in the JSON form."""
    kind, payload, kid, signature = opened("signed", compact)
    return {
        "payloadType": kind,
        "payload": b64(payload),
        "signatures": [{"keyid": kid.hex(), "sig": b64(signature)}],
    }


def unpacked_page(body: bytes) -> dict[str, Any]:
    """Give a page in msgpack as the page in JSON."""
    agency, epoch, entries, items, head, _ = opened("page", body)
    return {
        "agency": agency,
        "epoch": epoch.hex(),
        "entries": [
            {"first": first, "last": last, "references": [[kind, sealed.hex()] for kind, sealed in links]}
            for first, last, links in entries
        ],
        "items": [
            {
                "number": number,
                "kind": kind,
                "header": b64(found[0]),
                "ciphertext": b64(found[1]),
                "wrap": b64(found[3]),
                "stamp": unpacked(found[4]),
            }
            | ({} if found[2] is None else {"seal": b64(found[2])})
            for number, kind, found, _ in items
        ],
        "head": unpacked(head),
    }


def events(lines: Iterator[bytes], count: int) -> list[dict[str, str]]:
    """Read Server-Sent Events until `count` with an id and a head behind them have come."""
    found: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    while sum("id" in one for one in found) < count or found[-1]["event"] != "head":
        line = next(lines).decode().rstrip("\r\n")
        if line and not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif not line:
            found, fields = ([*found, fields] if "data" in fields else found), {}
    return found
