"""What an import is given and what it gives, whatever the language of the source.

A source says less than a bulletin must (its category, how far it may be shared, until when it is of use), and
more than a bulletin has fields for. `ImportDefaults` fill what it lacks. What is filled, changed or kept
elsewhere is announced in sentences for the person who posts it: an import does nothing silently. What cannot
be imported is refused by itself, and harms nothing beside it.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from broker.errors import Problem
from broker.protocol import limits
from broker.protocol.vocabulary import MARKINGS, Category, Marking

IMPORT_SOURCE_BYTES: Final = 32 * 1024 * 1024
"""The largest file that is read."""
DEFAULT_LIFETIME_US: Final = limits.DAY_US
"""How long a bulletin is of use when neither its source nor the poster says."""
POSTING_US: Final = limits.MINUTE_US
"""An `expires` that is nearer than this has passed: the bulletin has yet to be posted."""

_TLP: Final = re.compile(r"\bTLP[:\s-]{0,3}(CLEAR|WHITE|GREEN|AMBER(?:[ +_-]{0,3}STRICT)?|RED)\b")

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:harkara:import")


@dataclass(frozen=True, slots=True)
class ImportDefaults:
    """What the poster says for a source that does not (`--category`, `--marking`, `--expires`, `--to`).

    `expires_at` is µs since the epoch; `addressed` says that only named agencies will receive it. A source
    that says these itself is believed, but is never shared more widely than `marking`.
    """

    category: Category | None = None
    marking: Marking | None = None
    expires_at: int | None = None
    addressed: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """A bulletin made from a source.

    `document` is the bulletin without what posting fills (originator, exchange, registry, sent,
    address_digest); `announced` says in sentences what was filled, changed or kept elsewhere; `label` is what
    the source calls itself.
    """

    label: str
    document: dict[str, Any]
    announced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A source that cannot become a bulletin, why, and each thing that is wrong.

    The pointer of a problem is a path in the source: for XML like `/alert/info[2]/expires`.
    """

    label: str
    reason: str
    problems: tuple[Problem, ...] = ()


Import: TypeAlias = Imported | Refused


def derived_id(system: str, originator: str, *parts: str) -> str:
    """Give the id of the bulletin that `originator` makes of what `parts` name in `system`: the same for
    ever.

    A UUID of version 5 (RFC 9562, section 5.5) over a JSON array, so that no two lists of parts are spelled
    alike. With it a reference to a source resolves to its bulletin without any record of past imports.
    """
    name = json.dumps([system, originator, *parts], ensure_ascii=True, separators=(",", ":"))
    return str(uuid.uuid5(_NAMESPACE, name))


def tlp_labels(text: str) -> list[Marking]:
    """Give every TLP label that stands in `text`. WHITE of TLP 1 is CLEAR (FIRST, TLP 2.0)."""
    found: list[Marking] = []
    for label in _TLP.findall(text.upper()):
        match label:
            case "CLEAR" | "WHITE":
                found.append("TLP:CLEAR")
            case "GREEN":
                found.append("TLP:GREEN")
            case "AMBER":
                found.append("TLP:AMBER")
            case "RED":
                found.append("TLP:RED")
            case _:
                found.append("TLP:AMBER+STRICT")
    return found


def narrowest(*markings: Marking | None) -> Marking | None:
    """Give the marking that shares least, or None when there is none."""
    there: list[Marking] = [marking for marking in markings if marking is not None]
    return max(there, key=MARKINGS.index) if there else None
