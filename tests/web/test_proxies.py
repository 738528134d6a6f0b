"""Behind proxies: one that speaks HTTP/1.0 to the broker, as nginx does unless told otherwise, and keeps an
answer back until it has all of it, unless the answer says `X-Accel-Buffering: no`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from broker.service.service import Service
from broker.web.app import public_app
from broker.web.listener import listening
from tests.exchange_fixtures import FIA, ISLAMABAD, TestExchange, post_body, sign_bulletin
from tests.waiting import HANG_S, until
from tests.web.reader import Reader
from tests.web.sse import Feed


class Buffering:
    """A proxy on a random port. `obeys` tells whether it heeds X-Accel-Buffering."""

    def __init__(self, upstream: int, *, obeys: bool) -> None:
        self._upstream = upstream
        self._obeys = obeys
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        self._open |= {writer, up_writer}
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.splitlines()
                    if line.lower()[:15] == b"content-length:"
                ),
                0,
            )
            up_writer.write(head.replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\nConnection: close\r\n", 1))
            up_writer.write(await reader.readexactly(length))
            answer = await up_reader.readuntil(b"\r\n\r\n")
            if self._obeys and b"x-accel-buffering: no" in answer.lower():
                writer.write(answer)
                while part := await up_reader.read(65_536):
                    writer.write(part)
            else:
                writer.write(answer + await up_reader.read())
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # an end of either side is an end of both
        finally:
            writer.close()
            up_writer.close()


@pytest.fixture(params=[pytest.param(True, id="obeying"), pytest.param(False, id="keeping all back")])
def obeys(request: pytest.FixtureRequest) -> bool:
    """Whether the proxy heeds X-Accel-Buffering."""
    return request.param


@pytest.fixture
async def proxied(
    service: Service, exchange: TestExchange, session: aiohttp.ClientSession, obeys: bool
) -> AsyncIterator[Reader]:
    """A client that reaches the broker through the proxy."""
    async with (
        listening(public_app(service), "127.0.0.1", 0) as port,
        Buffering(port, obeys=obeys) as outside,
    ):
        yield Reader(f"http://127.0.0.1:{outside}", exchange, session)


async def post(reader: Reader, number: int = 0) -> None:
    text = {"en": {"headline": f"White van {number}"}}
    answer = await reader.post("/v1/bulletins", post_body(*sign_bulletin(reader.exchange, FIA, text=text)))
    assert answer.status == 201


async def test_a_long_poll_ends_with_the_item_through_any_proxy(proxied: Reader) -> None:
    polling = asyncio.create_task(proxied.read(ISLAMABAD, "/v1/inbox?wait=60"))
    await asyncio.sleep(0.3)
    await post(proxied)
    async with asyncio.timeout(HANG_S):  # before the poll would have ended by itself
        answer = await polling
    assert [item["number"] for item in answer.json["items"]] == [1]


async def test_a_long_poll_without_news_ends_in_its_time_through_any_proxy(proxied: Reader) -> None:
    async with asyncio.timeout(HANG_S):
        answer = await proxied.read(ISLAMABAD, "/v1/inbox?wait=1")
    assert (answer.status, answer.json["items"]) == (200, [])


async def test_a_refusal_comes_through_any_proxy(proxied: Reader) -> None:
    answer = await proxied.read(ISLAMABAD, "/v1/feed?after=9")
    assert (answer.status, answer.code) == (409, "cursor")


async def test_a_feed_flows_through_a_proxy_that_obeys_its_header(
    service: Service, exchange: TestExchange, session: aiohttp.ClientSession
) -> None:
    async with (
        listening(public_app(service), "127.0.0.1", 0) as port,
        Buffering(port, obeys=True) as outside,
    ):
        reader = Reader(f"http://127.0.0.1:{outside}", exchange, session)
        async with await Feed.open(reader, ISLAMABAD) as feed:
            await feed.event("head")
            for number in range(3):
                await post(reader, number)
                assert (await feed.event("bulletin")).id == number + 1


async def test_a_reader_behind_a_proxy_that_leaves_is_forgotten(
    service: Service, exchange: TestExchange, session: aiohttp.ClientSession
) -> None:
    async with (
        listening(public_app(service), "127.0.0.1", 0) as port,
        Buffering(port, obeys=True) as outside,
    ):
        reader = Reader(f"http://127.0.0.1:{outside}", exchange, session)
        async with await Feed.open(reader, ISLAMABAD) as feed:
            await feed.event("head")
            assert service.feeds.live == 1
    await until(lambda: service.feeds.live == 0)
