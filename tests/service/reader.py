"""A recipient for the tests of the service: reads its inbox and opens it, with the protocol alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from broker.protocol import dsse, pairkeys, sealing
from broker.protocol.chain import first_link, link
from broker.protocol.delivery import Item, Page
from broker.protocol.head import Head, read_head
from broker.protocol.stamp import read_stamp
from broker.service.cursor import Cursor
from broker.service.service import Service
from tests.exchange_fixtures import TestExchange
from tests.waiting import HANG_S

WAIT_SECONDS = HANG_S


@dataclass
class Reader:
    """One agency."""

    service: Service
    exchange: TestExchange
    agency: str

    async def items(self, count: int, after: int = 0) -> list[Item]:
        """Give `count` items after a number; fails when they do not come."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                await self.service.reading.wait(self.agency, after + count - 1, WAIT_SECONDS)
                page = await self.service.reading.page(self.agency, Cursor(after))
                if len(page.items) >= count:
                    return list(page.items)

    async def statements(self, count: int) -> list[dsse.Envelope]:
        """Give the statements inside the first `count` items."""
        return [await self.open(item) for item in await self.items(count)]

    async def open(self, item: Item) -> dsse.Envelope:
        """Decrypt one item."""
        assert item.body is not None, item.withheld
        envelope = await self.service.pair_keys.sealed(self.agency, item.body.wrap[:16])
        own = self.exchange.identities[self.agency]
        pair = pairkeys.open_pair_key(envelope, self.exchange.id, self.agency, own.sealing_key)
        sealed = read_stamp(item.body.stamp.payload).sealed
        return sealing.open_sealed(item.body.sealed, pair.unwrap(item.body.wrap, sealed)).statement

    async def nothing_comes(self, seconds: float = 0.3) -> bool:
        """Tell whether the inbox is still empty after a while."""
        await self.service.reading.wait(self.agency, 0, seconds)
        return not (await self.service.reading.page(self.agency, Cursor())).items

    def chain_of(self, page: Page) -> bytes:
        """Compute the chain at the end of a page that begins at number 1."""
        chain = first_link(self.exchange.id, self.exchange.registry.epoch, self.agency)
        for entry in page.entries:
            chain = link(chain, entry.first, entry.last, entry.references)
        return chain

    def head_of(self, page: Page) -> Head:
        """Read the head of a page."""
        assert page.head is not None
        return read_head(page.head.payload)
