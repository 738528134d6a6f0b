"""The exchange: one Harkara community, named by a hash so that it cannot be imitated.

`exchange.json` is the one thing that a member must get by a trusted way: all other trust follows from it.
Source: schemas/protocol.md, "Names".
"""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from broker.errors import Problem, SchemaError
from broker.protocol import dsse, encoding, schema_walk
from broker.protocol.fields import Digest, Line
from broker.protocol.limits import ROOT_KEYS_ITEMS
from broker.protocol.rules import Record

NONCE_BYTES = 32


class ExchangeDocument(Record, frozen=True, kw_only=True):
    """`exchange.json`: plain JSON, not signed; its hash is the exchange's id."""

    name: Line
    nonce: str
    root_kids: Annotated[list[Digest], Meta(min_length=1, max_length=ROOT_KEYS_ITEMS)]
    k: Annotated[int, Meta(ge=1, le=ROOT_KEYS_ITEMS)]


class Exchange(msgspec.Struct, frozen=True):
    """An exchange as members know it: who its first root keys are, and how many of them must sign."""

    name: str
    nonce: bytes
    root_kids: tuple[bytes, ...]
    k: int

    @property
    def id(self) -> bytes:
        """Give X = SHA-256(F("harkara/1 exchange", name, nonce, sorted root kids, k))."""
        return hashlib.sha256(
            encoding.pack("exchange", self.name, self.nonce, sorted(self.root_kids), self.k)
        ).digest()

    def document(self) -> bytes:
        """Give `exchange.json`."""
        fields = ExchangeDocument(
            name=self.name,
            nonce=dsse.encode64(self.nonce),
            root_kids=[kid.hex() for kid in sorted(self.root_kids)],
            k=self.k,
        )
        return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"


def read_exchange(document: bytes) -> Exchange:
    """Read `exchange.json`. Raises `Malformed` or `SchemaError`."""
    fields = schema_walk.read(document, ExchangeDocument)
    kids = tuple(bytes.fromhex(kid) for kid in fields.root_kids)
    if len(set(kids)) != len(kids):
        raise SchemaError(
            "a root key stands twice", Problem("/root_kids", "each key once", "one of them twice")
        )
    if fields.k > len(kids):
        raise SchemaError(
            "k is larger than the number of root keys", Problem("/k", f"1 to {len(kids)}", str(fields.k))
        )
    return Exchange(fields.name, dsse.decode64(fields.nonce, "/nonce", NONCE_BYTES), kids, fields.k)
