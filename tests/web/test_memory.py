"""Memory after bad input: whatever was sent, however often, the broker is back where it was.

A broker in a process of its own is sent every bad input that the tests of the listener name, to be warm, and
then all of them several times more. What Python and its allocator keep for themselves is there after the
first rounds, and comes and goes; what a request leaves behind grows with each round and never goes.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.service import clock
from tests.exchange_fixtures import make_exchange
from tests.journeys.ministry import Ministry, serving
from tests.waiting import until
from tests.web.bad_inputs import HALF_SENT, BadInput, bad_inputs
from tests.web.raw import Raw

WARM_ROUNDS, ROUNDS, MOST_ROUNDS = 2, 3, 8
AT_ONCE = 8
TIME_WAIT, LISTENING = "06", "0A"
MIB = 1024 * 1024
GROWTH_MIB = 32
"""Each round brings 107 MB in bodies: one kept of every ten makes it 49 after three rounds, 130 after eight.
What is not kept went down by 11 and up by 41, and down again.
"""


def resident(pid: int) -> float:
    """Give the MiB that a process has in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / MIB


def connections(port: int) -> int:
    """Give how many connections the kernel has for a port, ours or half closed, those that only wait to be
    forgotten left out.
    """
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] not in (LISTENING, TIME_WAIT) for row in rows)


async def send(port: int, bad: BadInput) -> int | None:
    """Send one. Gives the status of the answer; None for what is half sent, whose sender goes away."""
    async with await Raw.connect(port) as raw:
        await raw.send(bad.head + bad.body)
        if bad.kind == HALF_SENT:
            raw.writer.transport.abort()
            return None
        return (await raw.answer()).status


async def send_all(port: int, table: list[BadInput]) -> None:
    """Send a whole table, so many at once. Whatever is answered is refused."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(bad: BadInput) -> None:
        async with gate:
            status = await send(port, bad)
        assert status is None or 400 <= status < 500, (bad.kind, bad.name, status)

    await asyncio.gather(*(one(bad) for bad in table))


@pytest.mark.timeout(900)
async def test_after_bad_input_memory_and_connections_are_back_where_they_were(tmp_path: Path) -> None:
    exchange = make_exchange(clock.now())
    async with serving(exchange, tmp_path) as ministry:
        pid, port = _of(ministry)
        table = bad_inputs(exchange, ministry.url)
        assert len({(bad.kind, bad.name) for bad in table}) >= 400
        for _ in range(WARM_ROUNDS):
            await send_all(port, table)
        before = resident(pid)
        growth: list[float] = []
        while len(growth) < ROUNDS or (growth[-1] >= GROWTH_MIB and len(growth) < MOST_ROUNDS):
            await send_all(port, table)
            growth.append(resident(pid) - before)
        assert growth[-1] < GROWTH_MIB, growth
        await until(lambda: connections(port) == 0)
        async with await Raw.connect(port) as raw:
            await raw.send(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert (await raw.answer()).status == 200


def _of(ministry: Ministry) -> tuple[int, int]:
    assert ministry.process is not None
    return ministry.process.pid, int(ministry.url.rpartition(":")[2])
