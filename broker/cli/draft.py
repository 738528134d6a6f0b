"""`harkara draft`: a bulletin to fill in."""

from __future__ import annotations

import json
from typing import Any

import click

from broker.cli.blank_bulletin import draft_of, unfilled
from broker.cli.command import command, flag
from broker.cli.moment import MOMENT, now
from broker.cli.output import pretty, remark
from broker.protocol.vocabulary import CATEGORIES, MARKINGS, SEVERITIES, STATUSES

EXAMPLE = """
$ harkara draft human-smuggling > to-fill-in.json
$ harkara draft human-smuggling --short --headline "Boat expected off Gwadar" > boat.json
"""


@command("draft", example=EXAMPLE)
@click.argument("category", metavar="CATEGORY", type=click.Choice(CATEGORIES))
@flag("--headline", default="", help="What it is about, in one line.")
@flag("--description", default="", help="What is known.")
@flag(
    "--status",
    per_command=True,
    type=click.Choice(STATUSES),
    default="Actual",
    show_default=True,
    help="Whether it is real.",
)
@flag(
    "--marking",
    per_command=True,
    type=click.Choice(MARKINGS),
    default="TLP:AMBER",
    show_default=True,
    help="Who may see it.",
)
@flag(
    "--severity",
    per_command=True,
    type=click.Choice(SEVERITIES),
    default="Severe",
    show_default=True,
    help="How bad it is.",
)
@flag(
    "--expires", per_command=True, type=MOMENT, help="Until when it is of use: 7d, or a time.  [default: 7d]"
)
@flag("--short", is_flag=True, help="Only what is required.")
def draft(as_json: bool, **given: Any) -> None:
    """Write a bulletin of CATEGORY to fill in, as JSON.

    Texts that only you know are empty. Fill them in or remove them: a bulletin with an empty text
    is not sent. Id, originator, exchange and the time of sending are filled in when it is posted.

    CATEGORY is terrorism, human-trafficking, human-smuggling, drug-smuggling, arms-smuggling,
    goods-smuggling, organised-crime, financial-crime, cybercrime or other.
    """
    made = draft_of(given.pop("category"), now=now(), **given)
    click.echo(json.dumps(made, ensure_ascii=False) if as_json else pretty(made))
    if empty := list(unfilled(made)):
        remark(f"{len(empty)} texts to fill in or remove: {', '.join(empty)}", as_json=as_json)
