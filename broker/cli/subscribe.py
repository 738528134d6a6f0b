"""`harkara subscribe`: what this agency wants to hear, of all that it is entitled to."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command, flag
from broker.cli.connection import connected
from broker.cli.output import result
from broker.cli.parameters import Listed, together
from broker.cli.refusals import MisuseError
from broker.protocol.answers import Subscription
from broker.protocol.vocabulary import CATEGORIES

EXAMPLE = """
$ export HARKARA_IDENTITY=anf/pk.anf.key
$ harkara subscribe --category drug-smuggling,human-smuggling --area PK-BA,PK-SD --severity Moderate
$ harkara subscribe
$ harkara subscribe --everything
"""


@command("subscribe", example=EXAMPLE)
@flag(
    "--category",
    per_command=True,
    type=Listed("categories", CATEGORIES),
    help="Only these categories; with commas, or repeated.",
)
@flag(
    "--area",
    per_command=True,
    multiple=True,
    metavar="CODES",
    help="Only what is about these areas (ISO 3166-2), or about none.",
)
@flag(
    "--severity",
    per_command=True,
    type=click.Choice(["Minor", "Moderate", "Severe", "Extreme"]),
    help="The least severity.",
)
@flag("--everything", is_flag=True, help="Hear all that you are entitled to again.")
@agency_flags
async def subscribe(
    agency: AgencyFlags,
    category: tuple[str, ...] | None,
    area: tuple[str, ...],
    severity: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Say what you want to hear from now on, in place of what you said before; without flags, show it.

    A subscription only narrows. What names you in `to` comes in any case.
    """
    wanted = {"categories": category or (), "areas": together(area), "severity": severity}
    narrows = any(wanted.values())
    if narrows and everything:
        raise MisuseError("--everything narrows nothing, and stands alone")
    async with connected(agency) as connection:
        if narrows or everything:
            said: Subscription | None = await connection.subscribe(
                categories=category or (), areas=together(area), severity=severity
            )
        else:
            said = await connection.subscription()
    found: dict[str, Any] = msgspec.to_builtins(said) if said is not None else {}
    result({"subscription": found} if said else {}, _words(said), as_json=as_json)


def _words(said: Subscription | None) -> list[str]:
    if said is None or not (said.categories or said.areas or said.severity):
        return ["You hear everything that you are entitled to."]
    lines = [f"You hear (subscription {said.version}, of {said.at[:10]}):"]
    if said.categories:
        lines.append(f"  categories  {', '.join(said.categories)}")
    if said.areas:
        lines.append(f"  areas       {', '.join(said.areas)}, and what is about no area")
    if said.severity:
        lines.append(f"  severity    {said.severity} or worse, and unknown")
    return lines
