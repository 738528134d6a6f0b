"""Fixtures that several parts of the tests share: a real server for the session, emptied before each test
that uses it.

`store_url` is for whatever only needs an address; `store` is an opened `Store`. A test that breaks its server
starts one of its own (`tests.stores.Server`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from broker.store.store import Store
from tests.stores import Server

# The same examples each time, however long one takes: a run says the same as the one before, on any machine.
# Other examples are for `make fuzz`.
settings.register_profile(
    "harkara", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("harkara")


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Put the log back to what it is without settings: a command that a test ran in this process has made its
    own.
    """
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def session_server() -> Iterator[Server]:
    """One server for the session of each xdist worker. It is emptied by `server`."""
    with Server() as server:
        yield server


@pytest.fixture
def server(session_server: Server) -> Server:
    """The session's server, empty, with its usual settings."""
    with session_server.client() as client:
        client.flushall()
        client.config_set("maxmemory", 0)
    return session_server


@pytest.fixture
def store_url(server: Server) -> str:
    """The address of an empty store."""
    return server.url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """An opened, empty store."""
    async with await Store.open(store_url) as opened:
        yield opened
