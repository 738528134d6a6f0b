"""Refusals that need a broker with little patience, room or memory, with an old registry, or that stands
still.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest

from broker.protocol import times
from broker.protocol.limits import DAY_US, HOUR_US
from broker.service import clock
from broker.settings import Settings, Share
from broker.web.app import public_app
from broker.web.limits import Limits
from broker.web.listener import listening
from broker.wiring import RunningBroker, running
from tests.contract.conftest import ANY_PORT, CheckedReader, material_of
from tests.contract.openapi_document import check_answer
from tests.contract.pointers import Sent
from tests.contract.test_problem_codes import ELSEWHERE, check_problem
from tests.exchange_fixtures import FIA, ISLAMABAD, make_exchange, post_body, sign_bulletin
from tests.waiting import HANG_S
from tests.web.raw import Raw
from tests.web.reader import Answer

POST = "POST /v1/bulletins HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def _listening(broker: RunningBroker, **limits: float) -> AsyncIterator[Raw]:
    """Give a connection to a listener of its own with other limits."""
    app = public_app(broker.service, limits=Limits(**limits))  # type: ignore[arg-type]
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(listening(app, "127.0.0.1", 0))
        yield await stack.enter_async_context(await Raw.connect(port))


async def _checked(code: str, raw: Raw, body: bytes = b"") -> None:
    found = await raw.answer()
    answer = Answer(found.status, {name.title(): text for name, text in found.headers.items()}, found.body)
    check_answer("POST", "/v1/bulletins", answer)
    check_problem(code, answer, Sent("/v1/bulletins", body=body))


async def test_a_body_that_does_not_come_is_a_request_timeout(broker: RunningBroker) -> None:
    async with _listening(broker, head_and_body_seconds=0.2) as raw:
        await raw.send(f"{POST}Content-Length: 9\r\n\r\n{{".encode())
        await _checked("request-timeout", raw, b"{")


async def test_a_head_that_does_not_come_is_a_request_timeout(broker: RunningBroker) -> None:
    async with _listening(broker, head_and_body_seconds=0.2) as raw:
        await raw.send(POST.encode())
        await _checked("request-timeout", raw)


async def test_one_connection_too_many_is_rate_limited(broker: RunningBroker) -> None:
    async with _listening(broker, connections_per_peer=1) as first:
        port = first.writer.get_extra_info("peername")[1]
        async with await Raw.connect(port) as second:
            await _checked("rate-limited", second)


@pytest.mark.parametrize(
    ("share", "method", "path"),
    [
        pytest.param(Share(posts_per_minute=1), "POST", "/v1/bulletins", id="posts"),
        pytest.param(Share(post_mebibytes_per_minute=1), "POST", "/v1/bulletins", id="bytes of posts"),
        pytest.param(Share(reads_per_minute=1), "GET", "/v1/inbox", id="reads"),
    ],
)
async def test_an_agency_at_its_limit_is_rate_limited(
    store_url: str, session: aiohttp.ClientSession, share: Share, method: str, path: str
) -> None:
    exchange = make_exchange(clock.now())
    settings = Settings(listen=ANY_PORT, ops=ANY_PORT, store_url=store_url, share=share)
    async with running(settings, material_of(exchange)) as broker:
        reader = CheckedReader(broker.url, exchange, session)
        answer, asked = await _ask(reader, method, path, 0), 1
        while answer.status in (200, 201):
            answer, asked = await _ask(reader, method, path, asked), asked + 1
        assert asked < 40
        check_problem("rate-limited", answer, reader.last)
        assert (await reader.read(ISLAMABAD, "/v1/inbox")).status == 200


async def test_a_body_that_finds_no_memory_is_told_that_the_broker_is_unavailable(
    broker: RunningBroker,
) -> None:
    async with _listening(broker, free_body_bytes=1, body_memory_bytes=1) as raw:
        await raw.send(f"{POST}Content-Length: 9\r\n\r\n123456789".encode())
        await _checked("unavailable", raw, b"123456789")


async def test_a_post_under_a_registry_whose_grace_is_over_is_told_that_it_expired(
    store_url: str, session: aiohttp.ClientSession
) -> None:
    now = clock.now()
    issued, expires, grace = (times.format(now - age) for age in (3 * DAY_US, 2 * DAY_US, HOUR_US))
    exchange = make_exchange(now, issued=issued, expires=expires, grace=grace)
    settings = Settings(listen=ANY_PORT, ops=ANY_PORT, store_url=store_url)
    async with running(settings, material_of(exchange)) as broker:
        reader = CheckedReader(broker.url, exchange, session)
        answer = await reader.post("/v1/bulletins", post_body(*sign_bulletin(exchange, FIA)))
        check_problem("registry-expired", answer, reader.last)
        assert (await reader.read(ISLAMABAD, "/v1/inbox")).status == 200


async def test_posts_that_only_lengthen_the_queue_are_told_that_the_router_is_behind(
    reader: CheckedReader, broker: RunningBroker
) -> None:
    await broker.service.stop_routing()
    async with asyncio.timeout(HANG_S):
        answer, number = await _post(reader, 0), 0
        while answer.status == 201:
            await asyncio.sleep(0.5)
            number += 1
            answer = await _post(reader, number)
    check_problem("router-behind", answer, reader.last)


async def _ask(reader: CheckedReader, method: str, path: str, number: int) -> Answer:
    # So large that what a bucket gains meanwhile, on however slow a machine, is not enough for the next.
    return await (_post(reader, number, 30_000) if method == "POST" else reader.read(FIA, path))


async def _post(reader: CheckedReader, number: int, size: int = 1) -> Answer:
    block = {"headline": f"Report {number}", "description": "x" * size}
    text = dict.fromkeys(("en", "ur", "pa", "sd", "ps", "fa", "zh") if size > 1 else ("en",), block)
    statement, _ = sign_bulletin(reader.exchange, FIA, text=text)
    return await reader.post("/v1/bulletins", post_body(statement))


def test_what_is_said_to_be_here_is_here() -> None:
    here = {code for code, why in ELSEWHERE.items() if why.startswith("test_problem_set_up")}
    assert here == {"request-timeout", "rate-limited", "unavailable", "registry-expired", "router-behind"}
