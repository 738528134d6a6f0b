"""`harkara ack` and `harkara answer`: a signed word to the originator of a bulletin."""

from __future__ import annotations

from typing import cast

import click

from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command, flag
from broker.cli.connection import bulletin_named, connected
from broker.cli.moment import MOMENT
from broker.cli.output import result
from broker.cli.refusals import MisuseError
from broker.client.items import Posted, ReceivedBulletin
from broker.protocol import times
from broker.protocol.answers import ReceiptKind

ACK_EXAMPLE = """
$ export HARKARA_IDENTITY=anf/pk.anf.key
$ harkara ack 1 opened
$ harkara ack 1 actioned --note "Patrol sent"
"""
ANSWER_EXAMPLE = """
$ export HARKARA_IDENTITY=anf/pk.anf.key
$ harkara answer 1 later --until 2h
$ harkara answer 1 confirmed --note "Seen at the fish harbour"
"""


@command("ack", example=ACK_EXAMPLE)
@click.argument("item", metavar="NUMBER|ORIGINATOR/ID")
@click.argument("kind", type=click.Choice(["opened", "actioned", "refused"]))
@flag("--note", help="What you add in words.")
@flag("--actor", help="Desk or officer within the agency.")
@agency_flags
async def ack(
    agency: AgencyFlags, item: str, kind: str, note: str | None, actor: str | None, as_json: bool
) -> None:
    """Tell the originator of a bulletin that it was opened, actioned or refused: a signed receipt.

    Giving the same receipt again sends nothing new.
    """
    async with connected(agency) as connection:
        about = await bulletin_named(connection, item)
        sent = await about.acknowledge(cast(ReceiptKind, kind), note=note, actor=actor)
    _tell(sent, about, kind, as_json)


@command("answer", example=ANSWER_EXAMPLE)
@click.argument("item", metavar="NUMBER|ORIGINATOR/ID")
@click.argument("kind", type=click.Choice(["confirmed", "denied", "later"]))
@flag("--note", help="What you add in words.")
@flag("--until", type=MOMENT, help="By when the answer comes, with later: 2h, or a time.")
@flag("--actor", help="Desk or officer within the agency.")
@agency_flags
async def answer(
    agency: AgencyFlags,
    item: str,
    kind: str,
    note: str | None,
    until: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """Answer what a bulletin asks: confirmed, denied, or later with --until."""
    if (kind == "later") != (until is not None):
        raise MisuseError("`later` says until when, and the other answers do not", "--until 2h")
    async with connected(agency) as connection:
        about = await bulletin_named(connection, item)
        sent = await about.answer(cast(ReceiptKind, kind), note=note, until=until, actor=actor)
    _tell(sent, about, kind, as_json)


def _tell(sent: Posted, about: ReceivedBulletin, kind: str, as_json: bool) -> None:
    found = {
        "receipt": sent.id,
        "kind": kind,
        "originator": about.originator,
        "bulletin": about.id,
        "taken_at": times.format(sent.taken_at),
        "repeated": sent.repeated,
    }
    again = " (as before)" if sent.repeated else ""
    result(found, f"Told {about.originator}: {kind}, about {about.id}{again}", as_json=as_json)
