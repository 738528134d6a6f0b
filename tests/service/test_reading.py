"""Reading an inbox: numbers without gaps, windows, cursors, and who may read what."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from broker.errors import CursorNotOurs, HarkaraError, NotFound, RolledBack, StoreTampered
from broker.protocol.limits import DAY_US
from broker.service import clock, reading
from broker.service.cursor import Cursor
from broker.service.service import Service
from broker.store import names
from broker.store.head import pack_head, unpack_head
from broker.store.records import Body
from broker.store.store import Store
from tests.exchange_fixtures import (
    ACADEMY,
    FIA,
    ISLAMABAD,
    TestExchange,
    next_version,
    post_body,
    sign_bulletin,
)
from tests.service.conftest import publish, start_service
from tests.service.reader import Reader
from tests.waiting import HANG_S


async def post(service: Service, exchange: TestExchange, count: int = 1, **fields: object) -> None:
    """Post `count` different bulletins of FIA, one after another: each has an inbox entry of its own."""
    for number in range(count):
        text = {"en": {"headline": f"Report {number}"}}
        statement, _ = sign_bulletin(exchange, FIA, **{"text": text, **fields})
        await service.posting.post(post_body(statement, None))
        await Reader(service, exchange, ISLAMABAD).items(number + 1)


async def test_an_inbox_is_numbered_without_gaps_and_its_head_is_the_end_of_its_chain(
    service: Service, exchange: TestExchange
) -> None:
    await post(service, exchange, 5)
    reader = Reader(service, exchange, ISLAMABAD)
    page = await service.reading.page(ISLAMABAD, Cursor())
    assert [item.number for item in page.items] == [1, 2, 3, 4, 5]
    head = reader.head_of(page)
    assert (head.number, head.chain, head.agency) == (5, reader.chain_of(page), ISLAMABAD)
    assert (head.registry_version, head.registry_digest) == (
        exchange.registry.version,
        exchange.registry.digest,
    )


async def test_an_empty_inbox_has_a_head_too(service: Service, exchange: TestExchange) -> None:
    page = await service.reading.page(ISLAMABAD, Cursor())
    reader = Reader(service, exchange, ISLAMABAD)
    assert (page.items, reader.head_of(page).number, reader.head_of(page).chain) == (
        (),
        0,
        reader.chain_of(page),
    )


async def test_a_window_gives_whole_entries_and_bodies_only_inside(
    service: Service, exchange: TestExchange
) -> None:
    await service.stop_routing()
    for number in range(5):
        statement, _ = sign_bulletin(exchange, FIA, text={"en": {"headline": f"Report {number}"}})
        await service.posting.post(post_body(statement, None))
    await service.router.tick()  # all five in one entry
    page = await service.reading.page(ISLAMABAD, Cursor(after=2), limit=2)
    assert [item.number for item in page.items] == [3, 4]
    assert [(entry.first, entry.last, len(entry.references)) for entry in page.entries] == [(1, 5, 5)]
    assert page.head is None, "the window does not reach the end"


async def test_a_reader_goes_on_from_its_cursor_and_chain(service: Service, exchange: TestExchange) -> None:
    await post(service, exchange, 3)
    reader = Reader(service, exchange, ISLAMABAD)
    chain = reader.chain_of(await service.reading.page(ISLAMABAD, Cursor(), limit=2))
    page = await service.reading.page(ISLAMABAD, Cursor(after=2, at=2, chain=chain))
    assert [item.number for item in page.items] == [3]


OTHER = b"\1" * 32
CURSORS = [
    pytest.param(Cursor(after=9), CursorNotOurs, "/after", "9", id="beyond the end"),
    pytest.param(Cursor(2, 2, OTHER), RolledBack, "/chain", OTHER.hex(), id="with another chain"),
    pytest.param(Cursor(0, 0, OTHER), RolledBack, "/chain", OTHER.hex(), id="with another beginning"),
    pytest.param(Cursor(7, 7, OTHER), RolledBack, "/at", "7", id="from a longer history"),
]


@pytest.mark.parametrize(("cursor", "refusal", "pointer", "got"), CURSORS)
async def test_a_cursor_is_refused(
    cursor: Cursor,
    refusal: type[HarkaraError],
    pointer: str,
    got: str,
    service: Service,
    exchange: TestExchange,
) -> None:
    await post(service, exchange, 3)
    with pytest.raises(refusal) as raised:
        await service.reading.page(ISLAMABAD, cursor)
    (problem,) = raised.value.problems
    assert (problem.pointer, problem.got) == (pointer, got)
    assert pointer == "/chain" or problem.expected.endswith("at most 3")  # number against number


async def test_who_is_no_member_reads_nothing(service: Service) -> None:
    with pytest.raises(NotFound):
        await service.reading.page("pk.stranger", Cursor())


async def test_a_member_that_was_removed_reads_nothing_more(service: Service, exchange: TestExchange) -> None:
    await post(service, exchange)
    keys = {own.key.kid: clock.now() for own in exchange.identities[ISLAMABAD].keys}
    await publish(service, next_version(exchange, revoked=keys))
    with pytest.raises(NotFound):
        await service.reading.page(ISLAMABAD, Cursor())


async def test_entitlements_that_shrink_withhold_what_is_in_the_inbox_already(
    service: Service, exchange: TestExchange
) -> None:
    await post(service, exchange)
    await publish(service, next_version(exchange, grants={ISLAMABAD: exchange.grants[ACADEMY]}))
    reader = Reader(service, exchange, ISLAMABAD)
    page = await service.reading.page(ISLAMABAD, Cursor())
    (item,) = page.items
    assert (item.number, item.body, item.withheld) == (1, None, "not entitled to this status")
    assert reader.head_of(page).chain == reader.chain_of(page), "the chain stands"


async def test_entitlements_that_grow_do_not_add_to_what_was_decided(
    store: Store, exchange: TestExchange
) -> None:
    service = await start_service(store, exchange)
    await post(service, exchange)
    everything = exchange.grants[FIA]
    await publish(service, next_version(exchange, grants={ACADEMY: everything}))
    assert await Reader(service, exchange, ACADEMY).nothing_comes()
    await service.close()


async def test_a_body_that_expired_and_is_gone_is_withheld_and_one_that_is_missing_too_early_alarms(
    store: Store, exchange: TestExchange
) -> None:
    service = await start_service(store, exchange)
    await post(service, exchange)
    (key,) = await store.connections.reading.keys("{log}:b:*")
    await store.connections.writing.unlink(key)
    await service.close()
    for at, expected in (
        (clock.now, "missing at the broker: call the operator"),
        (lambda: exchange.now + 2 * DAY_US, "expired"),
    ):
        again = await start_service(store, exchange, clock=at)
        page = await again.reading.page(ISLAMABAD, Cursor())
        assert page.items[0].withheld == expected
        await again.close()


async def _drop_middle_entry(store: Store) -> None:
    await store.connections.writing.xdel(names.inbox(ISLAMABAD), "2-0")


async def _drop_end(store: Store) -> None:
    await store.connections.writing.xdel(names.inbox(ISLAMABAD), "3-0")


async def _change_mac(store: Store) -> None:
    await _rewrite(store, {b"m": b"\0" * 32})


async def _change_chain(store: Store) -> None:
    await _rewrite(store, {b"c": b"\0" * 32})


async def _garble_references(store: Store) -> None:
    await _rewrite(store, {b"r": b"\xc1"})


async def _rewrite(store: Store, changes: dict[bytes, bytes]) -> None:
    client, key = store.connections.writing, names.inbox(ISLAMABAD)
    entries = await client.xrange(key)
    await client.delete(key)
    for entry_id, fields in entries:
        await client.xadd(key, fields | (changes if entry_id == b"2-0" else {}), id=entry_id)


TAMPERED = [
    pytest.param(_drop_middle_entry, id="has lost an entry"),
    pytest.param(_change_mac, id="has an entry without our MAC"),
    pytest.param(_change_chain, id="has an entry with another chain"),
    pytest.param(_garble_references, id="has references that cannot be read"),
]


@pytest.mark.parametrize("tamper", TAMPERED)
async def test_nothing_is_served_or_signed_of_an_inbox_that(
    tamper: object, service: Service, exchange: TestExchange
) -> None:
    await post(service, exchange, 3)
    await service.stop_routing()
    await tamper(service.store)  # type: ignore[operator]
    with pytest.raises(StoreTampered):
        await service.reading.page(ISLAMABAD, Cursor())


async def test_no_head_is_signed_when_the_end_of_an_inbox_is_gone(
    service: Service, exchange: TestExchange
) -> None:
    await post(service, exchange, 3)
    await service.stop_routing()
    await _drop_end(service.store)
    page = await service.reading.page(ISLAMABAD, Cursor())
    assert page.head is None


async def test_an_inbox_whose_end_is_gone_is_told_and_keeps_nobody_waiting(
    service: Service, exchange: TestExchange
) -> None:
    await post(service, exchange, 3)
    await service.stop_routing()
    await _drop_end(service.store)
    with pytest.raises(StoreTampered):
        await service.reading.page(ISLAMABAD, Cursor(after=2))
    feed = service.feeds.follow(ISLAMABAD, exchange.signing(ISLAMABAD).kid, Cursor())
    async with asyncio.timeout(HANG_S):
        told = [event async for event in feed]
    assert [event.event for event in told] == ["bulletin", "bulletin", "notice"]
    assert told[-1].data is not None
    assert told[-1].data["code"] == "store-tampered"


HEADS = [
    pytest.param({"chain": b"\1" * 32}, 3, id="with another chain"),
    pytest.param({"number": 9}, 9, id="beyond what the inbox holds"),
    pytest.param({"number": 2}, 2, id="with the number of an earlier entry"),
    pytest.param({"number": 0}, 0, id="before its beginning"),
]


@pytest.mark.parametrize(("forged", "after"), HEADS)
async def test_no_head_is_signed_that_the_store_made_up(
    forged: dict[str, object], after: int, service: Service, exchange: TestExchange
) -> None:
    await post(service, exchange, 3)
    await service.stop_routing()
    heads = names.heads(names.partition_of(ISLAMABAD))
    head = unpack_head(await service.store.connections.reading.hget(heads, ISLAMABAD))
    assert head is not None
    forgery = pack_head(replace(head, **forged))  # type: ignore[arg-type]
    await service.store.connections.writing.hset(heads, ISLAMABAD, forgery)
    with pytest.raises(StoreTampered):
        # A reader that has read so far is given no entry, so nothing but the head itself is there to be held
        # to the inbox.
        await service.reading.page(ISLAMABAD, Cursor(after))


async def test_a_head_that_cannot_be_read_is_the_stores_fault(
    service: Service, exchange: TestExchange
) -> None:
    await post(service, exchange, 1)
    await service.stop_routing()
    heads = names.heads(names.partition_of(ISLAMABAD))
    await service.store.connections.writing.hset(heads, ISLAMABAD, b"\0")
    for read in (service.reading.page(ISLAMABAD, Cursor()), service.reading.wait(ISLAMABAD, 0, 1)):
        with pytest.raises(StoreTampered):
            await read


async def test_a_page_reads_no_more_bodies_than_it_may_give(
    service: Service, exchange: TestExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.stop_routing()
    for number in range(40):
        statement, _ = sign_bulletin(exchange, FIA, text={"en": {"headline": f"Report {number}"}})
        await service.posting.post(post_body(statement, None))
    await service.router.tick()
    monkeypatch.setattr(reading, "FILL_BYTES", 20_000)
    read: list[int] = []
    bodies = service.store.log.bodies

    async def counted(items: Sequence[str]) -> list[Body | None]:
        read.append(len(items))
        return await bodies(items)

    monkeypatch.setattr(service.store.log, "bodies", counted)
    page = await service.reading.page(ISLAMABAD, Cursor(), limit=40)
    assert 1 < len(page.items) < 10
    assert sum(read) <= reading.BODIES_AT_ONCE < 40


async def test_a_long_poll_ends_when_something_comes_and_not_before(
    service: Service, exchange: TestExchange
) -> None:
    waiting = asyncio.create_task(service.reading.wait(ISLAMABAD, 0, 3_600))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await post(service, exchange)
    await asyncio.wait_for(waiting, HANG_S)


async def test_a_body_changed_in_the_store_is_not_served(service: Service, exchange: TestExchange) -> None:
    await service.stop_routing()
    statement, _ = sign_bulletin(exchange, FIA)
    await service.posting.post(post_body(statement, None))
    client = service.store.connections.writing
    (key,) = await client.keys("{log}:b:*")
    body = await client.get(key)
    await client.set(key, body[:-1] + bytes([body[-1] ^ 1]))
    await service.router.tick()
    page = await service.reading.page(ISLAMABAD, Cursor())
    assert page.items[0].body is None
    assert page.items[0].withheld == "missing at the broker: call the operator"
