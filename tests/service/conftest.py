"""A running service over the session's real store, in the exchange of tests, at the wall's time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from broker.service import clock
from broker.service.service import Service
from broker.store.store import Store
from tests.exchange_fixtures import TestExchange, make_exchange


@pytest.fixture
def exchange() -> TestExchange:
    """The exchange that the service is a broker of."""
    return make_exchange(clock.now())


@pytest.fixture
async def service(store: Store, exchange: TestExchange) -> AsyncIterator[Service]:
    """A service that routes."""
    running = await start_service(store, exchange)
    yield running
    await running.close()


async def start_service(store: Store, exchange: TestExchange) -> Service:
    """Start a broker of `exchange` over `store`."""
    service = Service(
        store=store,
        exchange=exchange.exchange,
        identity=exchange.broker,
        store_key=exchange.store_key,
        epoch=exchange.registry.epoch,
    )
    await service.start(exchange.registry_envelope, exchange.entitlements_envelope)
    return service
