"""Calling scripts: declared, one slot each, and no gap when the server forgets them."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from redis.exceptions import OutOfMemoryError, ResponseError

from broker.store import names
from broker.store.script_call import Script
from broker.store.store import Store
from tests.store.items import new_item
from tests.stores import Server

ALL_SCRIPTS = (
    *("append", "read", "route", "advance", "sweep", "trim_log", "trim_inbox", "holds", "lag", "window"),
    *("begin", "publish", "raise", "lease"),
)


@pytest.mark.parametrize("name", ALL_SCRIPTS)
def test_every_script_declares_itself_so_that_it_cannot_span_two_slots(name: str) -> None:
    assert Script(name).text.startswith(b"#!lua")


@pytest.mark.parametrize("name", ["route", "advance", "publish", "sweep", "trim_log", "trim_inbox"])
def test_what_must_travel_when_memory_is_full_says_so(name: str) -> None:
    assert Script(name).text.startswith(b"#!lua flags=allow-oom\n")


@pytest.mark.parametrize("name", ["read", "holds", "lag", "window"])
def test_what_only_reads_says_so(name: str) -> None:
    assert Script(name).text.startswith(b"#!lua flags=no-writes\n")


def test_what_takes_new_items_does_not_run_when_memory_is_full() -> None:
    assert Script("append").text.startswith(b"#!lua\n")


async def test_a_server_that_forgets_its_scripts_leaves_no_gap(store: Store, server: Server) -> None:
    async def forget() -> None:
        with server.client() as client:
            while True:
                client.script_flush()
                client.script_load(Script("read").text)
                await asyncio.sleep(0)

    forgetting = asyncio.create_task(forget())
    for start in range(0, 1500, 100):
        await asyncio.gather(*(store.committer.commit(new_item(n)) for n in range(start, start + 100)))
    forgetting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await forgetting
    entries = await store.routing.entries_after("0-0", 2000)
    assert [entry.item for entry in entries] == [new_item(n).item for n in range(1500)]


async def test_calls_sent_together_all_run_though_the_server_forgot_the_script(
    store: Store, server: Server
) -> None:
    script = Script("raise")
    calls = [([names.SUBSCRIPTIONS], [f"pk.a{n}", 1, b"x"]) for n in range(50)]
    with server.client() as client:
        client.script_flush()
    replies = await script.together(store.connections.writing, calls)
    assert [reply[0] for reply in replies] == [1] * 50
    assert len(await store.members.subscriptions()) == 50


async def test_a_script_that_fails_among_others_is_told(store: Store) -> None:
    script = Script("raise")
    calls = [([names.SUBSCRIPTIONS], ["pk.a", 1, b"x"]), ([names.SUBSCRIPTIONS], ["pk.b", "no number", b"x"])]
    await script.together(store.connections.writing, calls[:1])
    with pytest.raises(ResponseError):
        await script.together(store.connections.writing, [calls[0], ([names.LOG + "x"], [])])


async def test_other_errors_of_the_server_pass_through(store: Store, server: Server) -> None:
    with server.client() as client:
        client.config_set("maxmemory", 1)
    with pytest.raises(OutOfMemoryError):
        await Script("begin")(store.connections.writing, [names.STATE, names.LOG], [b"e" * 16])
