"""What the operator of an exchange depends on: files closed to others, keys and registry that are
valid for long enough, a directory that nobody else uses, and a store that loses nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from broker.cli import doctor_cures as cures
from broker.cli import files
from broker.cli.agency_flags import AgencyFlags
from broker.cli.doctor_finding import Finding, expiry, why
from broker.cli.doctor_secrets import closed
from broker.cli.doctor_store import STORE_DIRECTORY, embedded_checks, holder_of, use_checks
from broker.cli.identity_files import load_identity
from broker.cli.moment import now
from broker.cli.refusals import MisuseError
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
from broker.errors import HarkaraError, UnsafeConfiguration
from broker.protocol.card import Card
from broker.protocol.key_files import read_store_key

SECRETS: Final = (BROKER_KEY, STORE_KEY, ENTITLEMENTS, ROOT_KEY)
OTHERS_WRITE: Final = 0o022
RESTORE: Final = "# bring it back from your copies (docs/operations.md, Back up and restore)"


async def exchange_checks(data: Path, agency: AgencyFlags) -> list[Finding]:
    """Look at the directory of an exchange. Nothing is raised: what fails is a finding."""
    trust = TrustFiles(data / EXCHANGE, data / REGISTRY, data / ENTITLEMENTS, data / NEXT, data / ROOT_KEY)
    found = [*_permissions(data), *_store_key(data)]
    try:
        current = trust.in_force()
    except (MisuseError, HarkaraError) as error:
        found.append(Finding("registry", "fail", why(error), RESTORE))
    else:
        # A running broker has to take it at once; one that does not run takes it when it starts.
        offline = holder_of(data / STORE_DIRECTORY) is None
        cure = cures.renewal(data, offline=offline)
        what = f"version {current.registry.version} of the registry"
        found.append(expiry("registry", what, current.registry.expires, now(), cure=cure))
        found += [*_broker(data, current), *_members(current)]
    if trust.draft.exists():
        cure = cures.command("harkara", "registry", "show", "--next", "--data", data)
        found.append(Finding("draft", "warn", f"{trust.draft} is prepared and not published", cure))
    return [*found, *await use_checks(data, agency), *await embedded_checks(data)]


def _permissions(data: Path) -> list[Finding]:
    found = [wrong for name in SECRETS if (wrong := closed(data / name)) is not None]
    if not found:
        found.append(Finding("key-file", "pass", "the secrets are their owner's alone"))
    if files.POSIX and data.exists() and data.stat().st_mode & OTHERS_WRITE:
        seen = f"others can write in {data}, and could exchange keys"
        found.append(Finding("directory", "fail", seen, cures.command("chmod", "go-w", data)))
    if (data / ROOT_KEY).exists():
        seen = "on this host, whose taker could enrol members"
        away = cures.command("mv", data / ROOT_KEY, "/media/safe/root.key")
        found.append(Finding("root-key", "warn", seen, f"{away}   # a medium that is not connected"))
    return found


def _store_key(data: Path) -> list[Finding]:
    try:
        read_store_key(files.read_private(data / STORE_KEY, "the store key"))
    except UnsafeConfiguration:  # told already: key-file
        return []
    except (MisuseError, HarkaraError) as error:
        return [Finding("store-key", "fail", why(error), RESTORE)]
    return [Finding("store-key", "pass", STORE_KEY)]


def _broker(data: Path, current: InForce) -> list[Finding]:
    try:
        identity = load_identity(data / BROKER_KEY)
    except UnsafeConfiguration:  # told already: key-file
        return []
    except (MisuseError, HarkaraError) as error:
        return [Finding("broker-key", "fail", why(error), RESTORE)]
    card = current.registry.cards.get(identity.id)
    newer = data / f"{identity.id}.card.json"
    made = cures.command("harkara", "keys", "card", data / BROKER_KEY, "--out", newer)
    if card is None or not {own.key.kid for own in identity.keys} <= {key.kid for key in card.keys}:
        cure = cures.lines(made, cures.enrolment(newer, data=data))
        return [Finding("broker-key", "fail", f"the registry does not have the keys of {identity.id}", cure)]
    rotated = cures.command("harkara", "keys", "rotate", data / BROKER_KEY, "--card", newer)
    cure = cures.lines("" if newer.exists() else made, rotated, cures.enrolment(newer, data=data))
    return [expiry("broker-key", f"the keys of {identity.id}", _end(card), now(), cure=cure)]


def _members(current: InForce) -> list[Finding]:
    found: list[Finding] = []
    for agency in current.registry.agencies():
        cure = f"# ask {agency} for a newer card (harkara keys rotate)"
        end = _end(current.registry.cards[agency])
        look = expiry("card", f"the keys of {agency}", end, now(), cure=cure, fatal=False)
        if look.outcome != "pass":
            found.append(look)
    count = len(current.registry.agencies())
    if count:
        return [*found, Finding("agencies", "pass", f"{count} enrolled, keys looked at")]
    return [*found, Finding("agencies", "warn", "nobody is enrolled", "harkara registry add --help")]


def _end(card: Card) -> int:
    return min(max(key.not_after for key in card.keys if key.use == use) for use in ("sign", "seal"))
