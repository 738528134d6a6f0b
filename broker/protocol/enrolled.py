"""Who is enrolled: the root keys and the cards that stand in a registry, each read and held to the others.

A member stands once, and so does a key: whoever enrols somebody else's key would otherwise be taken for it.
Source: schemas/protocol.md, "Trust".
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from broker.errors import HarkaraError, NotAuthentic, Problem, SchemaError
from broker.protocol import dsse, keys
from broker.protocol.card import Card, PublicKey, read_card
from broker.protocol.registry_document import EnvelopeDocument, RegistryDocument


def read_roots(document: RegistryDocument) -> dict[bytes, bytes]:
    """Give kid -> public bytes of the root keys. Raises `Malformed` or `SchemaError`."""
    roots: dict[bytes, bytes] = {}
    for place, text in enumerate(document.root_keys):
        public = dsse.decode64(text, f"/root_keys/{place}", keys.SIGNING_PUBLIC_BYTES)
        keys.read_signing_public(public)
        roots[keys.key_id(keys.ED25519, public)] = public
    if len(roots) != len(document.root_keys):
        raise SchemaError(
            "a root key stands twice", Problem("/root_keys", "each key once", "one of them twice")
        )
    return roots


def read_cards(
    documents: list[EnvelopeDocument], exchange: bytes
) -> tuple[dict[str, Card], dict[bytes, tuple[Card, PublicKey]]]:
    """Give the cards by member and, by key id, each key with its card.

    Raises as `read_card`, `NotAuthentic` for a card of another exchange, `SchemaError` for a member or a key
    that stands twice.
    """
    cards: dict[str, Card] = {}
    index: dict[bytes, tuple[Card, PublicKey]] = {}
    for place, document in enumerate(documents):
        card = _read_one_card(dsse.from_json(msgspec.to_builtins(document), f"/cards/{place}"), place)
        if card.exchange != exchange:
            raise NotAuthentic(f"the card of {card.id} was made for another exchange")
        if card.id in cards:
            raise SchemaError(
                "a member stands twice", Problem(f"/cards/{place}", "each member once", card.id)
            )
        cards[card.id] = card
        for key in card.keys:
            if key.kid in index:
                raise SchemaError(
                    "two members have one key",
                    Problem(f"/cards/{place}", "a key of its own", f"a key of {index[key.kid][0].id}"),
                )
            index[key.kid] = (card, key)
    return cards, index


def _read_one_card(envelope: dsse.Envelope, place: int) -> Card:
    try:
        return read_card(envelope)
    except HarkaraError as error:
        # A card is a document in base64 inside one: its own pointers would lead nowhere from outside.
        error.problems = tuple(
            replace(problem, pointer=f"/cards/{place}", expected=f"{problem.pointer}: {problem.expected}")
            for problem in error.problems
        )
        raise
