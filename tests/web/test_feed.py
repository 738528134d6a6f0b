"""The feed: what is on the wire, where it resumes, how it ends, what a reader costs that does not read."""

from __future__ import annotations

import asyncio

import pytest

from broker.service import feeds
from broker.service.service import Service
from broker.web.limits import Limits
from tests.exchange_fixtures import (
    FIA,
    ISLAMABAD,
    TestExchange,
    envelope_json,
    next_version,
    post_body,
    sign_bulletin,
)
from tests.waiting import until
from tests.web.reader import Reader
from tests.web.sse import Feed


@pytest.fixture
def limits() -> Limits:
    """A feed is cut after two seconds here."""
    return Limits(write_seconds=2.0)


async def _post(reader: Reader, *, note: str = "alone", size: int = 0) -> None:
    text = {"en": {"headline": f"White van {note}", "description": "x" * max(1, size)}}
    answer = await reader.post("/v1/bulletins", post_body(*sign_bulletin(reader.exchange, FIA, text=text)))
    assert answer.status == 201, answer


async def test_a_feed_says_how_it_is_to_be_read_and_begins_with_the_head(reader: Reader) -> None:
    async with await Feed.open(reader, ISLAMABAD, Accept="text/event-stream") as feed:
        head = feed.head.lower()
        for line in ("content-type: text/event-stream", "cache-control: no-store", "x-accel-buffering: no"):
            assert line in head
        assert "x-request-id: " in head
        first = await feed.frame()
        assert first is not None
        assert first.fields == {"retry": "2000"}
        found = await feed.event("head")
        assert (found.id, found.data["payloadType"]) == (None, "application/vnd.harkara.head+msgpack")


async def test_items_come_numbered_with_their_entry_and_a_head_follows(reader: Reader) -> None:
    async with await Feed.open(reader, ISLAMABAD) as feed:
        await feed.event("head")
        await _post(reader)
        item = await feed.event("bulletin")
        assert (item.id, item.data["number"], item.data["kind"]) == (1, 1, "bulletin")
        assert item.data["entry"]["first"] == 1
        assert (await feed.event("head")).id is None


async def test_last_event_id_moves_the_start(reader: Reader) -> None:
    for note in "abc":
        await _post(reader, note=note)
    async with await Feed.open(reader, ISLAMABAD, "?after=0", Last_Event_ID="2") as feed:
        assert (await feed.event("bulletin")).id == 3


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        pytest.param("?after=x", {}, 400, "malformed", id="a cursor that is none"),
        pytest.param("?after=9", {}, 409, "cursor", id="a number that the inbox does not have"),
        pytest.param("?after=0&at=0&chain=" + "0" * 64, {}, 409, "rollback", id="a chain that is not ours"),
        pytest.param("?since=1", {}, 400, "malformed", id="an unknown parameter"),
        pytest.param(
            "", {"Last-Event-ID": "1; drop"}, 400, "malformed", id="a Last-Event-ID that is no number"
        ),
        pytest.param("", {"Accept": "application/json"}, 406, "not-acceptable", id="another form"),
    ],
)
async def test_what_is_wrong_is_answered_before_the_stream_begins(
    reader: Reader, query: str, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await reader.read(ISLAMABAD, "/v1/feed" + query, headers=headers)
    assert (answer.status, answer.code) == (status, code)


async def test_an_http_1_0_reader_gets_plain_bytes_until_the_connection_ends(
    reader: Reader, service: Service
) -> None:
    async with await Feed.open(reader, ISLAMABAD, version="1.0", Connection="keep-alive") as feed:
        assert "transfer-encoding" not in feed.head.lower()
        await feed.event("head")
        service.feeds.stop()
        assert (await feed.rest())[-1].event == "notice"


async def test_a_revoked_key_loses_its_feed_and_is_told_why(
    reader: Reader, service: Service, exchange: TestExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PING_SECONDS", 3_600.0)  # it is woken by the registry, or never
    newer = next_version(exchange, revoked={exchange.signing(ISLAMABAD).kid: exchange.now})
    async with await Feed.open(reader, ISLAMABAD) as feed:
        await feed.event("head")
        await service.trust.publish(_publication(newer))
        last = (await feed.rest())[-1]
        assert (last.event, last.id, last.data["code"]) == ("notice", None, "revoked-key")


async def test_live_feeds_are_counted_while_they_live(
    reader: Reader, operations: Reader, service: Service
) -> None:
    async with await Feed.open(reader, ISLAMABAD), await Feed.open(reader, FIA):
        assert b"harkara_live_feeds 2.0" in (await operations.send("GET", "/metrics")).body
    await until(lambda: service.feeds.live == 0)


async def test_one_reader_that_stalls_is_cut_and_harms_no_other(reader: Reader, service: Service) -> None:
    async with await Feed.open(reader, ISLAMABAD) as stalled, await Feed.open(reader, ISLAMABAD) as other:
        stalled.raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        # It reads while they are posted: one that waited for all of them would stall as well.
        reading = asyncio.create_task(_numbers(other, 40))
        for note in range(40):
            await _post(reader, note=str(note), size=30_000)
        assert await reading == list(range(1, 41))
        await until(lambda: service.feeds.live == 1)


async def test_the_stalled_reader_resumes_where_it_was(reader: Reader, service: Service) -> None:
    for note in range(30):
        await _post(reader, note=str(note), size=30_000)
    seen = 0
    async with await Feed.open(reader, ISLAMABAD) as feed:
        seen = (await feed.event("bulletin")).id or 0
        feed.raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await until(lambda: service.feeds.live == 0)
    async with await Feed.open(reader, ISLAMABAD, f"?after={seen}") as feed:
        numbers = await _numbers(feed, 30 - seen)
    assert numbers == list(range(seen + 1, 31))


async def test_a_reader_that_leaves_is_forgotten_though_nothing_is_to_be_sent(
    reader: Reader, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PING_SECONDS", 3_600.0)
    opened = [await Feed.open(reader, ISLAMABAD) for _ in range(20)]
    assert service.feeds.live == 20
    for feed in opened:
        feed.raw.writer.transport.abort()
    await until(lambda: service.feeds.live == 0)


async def _numbers(feed: Feed, count: int) -> list[int | None]:
    return [(await feed.event("bulletin")).id for _ in range(count)]


def _publication(newer: TestExchange) -> bytes:
    return b'{"registry":%b,"entitlements":%b}' % (
        envelope_json(newer.registry_envelope),
        envelope_json(newer.entitlements_envelope),
    )
