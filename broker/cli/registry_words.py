"""The registry and its next version in words: members, keys, what each may, and what a version
would change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from broker.cli.card_words import named
from broker.protocol import dsse, times
from broker.protocol.card import Card, read_card
from broker.protocol.entitlements import EntitlementsDocument, GrantDocument
from broker.protocol.registry_document import RegistryDocument
from broker.protocol.vocabulary import CATEGORIES, STATUSES


def cards_of(registry: RegistryDocument) -> dict[str, Card]:
    """Give the verified cards by id."""
    cards = [read_card(dsse.from_json(msgspec.to_builtins(card))) for card in registry.cards]
    return {card.id: card for card in cards}


def grant_words(grant: GrantDocument) -> list[str]:
    """Give what an agency may, in lines."""
    receive = listed(grant.receive.categories, CATEGORIES)
    if grant.receive.categories:
        receive += f" up to {grant.receive.marking}" + (
            ", only what names it" if grant.receive.only_named else ""
        )
    return [
        f"  originates   {listed(grant.originate, CATEGORIES)}",
        f"  receives     {receive}",
        f"  statuses     {listed(grant.statuses, STATUSES)}",
    ]


def listed(named: Iterable[str], vocabulary: tuple[str, ...]) -> str:
    """Give terms with commas, or `all`, or `nothing`."""
    terms = list(named)
    if set(terms) == set(vocabulary):
        return "all"
    return ", ".join(terms) or "nothing"


def registry_words(registry: RegistryDocument, entitlements: EntitlementsDocument | None) -> list[str]:
    """Give a version in lines."""
    lines = [
        (
            f"Registry version {registry.version}, valid until {registry.expires[:10]}, "
            f"signed by {registry.k} of {len(registry.root_keys)} root keys"
        ),
    ]
    revoked = {revocation.kid: revocation.since for revocation in registry.revocations}
    for card in cards_of(registry).values():
        lines += [
            "",
            f"{card.id}  {named(card)}  ({card.role})",
        ]
        for key in card.keys:
            until = f"until {times.format(key.not_after)[:10]}"
            if key.kid.hex() in revoked:
                until = f"revoked from {revoked[key.kid.hex()]}"
            lines.append(f"  {key.use:<4} key     {key.kid.hex()[:16]}…  {until}")
        if entitlements is not None and card.id in entitlements.agencies:
            lines += grant_words(entitlements.agencies[card.id])
    if entitlements is not None and entitlements.groups:
        lines += ["", "Groups"]
        lines += [f"  group:{name}  {', '.join(members)}" for name, members in entitlements.groups.items()]
    return lines


def registry_json(registry: RegistryDocument, entitlements: EntitlementsDocument | None) -> dict[str, Any]:
    """Give a version for --json."""
    found: dict[str, Any] = {
        "exchange": registry.exchange,
        "version": registry.version,
        "issued": registry.issued,
        "expires": registry.expires,
        "grace": registry.grace,
        "epoch": registry.epoch,
        "k": registry.k,
        "roots": len(registry.root_keys),
        "members": [
            {
                "id": card.id,
                "role": card.role,
                "names": card.names,
                "keys": [
                    {"kid": key.kid.hex(), "use": key.use, "not_after": times.format(key.not_after)}
                    for key in card.keys
                ],
            }
            for card in cards_of(registry).values()
        ],
        "revocations": msgspec.to_builtins(registry.revocations),
    }
    if entitlements is not None:
        found["agencies"] = msgspec.to_builtins(entitlements.agencies)
        found["groups"] = msgspec.to_builtins(entitlements.groups)
    return found


def changes(
    before: RegistryDocument,
    granted_before: EntitlementsDocument,
    after: RegistryDocument,
    granted_after: EntitlementsDocument,
) -> list[str]:
    """Say what a next version changes: what whoever signs it must see."""
    old, new = cards_of(before), cards_of(after)
    lines = [f"+ {name}: enrolled" for name in new.keys() - old.keys()]
    lines += [f"- {name}: taken out" for name in old.keys() - new.keys()]
    lines += [
        f"~ {name}: another card"
        for name in old.keys() & new.keys()
        if old[name].envelope != new[name].envelope
    ]
    grants = granted_before.agencies, granted_after.agencies
    for name in sorted(grants[0].keys() | grants[1].keys()):
        was, becomes = grants[0].get(name), grants[1].get(name)
        if was != becomes:
            told = (
                [" ".join(line.split()) for line in grant_words(becomes)]
                if becomes
                else ["may nothing any more"]
            )
            lines.append(f"~ {name}: {'; '.join(told)}")
    for name in sorted(granted_before.groups.keys() | granted_after.groups.keys()):
        if (members := granted_after.groups.get(name)) != granted_before.groups.get(name):
            lines.append(f"~ group:{name}: {', '.join(members or ()) or 'nobody any more'}")
    known = {revocation.kid for revocation in before.revocations}
    lines += [
        f"- key {revocation.kid[:16]}… revoked from {revocation.since}"
        for revocation in after.revocations
        if revocation.kid not in known
    ]
    if before.epoch != after.epoch:
        lines.append("~ a new epoch: brokers start on an empty store")
    if before.root_keys != after.root_keys or before.k != after.k:
        lines.append(f"~ other root keys: {after.k} of {len(after.root_keys)}")
    found = sorted(lines, key=lambda line: line[2:])
    if before.expires[:10] != after.expires[:10]:
        found.append(f"~ valid until {after.expires[:10]} (was {before.expires[:10]})")
    return found
