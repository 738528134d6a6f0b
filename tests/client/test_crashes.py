"""Programs that are killed: what was in hand comes again and says so, what was signed is said once."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from broker.client import Agency
from broker.errors import UnsafeConfiguration
from tests.client.conftest import Broker, drain
from tests.client.relay import Relay
from tests.exchange_fixtures import FIA, ISLAMABAD
from tests.waiting import HANG_S, until

READER = """
import asyncio, sys
from broker.client import Agency

async def main():
    url, identity, registry, state, pause = sys.argv[1:]
    async with Agency.connect(url, identity=identity, registry=registry, state=state) as agency:
        async for item in agency.feed():
            print(item.number, item.redelivered, flush=True)
            await asyncio.sleep(float(pause) if item.number >= 3 else 0)

asyncio.run(main())
"""

POSTER = """
import asyncio, json, sys
from broker.client import Agency

async def main():
    url, identity, registry, state, document = sys.argv[1:]
    async with Agency.connect(url, identity=identity, registry=registry, state=state) as agency:
        print("sending", flush=True)
        await agency.post(json.loads(document))

asyncio.run(main())
"""


@pytest.fixture
def home(broker: Broker, tmp_path: Path) -> Path:
    """A directory with what the members hold."""
    for name, content in broker.exchange.files().items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o600)
    return tmp_path


@asynccontextmanager
async def program(code: str, url: str, home: Path, member: str, last: str) -> AsyncIterator[Process]:
    """Run a program of a member; it is killed at the end."""
    arguments = [url, str(home / f"{member}.key"), str(home / "registry.json"), str(home / "state"), last]
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *arguments, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def lines(process: Process, count: int) -> list[str]:
    assert process.stdout is not None
    async with asyncio.timeout(HANG_S):
        return [(await process.stdout.readline()).decode().strip() for _ in range(count)]


def connect(broker: Broker, home: Path, member: str) -> AbstractAsyncContextManager[Agency]:
    return Agency.connect(
        broker.url,
        identity=home / f"{member}.key",
        registry=home / "registry.json",
        state=home / "state",
    )


async def post(broker: Broker, count: int) -> None:
    async with broker.connect(FIA) as fia:
        for n in range(count):
            mark = {"system": "test", "key": "number", "value": str(n)}
            await fia.post(broker.document(correlations=[mark]))
    await broker.arrived(ISLAMABAD, count)


async def test_a_reader_that_is_killed_gets_the_item_in_hand_again(broker: Broker, home: Path) -> None:
    await post(broker, 4)
    async with program(READER, broker.url, home, ISLAMABAD, "60") as reader:
        assert await lines(reader, 3) == ["1 False", "2 False", "3 False"]
    async with program(READER, broker.url, home, ISLAMABAD, "60") as reader:
        assert await lines(reader, 1) == ["3 True"]
    async with program(READER, broker.url, home, ISLAMABAD, "0") as reader:
        assert await lines(reader, 2) == ["3 True", "4 False"]


async def test_a_reader_killed_at_any_moment_misses_nothing_and_doubles_only_what_it_held(
    broker: Broker, home: Path
) -> None:
    await post(broker, 40)
    seen: list[tuple[int, bool]] = [(0, False)]
    for pause in (0.0, 0.004, 0.009, 0.015, 0.03):
        if seen[-1][0] > 35:
            break  # this machine was slow to kill it, and fast to read: nothing is left
        async with program(READER, broker.url, home, ISLAMABAD, "0.001") as reader:
            seen += [_read(line) for line in await lines(reader, 4)]
            await asyncio.sleep(pause)
            reader.kill()
            assert reader.stdout is not None
            rest = (await reader.stdout.read()).decode().split("\n")
            seen += [_read(line) for line in rest if line.endswith(("True", "False"))]
    fresh = [number for number, redelivered in seen if not redelivered]
    assert fresh == sorted(set(fresh))
    # Whatever came again was the last one before the kill, and none is left out but one that was never
    # printed.
    for (before, _), (number, redelivered) in pairwise(seen):
        assert number in ((before, before + 1) if redelivered else (before + 1,))


def _read(line: str) -> tuple[int, bool]:
    number, redelivered = line.split()
    return int(number), redelivered == "True"


async def test_a_killed_reader_gives_its_lock_back(broker: Broker, home: Path) -> None:
    await post(broker, 3)
    async with program(READER, broker.url, home, ISLAMABAD, "60") as reader:
        await lines(reader, 3)
        async with connect(broker, home, ISLAMABAD) as police:
            with pytest.raises(UnsafeConfiguration):
                await drain(police)
            reader.kill()
            await reader.wait()
            assert [item.number for item in await drain(police)] == [3]


async def test_a_poster_killed_before_its_answer_has_said_it_once(
    broker: Broker, relay: Relay, home: Path
) -> None:
    document = broker.document()
    relay.change = lambda name, body: None if name == "POST /v1/bulletins" else body
    async with program(POSTER, relay.url, home, FIA, json.dumps(document)) as poster:
        await lines(poster, 1)
        await until(lambda: "POST /v1/bulletins" in relay.asked)
        await broker.arrived(ISLAMABAD, 1)
    async with connect(broker, home, FIA) as fia:
        posted = await fia.post(document)
    assert posted.repeated
    async with broker.connect(ISLAMABAD) as police:
        assert [item.id for item in await drain(police)] == [posted.id]  # type: ignore[union-attr]


async def test_a_poster_killed_before_it_reached_anybody_has_kept_what_it_signed(
    broker: Broker, home: Path
) -> None:
    document = broker.document()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    outbox = home / "state" / broker.exchange.id.hex()[:16] / FIA / "outbox"
    async with program(POSTER, f"http://127.0.0.1:{port}", home, FIA, json.dumps(document)) as poster:
        await lines(poster, 1)
        await until(lambda: bool(list(outbox.glob("*.json"))))
    server.close()
    (kept,) = outbox.glob("*.json")
    signed = json.loads(kept.read_bytes())["id"]
    async with connect(broker, home, FIA) as fia:
        posted = await fia.post(document)
    assert (posted.id, posted.repeated) == (signed, False)
