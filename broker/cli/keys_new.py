"""`harkara keys new`: an identity (the private keys) and its card (the public half), for one exchange."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from broker.cli import files
from broker.cli.agency_flags import URL
from broker.cli.card_words import card_json, card_words
from broker.cli.command import command, flag
from broker.cli.identity_files import checked_card, load_exchange, make_identity
from broker.cli.moment import DURATION, now
from broker.cli.output import remark, result
from broker.cli.parameters import AGENCY, DIRECTORY, FILE
from broker.cli.refusals import MisuseError, brief
from broker.cli.trust_files import EXCHANGE, as_file
from broker.errors import HarkaraError
from broker.protocol import schema_walk
from broker.protocol.bulletin import Contact
from broker.protocol.card import Role

EXAMPLE = """
$ harkara keys new pk.fia --exchange exchange/exchange.json --out fia \\
    --name "Federal Investigation Agency" --name-ur "وفاقی تحقیقاتی ادارہ" \\
    --desk "Duty desk" --phone +92519105555
$ harkara keys new pk.anf --exchange exchange/exchange.json --out anf
"""


@command("keys new", example=EXAMPLE)
@click.argument("agency", type=AGENCY)
@flag("--exchange", type=FILE, required=True, help="exchange.json, from the operator by a way you trust.")
@flag("--name", per_command=True, help="Name in English.  [default: AGENCY]")
@flag("--name-ur", help="Name in Urdu.")
@flag("--desk", help="Whom to call: office or duty desk.")
@flag("--phone", help="Its E.164 number, such as +92519105555.")
@flag("--hours", help="When it answers.")
@flag(
    "--role", type=click.Choice(["agency", "broker"]), default="agency", show_default=True, help="What it is."
)
@flag(
    "--valid",
    per_command=True,
    type=DURATION,
    default="730d",
    show_default=True,
    help="How long the keys are valid.",
)
@flag(
    "--out", per_command=True, type=DIRECTORY, default=".", show_default=True, help="Directory to write to."
)
def new(
    agency: str,
    exchange: Path,
    name: str | None,
    name_ur: str | None,
    desk: str | None,
    phone: str | None,
    hours: str | None,
    role: Role,
    valid: int,
    out: Path,
    as_json: bool,
) -> None:
    """Make an identity for AGENCY (such as pk.fia), and its card.

    Writes AGENCY.key, private, and AGENCY.card.json, which goes to the operator of the exchange.
    Read the fingerprint out to the operator over the telephone: it is how they know that the card
    is yours.
    """
    identity = make_identity(load_exchange(exchange).id, agency, role, now(), valid)
    names = {"en": name or agency} | ({"ur": name_ur} if name_ur else {})
    card = checked_card(identity, names, read_contact(desk, phone, hours))
    files.directory_for_secrets(out)
    key_file, card_file = out / f"{agency}.key", out / f"{agency}.card.json"
    for path in (key_file, card_file):
        if path.exists():
            raise MisuseError(
                f"{path} is there already, and is not overwritten", "harkara keys rotate renews its keys"
            )
    files.write_new(key_file, identity.document(), private=True)
    files.write_new(card_file, as_file(card.envelope))
    own_exchange = out / EXCHANGE
    if not own_exchange.exists():
        shutil.copyfile(exchange, own_exchange)
    settings = {
        "HARKARA_IDENTITY": str(key_file.resolve()),
        "HARKARA_EXCHANGE": str(own_exchange.resolve()),
    }
    found = {"identity": str(key_file), "card": str(card_file), "settings": settings} | card_json(card)
    words = [
        *card_words(card),
        "",
        f"  {key_file}  keep it to yourself",
        f"  {card_file}  send it to the operator of your exchange",
    ]
    result(found, words, as_json=as_json)
    remark("\nWhen you are enrolled, tell the commands who you are:\n", as_json=as_json)
    for variable, value in settings.items():
        remark(f"  export {variable}={_quoted(value)}", as_json=as_json)
    remark(f"  export HARKARA_URL=https://…   # without it: {URL}, this machine", as_json=as_json)


def read_contact(desk: str | None, phone: str | None, hours: str | None) -> Contact | None:
    """Give the contact that flags name, or None when they name none. Raises `MisuseError`."""
    named = {"desk": desk, "phone": phone, "hours": hours}
    fields = {name: text for name, text in named.items() if text is not None}
    if not fields:
        return None
    try:
        return schema_walk.read_object(fields, Contact)
    except HarkaraError as error:
        raise MisuseError(
            f"the contact is not complete: {brief(error)}", "--desk and --phone go together"
        ) from None


def _quoted(path: str) -> str:
    return f"'{path}'" if any(c.isspace() for c in path) else path
