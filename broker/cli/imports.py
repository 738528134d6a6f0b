"""Documents of others (CAP 1.2, STIX 2.1) as bulletins. Loaded only when one is posted: it needs
harkara[interop].
"""

from __future__ import annotations

from typing import Literal

from broker.interop.cap import read_cap
from broker.interop.imported import ImportDefaults, Imported, Refused
from broker.protocol.vocabulary import Category, Marking


def read_foreign(
    form: Literal["cap", "stix"],
    content: bytes,
    originator: str,
    category: Category | None,
    marking: Marking | None,
    expires_at: int | None,
    now: int,
) -> tuple[list[Imported], list[Refused]]:
    """Give what can be posted, and what cannot. Times in µs since the epoch."""
    defaults = ImportDefaults(category, marking, expires_at)
    if form == "cap":
        read = read_cap
    else:
        from broker.interop.stix import read_stix as read
    found = read(content, originator=originator, defaults=defaults, now=now)
    return [one for one in found if isinstance(one, Imported)], [
        one for one in found if isinstance(one, Refused)
    ]
