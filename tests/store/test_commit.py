"""Group commit: right answers for each caller, nothing written twice, whatever is lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

import pytest

from broker.errors import HarkaraError, OutcomeUnknown, StoreUnavailable, UnsafeConfiguration
from broker.store import commit, names, routing
from broker.store.commit import GROUP_ITEMS, STAMP_TOLERANCE_US
from broker.store.log import STAMP_LIMIT_BYTES
from broker.store.records import Appended, Conflicting, Repeated, StaleRegistry, StaleStamp
from broker.store.store import Store
from tests.ports import free_port
from tests.proxies import NthBurst, Proxy
from tests.store.items import TAKEN_AT, new_item
from tests.stores import Server
from tests.waiting import HANG_S, until


def accepted_entries(server: Server) -> list[str]:
    with server.client() as client:
        entries: Any = client.xrange(names.LOG)
    return [fields[b"i"].decode() for _, fields in entries]


async def test_an_accepted_item_is_in_the_log_with_all_that_belongs_to_it(store: Store) -> None:
    item = new_item(1)
    outcome = await store.committer.commit(item)
    assert isinstance(outcome, Appended)

    [body] = await store.log.bodies([item.item])
    assert body is not None
    assert (body.position, body.stmt, body.stamp, body.sealed) == (
        outcome.position,
        item.stmt,
        item.stamp,
        item.sealed,
    )
    assert await store.log.decisions([item.item]) == [item.decision]
    assert await store.log.openings([item.item]) == [item.opening]
    [entry] = (await store.routing.read(10)).entries
    assert (entry.position, entry.item, entry.kind) == (outcome.position, item.item, item.kind)
    assert (entry.digest, entry.expires_at) == (item.digest, item.expires_at)


async def test_a_group_with_a_repeat_a_conflict_and_a_cancelled_caller_gets_the_right_answers(
    store: Store, server: Server
) -> None:
    first = new_item(1)
    callers = [
        asyncio.create_task(store.committer.commit(item))
        for item in (
            first,
            new_item(1, stamp=b"another stamp", sealed=b"sealed again"),
            new_item(1, stmt=b"x" * 32, stamp=b"a third stamp"),
            new_item(2),
        )
    ]
    await asyncio.sleep(0)
    callers[3].cancel()
    new, repeat, conflict, cancelled = await asyncio.gather(*callers, return_exceptions=True)

    assert isinstance(new, Appended)
    assert repeat == Repeated(new.position, first.stamp)
    assert conflict == Conflicting(new.position)
    assert isinstance(cancelled, asyncio.CancelledError)
    await store.committer.commit(new_item(3))  # its group comes after the cancelled one's
    assert accepted_entries(server) == [first.item, new_item(2).item, new_item(3).item]


async def test_a_lost_reply_is_asked_for_once_more_and_writes_nothing_twice(server: Server) -> None:
    async with Proxy(server.socket) as proxy, await Store.open(proxy.url) as store:
        await store.committer.commit(new_item(1))
        proxy.judge = NthBurst(0, "lose reply")
        outcome = await store.committer.commit(new_item(2))
        assert isinstance(outcome, Appended)
    assert accepted_entries(server) == [new_item(1).item, new_item(2).item]


async def test_a_lost_request_is_sent_once_more(server: Server) -> None:
    async with Proxy(server.socket) as proxy, await Store.open(proxy.url) as store:
        await store.committer.commit(new_item(1))
        proxy.judge = NthBurst(0, "lose request")
        assert isinstance(await store.committer.commit(new_item(2)), Appended)
    assert accepted_entries(server) == [new_item(1).item, new_item(2).item]


async def test_a_repeat_whose_first_reply_was_lost_still_gets_the_first_stamp(server: Server) -> None:
    async with Proxy(server.socket) as proxy, await Store.open(proxy.url) as store:
        await store.committer.commit(new_item(1))
        proxy.judge = NthBurst(0, "lose reply")
        outcome = await store.committer.commit(new_item(1, stamp=b"a later stamp"))
    assert isinstance(outcome, Repeated)
    assert outcome.stamp == new_item(1).stamp


async def test_after_two_failures_the_outcome_is_unknown_to_every_caller(server: Server) -> None:
    async with Proxy(server.socket) as proxy, await Store.open(proxy.url) as store:
        await store.committer.commit(new_item(1))
        proxy.judge = lambda burst: "lose reply" if b"pk.fia/" in burst else "pass"
        calls = [store.committer.commit(new_item(n)) for n in (2, 3)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(answer) for answer in answers] == [OutcomeUnknown, OutcomeUnknown]
        assert answers[0] is not answers[1]

        proxy.judge = lambda _: "pass"
        repeat = await store.committer.commit(new_item(2, stamp=b"a later stamp"))
    assert isinstance(repeat, Repeated)
    assert accepted_entries(server) == [new_item(n).item for n in (1, 2, 3)]


async def test_a_store_that_is_gone_is_unknown_at_first_and_recovers_by_itself() -> None:
    with Server() as server:
        async with await Store.open(server.url) as store:
            await store.committer.commit(new_item(1))
            server.kill()
            with pytest.raises(OutcomeUnknown):
                await store.committer.commit(new_item(2))
            server.start()
            assert isinstance(await store.committer.commit(new_item(3)), Appended)
        assert accepted_entries(server) == [new_item(1).item, new_item(3).item]


async def test_a_store_that_became_unsafe_is_not_written_to_after_a_reconnect() -> None:
    with Server() as server:
        async with await Store.open(server.url) as store:
            await store.committer.commit(new_item(1))
            with server.client() as client:
                client.config_set("appendfsync", "everysec")
                client.client_kill_filter(_type="normal", skipme=True)
            with pytest.raises(UnsafeConfiguration) as caught:
                await store.committer.commit(new_item(2))
            assert [problem.pointer for problem in caught.value.problems] == ["/appendfsync"]
            with server.client() as client:
                client.config_set("appendfsync", "always")
            assert isinstance(await store.committer.commit(new_item(2)), Appended)
        assert accepted_entries(server) == [new_item(1).item, new_item(2).item]


async def test_a_full_memory_refuses_a_group_whole_and_says_that_nothing_was_written(
    store: Store, server: Server
) -> None:
    await store.committer.commit(new_item(1))
    with server.client() as client:
        client.config_set("maxmemory", 1)
    calls = [store.committer.commit(new_item(n)) for n in (2, 3)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(type(answer) is StoreUnavailable for answer in answers)
    assert accepted_entries(server) == [new_item(1).item]
    assert await store.log.bodies([new_item(2).item]) == [None]
    usage = await store.usage()
    assert usage.maximum_bytes == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"registry_version": 6}, StaleRegistry(7), id="decided under an older registry"),
        pytest.param(
            {"taken_at": TAKEN_AT - STAMP_TOLERANCE_US - 1},
            StaleStamp(TAKEN_AT - STAMP_TOLERANCE_US),
            id="stamped longer ago than the tolerance",
        ),
    ],
)
async def test_a_stale_item_is_told_so_and_the_others_of_its_group_are_taken(
    store: Store, server: Server, changes: dict[str, Any], expected: Any
) -> None:
    await store.members.publish_registry(7, b"registry")
    await store.committer.commit(new_item(1, registry_version=7))
    group = [new_item(2, registry_version=7), new_item(3, **{"registry_version": 7} | changes)]
    fresh, stale = await asyncio.gather(*(store.committer.commit(item) for item in group))
    assert isinstance(fresh, Appended)
    assert stale == expected
    assert accepted_entries(server) == [new_item(1).item, new_item(2).item]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"registry_version": 8}, id="decided under a registry that the store does not know yet"),
        pytest.param({"taken_at": TAKEN_AT - STAMP_TOLERANCE_US}, id="stamped exactly the tolerance ago"),
        pytest.param({"taken_at": TAKEN_AT + 10**12}, id="stamped far ahead"),
    ],
)
async def test_an_item_that_is_not_stale_is_taken(store: Store, changes: dict[str, Any]) -> None:
    await store.members.publish_registry(7, b"registry")
    await store.committer.commit(new_item(1, registry_version=7))
    item = new_item(2, **{"registry_version": 7} | changes)
    assert isinstance(await store.committer.commit(item), Appended)


async def test_a_repeat_gets_its_first_answer_however_stale_it_is(store: Store) -> None:
    first = await store.committer.commit(new_item(1))
    assert isinstance(first, Appended)
    await store.members.publish_registry(9, b"registry")
    repeat = await store.committer.commit(new_item(1, taken_at=1, registry_version=1, stamp=b"again"))
    assert repeat == Repeated(first.position, new_item(1).stamp)


async def test_the_time_of_the_last_stamp_never_goes_back(store: Store) -> None:
    await store.committer.commit(new_item(1))
    await store.committer.commit(new_item(2, taken_at=TAKEN_AT - 1_000_000))
    assert (await store.members.standing()).taken_at == TAKEN_AT


async def test_a_receipt_is_filed_under_its_bulletin_once(store: Store) -> None:
    await store.committer.commit(new_item(1))
    receipt = new_item(2, item="pk.anf/r", kind="receipt", receipt_of=new_item(1).item, opening=b"")
    for _ in range(2):
        await store.committer.commit(receipt)
    assert await store.log.receipts(new_item(1).item) == ["pk.anf/r"]
    assert await store.log.receipts(new_item(2).item) == []
    assert await store.log.openings(["pk.anf/r"]) == [None]


async def test_requests_that_wait_are_written_in_groups(store: Store, server: Server) -> None:
    with server.client() as client:
        client.config_resetstat()
        await asyncio.gather(*(store.committer.commit(new_item(n)) for n in range(3 * GROUP_ITEMS)))
        calls: Any = client.info("commandstats")
    assert calls["cmdstat_evalsha"]["calls"] <= 5
    assert accepted_entries(server) == [new_item(n).item for n in range(3 * GROUP_ITEMS)]


async def test_a_group_is_at_most_a_mebibyte(store: Store, server: Server) -> None:
    with server.client() as client:
        client.config_resetstat()
        big = b"s" * 400 * 1024
        await asyncio.gather(*(store.committer.commit(new_item(n, sealed=big)) for n in range(6)))
        calls: Any = client.info("commandstats")
    assert calls["cmdstat_evalsha"]["calls"] >= 3


async def test_closing_writes_what_waits_and_refuses_what_comes(store_url: str, server: Server) -> None:
    store = await Store.open(store_url)
    waiting = [asyncio.create_task(store.committer.commit(new_item(n))) for n in range(100)]
    await asyncio.sleep(0)
    await store.close()
    assert all(isinstance(task.result(), Appended) for task in waiting)
    assert len(accepted_entries(server)) == 100
    with pytest.raises(StoreUnavailable):
        await store.committer.commit(new_item(200))


async def test_when_the_committer_ends_by_a_fault_nobody_waits_for_ever(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit, "GROUP_ITEMS", 1)

    async def fault(*_: object) -> None:
        raise ZeroDivisionError

    async with await Store.open(store_url) as store:
        monkeypatch.setattr(store.committer, "_append", fault)
        async with asyncio.timeout(HANG_S):
            for numbers in (range(3), range(3, 5)):
                told = await asyncio.gather(
                    *(store.committer.commit(new_item(n)) for n in numbers), return_exceptions=True
                )
                assert all(isinstance(one, HarkaraError) for one in told)


async def test_a_stamp_that_a_lookup_could_not_read_back_is_refused(store: Store) -> None:
    longest = new_item(1, stamp=b"s" * STAMP_LIMIT_BYTES)
    await store.committer.commit(longest)
    [known] = await store.log.known([longest.item])
    assert known is not None
    assert known.stamp == longest.stamp
    with pytest.raises(ValueError, match="stamp"):
        await store.committer.commit(new_item(2, stamp=b"s" * (STAMP_LIMIT_BYTES + 1)))


async def test_with_replicas_neither_a_first_answer_nor_a_repeat_is_given_without_them(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (commit, routing):
        monkeypatch.setattr(module, "WAIT_MS", 50)
    async with await Store.open(store_url) as alone:
        await alone.committer.commit(new_item(1))
    async with await Store.open(store_url, replicas=1) as store:
        for call in (
            store.committer.commit(new_item(1)),
            store.committer.confirm_repeat(),
            store.committer.commit(new_item(2)),
        ):
            with pytest.raises(HarkaraError) as caught:
                await call
            assert type(caught.value) is OutcomeUnknown
        assert (await store.routing.read(10)).entries == ()


async def test_a_connection_that_did_not_write_is_no_witness_of_a_replica(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commit, "WAIT_MS", 4_000)  # below what the connection waits for an answer
    port = str(free_port())
    with (
        Server(["--port", port, "--repl-diskless-sync-delay", "0"]) as primary,
        Server(["--replicaof", f"127.0.0.1 {port}"]) as replica,
    ):
        with primary.client() as client:

            def follows() -> bool:
                told: Any = client.info("replication")
                return told["connected_slaves"] == 1 and told["slave0"]["state"] == "online"

            await until(follows)
        async with await Store.open(primary.url, replicas=1) as store:

            async def is_taken() -> bool:
                with contextlib.suppress(OutcomeUnknown):
                    return isinstance(await store.committer.commit(new_item(1)), Appended | Repeated)
                return False

            await until(is_taken)
            monkeypatch.setattr(commit, "WAIT_MS", 100)
            replica.pause()
            script = store.committer._script

            async def lost_after_it(*call: Any) -> Any:
                reply = await script(*call)
                await store.connections.appending.connection_pool.disconnect()
                return reply

            store.committer._script = cast("Any", lost_after_it)
            with pytest.raises(OutcomeUnknown):
                await store.committer.commit(new_item(2))
            replica.resume()
