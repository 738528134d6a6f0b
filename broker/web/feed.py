"""`GET /v1/feed`: the inbox as Server-Sent Events.

`bulletin` and `receipt` carry their number as `id`, so that `Last-Event-ID` resumes, also those that are
withheld because they have expired; `floor`, `head` and `notice` carry none. A reader that stalls holds one
small socket buffer and a few events, and is cut after 30 s: it resumes by number and misses nothing. One
that is only slow is served at its pace. What is wrong with the request is answered before the stream
begins. Source: WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Final, cast

import msgspec
import structlog
from aiohttp import web

from broker.service.cursor import Cursor
from broker.service.feeds import FeedEvent
from broker.store.cancelling import end
from broker.web.body import refuse_body
from broker.web.connection import connection_of, cut_when_unread
from broker.web.context import CALLERS, LIMITS, SERVICE
from broker.web.limits import Limits
from broker.web.negotiation import EVENTS, choose
from broker.web.query import read_query

log = structlog.get_logger("harkara.web")

RETRY_MS: Final = 2_000
"""How long a reader waits before it comes again."""
_FRAMES_BYTES: Final = 64 * 1024
_ENCODER: Final = msgspec.json.Encoder()

routes = web.RouteTableDef()


@routes.get("/v1/feed", allow_head=False)
async def feed(request: web.Request) -> web.StreamResponse:
    """Stream an inbox until its reader goes, its key is revoked or the broker stops."""
    query = read_query(request, "after", "at", "chain")
    # An empty Last-Event-ID is what a reader sends that has seen no id yet.
    cursor = Cursor.read(query, request.headers.get("Last-Event-ID") or None)
    refuse_body(request)
    choose(request, [EVENTS])
    caller = request.app[CALLERS].identify(request)
    follow = request.app[SERVICE].feeds.follow(caller.agency, caller.kid, cursor)
    async with aclosing(cast("AsyncGenerator[FeedEvent, None]", follow)) as events:
        first = await anext(events)
        stream = web.StreamResponse(
            headers={
                "Content-Type": EVENTS,
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        # Chunks end themselves; for HTTP/1.0 the end of the connection is the end of the feed.
        stream.force_close()
        _bound_connection(request, request.app[LIMITS])
        await stream.prepare(request)
        await _pass_on(request, stream, first, events)
    return stream


def frame(event: FeedEvent) -> bytes:
    """Give the bytes of one event. JSON has no line breaks, so one `data` line holds it."""
    if event.event == "ping":
        return b": ping\n\n"
    number = b"" if event.id is None else b"id: %d\n" % event.id
    return b"event: %b\n%bdata: %b\n\n" % (event.event.encode(), number, _ENCODER.encode(event.data))


async def _pass_on(
    request: web.Request, stream: web.StreamResponse, first: FeedEvent, events: AsyncIterator[FeedEvent]
) -> None:
    # A pump between service and socket: what is ready together is written together, and no more than the
    # queue holds is ready.
    limits = request.app[LIMITS]
    ready: asyncio.Queue[FeedEvent | None] = asyncio.Queue(limits.feed_queue_events)

    async def pump() -> None:
        async for event in events:
            await ready.put(event)
        await ready.put(None)

    async def write() -> None:
        frames, ended = b"retry: %d\n\n" % RETRY_MS + frame(first), False
        while not ended:
            await _write(request, stream, frames, limits)
            frames, ended = await _take_ready(ready)
        await _write(request, stream, frames, limits)

    tasks = [asyncio.create_task(work) for work in (pump(), write(), connection_of(request).lost.wait())]
    pumping, writing, leaving = tasks
    try:
        waiting = set(tasks)
        while not (writing.done() or leaving.done() or _failed(pumping)):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            waiting -= {pumping} if pumping.done() else set()
    finally:
        await end(tasks)
    fault = _failed(writing) or _failed(pumping)
    if isinstance(fault, TimeoutError):
        log.info("feed-cut", reason="its reader does not read")
        if request.transport is not None:
            request.transport.abort()
    elif fault is not None and not isinstance(fault, ConnectionError):
        raise fault


def _failed(task: asyncio.Task[Any]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


async def _write(request: web.Request, stream: web.StreamResponse, frames: bytes, limits: Limits) -> None:
    # In parts, each with its time: a large item over a slow line comes through, however long it takes, while
    # a reader that takes nothing is cut. Whole, it would be cut and begun anew for ever.
    part = limits.feed_buffer_bytes // 2
    for start in range(0, len(frames), part):
        async with asyncio.timeout(limits.write_seconds):
            await stream.write(frames[start : start + part])
            await request.writer.drain()


async def _take_ready(ready: asyncio.Queue[FeedEvent | None]) -> tuple[bytes, bool]:
    """Give the frames of what is ready, of one event at least, and whether the feed has ended."""
    frames = bytearray()
    event = await ready.get()
    while event is not None:
        frames += frame(event)
        if ready.empty() or len(frames) > _FRAMES_BYTES:
            return bytes(frames), False
        event = ready.get_nowait()
    return bytes(frames), True


def _bound_connection(request: web.Request, limits: Limits) -> None:
    # The kernel would give a stalled reader 2.8 MB of buffers; a feed needs a frame or two.
    transport = request.transport
    if transport is None:
        return
    cut_when_unread(transport, limits.feed_lost_seconds)
    transport.set_write_buffer_limits(high=limits.feed_buffer_bytes // 2)
    found = transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.feed_buffer_bytes)
