"""`harkara registry`: who is a member and may say and hear what. Edits make a next version; root
keys sign it; brokers take it.
"""

from __future__ import annotations

from typing import Final

import click

from broker.cli.command import SETTINGS
from broker.cli.lazy import Entry, LazyGroup

ENTRIES: Final = (
    Entry("show", "broker.cli.registry_show:show", "list members, keys and what they may", "Look"),
    Entry(
        "add", "broker.cli.registry_add:add", "enrol a member by its card, or change what it may", "Prepare"
    ),
    Entry("group", "broker.cli.registry_change:group", "name several agencies at once", "Prepare"),
    Entry(
        "revoke", "broker.cli.registry_change:revoke", "make a key, or all keys of a member, void", "Prepare"
    ),
    Entry("renew", "broker.cli.registry_change:renew", "make a version that is valid for longer", "Prepare"),
    Entry(
        "epoch", "broker.cli.registry_change:epoch", "begin anew: brokers start on an empty store", "Prepare"
    ),
    Entry("sign", "broker.cli.registry_sign:sign", "sign the next version with a root key", "Put in force"),
    Entry(
        "publish", "broker.cli.registry_publish:publish", "put the signed version in force", "Put in force"
    ),
)


@click.group("registry", cls=LazyGroup, entries=ENTRIES, context_settings=SETTINGS)
def registry() -> None:
    """Keep the registry: prepare a next version, sign it with k of n root keys, publish it.

    Each change goes into one file, registry-next.json, until it is published. A change after
    signing takes the signatures away: what was signed is not what would be published.
    """
