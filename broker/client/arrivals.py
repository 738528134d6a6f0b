"""What comes from the broker, in order, from either way of reading: pages of the inbox, or the live feed.

Both give the same few things, an entry before its first item, and prove nothing by themselves: all go
through one `InboxWalk`. A source is asked from a position and keeps what has arrived and was not taken yet.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from broker.client.inbox_check import FORGED, Position
from broker.client.problems import BY_CODE, URN_PREFIX, read_problem
from broker.client.sse import Event, EventParser
from broker.client.transport import ANSWER_SECONDS, Chunks, Transport
from broker.errors import HarkaraError, InboxBroken, Malformed, Unreachable
from broker.protocol import dsse, strictjson
from broker.protocol.delivery import (
    KINDS,
    PAGE_MEDIA_TYPE,
    Entry,
    Item,
    Page,
    read_entry_json,
    read_item_json,
    read_page,
)
from broker.protocol.limits import PAGE_BYTES

PAGE_ITEMS = 100
LONG_POLL_SECONDS = 60
SILENCE_SECONDS = 40.0
"""A feed says something every 15 s. One that says nothing for so long is dead, whatever TCP thinks."""
EVENT_STREAM = "text/event-stream"
_EVENT_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EpochSeen:
    """The epoch that the broker says it serves."""

    epoch: bytes


@dataclass(frozen=True, slots=True)
class FloorSeen:
    """A signed floor: the inbox begins behind the number that was asked for."""

    envelope: dsse.Envelope


Arrival = Entry | Item | dsse.Envelope | EpochSeen | FloorSeen
"""An envelope is a signed head."""


class Source(Protocol):
    """One way of reading."""

    async def next(self, position: Position, wait: float) -> Arrival | None:
        """Give what comes next after `position`; None when nothing came within `wait` seconds."""
        ...

    def ready(self) -> bool:
        """Tell whether something has arrived already."""
        ...

    async def reset(self) -> None:
        """Drop what has arrived, and the connection: the next call asks anew."""
        ...


class PageSource:
    """The inbox, page by page."""

    def __init__(self, transport: Transport, agency: str) -> None:
        self._transport = transport
        self._agency = agency
        self._arrived: deque[Arrival] = deque()

    async def next(self, position: Position, wait: float) -> Arrival | None:
        """Give what comes next; asks for a page when nothing is left of the last one."""
        if not self._arrived:
            self._arrived.extend(self._unfold(await self._ask(position, wait)))
        return self._arrived.popleft() if self._arrived else None

    def ready(self) -> bool:
        """Tell whether something is left of the last page."""
        return bool(self._arrived)

    async def reset(self) -> None:
        """Drop what is left."""
        self._arrived.clear()

    async def _ask(self, position: Position, wait: float) -> Page:
        seconds = min(LONG_POLL_SECONDS, math.ceil(wait))
        query = (
            cursor_query(position) | {"limit": str(PAGE_ITEMS)} | ({"wait": str(seconds)} if seconds else {})
        )
        answer = await self._transport.get(
            "/v1/inbox",
            query,
            accept=PAGE_MEDIA_TYPE,
            most_bytes=PAGE_BYTES,
            seconds=ANSWER_SECONDS + seconds,
        )
        page = read_page(answer.body)
        if page.agency != self._agency:
            raise InboxBroken(f"{FORGED}: the inbox of another agency came")
        return page

    @staticmethod
    def _unfold(page: Page) -> list[Arrival]:
        found: list[Arrival] = [EpochSeen(page.epoch)]
        if page.floor is not None:
            found.append(FloorSeen(page.floor))
        items = deque(page.items)
        for entry in page.entries:
            found.append(entry)
            while items and items[0].number <= entry.last:
                found.append(items.popleft())
        found += items
        return [*found, page.head] if page.head is not None else found


class FeedSource:
    """The live feed. It is connected by the first call after `reset`, from the position of that call."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stack = AsyncExitStack()
        self._chunks: Chunks | None = None
        self._parser = EventParser(_EVENT_BYTES)
        self._arrived: deque[Arrival] = deque()

    async def next(self, position: Position, wait: float) -> Arrival | None:
        """Give what comes next. Raises `Unreachable` when the feed ends or is silent, or why the broker ended
        it.
        """
        chunks = self._chunks or await self._connect(position)
        try:
            async with asyncio.timeout(wait):
                while not self._arrived:
                    for event in self._parser.feed(await _read(chunks)):
                        self._arrived.extend(read_event(event))
        except TimeoutError:
            return None
        return self._arrived.popleft()

    def ready(self) -> bool:
        """Tell whether something has arrived already."""
        return bool(self._arrived)

    async def reset(self) -> None:
        """Drop the connection and what came through it."""
        self._chunks = None
        self._arrived.clear()
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()

    async def _connect(self, position: Position) -> Chunks:
        self._parser = EventParser(_EVENT_BYTES)
        stream = self._transport.stream("/v1/feed", cursor_query(position), accept=EVENT_STREAM)
        self._chunks = await self._stack.enter_async_context(stream)
        return self._chunks


async def _read(chunks: Chunks) -> bytes:
    silence = asyncio.timeout(SILENCE_SECONDS)
    try:
        async with silence:
            chunk = await chunks.read()
    except TimeoutError:
        if not silence.expired():  # the caller's own time is up
            raise
        raise Unreachable(f"the feed was silent for {SILENCE_SECONDS:.0f} s") from None
    if not chunk:
        raise Unreachable("the feed ended")
    return chunk


def cursor_query(position: Position) -> dict[str, str]:
    """Give a position as the parameters of a read."""
    query = {"after": str(position.after)}
    if position.chain is not None:
        query |= {"at": str(position.at), "chain": position.chain.hex()}
    return query


def read_event(event: Event) -> list[Arrival]:
    """Give what one event of the feed brings; nothing for kinds that this version does not know.

    Raises `Malformed`, or the error that a last `notice` names.
    """
    if event.event not in (*KINDS, "floor", "head", "notice"):
        return []
    fields = strictjson.decode(event.data.encode(), max_bytes=_EVENT_BYTES)
    if event.event == "head":
        return [dsse.from_json(fields)]
    if event.event == "floor":
        return [FloorSeen(dsse.from_json(fields))]
    if not isinstance(fields, dict):
        raise Malformed("an event of the feed is not an object")
    if event.event == "notice":
        _raise_notice(fields)
        return []
    entry = [read_entry_json(fields["entry"], "/entry")] if "entry" in fields else []
    item = read_item_json(fields)
    if event.id is not None and event.id != str(item.number):
        raise Malformed("an event of the feed has another id than its item")
    return [*entry, item]


def _raise_notice(fields: dict[str, Any]) -> None:
    kind = BY_CODE.get(code) if isinstance(code := fields.get("code"), str) else None
    if kind is not None:
        error: HarkaraError = read_problem(
            {"type": URN_PREFIX + kind.code, "detail": fields.get("detail")}, kind.status
        )
        raise error
