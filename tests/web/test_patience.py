"""Slow, stalled and crowding peers: each is given its time or its share, and no more.

Each test shortens the one limit that it is about and leaves the others as they are, so that a machine that is
slow does not run into them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from broker.service.service import Service
from broker.web.app import public_app
from broker.web.connection import Connection
from broker.web.context import BODY_MEMORY, CLOSING
from broker.web.limits import Limits
from broker.web.listener import listening
from tests.exchange_fixtures import FIA, ISLAMABAD, TestExchange, post_body, sign_bulletin
from tests.waiting import HANG_S, until
from tests.web.raw import Raw, RawAnswer
from tests.web.reader import Reader, Signed, sign
from tests.web.sse import Feed

HEAD = b"POST /v1/bulletins HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
LIVE = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def under(**changes: float) -> pytest.MarkDecorator:
    """Have a test's listener under other limits."""
    return pytest.mark.parametrize("limits", [pytest.param(Limits(**changes), id="short")])  # type: ignore[arg-type]


def test_a_peer_has_the_time_that_is_promised() -> None:
    """As the tests below shorten it."""
    promised = Limits()
    assert (promised.head_and_body_seconds, promised.write_seconds) == (15, 30)


PARTS = [
    pytest.param(b"G", id="one byte"),
    pytest.param(b"GET /livez HTTP/1.1\r\n", id="a request line"),
    pytest.param(HEAD, id="a head without its end"),
    pytest.param(HEAD + b"Content-Length: 100\r\n\r\n", id="a head without its body"),
    pytest.param(HEAD + b'Content-Length: 100\r\n\r\n{"sta', id="half a body"),
    pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", id="chunks that never begin"),
    pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}", id="half a chunk"),
    pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", id="chunks that never end"),
]


@pytest.mark.parametrize("part", PARTS)
@under(head_and_body_seconds=0.5)
async def test_a_request_that_stops_half_way_is_given_up_while_others_are_served(
    port: int, part: bytes
) -> None:
    async with await Raw.connect(port) as raw, await Raw.connect(port) as other:
        await raw.send(part)
        await other.send(LIVE)
        assert (await other.answer()).status == 200
        answer = await raw.answer()
        assert (answer.status, answer.code) == (408, "request-timeout")
        assert await raw.is_closed()


