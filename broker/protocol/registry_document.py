"""The registry and its parts as documents: what the root keys sign. What it means is decided in `registry`.

Source: schemas/protocol.md, "Trust".
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from broker.protocol import times
from broker.protocol.fields import Digest, Time, Version
from broker.protocol.limits import MEMBERS_ITEMS, ROOT_KEYS_ITEMS
from broker.protocol.rules import Record, readable


class SignatureDocument(Record, frozen=True, kw_only=True):
    """One signature of a DSSE envelope."""

    keyid: Digest
    sig: str


class EnvelopeDocument(Record, frozen=True, kw_only=True):
    """A DSSE envelope inside a document."""

    payloadType: str  # noqa: N815 (DSSE's spelling)
    payload: str
    signatures: list[SignatureDocument]


class RevocationDocument(Record, frozen=True, kw_only=True):
    """A key that is void for whatever was stamped at or after `since`."""

    kid: Digest
    since: Time

    RULES = (readable("since", times.parse, "a time"),)


class RegistryDocument(Record, frozen=True, kw_only=True):
    """The payload. `grace` is the time until which work continues after `expires`; `previous` lacks in
    version 1.
    """

    exchange: Digest
    version: Version
    previous: Digest | None = None
    issued: Time
    expires: Time
    grace: Time
    epoch: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    k: Annotated[int, Meta(ge=1, le=ROOT_KEYS_ITEMS)]
    root_keys: Annotated[list[str], Meta(min_length=1, max_length=ROOT_KEYS_ITEMS)]
    cards: Annotated[list[EnvelopeDocument], Meta(max_length=MEMBERS_ITEMS)]
    revocations: Annotated[list[RevocationDocument], Meta(max_length=MEMBERS_ITEMS)]
    entitlements_digest: Digest

    RULES = tuple(readable(name, times.parse, "a time") for name in ("issued", "expires", "grace"))
