"""A real broker for the client: the service over the session's store, listening on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker.client import Agency, FeedItem
from broker.service import clock
from broker.service.cursor import Cursor
from broker.service.service import Service
from broker.store.store import Store
from broker.web.app import public_app
from broker.web.listener import listening
from tests.client.relay import Relay, relaying
from tests.exchange_fixtures import FIA, TestExchange, bulletin_fields, make_exchange
from tests.service.conftest import start_service
from tests.waiting import HANG_S


@dataclass
class Broker:
    """A listening broker, and how its members connect to it."""

    url: str
    exchange: TestExchange
    service: Service
    state: Path

    def connect(self, member: str, **options: Any) -> AbstractAsyncContextManager[Agency]:
        """Connect a member; its state is the test's own."""
        usual: dict[str, Any] = {
            "identity": self.exchange.identities[member],
            "registry": self.exchange.registry,
            "state": self.state,
            "patience": 20.0,
        }
        return Agency.connect(options.pop("url", self.url), **(usual | options))

    def document(self, author: str = FIA, **fields: Any) -> dict[str, Any]:
        """Give a bulletin as an agency writes it: what the client fills in is left out, unless given."""
        found = bulletin_fields(self.exchange, author, **fields)
        filled = ("id", "originator", "exchange", "registry", "sent")
        return {name: value for name, value in found.items() if name not in filled or name in fields}

    async def arrived(self, member: str, number: int) -> None:
        """Wait until a member's inbox has an item of this number."""
        async with asyncio.timeout(HANG_S):
            while True:
                page = await self.service.reading.page(member, Cursor())
                if page.items and page.items[-1].number >= number:
                    return
                await self.service.reading.wait(member, number - 1, 0.2)


async def drain(agency: Agency, **options: Any) -> list[FeedItem]:
    """Give what the inbox of an agency has now."""
    return [item async for item in agency.feed(follow=False, **options)]


@pytest.fixture
def exchange() -> TestExchange:
    """The exchange, at the wall's time."""
    return make_exchange(clock.now())


@pytest.fixture
async def service(store: Store, exchange: TestExchange) -> AsyncIterator[Service]:
    """The service behind the listener."""
    running = await start_service(store, exchange)
    yield running
    await running.close()


@pytest.fixture
async def broker(service: Service, exchange: TestExchange, tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker that listens."""
    async with listening(public_app(service), "127.0.0.1", 0) as port:
        yield Broker(f"http://127.0.0.1:{port}", exchange, service, tmp_path / "state")


@pytest.fixture
async def relay(broker: Broker) -> AsyncIterator[Relay]:
    """Somebody on the way to the broker."""
    async with relaying(broker.url) as found:
        yield found
