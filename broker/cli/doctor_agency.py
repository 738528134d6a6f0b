"""What an agency depends on here: its identity, its keys' validity, and what this machine keeps for it."""

from __future__ import annotations

import os
from pathlib import Path

from broker.cli import doctor_cures as cures
from broker.cli.agency_flags import AgencyFlags
from broker.cli.doctor_agreement import agreement_checks
from broker.cli.doctor_broker import broker_checks
from broker.cli.doctor_card import card_check
from broker.cli.doctor_finding import Finding, why
from broker.cli.doctor_secrets import closed
from broker.cli.identity_files import load_identity
from broker.cli.refusals import MisuseError
from broker.client.outbox import Outbox
from broker.client.state import State
from broker.errors import HarkaraError
from broker.protocol.identity import Identity


async def agency_checks(flags: AgencyFlags, data: Path | None) -> list[Finding]:
    """Look at what an agency depends on, here first, then at the broker's. Nothing is raised: what
    fails is a finding, and what would only follow from it is not looked at. `data` is the exchange that
    whoever asks operates, if any: cures are for this reader.
    """
    path = flags.need_identity()
    try:
        identity = load_identity(path)
    except (MisuseError, HarkaraError) as error:
        return [closed(path) or Finding("key-file", "fail", why(error), _name_identity(error))]
    found = [Finding("key-file", "pass", str(path)), *_kept(flags, identity)]
    reached = await broker_checks(flags, data)
    found += reached
    failed = {each.check for each in reached if each.outcome == "fail"}
    if "clock" not in failed:  # by a wrong clock, good keys look expired
        found.append(card_check(identity, path, data))
    return found if failed else found + await agreement_checks(flags, identity, path, data)


def _kept(flags: AgencyFlags, identity: Identity) -> list[Finding]:
    state = State.of(flags.state, identity.exchange, identity.id)
    try:
        outbox = state.outbox
        waiting = sum(kept.stamp is None for kept in Outbox(outbox).unconfirmed())
    except (HarkaraError, OSError) as error:
        return [Finding("state", "fail", why(error), cures.command("ls", "-ld", state.root))]
    if not os.access(outbox, os.W_OK):
        seen = f"{state.root} cannot be written in"
        return [Finding("state", "fail", seen, cures.command("chmod", "-R", "u+rwX", state.root))]
    found = [Finding("state", "pass", str(state.root))]
    seen = f"{waiting} posts were signed here and never accepted"
    if waiting:
        again = "# post the same files again: they are the same posts"
        return [*found, Finding("outbox", "warn", seen, again)]
    return [*found, Finding("outbox", "pass", "every post was accepted")]


def _name_identity(error: MisuseError | HarkaraError) -> str:
    if isinstance(error, MisuseError):
        return cures.setting("HARKARA_IDENTITY", "AGENCY.key") + "   # as harkara keys new made it"
    return f"# {error.detail}"
