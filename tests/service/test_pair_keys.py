"""Pair keys: whatever the store has lost of them, what is accepted can be opened."""

from __future__ import annotations

from broker.service.service import Service
from tests.exchange_fixtures import FIA, ISLAMABAD, TestExchange, post_body, sign_bulletin
from tests.service.reader import Reader


async def test_a_store_that_lost_the_newest_pair_keys_has_them_before_it_takes_the_next_item(
    service: Service, exchange: TestExchange
) -> None:
    first, _ = sign_bulletin(exchange, FIA)
    await service.posting.post(post_body(first))
    await Reader(service, exchange, ISLAMABAD).items(1)
    # A replica that took over, without what the primary wrote last.
    connections = service.store.connections
    keys = await connections.reading.keys("{log}:k:*")
    assert ISLAMABAD.encode() in b"".join(await connections.reading.mget(keys))
    await connections.writing.delete(*keys)
    await connections.appending.connection_pool.disconnect()
    second, _ = sign_bulletin(exchange, FIA, severity="Minor")
    await service.posting.post(post_body(second))
    assert await Reader(service, exchange, ISLAMABAD).statements(2) == [first, second]


async def test_only_the_keys_in_use_are_put_back(service: Service, exchange: TestExchange) -> None:
    await service.posting.post(post_body(sign_bulletin(exchange, FIA)[0]))
    connections = service.store.connections
    keys = await connections.reading.keys("{log}:k:*")
    await connections.writing.delete(*keys)
    late = exchange.now + 5 * 3600 * 1_000_000
    service.pair_keys.drop_stale(service.trust.registry, late)
    await service.pair_keys.restore()
    assert await connections.reading.keys("{log}:k:*") == []
