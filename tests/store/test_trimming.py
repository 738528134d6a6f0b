"""Trimming in the store: what has expired goes; what has not, or is not routed, stays."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import cast

import pytest

from broker.store import names
from broker.store.records import BEGINNING, Appended, Head, InboxEntry, Move, Place, Repeated, RoutedItem
from broker.store.store import Store
from tests.store.items import EXPIRES_AT, new_item
from tests.stores import Server
from tests.waiting import until

PAST = 1_000_000
NOW = 2_000_000
C, D = b"c" * 32, b"d" * 32
ENTRIES = tuple(
    InboxEntry(first, last, bytes([last]) * 32, b"m" * 32, b"refs")
    for first, last in ((1, 2), (3, 3), (4, 6))
)
HEAD = Head(6, bytes([6]) * 32, "7-0", D, 0, C)
TRIMMED = replace(
    HEAD, floor_number=3, floor_chain=bytes([3]) * 32, floor_position="5-1", floor_mac=b"f" * 32
)


async def fill(store: Store, expiries: list[int], routed: int) -> list[str]:
    """Append an item for each expiry and route the first few. Gives their names."""
    items = [new_item(n, expires_at=expires) for n, expires in enumerate(expiries)]
    for item in items:
        assert isinstance(await store.committer.commit(item), Appended)
    entries = (await store.routing.read(99)).entries[:routed]
    if entries:
        last = entries[-1]
        records = [RoutedItem(entry.item, b"recipients") for entry in entries]
        place = Place(last.position, last.digest)
        await store.routing.advance(BEGINNING, place, {}, records, [], entries=len(entries))
    return [item.item for item in items]


async def in_log(store: Store) -> list[str]:
    return [entry.item for entry in await store.routing.entries_after(BEGINNING, 99)]


async def erased(store: Store, items: list[str]) -> list[bool]:
    return [body is not None and body.erased for body in await store.log.bodies(items)]


async def test_a_sweep_leaves_a_tombstone_that_still_answers_a_repeat(store: Store) -> None:
    items = await fill(store, [PAST], 1)
    (before,) = await store.log.bodies(items)
    assert (await store.trimming.sweep(BEGINNING, 9, NOW)).erased == 1
    (after,) = await store.log.bodies(items)
    assert before is not None
    assert after == replace(before, sealed=b"expired", erased=True)
    assert await store.log.openings(items) == [None]
    assert await store.log.recipients(items) == [b"recipients"]  # the originator may still ask, and cancel
    assert isinstance(await store.committer.commit(new_item(0, expires_at=PAST)), Repeated)
    assert (await store.trimming.sweep(BEGINNING, 9, NOW)).erased == 0


@pytest.mark.parametrize(
    ("expiries", "routed", "expected"),
    [
        pytest.param([PAST, EXPIRES_AT, PAST], 3, [True, False, True], id="what has not expired"),
        pytest.param([PAST, PAST, PAST], 1, [True, False, False], id="what is not routed"),
        pytest.param([PAST, PAST], 0, [False, False], id="a log of which nothing is routed"),
        pytest.param([NOW + 1], 1, [False], id="what expires later"),
    ],
)
async def test_a_sweep_leaves_alone(
    store: Store, expiries: list[int], routed: int, expected: list[bool]
) -> None:
    items = await fill(store, expiries, routed)
    assert (await store.trimming.sweep(BEGINNING, 9, NOW)).position is None
    assert await erased(store, items) == expected


async def test_a_sweep_goes_on_where_it_stopped(store: Store) -> None:
    items = await fill(store, [PAST] * 3, 3)
    step = await store.trimming.sweep(BEGINNING, 2, NOW)
    assert await erased(store, items) == [True, True, False]
    assert step.position is not None
    assert (await store.trimming.sweep(step.position, 2, NOW)).position is None
    assert await erased(store, items) == [True] * 3


async def test_a_sweep_passes_over_bodies_that_are_not_ours(store: Store, server: Server) -> None:
    items = await fill(store, [PAST] * 3, 3)
    with server.client() as client:
        client.set(names.body(items[0]), b"garbled")
        client.unlink(names.body(items[1]))
        assert (await store.trimming.sweep(BEGINNING, 9, NOW)).erased == 1
        assert client.get(names.body(items[0])) == b"garbled"
        assert not client.exists(names.body(items[1]))


@pytest.mark.parametrize(
    ("expiries", "routed", "kept"),
    [
        pytest.param([PAST] * 4, 4, [3], id="at the routed position"),
        pytest.param([PAST] * 4, 2, [1, 2, 3], id="beyond the routed position"),
        pytest.param([PAST] * 2, 0, [0, 1], id="with nothing routed"),
        pytest.param([EXPIRES_AT, PAST, PAST], 3, [0, 1, 2], id="behind what has not expired"),
        pytest.param([PAST, EXPIRES_AT, PAST, PAST], 4, [1, 2, 3], id="from what has not expired on"),
    ],
)
async def test_the_log_is_not_trimmed(
    store: Store, expiries: list[int], routed: int, kept: list[int]
) -> None:
    items = await fill(store, expiries, routed)
    removed = await store.trimming.trim_log(99, NOW)
    assert removed == len(items) - len(kept)
    assert await in_log(store) == [items[n] for n in kept]
    bodies = await store.log.bodies(items)
    assert [n for n, body in enumerate(bodies) if body is not None] == kept
    assert await store.trimming.trim_log(99, NOW) == 0


async def test_all_that_belongs_to_what_was_trimmed_is_gone(store: Store, server: Server) -> None:
    items = await fill(store, [PAST] * 41, 41)
    with server.client() as client:
        client.sadd(names.receipts(items[0]), "pk.a/1")
        used = client.dbsize()
        assert used > 3 * 41
        assert [await store.trimming.trim_log(25, NOW) for _ in range(3)] == [25, 15, 0]
        left = {key.decode() for key in cast("list[bytes]", client.keys("{log}*"))}
        last = items[-1]
        own = {names.body(last), names.opening(last), names.recipients(last)}
        assert left == {names.LOG, names.STATE, *own}
        assert client.xlen(names.LOG) == 1


async def test_the_router_goes_on_in_a_trimmed_log(store: Store) -> None:
    await fill(store, [PAST] * 3, 3)
    view = await store.routing.read(9)
    await store.trimming.trim_log(99, NOW)
    assert (await store.routing.read(9)).routed == view.routed
    assert (await store.routing.lag()).entries == 0
    assert isinstance(await store.committer.commit(new_item(7)), Appended)
    assert [entry.item for entry in (await store.routing.read(9)).entries] == [new_item(7).item]
    assert (await store.routing.lag()).entries == 1


async def test_an_inbox_is_trimmed_and_its_floor_written_in_one_step(store: Store) -> None:
    await store.routing.route([Move("pk.fia", None, HEAD, ENTRIES)])
    assert await store.trimming.trim_inbox("pk.fia", HEAD, TRIMMED)
    assert await store.inboxes.window("pk.fia", 0, 9) == (TRIMMED, [ENTRIES[2]])
    assert not await store.trimming.trim_inbox("pk.fia", HEAD, TRIMMED)


@pytest.mark.parametrize(
    "expected",
    [
        pytest.param(replace(HEAD, number=7), id="another number"),
        pytest.param(replace(HEAD, chain=C), id="another chain"),
        pytest.param(replace(HEAD, position="8-0"), id="another position"),
        pytest.param(replace(HEAD, digest=C), id="another digest"),
        pytest.param(replace(HEAD, floor_chain=D), id="another floor"),
    ],
)
async def test_an_inbox_with_another_head_is_not_trimmed(store: Store, expected: Head) -> None:
    await store.routing.route([Move("pk.fia", None, HEAD, ENTRIES)])
    assert not await store.trimming.trim_inbox("pk.fia", expected, TRIMMED)
    assert await store.inboxes.window("pk.fia", 0, 9) == (HEAD, list(ENTRIES))


@pytest.mark.parametrize("floor", [0, 6, 7], ids=["where it is", "at the end", "beyond the end"])
async def test_a_floor_does_not_rise_to(store: Store, floor: int) -> None:
    with pytest.raises(ValueError, match="floor"):
        await store.trimming.trim_inbox("pk.fia", HEAD, replace(TRIMMED, floor_number=floor))


async def test_a_server_with_full_memory_still_trims(store: Store, server: Server) -> None:
    items = await fill(store, [PAST] * 3, 3)
    await store.routing.route([Move("pk.fia", None, HEAD, ENTRIES)])
    with server.client() as client:
        client.config_set("maxmemory", 1)
        try:
            assert (await store.trimming.sweep(BEGINNING, 9, NOW)).erased == 3
            assert await store.trimming.trim_log(9, NOW) == 2
            assert await store.trimming.trim_inbox("pk.fia", HEAD, TRIMMED)
        finally:
            client.config_set("maxmemory", 0)
    assert await in_log(store) == items[2:]


async def test_what_was_erased_leaves_the_file_when_it_is_rewritten(store: Store, server: Server) -> None:
    items = await fill(store, [PAST], 1)
    (body,) = await store.log.bodies(items)
    assert body is not None
    assert in_files(server, body.sealed)
    await store.trimming.sweep(BEGINNING, 9, NOW)
    assert in_files(server, body.sealed)
    await store.trimming.rewrite()
    await store.trimming.rewrite()  # what is under way already is let be
    await until(lambda: not in_files(server, body.sealed))
    assert [one is not None for one in await store.log.known(items)] == [True]


def in_files(server: Server, content: bytes) -> bool:
    """Tell whether some bytes stand in a file of the store."""
    for path in server.directory.rglob("*"):
        with suppress(FileNotFoundError):  # a rewrite has files of its own for a moment
            if path.is_file() and content in path.read_bytes():
                return True
    return False
