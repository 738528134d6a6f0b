"""A soak: many feeds in one broker, posts all the time, and everything dies now and then. At the end nothing
may be lost, repeated or out of order, and the broker's memory must have stayed where it was.

Faults come in turn: feeds lose their connections, feeds stop reading (longer than the broker waits, when
there is time for it), the broker is killed, the store is killed. A post whose answer is lost is sent again
with the same bytes. In the last third the broker is left alive, and its memory is watched.

    make soak ARGS="--minutes 20"               # 1,000 feeds
    make soak ARGS="--minutes 0.4 --feeds 150"  # a short turn
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import resource
import statistics
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
import uvloop

from bench.soak_broker import SoakedBroker
from bench.soak_feeds import Follower
from broker.protocol import dsse
from broker.protocol.stamp import read_stamp
from broker.service import clock
from tests.exchange_fixtures import TestExchange, make_exchange, post_body, sign_bulletin

FEEDS_OF_AN_AGENCY = 10
QUIET_SECONDS = 90.0
"""How long after the last post everything may take to arrive."""
STALL_SECONDS = 40.0
"""Longer than the broker waits for a reader."""
GROWTH_MIB = 48.0
"""What the broker may gain in the last third: its caches fill, and nothing else may."""


@dataclass
class Soak:
    """One soak and what was seen of it."""

    exchange: TestExchange
    broker: SoakedBroker
    followers: list[Follower]
    seconds: float
    rate: float
    chance: random.Random
    ends_at: float = 0.0
    accepted: dict[bytes, tuple[str, float]] = field(default_factory=dict)
    """By the digest of what was sealed: who posted it, and when its answer came."""
    repeated: int = 0
    again: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)

    async def run(self) -> list[str]:
        """Soak. Gives what is wrong, one sentence each."""
        following = [asyncio.create_task(follower.run()) for follower in self.followers]
        await self._until(
            lambda: all(f.times_opened for f in self.followers), QUIET_SECONDS, "all feeds open"
        )
        self.ends_at = time.monotonic() + self.seconds
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            others = [asyncio.create_task(work) for work in (self._break(), self._watch())]
            await self._post_all(session)
            for follower in self.followers:
                follower.flow()
            wanted = Counter(author for author, _ in self.accepted.values())
            missing = lambda f: len(self.accepted) - wanted[f.agency] - len(f.sealed)  # noqa: E731
            arrived = await self._until(
                lambda: not any(map(missing, self.followers)), QUIET_SECONDS, "everything to arrive"
            )
        for task in (*others, *following):
            task.cancel()
        ended = await asyncio.gather(*others, *following, return_exceptions=True)
        broken = [f"the soak itself: {error!r}" for error in ended if isinstance(error, Exception)]
        lost = [f"{f.agency}: {missing(f)} items did not arrive" for f in self.followers if missing(f)]
        return [
            *broken,
            *lost,
            *([] if arrived else ["not everything arrived"]),
            *self._compare(),
            *self._grown(),
        ]

    # --- load -------------------------------------------------------------------------------------

    async def _post_all(self, session: aiohttp.ClientSession) -> None:
        tasks: set[asyncio.Task[None]] = set()
        authors = itertools.cycle(sorted({follower.agency for follower in self.followers}))
        while time.monotonic() < self.ends_at:
            tasks.add(task := asyncio.create_task(self._post(session, next(authors))))
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(1 / self.rate)
        await asyncio.gather(*tasks)

    async def _post(self, session: aiohttp.ClientSession, author: str) -> None:
        text = {"en": {"headline": "White van", "description": "x" * self.chance.choice((10, 500, 20_000))}}
        statement, address = sign_bulletin(self.exchange, author, id=str(uuid.uuid4()), text=text)
        body, headers = post_body(statement, address), {"Content-Type": "application/json"}
        while True:
            try:
                async with session.post(
                    f"{self.broker.base}/v1/bulletins", data=body, headers=headers
                ) as answer:
                    document = await answer.json(content_type=None)
                    if answer.status in (200, 201):
                        sealed = read_stamp(dsse.from_json(document["stamp"]).payload).sealed
                        self.accepted[sealed] = author, time.monotonic()
                        self.repeated += document["repeated"]
                        return
                    self.again[document["type"]] += 1
                    if answer.status < 500:
                        raise AssertionError(f"a post was refused: {document}")
            except (aiohttp.ClientError, TimeoutError) as error:
                self.again[type(error).__name__] += 1
            await asyncio.sleep(0.3)

    # --- faults -----------------------------------------------------------------------------------

    async def _break(self) -> None:
        pause = max(2.5, min(20.0, self.seconds / 15))
        kinds = itertools.cycle((self._cut_feeds, self._kill_store, self._stall_feeds, self._kill_broker))
        while True:
            await asyncio.sleep(pause)
            if time.monotonic() > self.ends_at - self.seconds / 3:
                kinds = itertools.cycle((self._cut_feeds,))
            await next(kinds)()

    async def _cut_feeds(self) -> None:
        for follower in self.chance.sample(self.followers, max(1, len(self.followers) // 10)):
            follower.cut()
        self.faults["feeds cut"] += 1

    async def _stall_feeds(self) -> None:
        chosen = self.chance.sample(self.followers, max(1, len(self.followers) // 20))
        for follower in chosen:
            follower.stall()
        await asyncio.sleep(min(STALL_SECONDS, self.seconds / 10))
        for follower in chosen:
            follower.flow()
        self.faults["feeds stalled"] += 1

    async def _kill_store(self) -> None:
        self.broker.store.kill()
        await asyncio.sleep(self.chance.random())
        await asyncio.to_thread(self.broker.store.start)
        self.faults["store killed"] += 1

    async def _kill_broker(self) -> None:
        self.broker.kill()
        await asyncio.sleep(self.chance.random())
        await self.broker.start()
        self.faults["broker killed"] += 1

    # --- watching ---------------------------------------------------------------------------------

    async def _watch(self) -> None:
        told_at = time.monotonic()
        while True:
            await asyncio.sleep(0.5)
            now = time.monotonic()
            self.memory.append((now, self.broker.rss_mib()))
            if now - told_at >= 10:
                told_at = now
                deliveries = sum(len(follower.sealed) for follower in self.followers)
                print(
                    f"{max(0, self.ends_at - now):5.0f} s left: {len(self.accepted)} posts, "
                    f"{deliveries} deliveries, {self.memory[-1][1]:.0f} MiB, {dict(self.faults)}",
                    flush=True,
                )

    async def _until(self, condition: Callable[[], bool], seconds: float, what: str) -> bool:
        ends = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > ends:
                print(f"gave up waiting for {what}", file=sys.stderr)
                return False
            await asyncio.sleep(0.05)
        return True

    def _compare(self) -> list[str]:
        wrong = list(itertools.chain.from_iterable(follower.wrong for follower in self.followers))
        orders: dict[str, list[bytes]] = {}
        for follower in self.followers:
            agency, seen = follower.agency, follower.sealed
            expected = {sealed for sealed, (author, _) in self.accepted.items() if author != agency}
            if len(set(seen)) != len(seen):
                wrong.append(f"{agency}: {len(seen) - len(set(seen))} items came twice")
            if set(seen) != expected:
                wrong.append(
                    f"{agency}: {len(expected - set(seen))} lost, {len(set(seen) - expected)} unknown"
                )
            if orders.setdefault(agency, seen) != seen:
                wrong.append(f"{agency}: two feeds saw different orders")
        return wrong

    def _grown(self) -> list[str]:
        since = max(self.ends_at - self.seconds / 3, self.broker.started_at)
        found = [mib for at, mib in self.memory if at > since]
        part = max(1, len(found) // 4)
        before, after = statistics.mean(found[:part]), statistics.mean(found[-part:])
        print(
            f"memory of the broker in the last third: {before:.0f} MiB at first, {after:.0f} MiB at the end"
        )
        return [f"the broker grew by {after - before:.0f} MiB"] if after - before > GROWTH_MIB else []

    def tell(self) -> None:
        """Print the figures."""
        times = sorted(
            arrived - self.accepted[sealed][1]
            for follower in self.followers[:: max(1, len(self.followers) // 50)]
            for sealed, arrived in zip(follower.sealed, follower.arrived, strict=True)
            if sealed in self.accepted
        )
        print(
            f"{len(self.followers)} feeds of {len({f.agency for f in self.followers})} agencies, "
            f"{self.seconds:.0f} s: {len(self.accepted)} posts accepted ({self.repeated} by a repeat), "
            f"{sum(len(f.sealed) for f in self.followers)} deliveries; from answer to delivery "
            f"{times[len(times) // 2] * 1000:.0f} ms (half), {times[len(times) * 99 // 100] * 1000:.0f} ms "
            f"(99 of 100, outages included)"
        )
        print(
            f"faults: {dict(self.faults)}; feeds opened {sum(f.times_opened for f in self.followers)} times, "
            f"{sum(f.notices for f in self.followers)} notices; posts sent again: {dict(self.again)}"
        )


async def soak(minutes: float, feeds: int, rate: float, seed: int) -> int:
    """Soak, and tell. Gives the exit code: 0 when nothing is wrong."""
    agencies = [f"pk.agency-{number:03}" for number in range(-(-feeds // FEEDS_OF_AN_AGENCY))]
    exchange = make_exchange(clock.now(), agencies=agencies)
    broker = SoakedBroker(exchange)
    try:
        broker.store.start()
        await broker.start()
        followers = [
            Follower(agency, exchange, broker.base)
            for _, agency in zip(range(feeds), itertools.cycle(agencies))
        ]
        run = Soak(exchange, broker, followers, minutes * 60, rate, random.Random(seed))
        wrong = await run.run()
        run.tell()
        for sentence in wrong[:50]:
            print(f"WRONG: {sentence}", file=sys.stderr)
        if wrong or "Traceback" in broker.log:
            print(broker.log[-5_000:], file=sys.stderr)
            return 1
    finally:
        broker.close()
    print("nothing lost, nothing repeated, all in order, memory steady")
    return 0


def main() -> None:
    """Read the arguments and soak."""
    parser = argparse.ArgumentParser(description="Many feeds, many faults, nothing lost.")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--feeds", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=2.0, help="posts a second")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sys.exit(uvloop.run(soak(arguments.minutes, arguments.feeds, arguments.rate, arguments.seed)))


if __name__ == "__main__":
    main()
