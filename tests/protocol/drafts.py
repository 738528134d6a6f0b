"""The drafts in `tests/inputs/bulletins`, and what fills them as `harkara post` does: for every test that
needs one.

`filled` gives the object of a valid bulletin, to be changed at will before it is encoded and read.
"""

from __future__ import annotations

import copy
import json
import uuid
from pathlib import Path
from typing import Any, Final

from broker.protocol import limits, times

DRAFTS: Final = Path(__file__).parents[1] / "inputs" / "bulletins"
SENT: Final = "2026-12-01T09:30:00+05:00"
EXCHANGE: Final = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
NAMES: Final = tuple(sorted(path.stem for path in DRAFTS.glob("*.json")))

_DOCUMENTS: Final = {name: json.loads((DRAFTS / f"{name}.json").read_bytes()) for name in NAMES}


def draft(name: str) -> dict[str, Any]:
    """Give a fresh copy of a draft, without what posting fills."""
    return copy.deepcopy(_DOCUMENTS[name])


def filled(name: str = "terrorism", *, sent: str = SENT, **changes: Any) -> dict[str, Any]:
    """Give a draft as posting fills it, sent at `sent` and expiring a day later. A change to `...` removes a
    field.
    """
    document = draft(name) | {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:harkara:draft:{name}")),
        "originator": "pk.fia",
        "exchange": EXCHANGE,
        "registry": 7,
        "sent": sent,
        "expires": times.format(times.parse(sent) + limits.DAY_US),
    }
    if document["marking"] in ("TLP:AMBER+STRICT", "TLP:RED"):
        document["address_digest"] = "ab" * 32
    document |= changes
    return {field: value for field, value in document.items() if value is not ...}


def payload(document: object) -> bytes:
    """Give the JSON of a document, compact, in UTF-8."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
