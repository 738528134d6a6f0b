"""Who holds an item: the recipients that were decided when it was accepted, whether it is routed yet
or not.
"""

from __future__ import annotations

from collections.abc import Iterable

from broker.protocol import dsse
from broker.protocol.stamp import Stamp, read_stamp
from broker.service.decision import Recipient, open_decision, open_recipients
from broker.service.store_word import from_the_store
from broker.service.vault import Vault
from broker.store.log import Log
from broker.store.records import Known

UNROUTED = 0
"""The number of a recipient whose inbox does not have the item yet."""


async def recipients_of(log: Log, vault: Vault, item: str, digest: bytes) -> dict[str, Recipient]:
    """Give agency -> number (`UNROUTED` while the router has not come to it) and wrap of one item.

    Nobody, once the item has left the log, a day after its expiry. Raises `StoreTampered`.
    """
    # Routing replaces the decision by the recipients at one moment: asked twice, one of them answers.
    for _ in range(2):
        (recorded,) = await log.recipients([item])
        if recorded is not None:
            with from_the_store("record of recipients"):
                return open_recipients(vault, item, digest, recorded)
        (decided,) = await log.decisions([item])
        if decided is not None:
            with from_the_store("decision"):
                wraps = open_decision(vault, item, digest, decided)
            return {agency: Recipient(UNROUTED, wrap) for agency, wrap in wraps.items()}
    return {}


def stamp_of(known: Known) -> Stamp:
    """Give the first stamp of an item. Raises `StoreTampered`."""
    with from_the_store("stamp"):
        return read_stamp(dsse.from_bytes(known.stamp).payload)


async def holders_of(log: Log, vault: Vault, originator: str, ids: Iterable[str]) -> frozenset[str] | None:
    """Give who holds any of the originator's earlier bulletins `ids`; None when none of them is
    known here.
    """
    items = [f"{originator}/{each}" for each in ids]
    known = [
        (item, found) for item, found in zip(items, await log.known(items), strict=True) if found is not None
    ]
    if not known:
        return None
    holders: set[str] = set()
    for item, found in known:
        holders |= (await recipients_of(log, vault, item, stamp_of(found).sealed)).keys()
    return frozenset(holders)
