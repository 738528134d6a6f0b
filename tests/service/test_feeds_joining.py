"""Joining and leaving feeds: each hears of all, also where its broker does not route, whatever others do.

A lost wake would be mended after some seconds, when the one blocking reader looks at the heads again and
feeds ping. Not here: who is not woken hears nothing any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from broker.errors import StoreUnavailable
from broker.service import clock, feeds
from broker.service.cursor import Cursor
from broker.service.feeds import FeedEvent
from broker.service.service import Service
from broker.store import ticks
from broker.store.store import Store
from tests.exchange_fixtures import FIA, TestExchange, make_exchange, post_body, sign_bulletin
from tests.service.conftest import start_service
from tests.waiting import HANG_S

LISTENERS = [f"pk.agency-{number:03}" for number in range(80)]


@pytest.fixture(autouse=True)
def _nothing_but_wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "HEADS_EVERY_S", 3_600.0)
    monkeypatch.setattr(feeds, "PING_SECONDS", 3_600.0)


class FeedEnded(Exception):
    """A feed ended with a notice. Its text is the code."""


@pytest.fixture
def exchange() -> TestExchange:
    """An exchange of many who listen."""
    return make_exchange(clock.now(), agencies=[FIA, *LISTENERS])


@pytest.fixture
async def other(store_url: str, service: Service, exchange: TestExchange) -> AsyncIterator[Service]:
    """A second broker, which does not route: it hears of news by the store alone."""
    async with await Store.open(store_url) as store:
        running = await start_service(store, exchange)
        await running.stop_routing()
        yield running
        await running.close()


def follow(service: Service, exchange: TestExchange, agency: str, after: int = 0) -> AsyncIterator[FeedEvent]:
    return service.feeds.follow(agency, exchange.signing(agency).kid, Cursor(after))


async def post(service: Service, exchange: TestExchange, number: int) -> None:
    text = {"en": {"headline": f"Report {number}"}}
    await service.posting.post(post_body(*sign_bulletin(exchange, FIA, text=text)))


async def next_number(feed: AsyncIterator[FeedEvent]) -> int:
    async with asyncio.timeout(HANG_S):
        async for event in feed:
            if event.id is not None:
                return event.id
            if event.data is not None and event.event == "notice":
                raise FeedEnded(event.data["code"])
    raise AssertionError("the feed ended without a word")


async def test_the_first_item_of_a_feed_that_just_joined_comes(
    service: Service, other: Service, exchange: TestExchange
) -> None:
    for number, agency in enumerate(LISTENERS[:12]):
        feed = follow(other, exchange, agency, after=number)
        assert (await anext(feed)).event == "head"
        await post(service, exchange, number)
        assert await next_number(feed) == number + 1
        await feed.aclose()  # type: ignore[attr-defined]
    assert other.feeds.live == 0


async def test_a_feed_that_leaves_and_joins_again_misses_nothing_in_between(
    service: Service, other: Service, exchange: TestExchange
) -> None:
    seen: list[int] = []
    posting = asyncio.create_task(_post_slowly(service, exchange, 40))
    while len(seen) < 40:
        feed = follow(other, exchange, LISTENERS[0], after=len(seen))
        for _ in range(3 if len(seen) <= 37 else 40 - len(seen)):
            seen.append(await next_number(feed))
        await feed.aclose()  # type: ignore[attr-defined]
    await posting
    assert seen == list(range(1, 41))


async def test_many_feeds_come_and_go_while_items_arrive_and_each_hears_all_once(
    service: Service, other: Service, exchange: TestExchange
) -> None:
    items = 15

    async def listen(place: int, agency: str) -> list[int]:
        seen: list[int] = []
        broker = (service, other)[place % 2]
        while len(seen) < items:
            feed = follow(broker, exchange, agency, after=len(seen))
            try:
                for _ in range(min(1 + place % 6, items - len(seen))):
                    seen.append(await next_number(feed))
            except FeedEnded as ended:
                # A loaded machine has no connection to the store in time: the reader comes again.
                if str(ended) != StoreUnavailable.code:
                    raise
            await feed.aclose()  # type: ignore[attr-defined]
        return seen

    listening = [asyncio.create_task(listen(place, agency)) for place, agency in enumerate(LISTENERS)]
    await _post_slowly(service, exchange, items)
    for seen in await asyncio.gather(*listening):
        assert seen == list(range(1, items + 1))
    assert (service.feeds.live, other.feeds.live) == (0, 0)


async def _post_slowly(service: Service, exchange: TestExchange, items: int) -> None:
    for number in range(items):
        await post(service, exchange, number)
        await asyncio.sleep(0.02)
