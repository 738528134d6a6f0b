"""The registry: cards, revocations and root keys, signed by k of n root keys, with version and expiry (as in
TUF).

Two ways in: `open_registry` for whoever holds only `exchange.json`, and `follow` for whoever trusts a
registry and is given a newer one; there is no third, so nothing unverified is ever called a `Registry`. A
newer one must be signed by the threshold of the one before *and* by its own (TUF 5.3.4), must have a higher
version, may not give a key to another member (a kid belongs to one member for ever), and may not take a
revocation back. Source: schemas/protocol.md, "Trust".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from broker.errors import (
    BadSignature,
    ExpiredKey,
    Problem,
    RevokedKey,
    SchemaError,
    UnknownKey,
    VersionConflict,
    WrongExchange,
    pointing_within,
    shorten,
)
from broker.protocol import dsse, keys, schema_walk, times
from broker.protocol.card import Card, PublicKey, Role, Use
from broker.protocol.enrolled import read_cards, read_roots
from broker.protocol.exchange import Exchange
from broker.protocol.head import EPOCH_BYTES
from broker.protocol.in_force import InForce
from broker.protocol.limits import REGISTRY_BYTES
from broker.protocol.registry_document import RegistryDocument

REGISTRY_TYPE = dsse.payload_type("registry")


class Standing(Enum):
    """Where a registry stands in its life."""

    CURRENT = "current"
    GRACE = "grace"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Registry:
    """A verified registry. Times in µs since the epoch."""

    exchange: bytes
    version: int
    digest: bytes
    issued: int
    expires: int
    grace: int
    epoch: bytes
    k: int
    roots: Mapping[bytes, bytes]
    """kid -> public bytes of the root keys."""
    cards: Mapping[str, Card]
    revoked: Mapping[bytes, int]
    entitlements_digest: bytes
    document: RegistryDocument
    envelope: dsse.Envelope
    _keys: Mapping[bytes, tuple[Card, PublicKey]] = field(repr=False)
    _agencies: tuple[str, ...] = field(repr=False)
    _in_force: InForce = field(repr=False, compare=False)

    def standing(self, now: int) -> Standing:
        """Tell whether the registry is current, in its grace, or expired."""
        if now < self.expires:
            return Standing.CURRENT
        return Standing.GRACE if now < self.grace else Standing.EXPIRED

    def signer(self, kid: bytes, at: int, *, role: Role | None = None) -> tuple[Card, PublicKey]:
        """Give whose signing key `kid` is, if it was in force at `at` and (when given) the member has `role`.

        For a live request `at` is now; for something stamped it is the stamp's time, so that what was signed
        before an expiry or a revocation stays verifiable. Raises `UnknownKey`, `ExpiredKey` or `RevokedKey`.
        """
        found = self._keys.get(kid)
        if found is None or found[1].signing is None or (role is not None and found[0].role != role):
            raise UnknownKey(
                "no member of the registry has this signing key",
                Problem("/signatures/0/keyid", "the key id of a member's signing key", kid.hex()),
            )
        self._require_in_force(found[1], at)
        return found

    def sealing_key(self, kid: bytes) -> tuple[Card, PublicKey] | None:
        """Give whose sealing key `kid` is, whatever its validity."""
        found = self._keys.get(kid)
        return found if found is not None and found[1].sealing is not None else None

    def key_for(self, member: str, use: Use, now: int) -> PublicKey | None:
        """Give the key of a member in force for `use`: the one valid longest when there are several."""
        return self._in_force.at(now).keys.get((member, use))

    def sealing_kid(self, member: str, at: int) -> bytes | None:
        """Give the kid of the sealing key of a member in force at `at` (µs), None when there is none."""
        key = self.key_for(member, "seal", at)
        return None if key is None else key.kid

    def agencies(self) -> tuple[str, ...]:
        """Give the ids of all agencies (brokers are no recipients), sorted."""
        return self._agencies

    def active(self, now: int) -> frozenset[str]:
        """Give the agencies that can receive now: both of their keys are in force and not revoked."""
        return self._in_force.at(now).active

    def _require_in_force(self, key: PublicKey, at: int) -> None:
        if self._in_force.is_revoked(key.kid, at):
            raise RevokedKey(
                f"this key was revoked from {times.format(self.revoked[key.kid])}",
                Problem("/signatures/0/keyid", "a key that is not revoked", key.kid.hex()),
            )
        if not key.in_force(at):
            raise ExpiredKey(
                f"this key is valid from {times.format(key.not_before)} to {times.format(key.not_after)}",
                Problem(
                    "/signatures/0/keyid",
                    "a key in force",
                    key.kid.hex(),
                    "make a new card with `harkara keys rotate`",
                ),
            )


def open_registry(envelope: dsse.Envelope, exchange: Exchange) -> Registry:
    """Verify a registry by the first root keys of its exchange.

    Raises `WrongExchange`, `BadSignature`, `Malformed` or `SchemaError`.
    """
    registry = _read(envelope, exchange.id)
    _require_threshold(envelope, _public_of(exchange.root_kids, registry), exchange.k)
    _require_threshold(envelope, registry.roots, registry.k)
    return registry


def follow(trusted: Registry, envelope: dsse.Envelope) -> Registry:
    """Verify a registry that is newer than a trusted one.

    Raises as `open_registry`, and `VersionConflict` when it is not newer or does not descend from the trusted
    one.
    """
    _require_threshold(envelope, trusted.roots, trusted.k)
    newer = _read(envelope, trusted.exchange)
    _require_threshold(envelope, newer.roots, newer.k)
    with pointing_within("/payload"):
        _check_descent(trusted, newer)
    return newer


def _check_descent(trusted: Registry, newer: Registry) -> None:
    if newer.version <= trusted.version:
        raise VersionConflict(
            "the registry is not newer than the one in force",
            Problem(
                "/version",
                f"more than {trusted.version}",
                str(newer.version),
                "sign it again with a new version",
            ),
        )
    if newer.version == trusted.version + 1 and newer.document.previous != trusted.digest.hex():
        raise VersionConflict(
            "the registry does not follow the one in force",
            Problem("/previous", trusted.digest.hex(), newer.document.previous or "none"),
        )
    for kid, since in trusted.revoked.items():
        if newer.revoked.get(kid, since + 1) > since:
            raise SchemaError(
                "a revocation stays: it may be moved to an earlier time only",
                Problem("/revocations", f"{kid.hex()}, since {times.format(since)}", "a later one or none"),
            )
    for kid, (card, _) in trusted._keys.items():
        if kid in newer._keys and newer._keys[kid][0].id != card.id:
            raise SchemaError(
                "a key belongs to one member for ever",
                Problem(
                    "/cards", f"the key {kid.hex()[:16]}… with {card.id} or nobody", newer._keys[kid][0].id
                ),
            )


def _public_of(kids: Iterable[bytes], registry: Registry) -> dict[bytes, bytes]:
    # exchange.json names root keys by id only; their bytes stand in the registry, and the id is a hash of
    # them.
    return {kid: registry.roots[kid] for kid in kids if kid in registry.roots}


def _require_threshold(envelope: dsse.Envelope, roots: Mapping[bytes, bytes], k: int) -> None:
    covered = dsse.pae(REGISTRY_TYPE, envelope.payload)
    valid: set[bytes] = set()
    for place, signature in enumerate(envelope.signatures):
        if signature.kid in roots and signature.kid not in valid:
            public = keys.read_signing_public(roots[signature.kid])
            dsse.verify_bytes(covered, signature.value, public, pointer=f"/signatures/{place}/sig")
            valid.add(signature.kid)
    if len(valid) < k:
        raise BadSignature(
            "too few root keys have signed the registry",
            Problem(
                "/signatures",
                f"signatures by {k} root keys",
                f"{len(valid)}",
                "`harkara registry sign` adds one",
            ),
        )


def _read(envelope: dsse.Envelope, exchange: bytes) -> Registry:
    if envelope.payload_type != REGISTRY_TYPE:
        raise BadSignature(
            "signed as another kind of document",
            Problem("/payloadType", REGISTRY_TYPE, shorten(envelope.payload_type)),
        )
    with pointing_within("/payload"):
        return _read_payload(envelope, exchange)


def _read_payload(envelope: dsse.Envelope, exchange: bytes) -> Registry:
    document = schema_walk.read(envelope.payload, RegistryDocument, max_bytes=REGISTRY_BYTES)
    if document.exchange != exchange.hex():
        raise WrongExchange(
            "the registry is of another exchange", Problem("/exchange", exchange.hex(), document.exchange)
        )
    cards, index = read_cards(document.cards, exchange)
    roots = read_roots(document)
    if document.k > len(roots):
        raise SchemaError(
            "k is larger than the number of root keys", Problem("/k", f"1 to {len(roots)}", f"{document.k}")
        )
    issued, expires, grace = (
        times.parse(text) for text in (document.issued, document.expires, document.grace)
    )
    if not issued < expires <= grace:
        raise SchemaError(
            "the registry's times are out of order",
            Problem("/expires", "issued < expires <= grace", document.expires),
        )
    if (document.version == 1) != (document.previous is None):
        raise SchemaError(
            "the first registry follows none, each other one the one before",
            Problem(
                "/previous",
                "the digest of the version before, except in version 1",
                document.previous or "none",
            ),
        )
    revoked = {bytes.fromhex(one.kid): times.parse(one.since) for one in document.revocations}
    if len(revoked) != len(document.revocations):
        raise SchemaError(
            "a key is revoked twice", Problem("/revocations", "each key once", "one of them twice")
        )
    return Registry(
        exchange=exchange,
        version=document.version,
        digest=hashlib.sha256(envelope.payload).digest(),
        issued=issued,
        expires=expires,
        grace=grace,
        epoch=dsse.decode_hex(document.epoch, "/epoch", EPOCH_BYTES),
        k=document.k,
        roots=roots,
        cards=cards,
        revoked=revoked,
        entitlements_digest=bytes.fromhex(document.entitlements_digest),
        document=document,
        envelope=envelope,
        _keys=index,
        _agencies=tuple(sorted(card.id for card in cards.values() if card.role == "agency")),
        _in_force=InForce(cards.values(), revoked),
    )
