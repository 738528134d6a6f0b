"""Somebody on the way: passes everything on to a real broker, but for what a test has it change, lose or
hold.

It ends the TLS of nobody: the client speaks http to this machine. What it changes is what a dishonest broker,
or whoever holds its certificate, could change.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

Change = Callable[[str, bytes], bytes | None]
"""Given "METHOD /path" and the body of the broker's answer, gives what the client gets; None loses the
answer.
"""


class Relay:
    """Relays to `target`. `change` is asked for each answer, `change_event` for each event of a feed."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.url = ""
        self.asked: list[str] = []
        self.sent: list[tuple[str, bytes]] = []
        self.change: Change = lambda _, body: body
        self.change_event: Callable[[bytes], bytes] = lambda frame: frame
        self.refuse: Callable[[str], int | None] = lambda _: None
        self._feeds: list[asyncio.Transport] = []

    def cut_feeds(self) -> None:
        """Cut the feeds that are open, as a network does."""
        for connection in self._feeds:
            connection.abort()
        self._feeds.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass one request on."""
        name = f"{request.method} {request.path}"
        self.asked.append(name)
        status = self.refuse(name)
        if status is not None:
            return web.json_response({"type": "about:blank", "status": status}, status=status)
        body = await request.read()
        self.sent.append((name, body))
        headers = {
            k: v for k, v in request.headers.items() if k.lower() not in ("content-length", "connection")
        }
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, self.target + request.raw_path, data=body or None, headers=headers
            ) as answer,
        ):
            if answer.content_type == "text/event-stream" and answer.status == 200:
                return await self._stream(request, answer)
            changed = self.change(name, await answer.read())
            if changed is None:
                assert request.transport is not None
                request.transport.abort()
                raise asyncio.CancelledError
            kept = {
                k: v
                for k, v in answer.headers.items()
                if k.lower() in ("content-type", "retry-after", "etag")
            }
            return web.Response(status=answer.status, body=changed, headers=kept)

    async def _stream(self, request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        assert request.transport is not None
        self._feeds.append(request.transport)
        waiting = b""
        async for chunk in answer.content.iter_any():
            *frames, waiting = (waiting + chunk).split(b"\n\n")
            for frame in frames:
                await stream.write(self.change_event(frame + b"\n\n"))
        return stream


@asynccontextmanager
async def relaying(target: str) -> AsyncIterator[Relay]:
    """Give a relay that listens."""
    relay = Relay(target)
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_route("*", "/{tail:.*}", relay.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        relay.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield relay
    finally:
        relay.cut_feeds()
        await runner.cleanup()
