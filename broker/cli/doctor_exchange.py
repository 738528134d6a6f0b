"""What the operator of an exchange depends on: files closed to others, keys and registry that are
valid for long enough.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from broker.cli import files
from broker.cli.identity_files import load_identity
from broker.cli.moment import now
from broker.cli.refusals import MisuseError, brief
from broker.cli.trust_files import (
    BROKER_KEY,
    ENTITLEMENTS,
    EXCHANGE,
    NEXT,
    REGISTRY,
    ROOT_KEY,
    STORE_KEY,
    InForce,
    TrustFiles,
)
from broker.errors import HarkaraError
from broker.protocol.key_files import read_store_key
from broker.protocol.verdict import Check, expiring

SECRETS: Final = (BROKER_KEY, STORE_KEY, ENTITLEMENTS, ROOT_KEY)


def exchange_checks(data: Path) -> list[Check]:
    """Look at the directory of an exchange. Nothing is raised: what fails is a check."""
    trust = TrustFiles(data / EXCHANGE, data / REGISTRY, data / ENTITLEMENTS, data / NEXT, data / ROOT_KEY)
    checks = [*_permissions(data), *_store_key(data)]
    try:
        current = trust.in_force()
    except (MisuseError, HarkaraError) as error:
        return [*checks, Check("registry", "fail", output=_why(error))]
    mend = "harkara registry renew, sign and publish"
    checks.append(expiring("registry expires", current.registry.expires, now(), mend=mend, fatal=True))
    checks += [*_broker(data, current), *_members(current)]
    if trust.draft.exists():
        checks.append(
            Check(NEXT, "warn", output="a change is prepared and not published: harkara registry show --next")
        )
    return checks


def _permissions(data: Path) -> list[Check]:
    checks: list[Check] = []
    for name in SECRETS:
        path = data / name
        if path.exists() and files.POSIX and stat.S_IMODE(path.stat().st_mode) & files.OTHERS:
            checks.append(Check(name, "fail", oct(path.stat().st_mode & 0o777), output=f"chmod 600 {path}"))
    if files.POSIX and data.exists() and data.stat().st_mode & 0o022:
        checks.append(Check(str(data), "fail", "others can write in it", output=f"chmod go-w {data}"))
    if (data / ROOT_KEY).exists():
        mend = "whoever takes this host could enrol members: move it to a medium that is not connected"
        checks.append(Check(ROOT_KEY, "warn", "on this host", output=mend))
    return checks


def _store_key(data: Path) -> list[Check]:
    try:
        read_store_key(files.read_private(data / STORE_KEY, "the store key"))
    except (MisuseError, HarkaraError) as error:
        return [Check(STORE_KEY, "fail", output=_why(error))]
    return [Check(STORE_KEY, "pass")]


def _broker(data: Path, current: InForce) -> list[Check]:
    try:
        identity = load_identity(data / BROKER_KEY)
    except (MisuseError, HarkaraError) as error:
        return [Check(BROKER_KEY, "fail", output=_why(error))]
    card = current.registry.cards.get(identity.id)
    if card is None or not {own.key.kid for own in identity.keys} <= {key.kid for key in card.keys}:
        mend = "the registry does not have these keys: harkara registry add its card"
        return [Check(BROKER_KEY, "fail", identity.id, output=mend)]
    ends = min(max(key.not_after for key in card.keys if key.use == use) for use in ("sign", "seal"))
    mend = "harkara keys rotate, and harkara registry add the newer card"
    return [expiring("broker's keys expire", ends, now(), mend=mend, fatal=True)]


def _members(current: InForce) -> list[Check]:
    checks: list[Check] = []
    for agency in current.registry.agencies():
        card = current.registry.cards[agency]
        ends = min(max(key.not_after for key in card.keys if key.use == use) for use in ("sign", "seal"))
        found = expiring(f"{agency}: keys expire", ends, now(), mend="ask them for a newer card", fatal=False)
        if found.outcome != "pass":
            checks.append(found)
    agencies = len(current.registry.agencies())
    return [*checks, Check("agencies", "pass" if agencies else "warn", agencies, "enrolled")]


def _why(error: MisuseError | HarkaraError) -> str:
    return error.detail if isinstance(error, MisuseError) else brief(error)
