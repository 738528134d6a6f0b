"""`harkara keys card`: make the card of an identity again, or show whose a card is."""

from __future__ import annotations

from pathlib import Path

import click

from broker.cli import files
from broker.cli.card_words import card_json, card_words
from broker.cli.command import command, flag
from broker.cli.identity_files import checked_card, load_card, load_identity, prove_sealing
from broker.cli.keys_new import read_contact
from broker.cli.output import result
from broker.cli.parameters import FILE
from broker.cli.trust_files import as_file

EXAMPLE = """
$ harkara keys card fia/pk.fia.card.json
$ harkara keys card anf/pk.anf.key --name "Anti-Narcotics Force" --out anf/named.card.json
"""


@command("keys card", example=EXAMPLE)
@click.argument("file", type=FILE)
@flag("--name", per_command=True, help="Name in English.  [default: the member's id]")
@flag("--name-ur", help="Name in Urdu.")
@flag("--desk", help="Whom to call: office or duty desk.")
@flag("--phone", help="Its E.164 number, such as +92519105555.")
@flag("--hours", help="When it answers.")
@flag("--out", per_command=True, type=FILE, help="Write the card of an identity here.")
def card(
    file: Path,
    name: str | None,
    name_ur: str | None,
    desk: str | None,
    phone: str | None,
    hours: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show the card FILE, or with --out make a card of the identity FILE.

    Each sealing key first opens what was sealed to it: a key that does not work must not reach the registry.
    """
    if out is None:
        made = load_card(file)
        prove_sealing(made)
    else:
        identity = load_identity(file)
        names = {"en": name or identity.id} | ({"ur": name_ur} if name_ur else {})
        made = checked_card(identity, names, read_contact(desk, phone, hours))
        files.write_new(out, as_file(made.envelope))
    result(card_json(made), card_words(made), as_json=as_json)
