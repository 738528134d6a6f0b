"""A broker as an operator starts it, over the session's real store, and a client that holds every answer to
the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest

from broker.service import clock
from broker.settings import Address, Settings
from broker.wiring import Material, RunningBroker, running
from tests.contract.openapi_document import check_answer
from tests.contract.pointers import Sent
from tests.exchange_fixtures import TestExchange, make_exchange
from tests.web.reader import Answer, Reader

ANY_PORT = Address("127.0.0.1", 0)


class CheckedReader(Reader):
    """A client that refuses an answer which the document does not foresee, and knows what it sent last."""

    last: Sent = Sent("/")

    async def send(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request and check its answer."""
        self.last = Sent(path, {"Host": self.base.rpartition("/")[2], **(headers or {})}, body)
        answer = await super().send(method, path, body=body, headers=headers)
        check_answer(method, path, answer)
        return answer


def material_of(exchange: TestExchange) -> Material:
    """Give what a broker of the exchange holds."""
    return Material(
        exchange=exchange.exchange,
        identity=exchange.broker,
        store_key=exchange.store_key,
        registry=exchange.registry_envelope,
        entitlements=exchange.entitlements_envelope,
    )


@pytest.fixture
def exchange() -> TestExchange:
    """The exchange that the broker serves, at the wall's time."""
    return make_exchange(clock.now())


@pytest.fixture
async def broker(store_url: str, exchange: TestExchange) -> AsyncIterator[RunningBroker]:
    """A running broker."""
    settings = Settings(listen=ANY_PORT, ops=ANY_PORT, store_url=store_url)
    async with running(settings, material_of(exchange)) as found:
        yield found


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """One session for all clients of a test."""
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def reader(broker: RunningBroker, exchange: TestExchange, session: aiohttp.ClientSession) -> CheckedReader:
    """A client of the public listener."""
    return CheckedReader(broker.url, exchange, session)


@pytest.fixture
def operations(
    broker: RunningBroker, exchange: TestExchange, session: aiohttp.ClientSession
) -> CheckedReader:
    """A client of the operations listener."""
    return CheckedReader(broker.ops_url, exchange, session)
