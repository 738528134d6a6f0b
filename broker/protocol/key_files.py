"""The files of the two secrets that are nobody's identity: a root key, and the store key that
brokers share.

Each is JSON that says what it is, for its owner alone (`0600`; whoever reads it checks that). A
refusal never repeats what it got. Source: schemas/protocol.md, "Trust" and "What the broker says".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from broker.errors import Malformed, Problem, SchemaError
from broker.protocol import dsse, schema_walk
from broker.protocol.keys import SEED_BYTES, SigningKey
from broker.protocol.rules import Record

STORE_KEY_BYTES = 32


class RootKeyDocument(Record, frozen=True, kw_only=True):
    """A root key file: an Ed25519 seed in base64."""

    harkara: Literal["root-key/1"]
    private: str


class StoreKeyDocument(Record, frozen=True, kw_only=True):
    """A store key file: 32 bytes in base64."""

    harkara: Literal["store-key/1"]
    private: str


def root_key_document(key: SigningKey) -> bytes:
    """Give the file of a root key. Secret."""
    return _pretty(RootKeyDocument(harkara="root-key/1", private=dsse.encode64(key.seed)))


def read_root_key(document: bytes) -> SigningKey:
    """Read a root key file. Raises `Malformed` or `SchemaError`; neither repeats a secret."""
    return SigningKey.from_seed(_secret(schema_walk.read(document, RootKeyDocument).private, SEED_BYTES))


def store_key_document(key: bytes) -> bytes:
    """Give the file of a store key. Secret."""
    return _pretty(StoreKeyDocument(harkara="store-key/1", private=dsse.encode64(key)))


def read_store_key(document: bytes) -> bytes:
    """Read a store key file. Raises `Malformed` or `SchemaError`; neither repeats a secret."""
    return _secret(schema_walk.read(document, StoreKeyDocument).private, STORE_KEY_BYTES)


def _secret(text: str, size: int) -> bytes:
    # Not dsse.decode64 alone: its refusal repeats what it got, and this is a secret.
    try:
        return dsse.decode64(text, "/private", size)
    except Malformed:
        raise SchemaError(
            "a secret key cannot be read", Problem("/private", f"{size} bytes in base64", "something else")
        ) from None


def _pretty(document: Record) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
