"""What an insider changed in the store is told as the store's fault: nobody who asked is blamed for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from broker.errors import StoreTampered
from broker.protocol.stamp import read_stamp
from broker.service.cursor import Cursor
from broker.service.service import Service
from tests.exchange_fixtures import (
    FIA,
    ISLAMABAD,
    TestExchange,
    next_version,
    post_body,
    sign_bulletin,
)
from tests.exchange_fixtures import envelope_json as body_of
from tests.exchange_fixtures import sign_receipt as receipt_of
from tests.service.conftest import publish
from tests.service.reader import Reader
from tests.waiting import HANG_S

Ask = Callable[[Service, TestExchange, str], Awaitable[object]]


async def _fetch_as_recipient(service: Service, exchange: TestExchange, bulletin: str) -> object:
    return await service.fetching.one(ISLAMABAD, FIA, bulletin)


async def _fetch_as_originator(service: Service, exchange: TestExchange, bulletin: str) -> object:
    return await service.fetching.one(FIA, FIA, bulletin)


async def _overview(service: Service, exchange: TestExchange, bulletin: str) -> object:
    return await service.receipts.overview(FIA, FIA, bulletin)


async def _update(service: Service, exchange: TestExchange, bulletin: str) -> object:
    statement, _ = sign_bulletin(exchange, FIA, type="Update", references=[bulletin])
    return await service.posting.post(post_body(statement))


async def _pair_key(service: Service, exchange: TestExchange, bulletin: str) -> object:
    (key,) = await service.store.connections.reading.keys("{log}:k:*")
    return await service.pair_keys.sealed(ISLAMABAD, bytes.fromhex(key.decode().rpartition(":")[2]))


async def _registry(service: Service, exchange: TestExchange, bulletin: str) -> object:
    return await service.trust.registry_document(7)


CASES = [
    pytest.param("{log}:r:*", _fetch_as_recipient, id="recipients, to a recipient"),
    pytest.param("{log}:o:*", _fetch_as_originator, id="opening, to the originator"),
    pytest.param("{log}:r:*", _overview, id="recipients, to the originator"),
    pytest.param("{log}:r:*", _update, id="recipients, to an update"),
    pytest.param("{log}:k:*", _pair_key, id="pair key"),
    pytest.param("{log}:reg:7", _registry, id="registry"),
]


@pytest.mark.parametrize(("pattern", "ask"), CASES)
async def test_a_record_that_was_changed_is_the_stores_fault(
    pattern: str, ask: Ask, service: Service, exchange: TestExchange
) -> None:
    statement, _ = sign_bulletin(exchange, FIA)
    await service.posting.post(post_body(statement))
    await Reader(service, exchange, ISLAMABAD).items(1)
    client = service.store.connections.writing
    keys = await client.keys(pattern) or [pattern]
    if pattern == "{log}:k:*":
        await client.delete(*keys[1:])
    await client.set(keys[0], b"\0" * 100)
    with pytest.raises(StoreTampered):
        await ask(service, exchange, json.loads(statement.payload)["id"])


async def _head(service: Service, exchange: TestExchange) -> object:
    return await service.reading.page(ISLAMABAD, Cursor())


async def _post(service: Service, exchange: TestExchange) -> object:
    return await service.posting.post(post_body(sign_bulletin(exchange, FIA)[0]))


async def _publish(service: Service, exchange: TestExchange) -> object:
    return await publish(service, next_version(exchange))


STATES = [
    pytest.param("generation", b"garbage", _head, id="generation, to a reader"),
    pytest.param("generation", b"9" * 5_000, _head, id="generation without end, to a reader"),
    pytest.param("registry", b"9007199254740991", _post, id="registry version far ahead, to an author"),
    pytest.param("registry", b"9007199254740991", _publish, id="registry version far ahead, to an operator"),
    pytest.param("registry", b"garbage", _publish, id="registry version that is none, to an operator"),
    pytest.param("registry", b"9" * 5_000, _publish, id="registry version without end, to an operator"),
]


@pytest.mark.parametrize(("field", "value", "ask"), STATES)
async def test_a_state_that_was_changed_is_the_stores_fault_and_told(
    field: str,
    value: bytes,
    ask: Callable[[Service, TestExchange], Awaitable[object]],
    service: Service,
    exchange: TestExchange,
) -> None:
    await service.store.connections.writing.hset("{log}:st", field, value)
    async with asyncio.timeout(HANG_S):
        with pytest.raises(StoreTampered):
            await ask(service, exchange)
    await asyncio.sleep(0.1)
    assert service.checkup.ended == []


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("{log}:b:*", id="body"),
        pytest.param("{log}:o:*", id="opening"),
        pytest.param("{log}:w:*", id="decision"),
    ],
)
@pytest.mark.parametrize("changed", [pytest.param(True, id="changed"), pytest.param(False, id="gone")])
async def test_no_line_of_the_log_says_who_was_to_receive_which_bulletin(
    pattern: str, changed: bool, service: Service, exchange: TestExchange
) -> None:
    await service.stop_routing()
    statement, _ = sign_bulletin(exchange, FIA)
    await service.posting.post(post_body(statement))
    client = service.store.connections.writing
    (key,) = await client.keys(pattern)
    with capture_logs() as logs:
        if pattern != "{log}:w:*":
            await service.router.tick()
        await (client.setrange(key, 130, b"\0" * 8) if changed else client.delete(key))
        await service.router.tick()
        await service.reading.page(ISLAMABAD, Cursor())
    assert json.loads(statement.payload)["id"] not in json.dumps(logs)
    assert [line for line in logs if line["log_level"] == "error"] or not changed


async def test_a_receipt_that_has_expired_hides_none_of_the_others(
    service: Service, exchange: TestExchange
) -> None:
    statement, _ = sign_bulletin(exchange, FIA)
    accepted = await service.posting.post(post_body(statement))
    sealed = read_stamp(accepted.stamp.payload).sealed
    given = [receipt_of(exchange, ISLAMABAD, statement, sealed, kind) for kind in ("opened", "actioned")]
    for receipt in given:
        await service.receipts.take(body_of(receipt))
    await Reader(service, exchange, FIA).items(2)
    bulletin = json.loads(statement.payload)["id"]
    assert len((await service.receipts.overview(FIA, FIA, bulletin))["receipts"]) == 2
    expired = json.loads(given[0].payload)["id"]
    await service.store.connections.writing.delete(f"{{log}}:r:{ISLAMABAD}/{expired}")
    assert len((await service.receipts.overview(FIA, FIA, bulletin))["receipts"]) == 1
