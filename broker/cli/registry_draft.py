"""The next version of the registry while it is being prepared: one file that is edited, signed and
then published.

The file is the body of `PUT /v1/registry`, `{registry, entitlements}`, with as many signatures as
it has yet: none after an edit, k of n when it can be published. What is signed are the exact
payload bytes in the file, so that each root key holder can sign elsewhere, on a machine that is not
connected, and send the file on.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

import msgspec

from broker.cli import files
from broker.cli.moment import now, whole_second
from broker.cli.output import pretty
from broker.cli.refusals import MisuseError, brief
from broker.cli.trust_files import InForce, TrustFiles
from broker.errors import HarkaraError, Problem, SchemaError
from broker.protocol import dsse, schema_walk, strictjson, times
from broker.protocol.digests import SALT_BYTES
from broker.protocol.entitlements import ENTITLEMENTS_TYPE, EntitlementsDocument
from broker.protocol.exchange import Exchange
from broker.protocol.keys import SigningKey
from broker.protocol.limits import REGISTRY_BYTES
from broker.protocol.registry import REGISTRY_TYPE
from broker.protocol.registry_document import EnvelopeDocument, RegistryDocument


@dataclass(frozen=True, slots=True)
class Draft:
    """Both documents, each with the signatures that it has yet."""

    registry: dsse.Envelope
    entitlements: dsse.Envelope

    def documents(self) -> tuple[RegistryDocument, EntitlementsDocument]:
        """Read both payloads. Raises `Malformed` or `SchemaError`."""
        return (
            schema_walk.read(self.registry.payload, RegistryDocument, max_bytes=REGISTRY_BYTES),
            schema_walk.read(self.entitlements.payload, EntitlementsDocument, max_bytes=REGISTRY_BYTES),
        )

    def body(self) -> dict[str, Any]:
        """Give the body of `PUT /v1/registry`."""
        return {"registry": dsse.to_json(self.registry), "entitlements": dsse.to_json(self.entitlements)}


def unsigned(registry: RegistryDocument, entitlements: EntitlementsDocument) -> Draft:
    """Make a draft of two documents: the registry gets the digest of the entitlements."""
    granted = msgspec.json.encode(entitlements)
    listed = msgspec.structs.replace(registry, entitlements_digest=hashlib.sha256(granted).hexdigest())
    return Draft(
        dsse.Envelope(REGISTRY_TYPE, msgspec.json.encode(listed), ()),
        dsse.Envelope(ENTITLEMENTS_TYPE, granted, ()),
    )


def first_draft(
    exchange: Exchange,
    roots: list[bytes],
    cards: list[dsse.Envelope],
    *,
    epoch: bytes,
    issued: int,
    valid: int,
    grace: int,
) -> Draft:
    """Make version 1. `roots` are public root keys; `issued` in µs since the epoch, `valid` and
    `grace` µs.
    """
    registry = RegistryDocument(
        exchange=exchange.id.hex(),
        version=1,
        issued=times.format(issued),
        expires=times.format(issued + valid),
        grace=times.format(issued + valid + grace),
        epoch=epoch.hex(),
        k=exchange.k,
        root_keys=[dsse.encode64(public) for public in roots],
        cards=[card_document(card) for card in cards],
        revocations=[],
        entitlements_digest="0" * 64,
    )
    return unsigned(
        registry,
        EntitlementsDocument(exchange=exchange.id.hex(), version=1, salt=_salt(), groups={}, agencies={}),
    )


def card_document(card: dsse.Envelope) -> EnvelopeDocument:
    """Give a card as it stands in a registry."""
    return msgspec.convert(dsse.to_json(card), EnvelopeDocument)


def signed_by(draft: Draft, key: SigningKey) -> Draft:
    """Add the signature of a root key to both documents, in place of an earlier one of its."""
    return Draft(_signed(draft.registry, key), _signed(draft.entitlements, key))


def read_draft(trust: TrustFiles) -> Draft:
    """Read the next version. Raises `MisuseError` when there is none."""
    content = files.read(
        trust.draft, "the next version of the registry", "harkara registry add CARD begins one"
    )
    try:
        value = strictjson.decode(content, max_bytes=2 * REGISTRY_BYTES)
        if not isinstance(value, dict) or value.keys() != {"registry", "entitlements"}:
            raise MisuseError(f"{trust.draft} is not a next version of the registry")
        return Draft(
            _envelope(value["registry"], "/registry"), _envelope(value["entitlements"], "/entitlements")
        )
    except HarkaraError as error:
        raise MisuseError(f"{trust.draft} is not a next version of the registry: {brief(error)}") from None


def write_draft(trust: TrustFiles, draft: Draft) -> None:
    """Write the next version in place of what was prepared before. For its owner alone: it holds
    entitlements.
    """
    files.replace(trust.draft, pretty(draft.body()).encode() + b"\n", private=True)


def begin(trust: TrustFiles, current: InForce) -> tuple[RegistryDocument, EntitlementsDocument]:
    """Give what is to be edited: the next version as far as it is prepared, or a new one after the
    one in force.
    """
    if trust.draft.exists():
        registry, entitlements = read_draft(trust).documents()
        require_next(trust, registry, current)
        return registry, entitlements
    registry, entitlements = current.registry.document, current.entitlements.document
    version, at = registry.version + 1, whole_second(now())
    lasts, grace = (
        current.registry.expires - current.registry.issued,
        current.registry.grace - current.registry.expires,
    )
    return (
        msgspec.structs.replace(
            registry,
            version=version,
            previous=current.registry.digest.hex(),
            issued=times.format(at),
            expires=times.format(at + lasts),
            grace=times.format(at + lasts + grace),
        ),
        # A new salt: equal entitlements of two versions must not have equal digests.
        msgspec.structs.replace(entitlements, version=version, salt=_salt()),
    )


def require_next(trust: TrustFiles, draft: RegistryDocument, current: InForce) -> None:
    """Hold a draft to the registry in force. Raises `MisuseError` when it does not follow it."""
    if draft.version <= current.registry.version or draft.previous != current.registry.digest.hex():
        raise MisuseError(
            f"{trust.draft} does not follow the registry in force (version {current.registry.version})",
            f"remove it, and make the changes again: rm {trust.draft}",
        )


def _salt() -> str:
    return dsse.encode64(os.urandom(SALT_BYTES))


def _signed(envelope: dsse.Envelope, key: SigningKey) -> dsse.Envelope:
    others = tuple(s for s in envelope.signatures if s.kid != key.kid)
    own = key.sign(envelope.payload_type, envelope.payload).signature
    return dsse.Envelope(envelope.payload_type, envelope.payload, (*others, own))


def _envelope(value: object, pointer: str) -> dsse.Envelope:
    # dsse.from_json wants a signature, and a draft may have none yet.
    if isinstance(value, dict) and value.get("signatures") == []:
        if not isinstance(value.get("payloadType"), str):
            raise SchemaError(
                "not a signed document", Problem(f"{pointer}/payloadType", "a text", "another value")
            )
        return dsse.Envelope(
            value["payloadType"], dsse.decode64(value.get("payload"), f"{pointer}/payload"), ()
        )
    return dsse.from_json(value, pointer)
