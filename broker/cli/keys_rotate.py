"""`harkara keys rotate`: fresh keys beside the old ones, which stay: what was signed or sealed with
them must stay readable.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from broker.cli import files
from broker.cli.card_words import card_json, card_words
from broker.cli.command import command, flag
from broker.cli.identity_files import checked_card, fresh_keys, load_card, load_identity
from broker.cli.moment import DURATION, now
from broker.cli.output import remark, result
from broker.cli.parameters import FILE
from broker.cli.refusals import MisuseError
from broker.cli.trust_files import as_file

EXAMPLE = """
$ harkara keys rotate anf/pk.anf.key
"""


@command("keys rotate", example=EXAMPLE)
@click.argument("identity", type=FILE)
@flag(
    "--card",
    type=FILE,
    help="The card until now: names and contact are kept.  [default: ID.card.json beside the identity]",
)
@flag(
    "--from",
    "from_",
    type=DURATION,
    default="0s",
    show_default=True,
    help="How long from now until the new keys are valid.",
)
@flag(
    "--valid",
    per_command=True,
    type=DURATION,
    default="730d",
    show_default=True,
    help="How long the new keys are valid.",
)
def rotate(identity: Path, card: Path | None, from_: int, valid: int, as_json: bool) -> None:
    """Add fresh keys to IDENTITY, and write the newer card in place of the old one.

    Commands and programs go on with the old keys until the operator has published the newer card,
    and then use the new ones. Old keys stay in the file, so that old items stay readable.
    """
    before = load_identity(identity)
    card = card or identity.parent / f"{before.id}.card.json"
    if not card.exists():
        raise MisuseError(
            f"{card} is not there", f"--card FILE, or make it: harkara keys card {identity} --out {card}"
        )
    shown = load_card(card)
    if shown.id != before.id:
        raise MisuseError(f"{card} is the card of {shown.id}, and {identity} is the identity of {before.id}")
    after = replace(before, keys=(*before.keys, *fresh_keys(before, now() + from_, valid)))
    made = checked_card(after, shown.names, shown.contact)
    # The identity first: a card whose keys nobody has would be worse than keys without a card.
    files.replace(identity, after.document(), private=True)
    files.replace(card, as_file(made.envelope))
    result(
        {"identity": str(identity), "card": str(card)} | card_json(made), card_words(made), as_json=as_json
    )
    remark(f"\nSend {card} to the operator of your exchange.", as_json=as_json)
