"""A broker that listens: the real service over the session's real store, on random ports of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from broker.service import clock
from broker.service.service import Service
from broker.store.store import Store
from broker.web.app import operations_app, public_app
from broker.web.limits import Limits
from broker.web.listener import listening
from tests.exchange_fixtures import TestExchange, make_exchange
from tests.service.conftest import start_service
from tests.stores import Server
from tests.web.raw import Raw
from tests.web.reader import Reader


@pytest.fixture
def exchange() -> TestExchange:
    """The exchange that the broker serves, at the wall's time."""
    return make_exchange(clock.now())


@pytest.fixture
async def service(store: Store, exchange: TestExchange) -> AsyncIterator[Service]:
    """The service behind the listeners."""
    running = await start_service(store, exchange)
    yield running
    await running.close()


@pytest.fixture
def limits() -> Limits:
    """The limits of the listeners; a module with its own patience overrides this."""
    return Limits()


@pytest.fixture
def app(service: Service, limits: Limits) -> web.Application:
    """The application behind the public listener."""
    return public_app(service, limits=limits)


@pytest.fixture
async def port(app: web.Application) -> AsyncIterator[int]:
    """The port of the public listener."""
    async with listening(app, "127.0.0.1", 0) as found:
        yield found


@pytest.fixture
async def operations(
    service: Service, exchange: TestExchange, session: aiohttp.ClientSession
) -> AsyncIterator[Reader]:
    """A client of the operations listener."""
    async with listening(operations_app(service), "127.0.0.1", 0) as found:
        yield Reader(f"http://127.0.0.1:{found}", exchange, session)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """One session for all clients of a test."""
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def reader(port: int, exchange: TestExchange, session: aiohttp.ClientSession) -> Reader:
    """A client of the public listener."""
    return Reader(f"http://127.0.0.1:{port}", exchange, session)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(session_server: Server) -> AsyncIterator[Reader]:
    """A client of a listener that lives as long as its module, for tables of small attacks.

    What one attack leaves behind would be seen by the next. The module marks its loop:
    `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
    """
    with session_server.client() as client:
        client.flushall()
    exchange = make_exchange(clock.now())
    async with await Store.open(session_server.url) as store, aiohttp.ClientSession() as session:
        service = await start_service(store, exchange)
        async with listening(public_app(service), "127.0.0.1", 0) as port:
            yield Reader(f"http://127.0.0.1:{port}", exchange, session)
        await service.close()


@pytest.fixture
async def raw(port: int) -> AsyncIterator[Callable[[], Awaitable[Raw]]]:
    """Opens raw connections to the public listener, closed after the test."""
    async with AsyncExitStack() as opened:

        async def connect() -> Raw:
            return await opened.enter_async_context(await Raw.connect(port))

        yield connect
