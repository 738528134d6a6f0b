"""From what an agency wants to say to a signed post: filled in, normalised, validated, addressed, signed.

What the broker would refuse is refused here first, by the same validator and with the same words, before
anything is signed or sent. Pure: time, entropy and id are handed in. Source: docs, "The bulletin";
schemas/protocol.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from broker.errors import AuthorMismatch, Malformed, Problem, WrongExchange, shorten
from broker.protocol import admission, dsse, times
from broker.protocol.bulletin import PAYLOAD_TYPE, Bulletin, bulletin_json, read_bulletin_object
from broker.protocol.digests import Address, address_json
from broker.protocol.keys import SigningKey
from broker.protocol.text import normalised


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes, in which exchange, knowing which registry version."""

    agency: str
    exchange: bytes
    registry_version: int


@dataclass(frozen=True, slots=True)
class Draft:
    """What an agency asked for, in NFC: fields as given, and whom it is for. It names the outbox's entry."""

    fields: dict[str, Any]
    to: tuple[str, ...]
    excepted: tuple[str, ...]


def draft_of(document: Mapping[str, Any] | Bulletin, to: Sequence[str], excepted: Sequence[str]) -> Draft:
    """Take a document as it was given. Raises `Malformed` when it is no JSON object, or an agency stands
    twice.
    """
    given = msgspec.to_builtins(document) if isinstance(document, Bulletin) else document
    if not isinstance(given, Mapping):
        raise Malformed("not a bulletin", Problem("", "an object", type(given).__name__))
    for member, listed in (("to", to), ("except", excepted)):
        if isinstance(listed, str) or len(set(listed)) != len(listed):
            raise Malformed(
                "the address cannot be read",
                Problem(f"/address/{member}", "a list with each agency once", shorten(listed)),
            )
    fields = normalised(dict(given))
    if not isinstance(fields, dict):
        raise Malformed("not a bulletin", Problem("", "an object", type(fields).__name__))
    return Draft(fields, tuple(to), tuple(excepted))


def complete(
    draft: Draft, author: Author, *, now: int, new_id: str, salt: bytes
) -> tuple[Bulletin, Address | None]:
    """Fill in what the client knows, and validate: `id`, `originator`, `exchange`, `registry`, `sent` and
    `address_digest`, where they are missing. `now` in µs, `salt` 32 bytes.

    Raises `SchemaError` with all problems, `AuthorMismatch`, `WrongExchange`, or `OutOfWindow`.
    """
    address = Address(salt, draft.to, draft.excepted) if draft.to or draft.excepted else None
    filled: dict[str, Any] = {
        "id": new_id,
        "originator": author.agency,
        "exchange": author.exchange.hex(),
        "registry": author.registry_version,
        "sent": times.format(now // 1_000_000 * 1_000_000),
    } | draft.fields
    if address is not None:
        filled["address_digest"] = address.digest().hex()
    bulletin = read_bulletin_object(filled)
    if bulletin.originator != author.agency:
        raise AuthorMismatch(
            "an agency posts in its own name only",
            Problem("/originator", author.agency, bulletin.originator, "leave the field out"),
        )
    if bulletin.exchange != author.exchange.hex():
        raise WrongExchange(
            "made for another exchange",
            Problem("/exchange", author.exchange.hex(), bulletin.exchange, "leave the field out"),
        )
    admission.check_timely(bulletin, now)
    return bulletin, address


def sign(bulletin: Bulletin, address: Address | None, key: SigningKey) -> tuple[dsse.Envelope, bytes]:
    """Sign a bulletin. Gives the statement, and the body of its post."""
    statement = key.sign(PAYLOAD_TYPE, bulletin_json(bulletin))
    post: dict[str, Any] = {"statement": dsse.to_json(statement)}
    if address is not None:
        post["address"] = address_json(address)
    return statement, msgspec.json.encode(post)
