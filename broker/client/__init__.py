"""The client: what an agency's own programs use. Also on Windows.

    from broker.client import Agency, Unverified

    async with Agency.connect(url, identity="keys/pk.fia.key", registry="keys/registry.json") as fia:
        await fia.post(bulletin, to=["pk.islamabad-police"])
        async for item in fia.feed():
            if isinstance(item, Unverified): ...
            await item.acknowledge("opened")

What is named here is loaded when it is first used: who only checks a file does not wait for an HTTP library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from broker.client.agency import Agency
    from broker.client.items import (
        Evidence,
        Expired,
        FeedItem,
        Posted,
        Received,
        ReceivedBulletin,
        ReceivedReceipt,
        Unverified,
    )
    from broker.client.lookups import Delivered, Overview
    from broker.client.publishing import publish_registry
    from broker.client.reach import Reach
    from broker.client.transport import Answer

__all__ = [
    "Agency",
    "Answer",
    "Delivered",
    "Evidence",
    "Expired",
    "FeedItem",
    "Overview",
    "Posted",
    "Reach",
    "Received",
    "ReceivedBulletin",
    "ReceivedReceipt",
    "Unverified",
    "publish_registry",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    match name:
        case "Agency":
            from broker.client import agency as part
        case "Delivered" | "Overview":
            from broker.client import lookups as part
        case "Reach":
            from broker.client import reach as part
        case "publish_registry":
            from broker.client import publishing as part
        case "Answer":
            from broker.client import transport as part
        case _:
            from broker.client import items as part
    return getattr(part, name)
