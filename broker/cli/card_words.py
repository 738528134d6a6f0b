"""A card in words: who, which keys until when, and the fingerprint that is read over the telephone."""

from __future__ import annotations

import hashlib
from typing import Any

from broker.cli.isolation import isolated
from broker.cli.output import grouped
from broker.cli.refusals import harmless
from broker.protocol import times
from broker.protocol.card import Card


def fingerprint(card: Card) -> str:
    """Give the digest of a card by which two people compare it: SHA-256 of the signed bytes, in hex."""
    return hashlib.sha256(card.envelope.payload).hexdigest()


def card_json(card: Card) -> dict[str, Any]:
    """Give a card for --json."""
    return {
        "id": card.id,
        "role": card.role,
        "names": card.names,
        "fingerprint": fingerprint(card),
        "keys": [
            {
                "kid": key.kid.hex(),
                "use": key.use,
                "not_before": times.format(key.not_before),
                "not_after": times.format(key.not_after),
            }
            for key in card.keys
        ],
    }


def named(card: Card) -> str:
    """Give the names of a member, in each language."""
    return " · ".join(isolated(harmless(name)) for name in card.names.values())


def card_words(card: Card) -> list[str]:
    """Give a card in lines."""
    lines = [f"{card.id}  {named(card)}  ({card.role})"]
    if card.contact is not None:
        lines.append(f"  contact      {isolated(harmless(card.contact.desk))}, {card.contact.phone}")
    lines += [
        f"  {key.use:<4} key     {key.kid.hex()[:16]}…  until {times.format(key.not_after)[:10]}"
        for key in card.keys
    ]
    return [*lines, f"  fingerprint  {grouped(fingerprint(card))}"]
