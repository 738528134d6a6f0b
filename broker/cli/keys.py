"""`harkara keys`: identities, which stay with their owner, and cards, which go to the operator of
the exchange.
"""

from __future__ import annotations

from typing import Final

import click

from broker.cli.command import SETTINGS
from broker.cli.lazy import Entry, LazyGroup

ENTRIES: Final = (
    Entry("new", "broker.cli.keys_new:new", "make an identity and its card"),
    Entry("card", "broker.cli.keys_card:card", "make the card of an identity again, or show one"),
    Entry("rotate", "broker.cli.keys_rotate:rotate", "add fresh keys to an identity, for a newer card"),
)


@click.group("keys", cls=LazyGroup, entries=ENTRIES, context_settings=SETTINGS)
def keys() -> None:
    """Make and renew the keys of a member: the identity is secret, the card is not."""
