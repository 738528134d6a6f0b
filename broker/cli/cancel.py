"""`harkara cancel`: take back what this agency posted. It goes to those who hold it, and to nobody else."""

from __future__ import annotations

from typing import Any

import click

from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command, flag
from broker.cli.connection import connected, split_name
from broker.cli.moment import now, whole_second
from broker.cli.post import Printer
from broker.client.agency import Agency
from broker.protocol import limits, times
from broker.protocol.bulletin import Bulletin
from broker.protocol.vocabulary import NAMED_MARKINGS

EXAMPLE = """
$ export HARKARA_IDENTITY=fia/pk.fia.key
$ harkara draft human-smuggling --short --headline "A trial" --status Test > trial.json
$ ID=$(harkara post trial.json --to pk.anf --only-id)
$ harkara cancel $ID --reason "The trial is over"
"""
SHORTEST_US = limits.DAY_US
"""A cancel is of use for at least so long, even when what it cancels is about to expire."""


@command("cancel", example=EXAMPLE)
@click.argument("bulletin", metavar="ID")
@flag("--reason", required=True, help="Why, in words: it is what the readers see.")
@agency_flags
async def cancel(agency: AgencyFlags, bulletin: str, reason: str, as_json: bool) -> None:
    """Post a Cancel of your bulletin ID: everybody who holds it learns that it is void, and why.

    What they opened they still have: harkara receipts ID shows who that is.
    """
    async with connected(agency) as connection:
        item_id = split_name(bulletin)[1] if "/" in bulletin else bulletin
        original = (await connection.fetch(connection.id, item_id)).bulletin
        posted = await connection.post(
            _cancel_of(original, reason), to=await _holders(connection, original), except_=()
        )
    Printer(as_json).accepted(posted)


async def _holders(connection: Agency, original: Bulletin) -> list[str]:
    # Without `to` a Cancel goes to the holders by itself, but these markings must name their readers.
    if original.marking not in NAMED_MARKINGS:
        return []
    return [delivered.agency for delivered in (await connection.receipts(original.id)).delivered]


def _cancel_of(original: Bulletin, reason: str) -> dict[str, Any]:
    language = next(iter(original.text or {"en": None}))
    headline = original.text[language].headline if original.text else original.id
    soonest = whole_second(now()) + SHORTEST_US
    return {
        "status": original.status,
        "type": "Cancel",
        "category": original.category,
        "references": [original.id],
        "expires": times.format(max(original.expires_at, soonest)),
        "marking": original.marking,
        "text": {
            language: {"headline": f"Cancelled: {headline}"[: limits.HEADLINE_CHARS], "description": reason}
        },
    }
