"""Who signed: an envelope, the registry and a time give a member, or a refusal. Pure."""

from __future__ import annotations

from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.protocol import dsse
from broker.protocol.card import Card, Role
from broker.protocol.registry import Registry


def signed_by(envelope: dsse.Envelope, registry: Registry, *, at: int, role: Role, kind: str) -> Card:
    """Give the member with `role` whose key, in force at `at` (µs), signed `envelope` as payload type `kind`.

    Raises `UnknownKey`, `ExpiredKey`, `RevokedKey`, `BadSignature`, or `Malformed` (not one signature).
    """
    card, key = registry.signer(envelope.signature.kid, at, role=role)
    # `signer` gives signing keys only.
    dsse.verify(envelope, cast(Ed25519PublicKey, key.signing), kind=kind)
    return card
