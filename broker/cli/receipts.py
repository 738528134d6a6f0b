"""`harkara receipts`: who has a bulletin of this agency, and what they said about it."""

from __future__ import annotations

import click
import msgspec

from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command
from broker.cli.connection import connected, split_name
from broker.cli.isolation import isolated
from broker.cli.output import result
from broker.cli.refusals import harmless
from broker.client.lookups import Overview
from broker.protocol import times

EXAMPLE = """
$ export HARKARA_IDENTITY=fia/pk.fia.key
$ ID=$(harkara post boat.json --to pk.anf --only-id)
$ harkara receipts $ID
"""


@command("receipts", example=EXAMPLE)
@click.argument("bulletin", metavar="ID")
@agency_flags
async def receipts(agency: AgencyFlags, bulletin: str, as_json: bool) -> None:
    """Show what became of your bulletin ID: to whom it went (the broker's word), and what they said
    (signed).
    """
    async with connected(agency) as connection:
        item_id = split_name(bulletin)[1] if "/" in bulletin else bulletin
        overview = await connection.receipts(item_id)
    found = {
        "id": item_id,
        "delivered": [{"agency": one.agency, "routed": one.routed} for one in overview.delivered],
        "receipts": [
            msgspec.to_builtins(one.receipt) | {"taken_at": times.format(one.taken_at)}
            for one in overview.receipts
        ],
        "unverified": overview.unverified,
    }
    result(found, _words(overview), as_json=as_json)


def _words(overview: Overview) -> list[str]:
    holders, told = len(overview.delivered), len(overview.receipts)
    agencies, receipts = "agency" if holders == 1 else "agencies", "receipt" if told == 1 else "receipts"
    lines = [f"Delivered to {holders} {agencies}, {told} {receipts}."]
    said = {one.receipt.agency for one in overview.receipts}
    for one in overview.receipts:
        receipt = one.receipt
        note = f"  {isolated(receipt.note)}" if receipt.note else ""
        until = f" until {receipt.until}" if receipt.until else ""
        actor = f" ({isolated(receipt.actor)})" if receipt.actor else ""
        lines.append(
            f"  {times.format(one.taken_at)[:19]}Z  {receipt.agency}{actor}  {receipt.kind}{until}{note}"
        )
    for delivered in overview.delivered:
        if delivered.agency not in said:
            state = "has it, said nothing yet" if delivered.routed else "is about to have it"
            lines.append(f"  {'':<20}  {harmless(delivered.agency)}  {state}")
    if overview.unverified:
        lines.append(f"  {overview.unverified} receipts did not verify, and are not shown")
    return lines
