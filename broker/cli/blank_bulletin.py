"""What a new bulletin looks like before it is filled in: sensible values, and empty texts where
only a person knows.

An empty text is never acceptable in a bulletin, so what is forgotten cannot be sent: it is named,
by pointer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from broker.protocol import limits, times
from broker.protocol.strictjson import pointer_to
from broker.protocol.vocabulary import Category, Marking, Severity, Status

VALID_US: Final = 7 * limits.DAY_US
"""How long a draft says that it is of use: long enough to act, short enough to be looked at again."""

_PERSON: Final = {
    "type": "person",
    "role": "suspect",
    "names": [{"script": "Latn", "given": "", "family": ""}],
}
_VICTIM: Final = {"type": "person", "role": "victim", "note": ""}
_VEHICLE: Final = {"type": "vehicle", "plate": "", "country": "PK", "make": "", "colour": ""}
_GOODS: Final = {"type": "goods", "substance": "", "concealment": ""}
_ORGANISATION: Final = {"type": "organisation", "name": ""}
_PHONE: Final = {"type": "phone", "number": ""}
_FIREARM: Final = {"type": "firearm", "make": "", "calibre": "", "serial": ""}
_ACCOUNT: Final = {"type": "account", "iban": "", "service": ""}
_HANDLE: Final = {"type": "account", "handle": "", "service": ""}

SUBJECTS: Final[dict[Category, tuple[dict[str, Any], ...]]] = {
    "terrorism": (_PERSON, _ORGANISATION),
    "human-trafficking": (_PERSON, _VICTIM),
    "human-smuggling": (_PERSON, _VEHICLE),
    "drug-smuggling": (_GOODS, _VEHICLE),
    "arms-smuggling": (_FIREARM, _VEHICLE),
    "goods-smuggling": (_GOODS, _VEHICLE),
    "organised-crime": (_PERSON, _ORGANISATION),
    "financial-crime": (_PERSON, _ACCOUNT),
    "cybercrime": (_HANDLE, _PHONE),
    "other": (),
}
"""What a bulletin of each category is usually about."""


def draft_of(
    category: Category,
    *,
    now: int,
    status: Status = "Actual",
    marking: Marking = "TLP:AMBER",
    severity: Severity = "Severe",
    headline: str = "",
    description: str = "",
    expires: str | None = None,
    short: bool = False,
) -> dict[str, Any]:
    """Give a bulletin of `category` to fill in; `short` has only what is required. `now` in µs.

    What the client fills in (id, originator, exchange, registry, sent) is left out.
    """
    block = {"headline": headline}
    if description or not short:
        block["description"] = description
    found: dict[str, Any] = {
        "status": status,
        "type": "Alert",
        "category": category,
        "expires": expires or times.format(now - now % limits.SECOND_US + VALID_US),
        "marking": marking,
        "urgency": "Expected",
        "severity": severity,
        "certainty": "Likely",
        "text": {"en": block},
    }
    if short:
        return found
    found["text"]["ur"] = {"headline": "", "description": ""}
    found["contact"] = {"desk": "", "phone": ""}
    found["action"] = "inform"
    found["areas"] = [{"name": "", "code": "PK"}]
    if SUBJECTS[category]:
        found["subjects"] = [dict(subject) for subject in SUBJECTS[category]]
    return found


def unfilled(value: object, at: str = "") -> Iterator[str]:
    """Give the pointers of the texts that are still empty."""
    if value == "":
        yield at
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from unfilled(member, pointer_to(at, name))
    elif isinstance(value, list):
        for place, member in enumerate(value):
            yield from unfilled(member, pointer_to(at, place))
