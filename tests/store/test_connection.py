"""How a store is reached, how long each connection waits, and that a cancellation is never lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.errors import OutcomeUnknown, StoreUnavailable
from broker.store.connection import BLOCK_MS, BLOCKING_TIMEOUT_S, Connections
from broker.store.records import Appended
from broker.store.store import Store
from tests.ports import free_port
from tests.store.items import new_item
from tests.stores import Server
from tests.waiting import HANG_S


async def test_a_server_is_reached_over_tcp_with_name_and_password() -> None:
    port = free_port()
    with Server(["--port", str(port), "--bind", "127.0.0.1", "--requirepass", "p@ss/word"]) as server:
        assert server.socket.exists()
        async with await Store.open(f"redis://default:p%40ss%2Fword@127.0.0.1:{port}/0") as store:
            assert isinstance(await store.committer.commit(new_item(1)), Appended)


def test_a_blocking_read_is_given_up_after_the_server_should_have_answered() -> None:
    assert BLOCKING_TIMEOUT_S * 1000 > BLOCK_MS


async def test_a_server_that_stopped_is_unavailable_for_reads_and_unknown_for_writes() -> None:
    with Server() as server:
        async with await Store.open(server.url) as store:
            await store.committer.commit(new_item(1))
            _wait_for_answers(store, 0.2)  # no longer than while it is sure that none comes
            server.pause()
            async with asyncio.timeout(HANG_S):
                with pytest.raises(StoreUnavailable):
                    await store.log.bodies([new_item(1).item])
                with pytest.raises(OutcomeUnknown):
                    await store.committer.commit(new_item(2))
            server.resume()
            _wait_for_answers(store, HANG_S)
            assert isinstance(await store.committer.commit(new_item(3)), Appended)


def _wait_for_answers(store: Store, seconds: float) -> None:
    for client in (store.connections.appending, store.connections.reading):
        client.connection_pool.connection_kwargs["socket_timeout"] = seconds
        for wire in client.connection_pool._available_connections:
            wire.socket_timeout = seconds


async def test_a_cancellation_that_comes_as_the_sending_ends_is_not_lost(store_url: str) -> None:
    connections = Connections(store_url)
    await connections.reading.ping()
    [wire] = connections.reading.connection_pool._available_connections
    send = wire._send_packed_command
    loop = asyncio.get_running_loop()

    async def send_and_be_cancelled(command: list[bytes]) -> None:
        await send(command)
        loop.call_soon(task.cancel)

    wire._send_packed_command = send_and_be_cancelled
    task = asyncio.create_task(connections.reading.execute_command("BLPOP", "nothing", 1))
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, HANG_S)
    await connections.close()


async def test_a_command_cut_off_by_a_cancellation_leaves_nothing_for_the_next(store_url: str) -> None:
    connections = Connections(store_url)
    for n in range(50):
        task = asyncio.create_task(connections.following.echo(f"cancelled {n}"))
        for _ in range(n % 8):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert await connections.following.echo(f"mine {n}") == f"mine {n}".encode()
    await connections.close()


async def test_nothing_connects_before_it_is_used(tmp_path: Path) -> None:
    connections = Connections(f"unix://{tmp_path}/nowhere")
    await connections.close()
