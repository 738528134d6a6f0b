"""Readers that are slow, stall or vanish: cut in time, resumed where they were, and no burden to others."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from broker.service import clock
from broker.service.service import Service
from broker.store.store import Store
from broker.web.app import public_app
from broker.web.limits import Limits
from broker.web.listener import listening
from tests.exchange_fixtures import FIA, ISLAMABAD, TestExchange, make_exchange, post_body, sign_bulletin
from tests.service.conftest import start_service
from tests.waiting import HANG_S, until
from tests.web.reader import Reader, Signed, sign
from tests.web.sse import Feed

WRITE_SECONDS = 2.0
ITEM_CHARS = 30_000
LANGUAGES = ("en", "ur", "pa", "sd", "ps", "fa", "zh")


@pytest.fixture
def exchange() -> TestExchange:
    """The exchange that the broker serves."""
    return make_exchange(clock.now())


@pytest.fixture
async def service(store: Store, exchange: TestExchange) -> AsyncIterator[Service]:
    """The service behind the listener."""
    running = await start_service(store, exchange)
    yield running
    await running.close()


@pytest.fixture
async def reader(service: Service, exchange: TestExchange) -> AsyncIterator[Reader]:
    """A client of a listener that cuts a feed after two seconds without progress."""
    app = public_app(service, limits=Limits(write_seconds=WRITE_SECONDS))
    async with listening(app, "127.0.0.1", 0) as port, aiohttp.ClientSession() as session:
        yield Reader(f"http://127.0.0.1:{port}", exchange, session)


async def post(reader: Reader, note: int, *, languages: int = 1) -> None:
    block = {"headline": f"White van {note}", "description": "x" * ITEM_CHARS}
    text = dict.fromkeys(LANGUAGES[:languages], block)
    answer = await reader.post("/v1/bulletins", post_body(*sign_bulletin(reader.exchange, FIA, text=text)))
    assert answer.status == 201, answer


async def test_a_reader_that_stalls_again_and_again_gets_everything_once_in_order(
    reader: Reader, service: Service
) -> None:
    items, chance = 60, random.Random(7)
    posting = asyncio.create_task(_post_all(reader, items))
    seen: list[int] = []
    cut = 0
    while len(seen) < items:
        query = f"?after={seen[-1]}" if seen else ""
        async with await Feed.open(reader, ISLAMABAD, query) as feed:
            for _ in range(chance.randint(1, 15)):
                if len(seen) == items:
                    break
                seen.append((await feed.event("bulletin")).id or 0)
            if len(seen) < items - 15 and cut < 3:
                feed.raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
                await until(lambda: service.feeds.live == 0)
                cut += 1
    await posting
    assert seen == list(range(1, items + 1))
    assert cut >= 2


async def test_a_reader_on_a_slow_line_gets_a_large_item_without_being_cut(
    reader: Reader, service: Service
) -> None:
    await post(reader, 0, languages=len(LANGUAGES))
    await service.reading.wait(ISLAMABAD, 0, HANG_S)
    began = time.monotonic()
    text = await _read_slowly(reader, until=b"event: head", bytes_a_second=70_000)
    assert time.monotonic() - began > WRITE_SECONDS * 2, "the item would have come in one time-out anyway"
    assert text.count(b"event: bulletin") == 1


async def test_a_small_buffer_is_all_that_a_reader_holds_that_never_reads(
    reader: Reader, service: Service
) -> None:
    for note in range(20):
        await post(reader, note, languages=3)
    connection = _connect(reader, receive_buffer=4_096)
    try:
        connection.sendall(_request(reader, ISLAMABAD))
        await until(lambda: service.feeds.live == 1)
        await until(lambda: service.feeds.live == 0)
        connection.setblocking(True)
        held = await asyncio.to_thread(_all_of, connection)
        assert held < 1_000_000, "20 items of 200 KB were there to be sent"
    finally:
        connection.close()


async def test_stalled_readers_keep_nothing_from_one_that_reads(reader: Reader, service: Service) -> None:
    stalled = [await Feed.open(reader, ISLAMABAD) for _ in range(20)]
    for feed in stalled:
        feed.raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
    async with await Feed.open(reader, ISLAMABAD) as other:
        for note in range(30):
            await post(reader, note)
            assert (await other.event("bulletin")).id == note + 1
        await until(lambda: service.feeds.live == 1)
    for feed in stalled:
        feed.raw.writer.transport.abort()


async def test_two_consumers_of_one_agency_keep_their_own_places(reader: Reader, service: Service) -> None:
    async with await Feed.open(reader, ISLAMABAD) as quick, await Feed.open(reader, ISLAMABAD) as slow:
        for note in range(5):
            await post(reader, note)
        assert (await slow.event("bulletin")).id == 1
        assert [(await quick.event("bulletin")).id for _ in range(5)] == [1, 2, 3, 4, 5]
    async with (
        await Feed.open(reader, ISLAMABAD, Last_Event_ID="5") as quick,
        await Feed.open(reader, ISLAMABAD, Last_Event_ID="1") as slow,
    ):
        await post(reader, 5)
        assert (await quick.event("bulletin")).id == 6
        assert [(await slow.event("bulletin")).id for _ in range(5)] == [2, 3, 4, 5, 6]


async def _post_all(reader: Reader, items: int) -> None:
    for note in range(items):
        await post(reader, note)


async def _read_slowly(reader: Reader, *, until: bytes, bytes_a_second: int) -> bytes:
    loop = asyncio.get_running_loop()
    connection = _connect(reader, receive_buffer=32_768)
    connection.setblocking(False)
    text = b""
    try:
        await loop.sock_sendall(connection, _request(reader, ISLAMABAD))
        async with asyncio.timeout(HANG_S):
            while until not in text:
                more = await loop.sock_recv(connection, bytes_a_second // 20)
                assert more, "the reader was cut"
                text += more
                await asyncio.sleep(0.05)
    finally:
        connection.close()
    return text


def _connect(reader: Reader, *, receive_buffer: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    # Segments as on a real network: with those of the loopback, 64 KiB, a small window looks like none.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1_400)
    connection.connect(("127.0.0.1", reader.port))
    return connection


def _request(reader: Reader, agency: str) -> bytes:
    fields = sign(Signed(reader.exchange.signing(agency)), "GET", reader.base + "/v1/feed")
    fields["Host"] = f"127.0.0.1:{reader.port}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"GET /v1/feed HTTP/1.1\r\n{lines}\r\n".encode()


def _all_of(connection: socket.socket) -> int:
    held = 0
    try:
        while more := connection.recv(65_536):
            held += len(more)
    except ConnectionError:
        return held
    return held
