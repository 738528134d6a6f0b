"""An agency's card: how long its keys are valid, and how a newer one gets into the registry."""

from __future__ import annotations

from pathlib import Path

from broker.cli import doctor_cures as cures
from broker.cli.doctor_finding import Finding, expiry
from broker.cli.identity_files import load_card
from broker.cli.moment import now
from broker.cli.refusals import MisuseError
from broker.errors import HarkaraError
from broker.protocol import times
from broker.protocol.identity import Identity
from broker.protocol.keys import SealingKey, SigningKey

RIGHT_FILE = (
    "# if you have the file with the right keys, name it: --identity FILE. If they are lost for good:"
)


def card_check(identity: Identity, path: Path, data: Path | None) -> Finding:
    """Look at the validity of an identity's own keys, both uses: whichever ends first counts. `data` is the
    exchange that whoever asks operates, if any.
    """
    at = now()
    cure = renewed(identity, path, data)
    ends: list[int] = []
    for kind in (SigningKey, SealingKey):
        own = [key for key in identity.keys if isinstance(key.key, kind)]
        later = [key.not_before for key in own if key.not_before > at]
        if later and not any(key.not_before <= at < key.not_after for key in own):
            seen = f"the keys of {identity.id} are valid only from {times.format(min(later))}"
            return Finding("card", "fail", seen, cure)
        ends += [max(key.not_after for key in own)] if own else []
    return expiry("card", f"the keys of {identity.id}", min(ends), at, cure=cure)


def renewed(identity: Identity, path: Path, data: Path | None) -> str:
    """Give how an identity gets fresh keys that count at once, old ones staying."""
    card = _beside(identity, path)
    return cures.lines(
        "" if card.exists() else cures.command("harkara", "keys", "card", path, "--out", card),
        cures.command("harkara", "keys", "rotate", path, "--card", card, "--from", "0s"),
        cures.enrolment(card, data=data),
    )


def enrolling(identity: Identity, path: Path, listed: set[bytes] | None, data: Path | None) -> str:
    """Give how an identity's keys get into the registry. `listed` are those that it has for the agency;
    None: not known.
    """
    own = {key.key.kid for key in identity.keys}
    lost = listed is None or bool(listed - own)
    card, made = _beside(identity, path), ""
    if not _is_of(card, own):
        card = _free(card)
        made = cures.command("harkara", "keys", "card", path, "--out", card)
    enrolment = cures.enrolment(card, data=data, drop_keys=lost)
    return cures.lines(RIGHT_FILE if lost else "", made, enrolment)


def _beside(identity: Identity, path: Path) -> Path:
    # As harkara keys new left it.
    return path.with_name(f"{identity.id}.card.json")


def _is_of(card: Path, own: set[bytes]) -> bool:
    try:
        return {key.kid for key in load_card(card).keys} == own
    except (MisuseError, HarkaraError):
        return False


def _free(path: Path) -> Path:
    found, number = path, 1
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name.removesuffix('.card.json')}-{number}.card.json")
    return found
