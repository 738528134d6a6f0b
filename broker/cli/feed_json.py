"""One item of a feed as JSON: `harkara feed --json`, one line each (`schemas/feed.schema.json`)."""

from __future__ import annotations

from typing import Any

import msgspec

from broker.client.items import Expired, FeedItem, ReceivedBulletin, Unverified
from broker.protocol import times


def item_json(item: FeedItem) -> dict[str, Any]:
    """Give an item. `verified` says whether its content is there; what is not verified never has any."""
    head = {"number": item.number, "kind": item.kind, "redelivered": item.redelivered}
    if isinstance(item, Expired):
        return {**head, "verified": False, "first": item.first}
    if isinstance(item, Unverified):
        return {**head, "verified": False, "code": item.code, "reason": item.reason}
    stamped = {"originator": item.originator, "id": item.id, "taken_at": times.format(item.taken_at)}
    found: dict[str, Any] = {**head, "verified": True, **stamped}
    if isinstance(item, ReceivedBulletin):
        if (until := item.respond_by_at) is not None:
            found["respond_by"] = times.format(until)
        if item.unknown_references:
            found["unknown_references"] = list(item.unknown_references)
        return found | {"bulletin": msgspec.to_builtins(item.bulletin)}
    return found | {"receipt": msgspec.to_builtins(item.receipt)}
