"""A running service over the session's real store, in the exchange of tests, at the wall's time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.protocol import dsse
from broker.service import clock as wall
from broker.service.allowance import Allowance
from broker.service.clock import Clock
from broker.service.service import Service
from broker.store.store import Store
from tests.exchange_fixtures import TestExchange, make_exchange


@pytest.fixture
def exchange() -> TestExchange:
    """The exchange that the service is a broker of."""
    return make_exchange(wall.now())


@pytest.fixture
async def service(store: Store, exchange: TestExchange) -> AsyncIterator[Service]:
    """A service that routes."""
    running = await start_service(store, exchange)
    yield running
    await running.close()


async def start_service(
    store: Store,
    exchange: TestExchange,
    *,
    clock: Clock = wall.now,
    data: Path | None = None,
    allowance: Allowance | None = None,
) -> Service:
    """Start a broker of `exchange` over `store`; `data` is the directory whose disk it watches."""
    service = Service(
        store=store,
        exchange=exchange.exchange,
        identity=exchange.broker,
        store_key=exchange.store_key,
        epoch=exchange.registry.epoch,
        clock=clock,
        data=data,
        allowance=allowance,
    )
    await service.start(exchange.registry_envelope, exchange.entitlements_envelope)
    return service


def registry_body(exchange: TestExchange) -> bytes:
    """Give the body of `PUT /v1/registry` for an exchange's registry and entitlements."""
    envelopes = {"registry": exchange.registry_envelope, "entitlements": exchange.entitlements_envelope}
    return json.dumps({name: dsse.to_json(envelope) for name, envelope in envelopes.items()}).encode()


async def publish(service: Service, exchange: TestExchange) -> None:
    """Publish an exchange's registry and entitlements at a broker."""
    await service.trust.publish(registry_body(exchange))
