"""`harkara doctor`: look at everything that a member, or the operator of an exchange, depends on,
and say how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click
import msgspec

from broker.cli import refusals
from broker.cli.agency_flags import AgencyFlags, agency_flags
from broker.cli.command import command, flag
from broker.cli.doctor_agency import agency_checks
from broker.cli.doctor_exchange import exchange_checks
from broker.cli.output import result
from broker.cli.parameters import DIRECTORY
from broker.cli.refusals import MisuseError, harmless
from broker.protocol.verdict import Check, overall

EXAMPLE = """
$ export HARKARA_IDENTITY=fia/pk.fia.key
$ harkara doctor
$ harkara doctor --data exchange
"""

MARKS: Final = {"pass": "ok", "warn": "WARN", "fail": "FAIL"}


@command("doctor", example=EXAMPLE)
@flag("--data", type=DIRECTORY, help="The directory of an exchange: what its operator depends on.")
@agency_flags
async def doctor(agency: AgencyFlags, data: Path | None, as_json: bool) -> None:
    """Look at files, keys, registry, clock and broker, and say what is wrong and how to mend it.

    With an identity what an agency depends on, with --data what an operator does. Exit code 1 when
    something fails; what only warns gives 0.
    """
    if agency.identity is None and data is None:
        raise MisuseError("look at what?", "--identity FILE for an agency, --data DIR for an exchange")
    checks: list[Check] = []
    if data is not None:
        checks += exchange_checks(data)
    if agency.identity is not None:
        checks += await agency_checks(agency)
    verdict = overall(checks)
    found = {"status": verdict, "checks": [_json(check) for check in checks]}
    result(found, [*_words(checks), "", f"Together: {MARKS[verdict]}"], as_json=as_json)
    if verdict == "fail":
        raise click.exceptions.Exit(refusals.CHECK_SAYS_NO)


def _json(check: Check) -> dict[str, object]:
    fields = {name: getattr(check, name) for name in ("name", "outcome", "observed", "unit", "output")}
    return {name: value for name, value in msgspec.to_builtins(fields).items() if value is not None}


def _words(checks: Iterable[Check]) -> Iterable[str]:
    for check in checks:
        observed = "" if check.observed is None else f"{check.observed} {check.unit or ''}".strip()
        yield harmless(f"  {MARKS[check.outcome]:<5} {check.name:<34} {observed}").rstrip()
        if check.output:
            yield harmless(f"        {check.output}")
