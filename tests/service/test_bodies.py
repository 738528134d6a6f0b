"""Bodies through their bounded memory."""

from __future__ import annotations

import asyncio

import pytest

from broker.service import bodies as module
from broker.service.bodies import Bodies
from broker.service.service import Service
from broker.service.vault import Vault
from broker.store import names
from broker.store.store import Store
from tests.exchange_fixtures import FIA, TestExchange, post_body, sign_bulletin


async def post(service: Service, exchange: TestExchange, count: int) -> list[str]:
    """Post bulletins of FIA and give the names of their items."""
    items = []
    for number in range(count):
        statement, _ = sign_bulletin(exchange, FIA, text={"en": {"headline": f"Report {number}"}})
        accepted = await service.posting.post(post_body(statement, None))
        items.append(f"{accepted.originator}/{accepted.id}")
    return items


async def test_an_item_that_many_ask_for_at_once_is_held_once_and_leaves_room_for_the_next(
    service: Service, store: Store, exchange: TestExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHE_BYTES", 12_000)  # three of these
    bodies = Bodies(store.log, Vault(exchange.store_key), service.trust)
    items = await post(service, exchange, 6)
    for item in items:
        found = await asyncio.gather(*(bodies.of([item]) for _ in range(8)))
        assert all(one is not None and one.item == item for (one,) in found)
    await store.connections.writing.unlink(*(names.body(item) for item in items))
    still = await bodies.of(items)
    assert [one is not None for one in still] == [False, False, False, True, True, True]
