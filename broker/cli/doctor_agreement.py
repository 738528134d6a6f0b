"""What an agency and its broker have to agree on: the keys that the registry has, how long it is valid,
and where each consumer stands in the inbox.
"""

from __future__ import annotations

from pathlib import Path

from broker.cli import doctor_cures as cures
from broker.cli.agency_flags import AgencyFlags
from broker.cli.connection import connected
from broker.cli.doctor_card import enrolling, renewed
from broker.cli.doctor_finding import Finding, expiry, why
from broker.cli.doctor_place import place_checks
from broker.cli.known_registry import known_registry
from broker.cli.moment import now
from broker.cli.refusals import MisuseError
from broker.client.agency import Agency
from broker.client.problems import problem_of
from broker.errors import (
    BadSignature,
    ClockSkew,
    ExpiredKey,
    HarkaraError,
    NotAuthentic,
    RegistryExpired,
    RevokedKey,
    UnknownKey,
    WrongExchange,
)
from broker.protocol.identity import Identity
from broker.protocol.registry import Registry


async def agreement_checks(
    flags: AgencyFlags, identity: Identity, path: Path, data: Path | None
) -> list[Finding]:
    """Look at what needs a broker that answers. Nothing is raised."""
    try:
        async with connected(flags) as agency:
            registry = await agency.refresh_registry()
            cure = cures.renewal(data)
            found = [expiry("registry", _version(registry), registry.expires, now(), cure=cure)]
            found.append(_key(registry, identity, path, data))
            inbox = await _inbox(agency, identity)
            found.append(inbox)
            if inbox.outcome == "pass":
                found += await place_checks(agency, flags, registry)
            return found
    except (UnknownKey, RevokedKey, ExpiredKey) as error:
        return [_refused_key(error, flags, identity, path, data)]
    except ClockSkew as error:
        return [Finding("clock", "fail", why(error), "# this machine's clock, or the broker's")]
    except (MisuseError, WrongExchange) as error:
        cure = "# exchange.json, from your operator by a trusted way, beside your identity"
        return [Finding("exchange-file", "fail", why(error), cure)]
    except HarkaraError as error:
        check = "registry" if isinstance(error, NotAuthentic | BadSignature | RegistryExpired) else "broker"
        return [Finding(check, "fail", why(error), f"{cures.OPERATOR}: what is the matter? [{error.code}]")]


def _version(registry: Registry) -> str:
    return f"version {registry.version} of the registry"


def _key(registry: Registry, identity: Identity, path: Path, data: Path | None) -> Finding:
    listed = _listed(registry, identity)
    own = {key.key.kid for key in identity.keys}
    if own <= listed:
        return Finding("key", "pass", f"{identity.id} is enrolled with these keys")
    missing = f"{len(own - listed)} of {len(own)} keys of {path} are not in {_version(registry)}"
    outcome = "warn" if own & listed else "fail"
    return Finding("key", outcome, missing, enrolling(identity, path, listed, data))


def _refused_key(
    error: UnknownKey | RevokedKey | ExpiredKey,
    flags: AgencyFlags,
    identity: Identity,
    path: Path,
    data: Path | None,
) -> Finding:
    if not isinstance(error, UnknownKey):
        return Finding("key", "fail", why(error), renewed(identity, path, data))
    kid = identity.signing_keys()[-1].kid.hex()[:16]
    try:
        registry = known_registry(flags, identity)
    except (MisuseError, HarkaraError):
        seen = f"the broker does not know the key {kid}… of {identity.id}"
        return Finding("key", "fail", seen, enrolling(identity, path, None, data))
    listed = _listed(registry, identity)
    has = ", ".join(sorted(key.hex()[:16] + "…" for key in listed)) or "none"
    seen = f"{path} has the key {kid}…; {_version(registry)} has for {identity.id}: {has}"
    return Finding("key", "fail", seen, enrolling(identity, path, listed, data))


def _listed(registry: Registry, identity: Identity) -> set[bytes]:
    card = registry.cards.get(identity.id)
    return {key.kid for key in card.keys} if card else set()


async def _inbox(agency: Agency, identity: Identity) -> Finding:
    answer = await agency.request("GET", "/v1/inbox?after=0&limit=1")
    if answer.status == 200:
        return Finding("inbox", "pass", "readable")
    error = problem_of(answer.status, answer.body)
    if isinstance(error, ExpiredKey):  # `card` has the cure
        return Finding("inbox", "fail", f"not to be read with expired keys: {error.detail}", "# see card")
    return Finding("inbox", "fail", why(error), f"{cures.OPERATOR}: may {identity.id} read? [{error.code}]")
