"""Proofs: a signed statement, perhaps with the broker's stamp, and what can be told from them
offline.

Forms that are taken: `{statement, stamp?, …}` as `harkara sign` and `harkara export` write it, or a
DSSE envelope alone. A stamp dates the statement: a key that expired or was revoked later is no
objection. Without one there is only the author's word for the time, so a key that is revoked by now
proves nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.cli.files import LIMIT_BYTES
from broker.errors import AuthorMismatch, Malformed, NotAuthentic, Problem, RevokedKey
from broker.protocol import admission, dsse, strictjson, times
from broker.protocol.answers import (
    ACKNOWLEDGEMENT_TYPE,
    RECEIPT_TYPE,
    SUBSCRIPTION_TYPE,
    read_acknowledgement,
    read_receipt,
    read_subscription,
)
from broker.protocol.bulletin import PAYLOAD_TYPE, read_bulletin
from broker.protocol.card import Card
from broker.protocol.digests import statement_digest
from broker.protocol.registry import Registry
from broker.protocol.sealing import sealed_digest
from broker.protocol.stamp import STAMP_TYPE, Stamp, read_stamp

EXPORT_MEMBERS: Final = {"statement", "stamp", "sealed_header", "ciphertext_digest", "address"}


@dataclass(frozen=True, slots=True)
class Proof:
    """A statement and, when a broker took it, the stamp. Nothing is verified."""

    statement: dsse.Envelope
    stamp: dsse.Envelope | None
    sealed: bytes | None = None
    """The digest that sealed header and ciphertext digest come to, None without them."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was proven. `said_at` is the author's own time (RFC 3339), `sha256` that of the exact
    signed bytes.
    """

    author: Card
    said_at: str
    sha256: str
    stamp: Stamp | None
    broker: str | None


def read_proof(content: bytes) -> Proof:
    """Read a proof in any of its forms. Raises `Malformed` or `TooLarge`."""
    value = strictjson.decode(content, max_bytes=LIMIT_BYTES)
    if not isinstance(value, dict) or "statement" not in value:
        return Proof(dsse.from_json(value), None)
    if unknown := value.keys() - EXPORT_MEMBERS:
        raise Malformed(
            "not a proof", Problem("", f"no members but {', '.join(sorted(EXPORT_MEMBERS))}", min(unknown))
        )
    stamp = dsse.from_json(value["stamp"], "/stamp") if "stamp" in value else None
    return Proof(dsse.from_json(value["statement"], "/statement"), stamp, _sealed(value))


def verify_proof(proof: Proof, registry: Registry, now: int) -> Verified:
    """Tell what a proof proves. Raises what does not hold (`BadSignature`, `UnknownKey`,
    `AuthorMismatch` …).
    """
    statement = proof.statement
    author, exchange, said_at = _claims(statement)
    stamp, broker = _stamp(proof, registry) if proof.stamp is not None else (None, None)
    at = stamp.taken_at if stamp is not None else times.parse(said_at)
    kid = statement.signature.kid
    if stamp is None and registry.revoked.get(kid, now + 1) <= now:
        raise RevokedKey(
            "the key was revoked, and without a stamp nothing shows that this was signed before",
            Problem("/signatures/0/keyid", "a key that is not revoked, or a stamp", kid.hex()),
        )
    card, key = registry.signer(kid, at, role="agency")
    dsse.verify(statement, cast(Ed25519PublicKey, key.signing), kind=statement.payload_type)
    admission.check_claims(author, exchange, card.id, registry.exchange)
    return Verified(card, said_at, hashlib.sha256(statement.payload).hexdigest(), stamp, broker)


def _stamp(proof: Proof, registry: Registry) -> tuple[Stamp, str]:
    envelope = cast(dsse.Envelope, proof.stamp)
    stamp = read_stamp(envelope.payload)
    card, key = registry.signer(envelope.signature.kid, stamp.taken_at, role="broker")
    dsse.verify(envelope, cast(Ed25519PublicKey, key.signing), kind=STAMP_TYPE)
    if stamp.exchange != registry.exchange or stamp.broker_kid != envelope.signature.kid:
        raise NotAuthentic("the stamp is of another exchange or broker than the one that signed it")
    if stamp.stmt != statement_digest(proof.statement):
        raise NotAuthentic("the stamp is of another statement than this one")
    if proof.sealed is not None and proof.sealed != stamp.sealed:
        raise NotAuthentic("the sealed header is not that of the item that was stamped")
    return stamp, card.id


def _sealed(value: dict[str, Any]) -> bytes | None:
    if "sealed_header" not in value and "ciphertext_digest" not in value:
        return None
    header = dsse.decode64(value.get("sealed_header"), "/sealed_header")
    ciphertext = dsse.decode_hex(value.get("ciphertext_digest"), "/ciphertext_digest", 32)
    return sealed_digest(header, ciphertext)


def _claims(statement: dsse.Envelope) -> tuple[str, str, str]:
    """Give author, exchange and time that a statement claims."""
    match statement.payload_type:
        case kind if kind == PAYLOAD_TYPE:
            bulletin = read_bulletin(statement.payload)
            return bulletin.originator, bulletin.exchange, bulletin.sent
        case kind if kind == RECEIPT_TYPE:
            answer = read_receipt(statement.payload)
        case kind if kind == ACKNOWLEDGEMENT_TYPE:
            answer = read_acknowledgement(statement.payload)
        case kind if kind == SUBSCRIPTION_TYPE:
            answer = read_subscription(statement.payload)
        case kind:
            raise AuthorMismatch(f"a document of the type {kind!r} is no statement of an agency")
    return answer.agency, answer.exchange, answer.at
