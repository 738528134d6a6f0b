"""What refusing bad input costs, beside a good post in the same run.

A broker in a process of its own is sent every bad input that the tests of the listener name, one after the
other, each over a new connection, three times; a good post goes before each tenth. Of its three times the
fastest counts; the table has, for each kind, the median of its inputs, and the dearest of them by name. A
ratio below one means that to refuse is cheaper than to accept. The last row is good posts again, while eight
connections send one hostile document after the other.

    python -m bench.refusals
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
import uuid
from collections import defaultdict
from pathlib import Path

import uvloop

from broker.service import clock
from tests.exchange_fixtures import FIA, TestExchange, make_exchange, post_body, sign_bulletin
from tests.journeys.ministry import serving
from tests.web.bad_inputs import HALF_SENT, bad_inputs
from tests.web.raw import Raw

ROUNDS = 3
FLOODING = 8
GOOD_POSTS = 40
GOOD, FLOODED = "a good post", "a good post beside eight who flood"


def main() -> None:
    """Measure, and print a table."""
    uvloop.run(measure())


async def measure() -> None:
    """Measure against a broker of its own, and print."""
    exchange = make_exchange(clock.now())
    with tempfile.TemporaryDirectory(prefix="hk-bench-") as home:
        async with serving(exchange, Path(home)) as ministry:
            port = int(ministry.url.rpartition(":")[2])
            table = [bad for bad in bad_inputs(exchange, ministry.url) if bad.kind != HALF_SENT]
            costs: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
            for _ in range(ROUNDS):
                for n, bad in enumerate(table):
                    if n % 10 == 0:
                        costs[GOOD][str(n)].append(await took(port, good_post(exchange)))
                    costs[bad.kind][bad.name].append(await took(port, bad.head + bad.body))
            costs[FLOODED] = await beside_a_flood(port, exchange)
    show({kind: {name: min(times) for name, times in of.items()} for kind, of in costs.items()})


def show(fastest: dict[str, dict[str, float]]) -> None:
    """Print the table."""
    good = statistics.median(fastest[GOOD].values())
    print(f"{'input':<38} {'inputs':>6} {'ms':>7} {'ratio':>6} {'dearest':>8} {'ratio':>6}")
    for kind, costs in fastest.items():
        median, (name, dearest) = (
            statistics.median(costs.values()),
            max(costs.items(), key=lambda one: one[1]),
        )
        print(
            f"{kind:<38} {len(costs):>6} {median:>7.2f} {median / good:>6.2f} {dearest:>8.2f}"
            f" {dearest / good:>6.2f}  {'' if kind in (GOOD, FLOODED) else name}"
        )


async def took(port: int, request: bytes) -> float:
    """Give the ms from the first byte of a request to the last of its answer, over a new connection."""
    async with await Raw.connect(port) as raw:
        began = time.perf_counter()
        await raw.send(request)
        await raw.answer()
        return (time.perf_counter() - began) * 1000


async def beside_a_flood(port: int, exchange: TestExchange) -> dict[str, list[float]]:
    """Give the ms of good posts while others send hostile documents without end."""
    hostile = _post(b"[" * 100_000)

    async def flood() -> None:
        while True:
            await took(port, hostile)

    floods = [asyncio.create_task(flood()) for _ in range(FLOODING)]
    costs = {
        str(n): [await took(port, good_post(exchange)) for _ in range(ROUNDS)] for n in range(GOOD_POSTS)
    }
    for one in floods:
        one.cancel()
    for one in floods:
        with contextlib.suppress(asyncio.CancelledError):
            await one
    return costs


def good_post(exchange: TestExchange) -> bytes:
    """Give a post that was never sent before."""
    return _post(post_body(*sign_bulletin(exchange, FIA, id=str(uuid.uuid4()))))


def _post(body: bytes) -> bytes:
    head = "POST /v1/bulletins HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


if __name__ == "__main__":
    main()
