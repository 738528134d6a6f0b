"""Slow, stalled and crowding peers: each is given its time or its share, and no more. Times are short."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

from broker.service.service import Service
from broker.web.app import public_app
from broker.web.limits import Limits
from broker.web.listener import listening
from tests.exchange_fixtures import FIA, ISLAMABAD, TestExchange, post_body, sign_bulletin
from tests.web.raw import Raw
from tests.web.reader import Reader, Signed, sign
from tests.web.sse import Feed

SECONDS = 0.5
HEAD = b"POST /v1/bulletins HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.fixture
def limits() -> Limits:
    """Half a second for a request, three connections a peer."""
    return Limits(
        head_and_body_seconds=SECONDS,
        free_body_bytes=1_000,
        body_bytes_per_second=100_000,
        body_memory_bytes=1_000_000,
        idle_seconds=1.0,
        write_seconds=1.0,
        lingering_seconds=0.2,
        connections_per_peer=3,
    )


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(b"G", id="one byte"),
        pytest.param(b"GET /livez HTTP/1.1\r\n", id="a request line"),
        pytest.param(HEAD, id="a head without its end"),
        pytest.param(HEAD + b"Content-Length: 100\r\n\r\n", id="a head without its body"),
        pytest.param(HEAD + b'Content-Length: 100\r\n\r\n{"sta', id="half a body"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", id="chunks that never begin"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}", id="half a chunk"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", id="chunks that never end"),
    ],
)
async def test_a_request_that_stops_half_way_is_given_up(port: int, part: bytes) -> None:
    async with await Raw.connect(port) as raw:
        began = time.monotonic()
        await raw.send(part)
        answer = await raw.answer(3)
        assert (answer.status, answer.code) == (408, "request-timeout")
        assert time.monotonic() - began < SECONDS + 1
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
async def test_a_request_that_trickles_is_given_up(port: int, prefix: bytes, drop: bytes) -> None:
    async with await Raw.connect(port) as raw:
        began = time.monotonic()
        await raw.send(prefix)
        answered = asyncio.create_task(raw.answer(5))
        while not answered.done():
            await raw.send(drop)
            await asyncio.sleep(0.05)
        assert (await answered).status == 408
        assert time.monotonic() - began < SECONDS + 1


async def test_head_and_body_share_one_time(port: int) -> None:
    async with await Raw.connect(port) as raw:
        began = time.monotonic()
        await raw.send(HEAD)
        await asyncio.sleep(SECONDS * 0.8)
        await raw.send(b"Content-Length: 100\r\n\r\n{")
        assert (await raw.answer(3)).status == 408
        assert time.monotonic() - began < SECONDS * 1.5


async def test_a_larger_body_has_more_time_as_long_as_it_comes(reader: Reader, port: int) -> None:
    statement = post_body(*sign_bulletin(reader.exchange, FIA))
    batch = b"\n".join([statement] + [b"{}" + b" " * 20_000] * 4)
    async with await Raw.connect(port) as raw:
        head = HEAD.replace(b"json", b"x-ndjson")
        await raw.send(head + b"Content-Length: %d\r\n\r\n" % len(batch))
        for start in range(0, len(batch), 12_000):
            await raw.send(batch[start : start + 12_000])
            await asyncio.sleep(0.11)
        answer = await raw.answer(3)
        assert (answer.status, answer.body.count(b"\n")) == (200, 5)


async def test_large_bodies_share_their_memory_and_small_ones_are_not_harmed(
    reader: Reader, port: int
) -> None:
    head = HEAD.replace(b"json", b"x-ndjson") + b"Content-Length: 2000000\r\n\r\n"
    async with await Raw.connect(port) as first, await Raw.connect(port) as second:
        await first.send(head + b" " * 900_000)
        await asyncio.sleep(0.1)
        await second.send(head + b" " * 900_000)
        answer = await second.answer(3)
        assert (answer.status, answer.code) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        posted = await reader.post("/v1/bulletins", post_body(*sign_bulletin(reader.exchange, FIA)))
        assert posted.status == 201


async def test_memory_of_a_large_body_is_given_back(reader: Reader) -> None:
    for _ in range(4):
        answer = await reader.post("/v1/bulletins", b"{}\n" * 100 + b" " * 900_000, "application/x-ndjson")
        assert (answer.status, answer.body.count(b"\n")) == (200, 101)


async def test_an_idle_connection_is_closed_without_a_word(port: int) -> None:
    async with await Raw.connect(port) as raw:
        assert await raw.is_closed(3)


async def test_a_connection_that_was_used_is_kept_for_the_next_request(port: int) -> None:
    async with await Raw.connect(port) as raw:
        for _ in range(4):
            await raw.send(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert (await raw.answer()).status == 200
            await asyncio.sleep(SECONDS * 0.8)


async def test_one_peer_has_so_many_connections_and_no_more(port: int) -> None:
    connections = [await Raw.connect(port) for _ in range(3)]
    async with await Raw.connect(port) as fourth:
        answer = await fourth.answer()
        assert (answer.status, answer.code) == (429, "rate-limited")
        assert int(answer.headers["retry-after"]) >= 1
        assert await fourth.is_closed()
    for one in connections:
        one.writer.close()
    await asyncio.sleep(0.1)
    async with await Raw.connect(port) as later:
        await later.send(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await later.answer()).status == 200


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
        began = time.monotonic()
        while _server_holds(reader.port, mine):
            assert time.monotonic() - began < 10
            await asyncio.sleep(0.1)


def _server_holds(port: int, client_port: int) -> bool:
    """Tell whether the server's end of a connection is established."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = (f":{port:04X}", f":{client_port:04X}")
    return any((row[1][-5:], row[2][-5:], row[3]) == (*ends, "01") for row in rows)


async def test_requests_in_hand_are_finished_when_the_broker_stops(service: Service) -> None:
    async with listening(public_app(service, limits=Limits(shutdown_seconds=5)), "127.0.0.1", 0) as port:
        raw = await Raw.connect(port)
        idle = await Raw.connect(port)
        await raw.send(HEAD + b"Content-Length: 2\r\n\r\n{")
        await asyncio.sleep(0.1)

        async def finish() -> int:
            await asyncio.sleep(0.3)
            await raw.send(b"}")
            answer = await raw.answer()
            assert answer.headers["connection"] == "close"
            return answer.status

        finishing = asyncio.create_task(finish())
    assert await finishing == 400  # read to its end, and no post
    assert await idle.is_closed(1)
    with pytest.raises(ConnectionRefusedError):
        await Raw.connect(port)
    raw.writer.close()
    idle.writer.close()


async def test_whoever_waits_is_answered_when_the_broker_stops(
    service: Service, exchange: TestExchange, session: aiohttp.ClientSession
) -> None:
    began = time.monotonic()
    async with listening(public_app(service), "127.0.0.1", 0) as port:
        reader = Reader(f"http://127.0.0.1:{port}", exchange, session)
        waiting = asyncio.create_task(reader.read(FIA, "/v1/inbox?wait=60"))
        await asyncio.sleep(0.3)
    answer = await waiting
    assert (answer.status, answer.json["items"]) == (200, [])
    assert time.monotonic() - began < 5


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
        await raw.send(HEAD + b"Content-Length: 2\r\n\r\n{")
        await asyncio.sleep(0.1)
        began = time.monotonic()
    assert time.monotonic() - began < 4
    raw.writer.close()