@pytest.mark.parametrize(
    ("prefix", "drop"),
    [
        pytest.param(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", b"a", id="a head byte by byte"),
        pytest.param(HEAD + b"Content-Length: 1000\r\n\r\n", b" ", id="a body byte by byte"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", id="chunks byte by byte"),
        pytest.param(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x", id="a chunk extension byte by byte"
        ),
    ],
)
@under(head_and_body_seconds=0.5)
async def test_a_request_that_trickles_is_given_up(port: int, prefix: bytes, drop: bytes) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(prefix)
        answered = asyncio.create_task(raw.answer())
        while not answered.done():
            await raw.send(drop)
            await asyncio.sleep(0.05)
        assert (await answered).status == 408


async def test_head_and_body_share_one_time(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, heard, began = asyncio.get_running_loop(), asyncio.Event(), list[float]()
    receive, take_began = Connection.data_received, Connection.take_began

    def data_received(self: Connection, data: bytes) -> None:
        receive(self, data)
        heard.set()

    def taken(self: Connection) -> float:
        began.append(take_began(self))
        return began[-1]

    monkeypatch.setattr(Connection, "data_received", data_received)
    monkeypatch.setattr(Connection, "take_began", taken)
    async with await Raw.connect(port) as raw:
        await raw.send(HEAD)
        await heard.wait()
        first_part_was_there = loop.time()
        await raw.send(b"Content-Length: 100\r\n\r\n{")
        await until(lambda: began != [])
    assert began[0] <= first_part_was_there, "the time of the body goes on from the first byte of the head"


@under(head_and_body_seconds=0.5, free_body_bytes=1_000, body_bytes_per_second=1_000)
async def test_a_larger_body_has_more_time_as_long_as_it_comes(reader: Reader, port: int) -> None:
    statement = post_body(*sign_bulletin(reader.exchange, FIA))
    batch = b"\n".join([statement] + [b"{}" + b" " * 20_000] * 4)
    async with await Raw.connect(port) as raw:
        head = HEAD.replace(b"json", b"x-ndjson") + b"Content-Length: %d\r\n\r\n" % len(batch)
        await raw.send(head + batch[:12_000])  # which are good for twelve seconds more
        for start in range(12_000, len(batch), 12_000):
            await asyncio.sleep(0.11)
            await raw.send(batch[start : start + 12_000])
        answer = await raw.answer()
        assert (answer.status, answer.body.count(b"\n")) == (200, 5)


@under(free_body_bytes=1_000, body_memory_bytes=1_000_000)
async def test_large_bodies_share_their_memory_and_small_ones_are_not_harmed(
    reader: Reader, app: web.Application, port: int
) -> None:
    head = HEAD.replace(b"json", b"x-ndjson") + b"Content-Length: 2000000\r\n\r\n"
    async with await Raw.connect(port) as first, await Raw.connect(port) as second:
        await first.send(head + b" " * 900_000)
        await until(lambda: app[BODY_MEMORY]._held == 899_000)
        await second.send(head + b" " * 900_000)
        answer = await second.answer()
        assert (answer.status, answer.code) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        posted = await reader.post("/v1/bulletins", post_body(*sign_bulletin(reader.exchange, FIA)))
        assert posted.status == 201


@under(free_body_bytes=1_000, body_memory_bytes=1_000_000)
async def test_memory_of_a_large_body_is_given_back(reader: Reader) -> None:
    for _ in range(4):
        answer = await reader.post("/v1/bulletins", b"{}\n" * 100 + b" " * 900_000, "application/x-ndjson")
        assert (answer.status, answer.body.count(b"\n")) == (200, 101)


@under(idle_seconds=0.5)
async def test_an_idle_connection_is_closed_without_a_word(port: int) -> None:
    async with await Raw.connect(port) as raw:
        assert await raw.is_closed()


@under(head_and_body_seconds=0.3)
async def test_the_time_of_a_request_does_not_run_between_requests(port: int) -> None:
    async with await Raw.connect(port) as raw:
        for _ in range(3):
            await raw.send(LIVE)
            assert (await raw.answer()).status == 200
            await asyncio.sleep(0.4)


@under(connections_per_peer=3)
async def test_one_peer_has_so_many_connections_and_no_more(port: int) -> None:
    connections = [await Raw.connect(port) for _ in range(3)]
    async with await Raw.connect(port) as fourth:
        answer = await fourth.answer()
        assert (answer.status, answer.code) == (429, "rate-limited")
        assert int(answer.headers["retry-after"]) >= 1
        assert await fourth.is_closed()
    for one in connections:
        one.writer.close()

    async def let_in() -> bool:
        async with await Raw.connect(port) as later:
            await later.send(LIVE)
            return (await later.answer()).status == 200

    await until(let_in)


@under(write_seconds=1.0)
async def test_an_answer_that_is_not_read_is_given_up(reader: Reader, service: Service) -> None:
    text = {"en": {"headline": "White van", "description": "x" * 30_000}}
    for note in range(60):
        text["en"]["headline"] = f"White van {note}"
        answer = await reader.post(
            "/v1/bulletins", post_body(*sign_bulletin(reader.exchange, FIA, text=text))
        )
        assert answer.status == 201
    path = "/v1/inbox?limit=500"
    async with await Raw.connect(reader.port) as raw:
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(3):
            fields = sign(Signed(reader.exchange.signing(ISLAMABAD)), "GET", reader.base + path)
            fields["Host"] = f"127.0.0.1:{reader.port}"
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            await raw.send(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        mine = raw.writer.get_extra_info("sockname")[1]
        assert _server_holds(reader.port, mine)
        await until(lambda: not _server_holds(reader.port, mine))


def _server_holds(port: int, client_port: int) -> bool:
    """Tell whether the server's end of a connection is established."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = (f":{port:04X}", f":{client_port:04X}")
    return any((row[1][-5:], row[2][-5:], row[3]) == (*ends, "01") for row in rows)


async def _in_hand(raw: Raw) -> None:
    """Begin a post of two bytes; the broker asks for them, and gets one."""
    await raw.send(HEAD + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert await raw.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    await raw.send(b"{")


async def test_requests_in_hand_are_finished_when_the_broker_stops(service: Service) -> None:
    app = public_app(service, limits=Limits(shutdown_seconds=HANG_S))
    async with listening(app, "127.0.0.1", 0) as port:
        raw = await Raw.connect(port)
        idle = await Raw.connect(port)
        await _in_hand(raw)

        async def finish() -> RawAnswer:
            await app[CLOSING].begun.wait()
            await raw.send(b"}")
            return await raw.answer()

        finishing = asyncio.create_task(finish())
    answer = await finishing
    assert (answer.status, answer.headers["connection"]) == (400, "close")  # read to its end, and no post
    assert await idle.is_closed()
    with pytest.raises(ConnectionRefusedError):
        await Raw.connect(port)
    raw.writer.close()
    idle.writer.close()


async def test_whoever_waits_is_answered_when_the_broker_stops(
    service: Service, exchange: TestExchange, session: aiohttp.ClientSession
) -> None:
    app = public_app(service)
    async with asyncio.timeout(HANG_S):  # the poll would have ended by itself after a minute
        async with listening(app, "127.0.0.1", 0) as port:
            reader = Reader(f"http://127.0.0.1:{port}", exchange, session)
            waiting = asyncio.create_task(reader.read(FIA, "/v1/inbox?wait=60"))
            await until(lambda: app[CLOSING]._in_hand == 1)
        answer = await waiting
    assert (answer.status, answer.json["items"]) == (200, [])


async def test_a_feed_ends_with_a_notice_when_the_broker_stops(
    service: Service, exchange: TestExchange, session: aiohttp.ClientSession
) -> None:
    async with listening(public_app(service), "127.0.0.1", 0) as port:
        feed = await Feed.open(Reader(f"http://127.0.0.1:{port}", exchange, session), ISLAMABAD)
        await feed.event("head")
        ending = asyncio.create_task(feed.rest())
    last = (await ending)[-1]
    assert (last.event, last.id, last.data["code"]) == ("notice", None, "unavailable")
    feed.raw.writer.close()


async def test_a_request_that_takes_longer_than_the_broker_waits_is_cut(service: Service) -> None:
    async with listening(public_app(service, limits=Limits(shutdown_seconds=0.3)), "127.0.0.1", 0) as port:
        raw = await Raw.connect(port)
        await _in_hand(raw)
    assert await raw.is_closed()  # and the listener ended, though nobody sent the second byte
    raw.writer.close()
