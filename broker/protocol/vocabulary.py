"""The closed vocabularies of bulletins: CAP 1.2, TLP 2.0, Europol handling codes and our own.

A term is the text that stands in the document. Where order matters the tuple says which way.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Status: TypeAlias = Literal["Actual", "Exercise", "System", "Test"]
BulletinType: TypeAlias = Literal["Alert", "Update", "Cancel"]
Category: TypeAlias = Literal[
    "terrorism",
    "human-trafficking",
    "human-smuggling",
    "drug-smuggling",
    "arms-smuggling",
    "goods-smuggling",
    "organised-crime",
    "financial-crime",
    "cybercrime",
    "other",
]
Urgency: TypeAlias = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
Severity: TypeAlias = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Certainty: TypeAlias = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]
Marking: TypeAlias = Literal["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"]
HandlingCode: TypeAlias = Literal["H0", "H1", "H2", "H3"]
Action: TypeAlias = Literal["inform", "locate", "discreet-check", "detain", "seize", "protect"]
Warning: TypeAlias = Literal["armed", "violent", "explosives", "medical", "contagious"]  # noqa: A001

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
BULLETIN_TYPES: Final[tuple[BulletinType, ...]] = get_args(BulletinType)
CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""From the worst down; Unknown last."""
MARKINGS: Final[tuple[Marking, ...]] = get_args(Marking)
"""From the widest sharing to the narrowest."""
NAMED_MARKINGS: Final = frozenset({"TLP:AMBER+STRICT", "TLP:RED"})
"""Markings that go to named agencies only: they need an address."""
OPEN_MARKINGS: Final = frozenset({"TLP:CLEAR", "TLP:GREEN"})
"""Markings that may leave the community: no victim or witness is named under them."""
