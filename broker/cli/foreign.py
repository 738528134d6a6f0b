"""Documents of others (CAP 1.2, STIX 2.1) as bulletins, and bulletins as theirs. Loaded only when asked for:
CAP needs harkara[interop].
"""

from __future__ import annotations

from typing import Literal

from broker.interop.imported import ImportDefaults, Imported, Refused
from broker.protocol.bulletin import Bulletin
from broker.protocol.vocabulary import Category, Marking

ForeignForm = Literal["cap", "stix"]


def read_foreign(
    form: ForeignForm,
    content: bytes,
    originator: str,
    category: Category | None,
    marking: Marking | None,
    expires_at: int | None,
    addressed: bool,
    now: int,
) -> tuple[list[Imported], list[Refused]]:
    """Give what can be posted, and what cannot. Times in µs since the epoch; `addressed` when agencies are
    named.
    """
    defaults = ImportDefaults(category, marking, expires_at, addressed)
    if form == "cap":
        from broker.interop.cap import read_cap as read
    else:
        from broker.interop.stix import read_stix as read
    found = read(content, originator=originator, defaults=defaults, now=now)
    return [one for one in found if isinstance(one, Imported)], [
        one for one in found if isinstance(one, Refused)
    ]


def write_foreign(form: ForeignForm, bulletin: Bulletin) -> bytes:
    """Give the CAP or STIX document of a bulletin."""
    if form == "cap":
        from broker.interop.cap_export import to_cap

        return to_cap(bulletin)
    from broker.interop.stix_export import to_stix

    return to_stix(bulletin)
