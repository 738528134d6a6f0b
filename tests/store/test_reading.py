"""Reading from the store: the entry that holds a number, walking back, bodies and tombstones."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from broker.errors import NotAuthentic, StoreUnavailable
from broker.store import names
from broker.store.log import unpack_body, unpack_entry
from broker.store.records import Appended, Conflicting, Head, InboxEntry, Known, Move, Place, Repeated
from broker.store.store import Store
from tests.store.items import new_item
from tests.stores import Server

C, D = b"c" * 32, b"d" * 32
ENTRIES = tuple(
    InboxEntry(first, last, bytes([last]) * 32, b"m" * 32, b"refs %d" % first)
    for first, last in ((1, 1), (2, 5), (6, 70), (71, 71))
)
END = Head(71, bytes([71]) * 32, "7-0", D, 0, C)


@pytest.fixture
async def filled(store: Store) -> Store:
    """A store in which pk.fia has 71 items in four entries."""
    assert await store.routing.route([Move("pk.fia", None, END, ENTRIES)]) == set()
    return store


@pytest.mark.parametrize(
    ("after", "limit", "expected"),
    [
        pytest.param(0, 10, ENTRIES, id="from the beginning"),
        pytest.param(0, 2, ENTRIES[:2], id="a page"),
        pytest.param(1, 10, ENTRIES[1:], id="after an entry end"),
        pytest.param(3, 10, ENTRIES[1:], id="inside an entry"),
        pytest.param(69, 1, ENTRIES[2:3], id="before the last number of an entry"),
        pytest.param(71, 10, (), id="after the end"),
        pytest.param(10**12, 10, (), id="far after the end"),
    ],
)
async def test_reading_begins_with_the_entry_that_holds_the_next_number(
    filled: Store, after: int, limit: int, expected: tuple[InboxEntry, ...]
) -> None:
    assert tuple(await filled.inboxes.entries("pk.fia", after, limit)) == expected
    assert await filled.inboxes.window("pk.fia", after, limit) == (END, list(expected))


@pytest.mark.parametrize(
    ("number", "holder", "ends_there"),
    [
        pytest.param(1, 0, True, id="an entry of one"),
        pytest.param(2, 1, False, id="the first of an entry"),
        pytest.param(5, 1, True, id="the last of an entry"),
        pytest.param(40, 2, False, id="in the middle of an entry"),
        pytest.param(72, None, False, id="beyond the end"),
    ],
)
async def test_a_number_is_found_in_its_entry(
    filled: Store, number: int, holder: int | None, ends_there: bool
) -> None:
    expected = None if holder is None else ENTRIES[holder]
    found = await filled.inboxes.entries("pk.fia", number - 1, 1)
    assert found == ([] if expected is None else [expected])
    assert await filled.inboxes.entry_ending_at("pk.fia", number) == (expected if ends_there else None)


async def test_walking_back_begins_at_the_number_given(filled: Store) -> None:
    assert await filled.inboxes.entries_before("pk.fia", 70, 2) == [ENTRIES[2], ENTRIES[1]]
    assert await filled.inboxes.entries_before("pk.fia", 69, 9) == [ENTRIES[1], ENTRIES[0]]
    assert await filled.inboxes.ends({"pk.fia": 71, "pk.anf": 1}) == {
        "pk.fia": [ENTRIES[3], ENTRIES[2]],
        "pk.anf": [],
    }


async def test_heads_are_found_in_all_partitions(store: Store) -> None:
    agencies = [f"pk.a{n}" for n in range(50)]
    await store.routing.route([Move(agency, None, END, ENTRIES) for agency in agencies])
    assert await store.inboxes.heads([*agencies, "pk.none"]) == dict.fromkeys(agencies, END) | {
        "pk.none": None
    }
    assert await store.inboxes.head("pk.none") is None


async def test_an_item_is_known_without_moving_its_body(store: Store) -> None:
    item = new_item(1, sealed=b"s" * 100_000)
    await store.committer.commit(item)
    known, unknown = await store.log.known([item.item, "pk.fia/none"])
    assert known == Known((await store.routing.read(1)).entries[0].position, item.stmt, item.stamp, False)
    assert unknown is None
    assert await store.log.known([]) == await store.log.bodies([]) == []


async def test_a_tombstone_keeps_what_a_repeat_needs(store: Store, server: Server) -> None:
    item = new_item(1)
    await store.committer.commit(item)
    with server.client() as client:
        packed = client.get(names.body(item.item))
        assert isinstance(packed, bytes)
        client.set(names.body(item.item), packed.replace(b"|B", b"|T", 1).replace(item.sealed, b"why"))
    [body] = await store.log.bodies([item.item])
    assert body is not None
    assert (body.erased, body.sealed, body.stamp) == (True, b"why", item.stamp)
    [known] = await store.log.known([item.item])
    assert known is not None
    assert known.erased


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"1-0", id="no form"),
        pytest.param(b"1-0|X" + b"s" * 32 + b"\0\0\0\0", id="an unknown form"),
        pytest.param(b"1-0|B" + b"s" * 31, id="cut in the digest"),
        pytest.param(b"1-0|B" + b"s" * 32 + b"\0\0\0\x05abcd", id="cut in the stamp"),
    ],
)
def test_a_body_of_another_form_is_refused(packed: bytes) -> None:
    with pytest.raises(NotAuthentic):
        unpack_body(packed)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([], id="no fields"),
        pytest.param([b"i", b"pk.fia/1", b"k", b"bulletin", b"d", D], id="no expiry"),
        pytest.param(
            [b"i", b"pk.fia/1", b"k", b"bulletin", b"d", D, b"x", b"soon"], id="an expiry that is none"
        ),
        pytest.param([b"i", b"\xff", b"k", b"bulletin", b"d", D, b"x", b"1"], id="an id that is no text"),
    ],
)
def test_an_entry_of_another_form_has_no_name_and_no_decision(fields: list[bytes]) -> None:
    entry = unpack_entry(b"1-0", fields, b"decision", b"recipients")
    assert (entry.position, entry.item, entry.decision, entry.recipients) == ("1-0", "", None, None)


async def test_a_garbled_body_withholds_no_other(store: Store, server: Server) -> None:
    for n in range(3):
        await store.committer.commit(new_item(n))
    with server.client() as client:
        client.set(names.body(new_item(1).item), b"garbled")
    items = [new_item(n).item for n in range(3)]
    assert [body is None for body in await store.log.bodies(items)] == [False, True, False]
    assert [known is not None and known.stmt for known in await store.log.known(items)] == [
        new_item(0).stmt,
        b"",
        new_item(2).stmt,
    ]
    group = [store.committer.commit(item) for item in (new_item(0), new_item(1), new_item(3))]
    outcomes = await asyncio.gather(*group)
    assert [type(outcome) for outcome in outcomes] == [Repeated, Conflicting, Appended]


async def test_a_garbled_head_withholds_no_other(filled: Store, server: Server) -> None:
    neighbour = next(
        agency
        for agency in (f"pk.a{n}" for n in range(1000))
        if names.partition_of(agency) == names.partition_of("pk.fia")
    )
    with server.client() as client:
        client.hset(names.heads(names.partition_of(neighbour)), neighbour, "garbled")
    assert await filled.inboxes.agencies() == {"pk.fia", neighbour}
    assert (await filled.inboxes.packed_heads([neighbour, "pk.none"])) == {
        neighbour: b"garbled",
        "pk.none": None,
    }
    with pytest.raises(NotAuthentic):
        await filled.inboxes.head(neighbour)


@pytest.mark.parametrize("field", ["f", "c", "m", "r"])
async def test_an_inbox_entry_of_another_form_is_given_with_what_it_lacks_left_empty(
    filled: Store, server: Server, field: str
) -> None:
    fields: Any = {"f": "72", "c": "c", "m": "m", "r": "r"}
    del fields[field]
    with server.client() as client:
        client.xadd(names.inbox("pk.fia"), fields, id="72-0")
    [entry] = await filled.inboxes.entries("pk.fia", 71, 9)
    assert entry.last == 72
    assert not {"f": entry.first, "c": entry.chain, "m": entry.mac, "r": entry.references}[field]


async def test_places_are_held_by_digest_and_what_was_trimmed_counts_as_held(
    store: Store, server: Server
) -> None:
    for n in range(4):
        await store.committer.commit(new_item(n))
    entries = (await store.routing.read(9)).entries
    places = [Place(entry.position, entry.digest) for entry in entries]
    later = Place("9999999999999-0", places[0].digest)
    assert (
        await store.routing.holds([*places, Place(places[0].position, D), later]) == [True] * 4 + [False] * 2
    )
    with server.client() as client:
        client.xtrim(names.LOG, minid=places[2].position, approximate=False)
    assert await store.routing.holds([*places, later]) == [True] * 4 + [False]
    assert await store.routing.holds([]) == []


async def test_every_read_says_that_the_store_is_gone() -> None:
    with Server() as own:
        async with await Store.open(own.url) as store:
            own.kill()
            for read in (
                store.log.bodies(["a/1"]),
                store.log.known(["a/1"]),
                store.log.receipts("a/1"),
                store.inboxes.heads(["pk.fia"]),
                store.inboxes.agencies(),
                store.inboxes.entries("pk.fia", 0, 1),
                store.members.standing(),
                store.members.subscriptions(),
                store.routing.read(1),
                store.routing.lag(),
                store.usage(),
                store.check(),
            ):
                with pytest.raises(StoreUnavailable):
                    await read
