"""Items for tests of the store: opaque bytes that tell apart what must be told apart."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

from broker.store.records import NewItem

TAKEN_AT = 1_800_000_000_000_000
EXPIRES_AT = 4_000_000_000_000_000


def new_item(n: int, **changes: Any) -> NewItem:
    """Give the n-th item, with `changes` to its fields."""
    item = NewItem(
        item=f"pk.fia/{n:08}",
        kind="bulletin",
        registry_version=1,
        taken_at=TAKEN_AT,
        stmt=sha256(b"stmt %d" % n).digest(),
        stamp=b"stamp %d" % n,
        digest=sha256(b"digest %d" % n).digest(),
        sealed=b"sealed %d" % n,
        decision=b"decision %d" % n,
        expires_at=EXPIRES_AT,
        opening=b"opening %d" % n,
    )
    return replace(item, **changes)
