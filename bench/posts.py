"""Posts per second: Harkara against Redis streams by hand, on the same server program with the same
durability.

The rival is what a careful team writes itself in a week: verify the author's signature, encrypt the bulletin
to every recipient with HPKE (the same post-quantum suite), append one copy to each recipient's stream, in one
pipeline, with `appendfsync always`. It has no numbering, no chain, no stamp, no entitlements, no repeats;
Harkara has them.

Both run in one process without HTTP, 64 posts in flight, the store on this machine. A third row is Harkara
with everything: HTTP posts over loopback. Each is measured three times, in turn; the median counts.

    make bench                      # 8 and 64 recipients
    make bench ARGS="--recipients 8 --posts 400"
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable

import aiohttp
import redis.asyncio as redis
import structlog
import uvloop

from broker.protocol import dsse
from broker.protocol.admission import read_post
from broker.protocol.bulletin import PAYLOAD_TYPE, read_bulletin
from broker.protocol.keys import HPKE
from broker.service import clock
from broker.store.store import Store
from broker.web.app import public_app
from broker.web.listener import listening
from tests.exchange_fixtures import FIA, TestExchange, make_exchange, post_body, sign_bulletin
from tests.service.conftest import start_service
from tests.stores import Server

IN_FLIGHT = 64
ROUNDS = 3

Post = Callable[[bytes], Awaitable[object]]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="Posts per second against Redis streams by hand.")
    parser.add_argument("--recipients", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--posts", type=int, default=600)
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(f"{'recipients':>10}  {'by hand':>9}  {'Harkara':>9}  {'ratio':>6}  {'with HTTP':>9}  {'ratio':>6}")
    for recipients in arguments.recipients:
        by_hand, harkara, http = uvloop.run(measure(recipients, arguments.posts))
        print(
            f"{recipients:>10}  {by_hand:>7.0f}/s  {harkara:>7.0f}/s  {harkara / by_hand:>5.1f}×"
            f"  {http:>7.0f}/s  {http / by_hand:>5.1f}×"
        )


async def measure(recipients: int, posts: int) -> tuple[float, float, float]:
    """Give the posts per second of the three, for so many recipients."""
    agencies = [FIA, *(f"pk.agency-{number:03}" for number in range(recipients))]
    exchange = make_exchange(clock.now(), agencies=agencies)
    found: dict[str, list[float]] = {"by hand": [], "harkara": [], "http": []}
    for _ in range(ROUNDS):
        with Server() as server:
            found["by hand"].append(await by_hand(server, exchange, bodies(exchange, posts)))
        with Server() as server:
            found["harkara"].append(await harkara(server, exchange, bodies(exchange, posts)))
        with Server() as server:
            found["http"].append(await with_http(server, exchange, bodies(exchange, posts)))
    by, own, http = (statistics.median(rates) for rates in found.values())
    return by, own, http


def bodies(exchange: TestExchange, count: int) -> list[bytes]:
    """Make posts that are all different."""
    return [
        post_body(*sign_bulletin(exchange, FIA, id=str(uuid.uuid4()), category="terrorism"))
        for _ in range(count)
    ]


async def rate(post: Post, posts: list[bytes]) -> float:
    """Post all with so many in flight, the first ones before the clock starts. Gives posts per second."""
    for body in posts[:2]:
        await post(body)
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(body: bytes) -> None:
        async with gate:
            await post(body)

    began = time.perf_counter()
    await asyncio.gather(*(one(body) for body in posts[2:]))
    return (len(posts) - 2) / (time.perf_counter() - began)


async def by_hand(server: Server, exchange: TestExchange, posts: list[bytes]) -> float:
    """The rival."""
    members = [agency for agency in exchange.registry.agencies() if agency != FIA]
    keys = {agency: exchange.registry.key_for(agency, "seal", exchange.now) for agency in members}
    client = redis.Redis(unix_socket_path=str(server.socket), max_connections=IN_FLIGHT)

    async def post(body: bytes) -> None:
        statement = read_post(body).statement
        _, key = exchange.registry.signer(statement.signature.kid, clock.now())
        assert key.signing is not None
        dsse.verify(statement, key.signing, kind=PAYLOAD_TYPE)
        read_bulletin(statement.payload)
        record = dsse.to_bytes(statement)
        async with client.pipeline(transaction=True) as pipeline:
            for agency, sealing in keys.items():
                assert sealing is not None
                assert sealing.sealing is not None
                pipeline.xadd(
                    f"inbox:{agency}", {"b": HPKE.encrypt(record, sealing.sealing, agency.encode())}
                )
            await pipeline.execute()

    try:
        return await rate(post, posts)
    finally:
        await client.aclose()


async def harkara(server: Server, exchange: TestExchange, posts: list[bytes]) -> float:
    """Harkara's service, and its router at work beside it."""
    async with await Store.open(server.url) as store:
        service = await start_service(store, exchange)
        try:
            return await rate(service.posting.post, posts)
        finally:
            await service.close()


async def with_http(server: Server, exchange: TestExchange, posts: list[bytes]) -> float:
    """The whole broker over loopback; client and broker share this process."""
    async with await Store.open(server.url) as store:
        service = await start_service(store, exchange)
        connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
        async with (
            listening(public_app(service), "127.0.0.1", 0) as port,
            aiohttp.ClientSession(connector=connector) as session,
        ):
            headers = {"Content-Type": "application/json"}

            async def post(body: bytes) -> None:
                url = f"http://127.0.0.1:{port}/v1/bulletins"
                async with session.post(url, data=body, headers=headers) as answer:
                    assert answer.status == 201, await answer.text()

            try:
                return await rate(post, posts)
            finally:
                await service.close()


if __name__ == "__main__":
    main()
