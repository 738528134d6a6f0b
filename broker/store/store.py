"""One process's store: all its parts over one set of connections.

Opening it proves that the server is safe to write to; nothing else of Harkara talks to Redis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio.connection import AbstractConnection

from broker.store.commit import Committer
from broker.store.connection import Connections
from broker.store.inboxes import Inboxes
from broker.store.log import Log
from broker.store.members import Members
from broker.store.records import Usage
from broker.store.refusals import reading
from broker.store.routing import Routing
from broker.store.safety import check_server
from broker.store.ticks import Ticks
from broker.store.trimming import Trimming


class Store:
    """The parts of the store. Get one by `Store.open`, end it by `close`, or use it as an async context."""

    def __init__(self, url: str, *, replicas: int = 0) -> None:
        self.tasks: tuple[asyncio.Task[None], ...] = ()
        """What runs until the store is closed: whoever can tell an operator watches that it does."""
        self._before_writing: list[Callable[[], Awaitable[None]]] = []
        self.connections = Connections(url, self._prepare)
        self.log = Log(self.connections)
        self.inboxes = Inboxes(self.connections)
        self.members = Members(self.connections)
        self.routing = Routing(self.connections, replicas=replicas)
        self.committer = Committer(self.connections, replicas=replicas)
        self.trimming = Trimming(self.connections)
        self.ticks = Ticks(self.connections, self.inboxes)

    @classmethod
    async def open(cls, url: str, *, replicas: int = 0) -> Store:
        """Connect, check the server, start the committer and the reader of ticks.

        `replicas` is how many replicas must have each group before it counts. Raises `UnsafeConfiguration`
        naming all that is wrong with the server, and `StoreUnavailable` when it does not answer.
        """
        store = cls(url, replicas=replicas)
        try:
            await store.check()
        except BaseException:
            await store.connections.close()
            raise
        store.tasks = (store.committer.start(), store.ticks.start())
        return store

    def before_writing(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Have `callback` awaited on each new connection that writes items, before the first item: the server
        behind it may be another one, and may lack what this process wrote last. What it raises is raised by
        the command that needed the connection.
        """
        self._before_writing.append(callback)

    async def _prepare(self, connection: AbstractConnection) -> None:
        await check_server(connection)
        for callback in self._before_writing:
            await callback()

    async def check(self) -> None:
        """Check the server's settings now, as on each new connection that writes. Raises as `open` does."""
        with reading():
            pool = self.connections.writing.connection_pool
            connection = await pool.get_connection()
            try:
                await check_server(connection)
            finally:
                await pool.release(connection)

    async def usage(self) -> Usage:
        """Give memory and persistence for health pages. Raises `StoreUnavailable`."""
        with reading():
            facts: dict[str, Any] = await self.connections.reading.info()
        version = facts.get("valkey_version")
        return Usage(
            used_bytes=int(facts["used_memory"]),
            maximum_bytes=int(facts.get("maxmemory", 0)),
            last_write_ok=facts.get("aof_last_write_status") == "ok",
            loading=facts.get("loading") != 0,
            file_bytes=int(facts.get("aof_current_size", 0)),
            rewriting=facts.get("aof_rewrite_in_progress") == 1,
            connected_replicas=int(facts.get("connected_slaves", 0)),
            server=f"Valkey {version}" if version else f"Redis {facts.get('redis_version', '')}",
        )

    async def time(self) -> int:
        """Give the server's clock in µs since the epoch. Raises `StoreUnavailable`."""
        with reading():
            seconds, microseconds = await self.connections.reading.time()
        return int(seconds) * 1_000_000 + int(microseconds)

    async def close(self) -> None:
        """Commit what waits, stop the tasks, close the connections."""
        await self.committer.close()
        await self.ticks.close()
        await self.connections.close()

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
