"""The connections of one process to its store, and how long each waits.

Five kinds, since they must not wait for one another: one that appends (WAIT answers only for the connection
that wrote), one that routes, one that blocks on ticks, one that blocks on the log for the router, and a pool
for all else. Whatever writes items checks the server's settings each time it connects: after a failover the
server behind an address may be another one.

redis-py's own retries are off for writes: a lost reply to a write would be written twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from broker.errors import HarkaraError, UnsafeConfiguration, shorten
from broker.store.cancellable import CANCELLABLE

BLOCK_MS = 5_000
"""How long a blocking read waits at the server."""
BLOCKING_TIMEOUT_S = 10.0
"""When a blocking read gives its connection up. Above BLOCK_MS; with none at all it hangs on a stopped
server.
"""
SOCKET_TIMEOUT_S = 5.0
"""When any other command gives its connection up."""
CONNECT_TIMEOUT_S = 3.0
READERS = 16
"""Connections in the pool for reads. A read waits for a free one."""
POOL_WAIT_S = 5.0

Client = Any
"""A redis-py client with its pool. redis-py types each reply as a union over all its settings; ours are RESP2
without decoding: bytes, integers, lists, and dictionaries where a command gives pairs."""

OnConnect = Callable[[AbstractConnection], Awaitable[None]]


class Connections:
    """All connections to one store.

    `url` is `redis://`, `rediss://` or `unix://` as redis-py understands it. `check` is run on each new
    connection that writes items; what it raises is raised by the command that needed the connection. Nothing
    connects before it is used.
    """

    def __init__(self, url: str, check: OnConnect | None = None) -> None:
        self.url = url
        self.appending_opened = 0
        """How many connections that append there have been: whether a command went by the same as another."""
        self.appending = self._client(1, SOCKET_TIMEOUT_S, retries=0, check=self._counting(check))
        self.routing = self._client(1, SOCKET_TIMEOUT_S, retries=0, check=check)
        self.ticking = self._client(1, BLOCKING_TIMEOUT_S, retries=0)
        self.following = self._client(1, BLOCKING_TIMEOUT_S, retries=0)
        self.writing = self._client(READERS, SOCKET_TIMEOUT_S, retries=0)
        self.reading = self._client(READERS, SOCKET_TIMEOUT_S, retries=1)

    def _client(self, size: int, timeout: float, *, retries: int, check: OnConnect | None = None) -> Client:
        options: dict[str, Any] = {
            "max_connections": size,
            "timeout": POOL_WAIT_S,
            "socket_timeout": timeout,
            "socket_connect_timeout": CONNECT_TIMEOUT_S,
            "retry": Retry(NoBackoff(), retries),
            "protocol": 2,
        }
        if not self.url.startswith("unix:"):
            options["socket_keepalive"] = True
        if check is not None:
            options["redis_connect_func"] = _checking(check)
        try:
            pool = BlockingConnectionPool.from_url(self.url, **options)
        except ValueError as error:
            raise UnsafeConfiguration(
                f"the store's address {shorten(_without_password(self.url))} cannot be used: {error}"
            ) from error
        pool.connection_class = CANCELLABLE[pool.connection_class]
        client = Redis(connection_pool=pool)
        client.auto_close_connection_pool = True
        return client

    def _counting(self, check: OnConnect | None) -> OnConnect:
        async def counted(connection: AbstractConnection) -> None:
            self.appending_opened += 1
            if check is not None:
                await check(connection)

        return counted

    async def close(self) -> None:
        """Close every connection."""
        for client in (
            self.appending,
            self.routing,
            self.ticking,
            self.following,
            self.writing,
            self.reading,
        ):
            await client.aclose()


def _checking(check: OnConnect) -> OnConnect:
    async def connect(connection: AbstractConnection) -> None:
        await connection.on_connect()
        try:
            await check(connection)
        except HarkaraError:
            # redis-py closes a connection for its own errors only; an unchecked one must not be used.
            await connection.disconnect()
            raise

    return connect


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
