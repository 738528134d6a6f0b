"""Fetching one item: for its originator and its recipients; to all others it does not exist."""

from __future__ import annotations

from broker.errors import NotFound
from broker.protocol.delivery import Body, Item
from broker.service.bodies import Bodies
from broker.service.decision import open_opening
from broker.service.holders import recipients_of
from broker.service.store_word import from_the_store
from broker.service.vault import Vault
from broker.store.log import Log

OWN_COPY = 0
"""The number of an item that its author fetches: it has none in the author's own inbox."""


class Fetching:
    """Gives single items."""

    def __init__(self, log: Log, vault: Vault, bodies: Bodies) -> None:
        self._log = log
        self._vault = vault
        self._bodies = bodies

    async def one(self, caller: str, originator: str, item_id: str) -> Item:
        """Give an item with the caller's own wrap. Raises `NotFound`, the same whatever the reason, and
        `StoreTampered`.
        """
        item = f"{originator}/{item_id}"
        (body,) = await self._bodies.of([item])
        if body is None:
            raise _not_found()
        if caller == originator:
            (closed,) = await self._log.openings([item])
            if closed is None:
                raise _not_found()
            with from_the_store("opening"):
                _, wrap = open_opening(self._vault, item, body.digest, closed)
            return Item(OWN_COPY, body.kind, Body(body.sealed, wrap, body.stamp))
        found = (await recipients_of(self._log, self._vault, item, body.digest)).get(caller)
        if found is None or self._bodies.withheld(caller, body) is not None:
            raise _not_found()
        return Item(found.number, body.kind, Body(body.sealed, found.wrap, body.stamp))


def _not_found() -> NotFound:
    return NotFound("there is no such bulletin for this agency")
