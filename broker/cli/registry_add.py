"""`harkara registry add`: enrol a member by its card, or change its card or what it may."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
import msgspec

from broker.cli.card_words import card_json, card_words
from broker.cli.command import command, flag
from broker.cli.identity_files import load_card, prove_sealing
from broker.cli.moment import now
from broker.cli.output import remark, result
from broker.cli.parameters import FILE, Listed, together
from broker.cli.refusals import MisuseError
from broker.cli.registry_draft import begin, card_document, unsigned, write_draft
from broker.cli.registry_words import cards_of, grant_words
from broker.cli.trust_files import TrustFiles, trust_flags
from broker.errors import ExpiredKey, Problem, SchemaError, WrongExchange
from broker.protocol import schema_walk, times
from broker.protocol.card import Card
from broker.protocol.entitlements import EntitlementsDocument
from broker.protocol.vocabulary import CATEGORIES, MARKINGS, STATUSES

EXAMPLE = """
$ harkara registry add fia/pk.fia.card.json --data exchange \\
    --originate human-smuggling,human-trafficking --receive all --marking TLP:RED
$ harkara registry add anf/named.card.json --data exchange \\
    --originate drug-smuggling --receive drug-smuggling,human-smuggling
"""

CATEGORIES_TYPE: Final = Listed("categories", CATEGORIES)
DEFAULT_MARKING: Final = "TLP:AMBER"
GRANT_FLAGS: Final = ("originate", "receive", "marking", "status", "only_named")


@command("registry add", example=EXAMPLE)
@click.argument("card", type=FILE)
@trust_flags
@flag(
    "--originate",
    type=CATEGORIES_TYPE,
    help="Categories that it may post, with commas, or all.  [default: none]",
)
@flag(
    "--receive",
    type=CATEGORIES_TYPE,
    help="Categories that it may receive, with commas, or all.  [default: none]",
)
@flag(
    "--marking",
    per_command=True,
    type=click.Choice(MARKINGS),
    help=f"The narrowest marking for it.  [default: {DEFAULT_MARKING}]",
)
@flag(
    "--status",
    per_command=True,
    type=Listed("statuses", STATUSES),
    help="Statuses for it, with commas.  [default: all]",
)
@flag("--only-named/--not-only-named", default=None, help="It receives only what names it in `to`.")
@flag("--group", multiple=True, metavar="NAME", help="A group that it belongs to; may be repeated.")
@flag("--drop-keys", is_flag=True, help="Take a card without the member's earlier keys.")
def add(
    card: Path, trust: TrustFiles, group: tuple[str, ...], drop_keys: bool, as_json: bool, **given: Any
) -> None:
    """Put the member of CARD into the next version of the registry.

    The card is verified and a test seal made. Compare the fingerprint with the member over the
    telephone before you sign. For a member that is enrolled already, flags that are not given keep
    what they were.
    """
    current = trust.in_force()
    registry, entitlements = begin(trust, current)
    enrolled = load_card(card)
    prove_sealing(enrolled)
    if enrolled.exchange != current.exchange.id:
        raise WrongExchange(
            f"the card of {enrolled.id} was made for another exchange",
            Problem(
                "/exchange",
                current.exchange.id.hex(),
                enrolled.exchange.hex(),
                "give them your exchange.json",
            ),
        )
    others = [c for c in cards_of(registry).values() if c.id != enrolled.id]
    before = next((c for c in cards_of(registry).values() if c.id == enrolled.id), None)
    _require_own_keys(enrolled, others)
    _require_keys_to_come(enrolled)
    if before is not None and not drop_keys:
        _require_earlier_keys(enrolled, before)
    registry = msgspec.structs.replace(
        registry,
        cards=[card_document(c.envelope) for c in sorted([*others, enrolled], key=lambda c: c.id)],
    )
    entitlements = _granted(entitlements, enrolled, given, together(group))
    write_draft(trust, unsigned(registry, entitlements))
    grant = entitlements.agencies.get(enrolled.id)
    found = {"version": registry.version, "next": str(trust.draft), "replaces": before is not None}
    found |= card_json(enrolled) | ({"grant": msgspec.to_builtins(grant)} if grant else {})
    words = [*card_words(enrolled), *(grant_words(grant) if grant else [])]
    result(found, words, as_json=as_json)
    remark(f"\nIn {trust.draft}, version {registry.version}. Next: {trust.then('sign')}", as_json=as_json)


def _granted(
    entitlements: EntitlementsDocument, card: Card, given: dict[str, Any], groups: list[str]
) -> EntitlementsDocument:
    named = {name: value for name in GRANT_FLAGS if (value := given[name]) is not None}
    if card.role != "agency":
        if named or groups:
            raise MisuseError(f"{card.id} is a {card.role}: it neither originates nor receives")
        return entitlements
    before = entitlements.agencies.get(card.id)
    if before is None and not named.keys() & {"originate", "receive"}:
        raise MisuseError(
            f"what may {card.id}?", "--originate CATEGORIES, --receive CATEGORIES, or both; `all` is all"
        )
    old = msgspec.to_builtins(before) if before else {}
    receive = {"categories": [], "marking": DEFAULT_MARKING} | old.get("receive", {})
    receive |= {"categories": list(named["receive"])} if "receive" in named else {}
    receive |= {name: named[name] for name in ("marking", "only_named") if name in named}
    grant = {
        "originate": list(named.get("originate", old.get("originate", ()))),
        "receive": receive,
        "statuses": list(named.get("status", old.get("statuses", STATUSES))),
    }
    found = msgspec.to_builtins(entitlements)
    found["agencies"] = dict(sorted((found["agencies"] | {card.id: grant}).items()))
    for name in groups:
        found["groups"][name] = sorted({*found["groups"].get(name, ()), card.id})
    return schema_walk.convert(found, EntitlementsDocument)


def _require_own_keys(card: Card, others: list[Card]) -> None:
    # A key belongs to one member for ever: a second owner could claim what the first one said.
    owner = {key.kid: other.id for other in others for key in other.keys}
    for place, key in enumerate(card.keys):
        if key.kid in owner:
            raise SchemaError(
                f"a key of {card.id} belongs to {owner[key.kid]}",
                Problem(f"/keys/{place}", "a key of its own", f"a key of {owner[key.kid]}"),
            )


def _require_keys_to_come(card: Card) -> None:
    # Keys that are valid only later are as they should be: a rotation announces them.
    for use, what in (("sign", "signing"), ("seal", "sealing")):
        end = max(key.not_after for key in card.keys if key.use == use)
        if end <= now():
            raise ExpiredKey(
                f"the {what} keys of {card.id} have expired",
                Problem(
                    "/keys",
                    f"a {what} key that is valid now or later",
                    f"valid until {times.format(end)}",
                    "ask for a newer card: harkara keys rotate",
                ),
            )


def _require_earlier_keys(card: Card, before: Card) -> None:
    missing = {key.kid for key in before.keys} - {key.kid for key in card.keys}
    if missing:
        raise SchemaError(
            f"the new card of {card.id} lacks {len(missing)} keys of the one in the registry",
            Problem(
                "/keys",
                "all earlier keys: what was signed with them must stay verifiable",
                f"a card without {sorted(missing)[0].hex()[:16]}…",
                "make the card with harkara keys rotate, or say --drop-keys when the keys are lost for good",
            ),
        )
