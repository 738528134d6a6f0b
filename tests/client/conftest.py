"""A real broker for the client: the service over the session's store, listening on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker.client import Agency
from broker.service import clock
from broker.service.service import Service
from broker.store.store import Store
from broker.web.app import public_app
from broker.web.listener import listening
from tests.exchange_fixtures import TestExchange, make_exchange
from tests.service.conftest import start_service

Connect = Callable[..., AbstractAsyncContextManager[Agency]]


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
            "patience": 5.0,
        }
        return Agency.connect(options.pop("url", self.url), **(usual | options))


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
