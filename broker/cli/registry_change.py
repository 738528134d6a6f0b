"""`harkara registry group | revoke | renew | epoch`: the smaller edits of the next version."""

from __future__ import annotations

import os
from collections.abc import Callable

import click
import msgspec

from broker.cli.command import command, flag
from broker.cli.moment import DURATION, MOMENT, now, whole_second
from broker.cli.output import remark, result
from broker.cli.parameters import AGENCY, together
from broker.cli.refusals import MisuseError
from broker.cli.registry_draft import begin, unsigned, write_draft
from broker.cli.registry_words import cards_of, changes
from broker.cli.trust_files import TrustFiles, trust_flags
from broker.protocol import schema_walk, times
from broker.protocol.entitlements import EntitlementsDocument
from broker.protocol.head import EPOCH_BYTES
from broker.protocol.registry_document import RegistryDocument, RevocationDocument

Edit = Callable[[RegistryDocument, EntitlementsDocument], tuple[RegistryDocument, EntitlementsDocument]]


@command("registry group", example="$ harkara registry group federal pk.fia pk.anf --data exchange")
@click.argument("name")
@click.argument("agencies", nargs=-1, type=AGENCY)
@trust_flags
def group(name: str, agencies: tuple[str, ...], trust: TrustFiles, as_json: bool) -> None:
    """Let group:NAME stand for AGENCIES in addresses; without AGENCIES the group ends."""

    def edit(
        registry: RegistryDocument, entitlements: EntitlementsDocument
    ) -> tuple[RegistryDocument, EntitlementsDocument]:
        if unknown := [agency for agency in agencies if agency not in cards_of(registry)]:
            raise MisuseError(f"{unknown[0]} is no member", "harkara registry show lists them")
        found = msgspec.to_builtins(entitlements)
        found["groups"].pop(name, None)
        if agencies:
            found["groups"][name] = sorted(together(agencies))
        return registry, schema_walk.convert(found, EntitlementsDocument)

    _edit(trust, edit, as_json)


@command("registry revoke", example="$ harkara registry revoke pk.anf --data exchange")
@click.argument("which", metavar="AGENCY|KID")
@trust_flags
@flag("--since", type=MOMENT, help="From when it is void: a time.  [default: now]")
def revoke(which: str, trust: TrustFiles, since: str | None, as_json: bool) -> None:
    """Make a key void, or all keys of a member. KID may be the beginning of a key's id.

    What was stamped before --since stays verifiable. Brokers cut the live feeds of the key within a
    second of taking the version. When a key was stolen, revoke the member first and then add the
    card that harkara keys rotate made: its fresh keys are not touched.
    """

    def edit(
        registry: RegistryDocument, entitlements: EntitlementsDocument
    ) -> tuple[RegistryDocument, EntitlementsDocument]:
        cards = cards_of(registry)
        owned = {key.kid.hex(): card.id for card in cards.values() for key in card.keys}
        kids = [
            kid
            for kid, owner in owned.items()
            if owner == which or (len(which) >= 8 and kid.startswith(which))
        ]
        if not kids:
            raise MisuseError(
                f"{which} is neither a member nor a key of one", "harkara registry show lists them"
            )
        if which not in cards and len(kids) > 1:
            raise MisuseError(f"{len(kids)} keys begin with {which}", "give more of the key's id")
        kept = [revocation for revocation in registry.revocations if revocation.kid not in kids]
        # To the microsecond: what was stamped a moment before stays verifiable.
        void_from = since or times.format(now())
        fresh = [RevocationDocument(kid=kid, since=void_from) for kid in kids]
        return msgspec.structs.replace(registry, revocations=[*kept, *fresh]), entitlements

    _edit(trust, edit, as_json)


@command("registry renew", example="$ harkara registry renew --data exchange --valid 365d")
@trust_flags
@flag(
    "--valid", per_command=True, type=DURATION, default="365d", show_default=True, help="How long from now."
)
@flag("--grace", type=DURATION, default="30d", show_default=True, help="How long work goes on after that.")
def renew(trust: TrustFiles, valid: int, grace: int, as_json: bool) -> None:
    """Make a next version that is valid for longer. After the grace of the old one nothing can be posted."""
    at = whole_second(now())

    def edit(
        registry: RegistryDocument, entitlements: EntitlementsDocument
    ) -> tuple[RegistryDocument, EntitlementsDocument]:
        dates = (times.format(at), times.format(at + valid), times.format(at + valid + grace))
        return msgspec.structs.replace(
            registry, issued=dates[0], expires=dates[1], grace=dates[2]
        ), entitlements

    _edit(trust, edit, as_json)


@command("registry epoch", example="$ harkara registry epoch --data exchange")
@trust_flags
def epoch(trust: TrustFiles, as_json: bool) -> None:
    """Begin a new epoch: inboxes are numbered from 1 again.

    For a store that is lost or begun anew. Brokers start with this version on an empty store; a
    running one does not take it.
    """

    def edit(
        registry: RegistryDocument, entitlements: EntitlementsDocument
    ) -> tuple[RegistryDocument, EntitlementsDocument]:
        return msgspec.structs.replace(registry, epoch=os.urandom(EPOCH_BYTES).hex()), entitlements

    _edit(trust, edit, as_json)


def _edit(trust: TrustFiles, edit: Edit, as_json: bool) -> None:
    current = trust.in_force()
    draft = unsigned(*edit(*begin(trust, current)))
    registry, entitlements = draft.documents()
    write_draft(trust, draft)
    told = changes(current.registry.document, current.entitlements.document, registry, entitlements)
    found = {"version": registry.version, "next": str(trust.draft), "changes": told}
    result(
        found,
        [f"Version {registry.version}, in {trust.draft}", *(f"  {line}" for line in told)],
        as_json=as_json,
    )
    remark(f"\nNext: {trust.then('sign')}", as_json=as_json)
