"""Feeds: what is there and what comes, once, proved by heads; cut when the key is revoked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from broker.errors import CursorNotOurs, RevokedKey, RolledBack
from broker.protocol import dsse
from broker.protocol.chain import first_link, link
from broker.protocol.delivery import read_entry_json
from broker.protocol.head import read_head
from broker.service import clock, feeds
from broker.service.cursor import Cursor
from broker.service.feeds import FeedEvent
from broker.service.reading import Window
from broker.service.service import Service
from tests.exchange_fixtures import FIA, ISLAMABAD, MOI, TestExchange, next_version, post_body, sign_bulletin
from tests.service.conftest import publish
from tests.waiting import HANG_S

SECONDS = HANG_S


async def upto(feed: AsyncIterator[FeedEvent], event: str) -> list[FeedEvent]:
    """Give the events up to the first `event`, which is the last of them."""
    found: list[FeedEvent] = []
    async with asyncio.timeout(SECONDS):
        async for each in feed:
            found.append(each)
            if each.event == event:
                return found
    raise AssertionError(f"the feed ended without {event}: {found}")


async def post(service: Service, exchange: TestExchange, headline: str) -> None:
    statement, _ = sign_bulletin(exchange, FIA, text={"en": {"headline": headline}})
    await service.posting.post(post_body(statement, None))


def follow(
    service: Service, exchange: TestExchange, cursor: Cursor | None = None
) -> AsyncIterator[FeedEvent]:
    return service.feeds.follow(ISLAMABAD, exchange.signing(ISLAMABAD).kid, cursor or Cursor())


async def test_a_feed_gives_what_is_there_then_what_comes_and_proves_it_by_heads(
    service: Service, exchange: TestExchange
) -> None:
    await post(service, exchange, "before")
    await service.reading.wait(ISLAMABAD, 0, SECONDS)
    feed = follow(service, exchange)
    first = await upto(feed, "head")
    await post(service, exchange, "after")
    second = await upto(feed, "head")
    items = [event for event in first + second if event.event == "bulletin"]
    assert [item.id for item in items] == [1, 2]
    chain = first_link(exchange.id, exchange.registry.epoch, ISLAMABAD)
    for item in items:
        assert item.data is not None
        entry = read_entry_json(item.data["entry"])
        chain = link(chain, entry.first, entry.last, entry.references)
    assert second[-1].data is not None
    head = read_head(dsse.from_json(second[-1].data).payload)
    assert (head.number, head.chain) == (2, chain)


async def test_an_entry_is_told_once_with_its_first_item_that_is_sent(
    service: Service, exchange: TestExchange
) -> None:
    await service.stop_routing()
    for number in range(3):
        await post(service, exchange, f"Report {number}")
    await service.router.tick()
    events = await upto(follow(service, exchange, Cursor(after=1)), "head")
    told = [("entry" in (event.data or {}), event.id) for event in events if event.event == "bulletin"]
    assert told == [(True, 2), (False, 3)]


async def test_a_feed_holds_little_of_what_its_reader_has_not_taken_and_gives_all_of_it(
    service: Service, exchange: TestExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "WINDOW_BYTES", 8_000)
    await service.stop_routing()
    for number in range(9):
        await post(service, exchange, f"Report {number}")
    await service.router.tick()
    held: list[int] = []
    window = service.reading.window

    async def seen(*asked: Any) -> Window:
        found = await window(*asked)
        held.append(len(found.items))
        return found

    monkeypatch.setattr(service.reading, "window", seen)
    events = await upto(follow(service, exchange), "head")
    told = [("entry" in (event.data or {}), event.id) for event in events if event.event == "bulletin"]
    assert told == [(number == 1, number) for number in range(1, 10)]
    assert 1 <= max(held) < 5


async def test_two_feeds_of_one_agency_each_get_everything(service: Service, exchange: TestExchange) -> None:
    both = [follow(service, exchange) for _ in range(2)]
    for feed in both:
        await upto(feed, "head")
    assert service.feeds.live == 2
    await post(service, exchange, "for both")
    for feed in both:
        assert [event.id for event in await upto(feed, "bulletin")] == [1]


async def test_a_quiet_feed_pings_and_tells_its_head_again(
    service: Service, exchange: TestExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PING_SECONDS", 0.1)
    monkeypatch.setattr(feeds, "HEAD_SECONDS", 0.01)
    feed = follow(service, exchange)
    await upto(feed, "head")
    events = await upto(feed, "ping")
    assert [event.event for event in events] == ["ping"]
    assert (await upto(feed, "head"))[-1].event == "head"


async def test_a_revoked_key_loses_its_feed(
    service: Service, exchange: TestExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PING_SECONDS", 3_600.0)  # it is woken by the registry, or never
    feed, other = follow(service, exchange), service.feeds.follow(MOI, exchange.signing(MOI).kid, Cursor())
    for each in (feed, other):
        await upto(each, "head")
    await publish(service, next_version(exchange, revoked={exchange.signing(ISLAMABAD).kid: clock.now()}))
    notice = (await upto(feed, "notice"))[-1]
    assert notice.data is not None
    assert notice.data["code"] == "revoked-key"
    with pytest.raises(StopAsyncIteration):
        await anext(feed)
    await post(service, exchange, "others go on")
    assert [event.id for event in await upto(other, "bulletin") if event.event == "bulletin"] == [1]


async def test_a_revoked_key_opens_no_feed(service: Service, exchange: TestExchange) -> None:
    await publish(service, next_version(exchange, revoked={exchange.signing(ISLAMABAD).kid: clock.now()}))
    with pytest.raises(RevokedKey):
        await anext(follow(service, exchange))
    assert service.feeds.live == 0


@pytest.mark.parametrize(
    ("cursor", "refusal"),
    [
        pytest.param(Cursor(after=3), CursorNotOurs, id="beyond the end"),
        pytest.param(Cursor(after=0, at=0, chain=b"\1" * 32), RolledBack, id="of another history"),
    ],
)
async def test_a_wrong_cursor_is_refused_before_the_first_event(
    cursor: Cursor, refusal: type[Exception], service: Service, exchange: TestExchange
) -> None:
    with pytest.raises(refusal):
        await anext(follow(service, exchange, cursor))


async def test_a_feed_ends_with_a_notice_when_the_broker_stops(
    service: Service, exchange: TestExchange
) -> None:
    feed = follow(service, exchange)
    await upto(feed, "head")
    service.feeds.stop()
    notice = (await upto(feed, "notice"))[-1]
    assert notice.data is not None
    assert notice.data["code"] == "unavailable"


async def test_a_hundred_feeds_share_one_blocking_connection(
    service: Service, exchange: TestExchange
) -> None:
    many = [follow(service, exchange) for _ in range(100)]
    for feed in many:
        await upto(feed, "head")
    clients = await service.store.connections.reading.client_list()
    blocked = [client for client in clients if client["cmd"] == "xread" and "b" in client["flags"]]
    assert len(blocked) <= 2, "the ticks of all feeds, and the router"
    await post(service, exchange, "for all")
    for feed in many:
        await upto(feed, "bulletin")
    for feed in many:
        await feed.aclose()  # type: ignore[attr-defined]
    assert service.feeds.live == 0
