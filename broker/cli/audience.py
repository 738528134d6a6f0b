"""`harkara audience`: who would receive a bulletin, and why, before anything is sent."""

from __future__ import annotations

from typing import Any

import click

from broker.cli import refusals
from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command
from broker.cli.connection import connected
from broker.cli.output import remark, result
from broker.cli.refusals import harmless
from broker.cli.sources import blind_flag, read_documents, source_flags, source_of
from broker.client.reach import Reach

EXAMPLE = """
$ export HARKARA_IDENTITY=fia/pk.fia.key
$ harkara audience boat.json --to pk.anf
"""


@command("audience", example=EXAMPLE)
@source_flags
@blind_flag
@agency_flags
async def audience(agency: AgencyFlags, blind: bool, as_json: bool, **given: Any) -> None:
    """Show who would receive FILE, and why or why not. Nothing is sent.

    Only the originator may ask. Exit code 1 when nobody would receive it.
    """
    source = source_of(given)
    nobody = False
    async with connected(agency) as connection:
        for document in read_documents(source, connection.id).documents:
            reached = await connection.audience(
                document.fields, to=source.to, except_=source.excepted, blind=blind
            )
            receivers = sum(reach.delivers for reach in reached)
            nobody = nobody or not receivers
            found = {
                "label": document.label,
                "receivers": receivers,
                "audience": [
                    {"agency": reach.agency, "delivers": reach.delivers, "reason": reach.reason}
                    for reach in reached
                ],
            }
            words = [_line(one) for one in sorted(reached, key=lambda one: (not one.delivers, one.agency))]
            result(
                found, [f"{document.label}: {receivers} of {len(reached)} agencies", *words], as_json=as_json
            )
    if nobody:
        remark("Nobody would receive it.", as_json=as_json)
        raise click.exceptions.Exit(refusals.CHECK_SAYS_NO)


def _line(one: Reach) -> str:
    return f"  {'receives' if one.delivers else '-':<9} {harmless(one.agency):<28} {harmless(one.reason)}"
