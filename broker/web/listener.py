"""A listening socket with an application behind it, under `Limits`, from its first connection to its last.

On the way out it stops accepting, ends feeds with a notice, gives requests in hand their time, and closes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from aiohttp import web

from broker.web.connection import Connection, Peers
from broker.web.context import LIMITS, SERVICE
from broker.web.limits import Limits

BACKLOG = 1024


@asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, *, tls: ssl.SSLContext | None = None, reuse_port: bool = False
) -> AsyncIterator[int]:
    """Serve `app` on an address while the context lasts. Gives the port, which for 0 is any free one.

    Raises OSError when the address cannot be had.
    """
    limits = app[LIMITS]
    runner = _Runner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        accepting = await asyncio.get_running_loop().create_server(
            cast("web.Server", runner.server),
            host,
            port,
            ssl=tls,
            backlog=BACKLOG,
            reuse_port=reuse_port or None,
            ssl_handshake_timeout=limits.handshake_seconds if tls else None,
        )
        try:
            yield accepting.sockets[0].getsockname()[1]
        finally:
            accepting.close()
    finally:
        await runner.cleanup()


class _Server(web.Server):
    """Makes our connections instead of aiohttp's."""

    def __init__(self, made: web.Server, limits: Limits, app: web.Application) -> None:
        super().__init__(made.request_handler, request_factory=made.request_factory)
        self._limits = limits
        self._peers = Peers(limits.connections_per_peer)
        refusals = app[SERVICE].metrics.refusals
        self._refused = lambda code: refusals.labels(code).inc()

    def __call__(self) -> Connection:
        return Connection(
            self,
            limits=self._limits,
            peers=self._peers,
            refused=self._refused,
            loop=asyncio.get_running_loop(),
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=self._limits.idle_seconds,
            lingering_time=self._limits.lingering_seconds,
            max_line_size=self._limits.request_line_bytes,
            max_field_size=self._limits.field_bytes,
            max_headers=self._limits.fields,
        )


class _Runner(web.AppRunner):
    """aiohttp's runner of applications with our server in it."""

    async def _make_server(self) -> web.Server:
        made: Any = await super()._make_server()
        return _Server(made, self.app[LIMITS], self.app)
