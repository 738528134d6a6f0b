"""Allowances over HTTP: 429 with an exact Retry-After, and nothing spent by those who only know a key id."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from broker.service.allowance import Allowance
from broker.service.service import Service
from broker.store.store import Store
from tests.exchange_fixtures import FIA, ISLAMABAD, MOI, TestExchange, post_body, sign_bulletin
from tests.waiting import until
from tests.web.reader import Answer, Reader, Signed, sign
from tests.web.sse import Feed

READS = 4
POSTS = 60


class Seconds:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    """The clock of the allowances."""
    return Seconds()


@pytest.fixture
async def service(store: Store, exchange: TestExchange, seconds: Seconds) -> AsyncIterator[Service]:
    """A broker with small allowances, behind the listener."""
    running = Service(
        store=store,
        exchange=exchange.exchange,
        identity=exchange.broker,
        store_key=exchange.store_key,
        epoch=exchange.registry.epoch,
        allowance=Allowance(posts_per_minute=POSTS, reads_per_minute=READS, live_feeds=2, monotonic=seconds),
    )
    await running.start(exchange.registry_envelope, exchange.entitlements_envelope)
    yield running
    await running.close()


def body_of(reader: Reader, agency: str, number: int) -> bytes:
    text = {"en": {"headline": f"White van {number}"}}
    return post_body(*sign_bulletin(reader.exchange, agency, text=text))


def is_refused(answer: Answer, retry_after: int) -> bool:
    told = (answer.status, answer.code, answer.headers["Retry-After"])
    return told == (429, "rate-limited", str(retry_after))


# --- reads --------------------------------------------------------------------------------------------------


async def test_an_agency_that_reads_too_much_is_told_when_to_come_again(
    reader: Reader, operations: Reader, seconds: Seconds
) -> None:
    for _ in range(READS):
        assert (await reader.read(FIA, "/v1/inbox")).status == 200
    answer = await reader.read(FIA, "/v1/subscription")
    assert is_refused(answer, 15)
    assert "4 signed reads a minute" in answer.json["detail"]
    assert (
        b'harkara_refusals_total{code="rate-limited"} 1.0' in (await operations.send("GET", "/metrics")).body
    )
    assert (await reader.read(MOI, "/v1/inbox")).status == 200
    seconds.now += 14.9
    assert is_refused(await reader.read(FIA, "/v1/inbox"), 1)
    seconds.now += 0.1
    assert (await reader.read(FIA, "/v1/inbox")).status == 200


async def unsigned(reader: Reader) -> int:
    return (await reader.send("GET", "/v1/inbox")).status


async def under_its_key_id(reader: Reader) -> int:
    key_id = reader.exchange.signing(FIA).kid.hex()
    return (await reader.read(MOI, "/v1/inbox", key_id=key_id)).status


async def of_another_path(reader: Reader) -> int:
    headers = sign(Signed(reader.exchange.signing(FIA)), "GET", reader.base + "/v1/feed")
    return (await reader.send("GET", "/v1/inbox", headers=headers)).status


async def for_another_server(reader: Reader) -> int:
    return (await reader.read(FIA, "/v1/inbox", authority="exchange.gov.pk")).status


async def of_another_time(reader: Reader) -> int:
    return (await reader.read(FIA, "/v1/inbox", created=time.time() - 3_600)).status


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(unsigned, id="without a signature"),
        pytest.param(under_its_key_id, id="another's signature under its key id"),
        pytest.param(of_another_path, id="its signature over another request"),
        pytest.param(for_another_server, id="its request to another server"),
        pytest.param(of_another_time, id="its request of an hour ago"),
    ],
)
async def test_a_forged_read_is_not_at_an_agencys_expense(
    reader: Reader, forge: Callable[[Reader], Awaitable[int]]
) -> None:
    for _ in range(READS * 3):
        assert await forge(reader) == 401
    for _ in range(READS):
        assert (await reader.read(FIA, "/v1/inbox")).status == 200


async def test_a_read_that_is_played_again_is_not_at_an_agencys_expense(reader: Reader) -> None:
    headers = sign(Signed(reader.exchange.signing(FIA)), "GET", reader.base + "/v1/inbox")
    assert (await reader.send("GET", "/v1/inbox", headers=headers)).status == 200
    for _ in range(READS * 3):
        assert (await reader.send("GET", "/v1/inbox", headers=headers)).code == "replayed"
    for _ in range(READS - 1):
        assert (await reader.read(FIA, "/v1/inbox")).status == 200


# --- posts --------------------------------------------------------------------------------------------------


async def test_each_line_of_a_batch_is_charged_and_one_line_over_the_limit_harms_no_other(
    reader: Reader,
) -> None:
    lines = [body_of(reader, FIA, number) for number in range(POSTS + 5)]
    lines += [body_of(reader, MOI, 0), lines[0]]
    answer = await reader.post("/v1/bulletins", b"\n".join(lines), "application/x-ndjson")
    told = [line.get("problem", {}).get("status", 201) for line in map(json.loads, answer.body.splitlines())]
    assert told[: POSTS + 5].count(201) == POSTS
    assert told[: POSTS + 5].count(429) == 5
    assert told[POSTS + 5] == 201
    assert is_refused(await reader.post("/v1/bulletins", body_of(reader, FIA, 999)), 1)


async def test_an_agency_that_floods_keeps_no_other_out(reader: Reader) -> None:
    bodies = [body_of(reader, MOI, number) for number in range(30)]
    flood = [body_of(reader, FIA, number) for number in range(POSTS)]
    refused = body_of(reader, FIA, POSTS)
    for body in flood:
        await reader.post("/v1/bulletins", body)
    flooding, told = True, 0

    async def flood_on() -> None:
        nonlocal told
        while flooding:
            assert (await reader.post("/v1/bulletins", refused)).status == 429
            told += 1

    floods = [asyncio.create_task(flood_on()) for _ in range(8)]
    await until(lambda: told > 0)
    before = told
    for body in bodies:
        assert (await reader.post("/v1/bulletins", body)).status == 201
    assert told > before, "the flood went on meanwhile"
    flooding = False
    await asyncio.gather(*floods)


# --- feeds --------------------------------------------------------------------------------------------------


async def test_one_feed_too_many_is_refused_before_the_stream_begins(
    reader: Reader, service: Service, seconds: Seconds
) -> None:
    async with await Feed.open(reader, FIA) as first, await Feed.open(reader, FIA) as second:
        answer = await reader.read(FIA, "/v1/feed")
        assert is_refused(answer, 5)
        assert "2 live feeds" in answer.json["detail"]
        async with await Feed.open(reader, ISLAMABAD) as other:
            await other.event("head")
        first.raw.writer.transport.abort()
        await until(lambda: service.feeds.live == 1)
        seconds.now += 60
        async with await Feed.open(reader, FIA) as third:
            await third.event("head")
        await second.event("head")
