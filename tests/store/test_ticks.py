"""Ticks: one reader wakes the feeds that have news, and nothing is lost when a tick is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from broker.store import names, ticks
from broker.store.records import Head, InboxEntry, Move
from broker.store.store import Store
from broker.store.ticks import TICKS_KEPT
from tests.proxies import Proxy
from tests.stores import Server
from tests.waiting import HANG_S, until


def one_item(agency: str, expected: Head | None = None) -> Move:
    """Give a move that puts one more item into an inbox, without telling anybody."""
    number = expected.number + 1 if expected else 1
    head = Head(number, bytes([number]) * 32, f"{number}-0", b"d" * 32, 0, b"c" * 32)
    return Move(agency, expected, head, (InboxEntry(number, number, head.chain, b"m" * 32, b"r"),))


async def reading(store: Store) -> None:
    """Wait until the reader has its place in the stream of ticks and has read the heads."""

    async def blocked() -> bool:
        clients = await store.connections.reading.client_list()
        return any(client["cmd"] == "xread" and "b" in client["flags"] for client in clients)

    await until(blocked)


async def test_a_watch_is_woken_by_news_of_its_agency_alone(store: Store) -> None:
    with (
        store.ticks.watch("pk.fia") as fia,
        store.ticks.watch("pk.anf") as anf,
        store.ticks.watch("pk.fia") as too,
    ):
        await reading(store)
        await store.routing.announce(["pk.fia", "pk.nab"])
        assert await fia.wait(HANG_S)
        assert await too.wait(HANG_S)
        assert not await anf.wait(0.05)
        assert not await fia.wait(0.05), "one tick wakes once"


async def test_news_that_comes_before_the_wait_is_not_lost(store: Store) -> None:
    with store.ticks.watch("pk.fia") as watch:
        await reading(store)
        await store.routing.announce(["pk.fia"])
        await until(watch._news.is_set)
        assert await watch.wait(HANG_S)
        assert not await watch.wait(0.01), "it was the news of before"


async def test_a_closed_watch_is_forgotten(store: Store) -> None:
    watch = store.ticks.watch("pk.fia")
    watch.close()
    watch.close()
    store.ticks.wake(["pk.fia"])
    assert not await watch.wait(0.01)


async def test_feeds_join_and_leave_without_a_command(store: Store, server: Server) -> None:
    with server.client() as client:
        await reading(store)
        client.config_resetstat()
        watches = [store.ticks.watch(f"pk.a{n}") for n in range(1000)]
        for watch in watches:
            watch.close()
        assert not {key for key in client.info("commandstats") if "xread" in key or "hmget" in key}


async def test_a_tick_that_never_came_delays_a_feed_by_five_seconds_at_most(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "HEADS_EVERY_S", 0.5)
    async with await Store.open(store_url) as store:
        with store.ticks.watch("pk.fia") as watch:
            await reading(store)
            await store.routing.route([one_item("pk.fia")])
            assert await watch.wait(HANG_S)


def test_heads_are_read_again_every_five_seconds() -> None:
    assert ticks.HEADS_EVERY_S == 5.0


async def test_a_reader_whose_place_was_trimmed_reads_the_heads_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "HEADS_EVERY_S", 3_600.0)
    async with Proxy(server.socket) as proxy, await Store.open(proxy.url) as store:
        await store.routing.announce(["pk.other"])
        with store.ticks.watch("pk.fia") as watch:
            await reading(store)
            proxy.hold()
            with server.client() as client:
                async with await Store.open(server.url) as other:
                    await other.routing.route([one_item("pk.fia")])
                for _ in range(TICKS_KEPT + 500):
                    client.xadd(names.TICKS, {"a": "pk.other"})
                client.xtrim(names.TICKS, maxlen=TICKS_KEPT, approximate=False)
            proxy.release()
            assert await watch.wait(HANG_S)


async def test_a_reader_goes_on_when_the_store_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "HEADS_EVERY_S", 0.5)  # whether the item or the reader was there first
    with Server() as server:
        async with await Store.open(server.url) as store:
            with store.ticks.watch("pk.fia") as watch:
                await reading(store)
                server.kill()
                server.start()
                async with await Store.open(server.url) as other:
                    await other.routing.route([one_item("pk.fia")])
                assert await watch.wait(HANG_S)
                await store.routing.announce(["pk.fia"])
                assert await watch.wait(HANG_S)


async def test_a_reader_is_not_hung_up_by_a_server_that_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.store.connection.BLOCKING_TIMEOUT_S", 0.5)
    with Server() as server:
        async with await Store.open(server.url) as store:
            with store.ticks.watch("pk.fia") as watch:
                await reading(store)
                server.pause()
                await asyncio.sleep(0.8)
                server.resume()
                assert not await watch.wait(0.2)
                await store.routing.announce(["pk.fia"])
                assert await watch.wait(HANG_S)


async def test_each_registry_is_told_once(store: Store) -> None:
    told: list[int] = []
    store.ticks.on_registry(told.append)
    await reading(store)
    for version in (3, 4, 4, 2):
        await store.members.publish_registry(version, b"registry")
    await until(lambda: len(told) >= 2)
    await asyncio.sleep(0.1)  # for what must not come
    assert told == [3, 4]


async def test_a_registry_that_was_there_before_is_told_to_a_new_process(
    store: Store, store_url: str
) -> None:
    await store.members.publish_registry(5, b"registry")
    other = Store(store_url)
    told: list[int] = []
    other.ticks.on_registry(told.append)
    other.ticks.start()
    await until(lambda: told != [])
    await other.ticks.close()
    await other.connections.close()
    assert told == [5]


async def test_garbled_ticks_do_not_stop_the_reader(store: Store, server: Server) -> None:
    with store.ticks.watch("pk.fia") as watch, server.client() as client:
        await reading(store)
        garbled: Any = ({"v": "no number"}, {"a": b"\xff\xfe"}, {"z": "z"})
        for fields in garbled:
            client.xadd(names.TICKS, fields)
        client.hset(names.STATE, "registry", "no number")
        assert not await watch.wait(0.1)
        await store.routing.announce(["pk.fia"])
        assert await watch.wait(HANG_S)
