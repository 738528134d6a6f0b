"""`harkara doctor`: look at everything that a member, or the operator of an exchange, depends on,
and print for each fault a cure that can be copied.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from broker.cli import refusals
from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command, flag
from broker.cli.doctor_agency import agency_checks
from broker.cli.doctor_exchange import exchange_checks
from broker.cli.doctor_finding import MARKS, Finding
from broker.cli.doctor_store import store_checks
from broker.cli.parameters import DIRECTORY
from broker.cli.refusals import MisuseError

EXAMPLE = """
$ export HARKARA_IDENTITY=fia/pk.fia.key
$ harkara doctor
$ harkara doctor --data exchange
"""


@command("doctor", example=EXAMPLE)
@flag("--data", type=DIRECTORY, help="The directory of an exchange: what its operator depends on.")
@flag("--store", secret=True, metavar="URL", help="A Redis or Valkey server that is to be a store.")
@agency_flags
async def doctor(agency: AgencyFlags, data: Path | None, store: str | None, as_json: bool) -> None:
    """Look at files, keys, registry, clock, broker and store, and say what is wrong and how to mend
    it.

    With an identity what an agency depends on, with --data or --store what an operator does. Below
    each fault stands its cure, for a shell. Exit code 1 when something fails; what only warns gives
    0. --json prints a list of {check, outcome, seen, cure}; a check's name never changes.
    """
    if agency.identity is None and data is None and not store:
        raise MisuseError(
            "look at what?", "--identity FILE for an agency, --data DIR for an exchange, --store URL"
        )
    found: list[Finding] = []
    if data is not None:
        found += await exchange_checks(data, agency)
    if store:
        found += await store_checks(store)
    if agency.identity is not None:
        found += await agency_checks(agency, data)
    if as_json:
        click.echo(json.dumps([each.as_json() for each in found], ensure_ascii=False))
    else:
        worst = next(mark for mark in ("fail", "warn", "pass") if mark in {each.outcome for each in found})
        told = [line for each in found for line in each.words()]
        click.echo("\n".join([*told, "", f"Together: {MARKS[worst]}"]))
    if any(each.outcome == "fail" for each in found):
        raise click.exceptions.Exit(refusals.CHECK_SAYS_NO)
