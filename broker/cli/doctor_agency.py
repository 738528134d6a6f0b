"""What an agency depends on: its identity, its exchange, its state, and a broker that knows it and
tells the time.
"""

from __future__ import annotations

import os
from email.utils import parsedate_to_datetime

from broker.cli.agency_flags import AgencyFlags
from broker.cli.connection import connected
from broker.cli.identity_files import load_identity
from broker.cli.moment import now
from broker.cli.refusals import MisuseError, brief
from broker.client.agency import Agency
from broker.client.outbox import Outbox
from broker.client.state import State
from broker.errors import HarkaraError
from broker.protocol import limits
from broker.protocol.identity import Identity
from broker.protocol.keys import SigningKey
from broker.protocol.registry import Registry
from broker.protocol.verdict import Check, bounded, expiring

ROTATE = "harkara keys rotate, and send the newer card to the operator"
RENEW = "ask the operator of your exchange for a newer registry"


async def agency_checks(flags: AgencyFlags) -> list[Check]:
    """Look at what an agency depends on. Nothing is raised: what fails is a check."""
    try:
        identity = load_identity(flags.need_identity())
    except (MisuseError, HarkaraError) as error:
        return [Check("identity", "fail", output=_why(error))]
    checks = [Check("identity", "pass", identity.id), _keys(identity), *_state(flags, identity)]
    try:
        async with connected(flags) as agency:
            registry = await agency.refresh_registry()
            checks.append(Check("broker", "pass", flags.url))
            checks += [await _clock(agency), *_registry(registry, identity)]
            checks.append(await _inbox(agency))
    except (MisuseError, HarkaraError) as error:
        checks.append(Check("broker", "fail", flags.url, output=_why(error)))
    return checks


def _keys(identity: Identity) -> Check:
    ends = max(own.not_after for own in identity.keys if isinstance(own.key, SigningKey))
    return expiring("signing key expires", ends, now(), mend=ROTATE, fatal=True)


def _state(flags: AgencyFlags, identity: Identity) -> list[Check]:
    try:
        state = State.of(flags.state, identity.exchange, identity.id)
        outbox = state.outbox
        waiting = sum(kept.stamp is None for kept in Outbox(outbox).unconfirmed())
    except (HarkaraError, OSError) as error:
        return [Check("state", "fail", output=_why(error))]
    if not os.access(outbox, os.W_OK):
        return [Check("state", "fail", str(state.root), output="this directory cannot be written in")]
    mend = "post the same files again"
    return [
        Check("state", "pass", str(state.root)),
        bounded("signed and never accepted", waiting, warn=1, fail=10_000, unit="posts", mend=mend),
    ]


async def _clock(agency: Agency) -> Check:
    answer = await agency.request("GET", "/livez")
    told = answer.headers.get("date")
    if told is None:
        return Check("clock", "warn", output="the broker does not tell its time")
    try:
        theirs = int(parsedate_to_datetime(told).timestamp() * limits.SECOND_US)
    except ValueError:
        return Check("clock", "warn", output="the broker's time cannot be read")
    # A Date header has whole seconds.
    off = round(max(abs(now() - theirs) - limits.SECOND_US, 0) / limits.SECOND_US, 1)
    mend = "set this machine's clock (chrony, ntpd, Windows Time)"
    return bounded("clock differs from the broker's", off, warn=5, fail=60, unit="s", mend=mend)


def _registry(registry: Registry, identity: Identity) -> list[Check]:
    checks = [expiring("registry expires", registry.expires, now(), mend=RENEW, fatal=True)]
    card = registry.cards.get(identity.id)
    if card is None:
        return [*checks, Check("enrolled", "fail", identity.id, output="send your card to the operator")]
    listed = {key.kid for key in card.keys}
    known = [own for own in identity.keys if own.key.kid in listed]
    if len(known) < len(identity.keys):
        missing = f"{len(identity.keys) - len(known)} of {len(identity.keys)} keys are not in the registry"
        outcome = "warn" if known else "fail"
        return [
            *checks,
            Check(
                "enrolled", outcome, identity.id, output=f"{missing}: send your newer card to the operator"
            ),
        ]
    return [*checks, Check("enrolled", "pass", identity.id)]


async def _inbox(agency: Agency) -> Check:
    answer = await agency.request("GET", "/v1/inbox?after=0&limit=1")
    if answer.status == 200:
        return Check("inbox", "pass", "readable")
    return Check("inbox", "fail", f"{answer.status}", output="the broker does not let this identity read")


def _why(error: MisuseError | HarkaraError | OSError) -> str:
    match error:
        case MisuseError():
            return f"{error.detail}: {error.hint}" if error.hint else error.detail
        case HarkaraError():
            return brief(error)
        case _:
            return f"{error.filename}: {error.strerror}"
