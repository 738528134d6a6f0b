"""The client: what an agency's own programs use. Also on Windows.

from broker.client import Agency, Unverified

async with Agency.connect("https://exchange.gov.pk", identity="pk.fia.key", registry="registry.json") as fia:
    await fia.post(bulletin, to=["pk.islamabad-police"])
    async for item in fia.feed():
        if isinstance(item, Unverified): ...
        await item.acknowledge("opened")
"""

from __future__ import annotations

from broker.client.agency import Agency
from broker.client.items import (
    Evidence,
    FeedItem,
    Posted,
    Received,
    ReceivedBulletin,
    ReceivedReceipt,
    Unverified,
)
from broker.client.lookups import Delivered, Overview, Reach
from broker.client.publishing import publish_registry
from broker.client.transport import Answer

__all__ = [
    "Agency",
    "Answer",
    "Delivered",
    "Evidence",
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
