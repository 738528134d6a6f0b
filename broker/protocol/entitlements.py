"""Entitlements: who may originate and receive what, and the groups. Held by brokers only.

Signed like the registry; the registry carries SHA-256 of these bytes, and the salt in them keeps that digest
from telling anybody who guesses. Source: schemas/protocol.md, "Trust".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from broker.errors import NotAuthentic, Problem, SchemaError
from broker.protocol import dsse, schema_walk
from broker.protocol.digests import SALT_BYTES
from broker.protocol.fields import AgencyId, Digest, Version
from broker.protocol.limits import MEMBERS_ITEMS, REGISTRY_BYTES
from broker.protocol.routing import Grant
from broker.protocol.rules import Record
from broker.protocol.vocabulary import Category, Marking, Status

ENTITLEMENTS_TYPE = dsse.payload_type("entitlements")
GroupName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")]


class ReceiveDocument(Record, frozen=True, kw_only=True):
    """What one agency may receive; with `only_named`, no more of it than what names the agency in `to`."""

    categories: list[Category]
    marking: Marking
    only_named: bool = False


class GrantDocument(Record, frozen=True, kw_only=True):
    """One agency's part: `originate` lists categories; `statuses` holds for originating and receiving."""

    originate: list[Category]
    receive: ReceiveDocument
    statuses: list[Status]


class EntitlementsDocument(Record, frozen=True, kw_only=True):
    """The payload. `version` is that of the registry it belongs to."""

    exchange: Digest
    version: Version
    salt: str
    groups: Annotated[dict[GroupName, list[AgencyId]], Meta(max_length=MEMBERS_ITEMS)]
    agencies: Annotated[dict[AgencyId, GrantDocument], Meta(max_length=MEMBERS_ITEMS)]


@dataclass(frozen=True, slots=True)
class Entitlements:
    """Entitlements that belong to a verified registry."""

    version: int
    groups: Mapping[str, frozenset[str]]
    grants: Mapping[str, Grant]
    document: EntitlementsDocument
    envelope: dsse.Envelope


def entitlements_digest(envelope: dsse.Envelope) -> bytes:
    """Give the digest that the registry carries."""
    return hashlib.sha256(envelope.payload).digest()


def read_entitlements(
    envelope: dsse.Envelope, *, exchange: bytes, version: int, digest: bytes
) -> Entitlements:
    """Read the entitlements that a verified registry of this exchange and version commits to by `digest`.

    The digest makes the root keys' signature over the registry cover these bytes too. Raises `NotAuthentic`
    when they are others, `Malformed` or `SchemaError` when they cannot be read.
    """
    if envelope.payload_type != ENTITLEMENTS_TYPE or entitlements_digest(envelope) != digest:
        raise NotAuthentic("these entitlements are not those of the registry")
    document = schema_walk.read(envelope.payload, EntitlementsDocument, max_bytes=REGISTRY_BYTES)
    dsse.decode64(document.salt, "/salt", SALT_BYTES)
    if document.exchange != exchange.hex():
        raise SchemaError(
            "the entitlements are of another exchange",
            Problem("/exchange", exchange.hex(), document.exchange),
        )
    if document.version != version:
        raise SchemaError(
            "the entitlements are of another version",
            Problem("/version", f"{version}, as in the registry", f"{document.version}"),
        )
    return Entitlements(
        document.version,
        {name: frozenset(agencies) for name, agencies in document.groups.items()},
        {agency: _grant(grant) for agency, grant in document.agencies.items()},
        document,
        envelope,
    )


def _grant(document: GrantDocument) -> Grant:
    return Grant(
        originate=frozenset(document.originate),
        categories=frozenset(document.receive.categories),
        marking=document.receive.marking,
        statuses=frozenset(document.statuses),
        only_named=document.receive.only_named,
    )
