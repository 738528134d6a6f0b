"""DSSE envelopes: the one shape in which anything signed travels.

A signature is Ed25519 over the pre-authentication encoding of (payload type, exact payload bytes). Nothing is
parsed before its signature is verified, and nothing is re-encoded afterwards: the exact bytes are signed and
kept. Two wire forms of the same thing: JSON at the edge, and the compact record F("harkara/1 signed", …)
inside msgpack and in the store. Source: DSSE protocol v1.0.2; schemas/protocol.md, "Encoding".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.errors import BadSignature, Malformed, Problem, shorten
from broker.protocol import encoding
from broker.protocol.limits import SIGNATURES_ITEMS

TYPE_PREFIX = "application/vnd.harkara."


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed (32-byte key id) and the 64-byte Ed25519 signature."""

    kid: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """Signed bytes. Holding one says nothing about its signatures: call `verify`."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def signature(self) -> Signature:
        """Give the only signature. Raises `Malformed` when there is not exactly one."""
        if len(self.signatures) != 1:
            raise Malformed(
                "a statement has exactly one signature",
                Problem("/signatures", "one signature", f"{len(self.signatures)} signatures"),
            )
        return self.signatures[0]


def payload_type(thing: str, form: str = "json") -> str:
    """Give the media type of `thing` ("bulletin", "stamp", …) in `form` ("json" or "msgpack")."""
    return f"{TYPE_PREFIX}{thing}+{form}"


def pae(kind: str, payload: bytes) -> bytes:
    """Give DSSE's pre-authentication encoding of (payload type, payload): what a signature covers."""
    type_bytes = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(type_bytes), type_bytes, len(payload), payload)


def verify(envelope: Envelope, public: Ed25519PublicKey, *, kind: str) -> None:
    """Check the only signature of `envelope`, and that its payload type is `kind`.

    Raises `BadSignature` when either is wrong: a signature over another kind of document is no signature over
    this.
    """
    if envelope.payload_type != kind:
        raise BadSignature(
            "signed as another kind of document",
            Problem("/payloadType", kind, shorten(envelope.payload_type)),
        )
    verify_bytes(pae(envelope.payload_type, envelope.payload), envelope.signature.value, public)


def verify_bytes(
    covered: bytes, signature: bytes, public: Ed25519PublicKey, *, pointer: str = "/signatures/0/sig"
) -> None:
    """Check one signature, which stands at `pointer`, over bytes that are already encoded. Raises
    `BadSignature`.
    """
    try:
        public.verify(signature, covered)
    except InvalidSignature:
        raise BadSignature(
            "the signature does not verify: what was signed is not what arrived",
            Problem(
                pointer,
                "a signature by this key over exactly these bytes",
                "one that does not verify",
            ),
        ) from None


def to_json(envelope: Envelope) -> dict[str, Any]:
    """Give the envelope as the JSON object of DSSE, key ids in hex."""
    return {
        "payloadType": envelope.payload_type,
        "payload": encode64(envelope.payload),
        "signatures": [{"keyid": s.kid.hex(), "sig": encode64(s.value)} for s in envelope.signatures],
    }


def from_json(value: object, pointer: str = "") -> Envelope:
    """Read a DSSE object that `strictjson` decoded. Raises `Malformed`, pointing below `pointer`."""
    fields = _members(value, pointer, {"payloadType", "payload", "signatures"})
    signatures = fields["signatures"]
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= SIGNATURES_ITEMS:
        raise _refusal(f"{pointer}/signatures", f"a list of 1 to {SIGNATURES_ITEMS} signatures", signatures)
    if not isinstance(fields["payloadType"], str):
        raise _refusal(f"{pointer}/payloadType", "a text", fields["payloadType"])
    return Envelope(
        fields["payloadType"],
        decode64(fields["payload"], f"{pointer}/payload"),
        tuple(_signature(one, f"{pointer}/signatures/{i}") for i, one in enumerate(signatures)),
    )


def to_bytes(envelope: Envelope) -> bytes:
    """Give the compact record of an envelope with one signature."""
    only = envelope.signature
    return encoding.pack("signed", envelope.payload_type, envelope.payload, only.kid, only.value)


def from_bytes(record: bytes) -> Envelope:
    """Read the compact record. Raises `Malformed`."""
    kind, payload, kid, value = encoding.unpack(
        record, "signed", str, bytes, encoding.Bin(32), encoding.Bin(64)
    )
    return Envelope(kind, payload, (Signature(kid, value),))


def encode64(raw: bytes) -> str:
    """Give standard base64 with padding: the only form used in JSON."""
    return base64.b64encode(raw).decode()


def decode64(text: object, pointer: str, size: int | None = None) -> bytes:
    """Read canonical base64 (RFC 4648 section 4: padding, no white space, unused bits zero), of `size` bytes
    if given.

    Two spellings of one value would be two documents under one meaning. Raises `Malformed`.
    """
    if isinstance(text, str):
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raw = None
        if raw is not None and encode64(raw) == text:
            if size is None or len(raw) == size:
                return raw
            raise _unreadable(pointer, f"{size} bytes in base64", f"{len(raw)} bytes")
    raise _unreadable(pointer, "standard base64 with padding", text)


def decode_hex(text: object, pointer: str, size: int) -> bytes:
    """Read `size` bytes in lower-case hex. Raises `Malformed`."""
    if isinstance(text, str) and len(text) == 2 * size and text == text.lower():
        try:
            raw = bytes.fromhex(text)
        except ValueError:
            raw = b""
        if raw.hex() == text:
            return raw
    raise _unreadable(pointer, f"{2 * size} lower-case hex digits", text)


def _signature(value: object, pointer: str) -> Signature:
    fields = _members(value, pointer, {"keyid", "sig"})
    return Signature(
        decode_hex(fields["keyid"], f"{pointer}/keyid", 32), decode64(fields["sig"], f"{pointer}/sig", 64)
    )


def _members(value: object, pointer: str, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _refusal(pointer, f"an object with {', '.join(sorted(names))}", value)
    if missing := names - value.keys():
        raise _refusal(pointer, f"the member {sorted(missing)[0]}", "an object without it")
    if extra := value.keys() - names:
        name = sorted(extra)[0].replace("~", "~0").replace("/", "~1")
        raise _refusal(f"{pointer}/{name}", f"no members but {', '.join(sorted(names))}", "one more")
    return value


def _refusal(pointer: str, expected: str, got: object) -> Malformed:
    return Malformed("not a signed document", Problem(pointer, expected, shorten(got)))


def _unreadable(pointer: str, expected: str, got: object) -> Malformed:
    return Malformed(f"{pointer}: expected {expected}", Problem(pointer, expected, shorten(got)))
