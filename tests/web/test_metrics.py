"""The metrics: each moves when that happens which it counts, and is fresh at the moment of the scrape."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker import __version__
from broker.service.service import Service
from broker.store.store import Store
from broker.web.app import operations_app
from broker.web.listener import listening
from tests.exchange_fixtures import (
    AGENCIES,
    FIA,
    ISLAMABAD,
    TestExchange,
    envelope_json,
    next_version,
    post_body,
    sign_acknowledgement,
    sign_bulletin,
)
from tests.service.conftest import registry_body, start_service
from tests.stores import Server
from tests.waiting import until
from tests.web.reader import Reader, Signed, sign

NAMED = {
    "harkara_posts_total",
    "harkara_refusals_total",
    "harkara_seal_duration_seconds_count",
    "harkara_append_duration_seconds_count",
    "harkara_deliveries_total",
    "harkara_inbox_backlog_entries",
    "harkara_live_feeds",
    "harkara_router_lag_entries",
    "harkara_registry_expiry_timestamp_seconds",
    "harkara_build_info",
    "harkara_health_check",
}
"""What dashboards may count on."""


class Scrape:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self._samples = [s for family in text_string_to_metric_families(text) for s in family.samples]

    @property
    def names(self) -> set[str]:
        return {sample.name for sample in self._samples}

    def __call__(self, name: str, **labels: str) -> float | None:
        """Give the one sample of that name and those labels, None when there is none."""
        found = [s.value for s in self._samples if s.name == name and s.labels == labels]
        assert len(found) <= 1, found
        return found[0] if found else None


async def scrape(operations: Reader) -> Scrape:
    answer = await operations.send("GET", "/metrics")
    assert answer.status == 200
    assert re.match(r"text/plain; version=", answer.headers["Content-Type"])
    return Scrape(answer.body.decode())


async def post(reader: Reader, **fields: Any) -> None:
    statement, address = sign_bulletin(reader.exchange, FIA, **fields)
    answer = await reader.post("/v1/bulletins", post_body(statement, address))
    assert answer.status in (200, 201), answer


async def arrived(reader: Reader, count: int) -> None:
    """Wait until an inbox has so many items, without a scrape."""
    answer = await reader.read(ISLAMABAD, f"/v1/inbox?after={count - 1}&wait=60")
    assert len(answer.json["items"]) >= 1, answer


async def test_every_metric_is_there_before_anything_happens(operations: Reader) -> None:
    found = await scrape(operations)
    assert found.names >= NAMED - {"harkara_posts_total", "harkara_refusals_total"}
    assert found("harkara_build_info", version=__version__) == 1
    assert found("harkara_deliveries_total") == 0
    assert found("harkara_live_feeds") == 0
    assert found("harkara_router_lag_entries") == 0


async def test_posts_are_counted_by_outcome_and_timed(reader: Reader, operations: Reader) -> None:
    await post(reader)
    await post(reader)
    await post(reader, severity="Minor")
    await reader.post("/v1/bulletins", b"{}")
    found = await scrape(operations)
    outcomes = ("accepted", "repeated", "refused")
    assert [found("harkara_posts_total", outcome=name) for name in outcomes] == [2, 1, 1]
    assert found("harkara_seal_duration_seconds_count") == 2
    assert found("harkara_append_duration_seconds_count") == 2
    assert (found("harkara_append_duration_seconds_sum") or 0) > 0


async def test_refusals_are_counted_by_code(reader: Reader, operations: Reader) -> None:
    await reader.post("/v1/bulletins", b"{")
    await reader.send("GET", "/nowhere")
    await reader.send("GET", "/nowhere")
    await reader.send("GET", "/v1/inbox")
    found = await scrape(operations)
    codes = ("malformed", "not-found", "bad-signature")
    assert [found("harkara_refusals_total", code=code) for code in codes] == [1, 2, 1]


async def test_deliveries_are_those_of_the_router(reader: Reader, operations: Reader) -> None:
    await post(reader, to=[ISLAMABAD])
    await arrived(reader, 1)

    async def counted() -> float:
        return (await scrape(operations))("harkara_deliveries_total") or 0

    async def one() -> bool:
        return await counted() == 1

    async def several() -> bool:
        return await counted() > 2

    await until(one)  # what one has is counted when all have it
    await post(reader)
    await arrived(reader, 2)
    await until(several)
    assert await counted() <= 1 + len(AGENCIES)


async def test_the_backlog_falls_with_an_acknowledgement(
    reader: Reader, operations: Reader, service: Service
) -> None:
    await post(reader, to=[ISLAMABAD])
    await post(reader, to=[ISLAMABAD], severity="Minor")
    await arrived(reader, 2)
    assert (await scrape(operations))("harkara_inbox_backlog_entries", agency=ISLAMABAD) == 2
    head = await service.store.inboxes.head(ISLAMABAD)
    assert head is not None
    acknowledgement = sign_acknowledgement(reader.exchange, ISLAMABAD, 2, head.chain)
    answer = await reader.post("/v1/ack", envelope_json(acknowledgement))
    assert answer.status == 200, answer
    found = await scrape(operations)
    assert found("harkara_inbox_backlog_entries", agency=ISLAMABAD) == 0
    assert found("harkara_inbox_backlog_entries", agency=FIA) == 0


async def test_the_routers_lag_is_that_of_the_moment(
    reader: Reader, operations: Reader, service: Service
) -> None:
    await service.stop_routing()
    for severity in ("Extreme", "Severe", "Minor"):
        await post(reader, severity=severity)
    assert (await scrape(operations))("harkara_router_lag_entries") == 3
    await service.router.tick()
    assert (await scrape(operations))("harkara_router_lag_entries") == 0


async def test_live_feeds_are_counted_while_they_live(
    reader: Reader, operations: Reader, exchange: TestExchange
) -> None:
    url = reader.base + "/v1/feed"
    headers = sign(Signed(exchange.signing(ISLAMABAD)), "GET", url)
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as stream:
        await stream.content.readany()
        assert (await scrape(operations))("harkara_live_feeds") == 1

    async def none() -> bool:
        return (await scrape(operations))("harkara_live_feeds") == 0

    await until(none)


async def test_the_expiry_is_that_of_the_registry_in_force(
    reader: Reader, operations: Reader, exchange: TestExchange
) -> None:
    name = "harkara_registry_expiry_timestamp_seconds"
    assert (await scrape(operations))(name) == exchange.registry.expires / 1e6
    newer = next_version(exchange, expires="2031-01-01T00:00:00Z", grace="2031-02-01T00:00:00Z")
    answer = await reader.post("/v1/registry", registry_body(newer), method="PUT")
    assert answer.status == 200, answer
    assert (await scrape(operations))(name) == newer.registry.expires / 1e6


async def test_every_check_of_the_health_page_is_a_number_too(operations: Reader, service: Service) -> None:
    checks = (await operations.send("GET", "/healthz")).json["checks"]
    found = await scrape(operations)
    assert {name: found("harkara_health_check", check=name) for name in checks} == dict.fromkeys(checks, 0.0)
    service.checkup.stopping = True
    assert (await scrape(operations))("harkara_health_check", check="broker") == 2


async def test_a_fault_of_ours_is_counted_as_internal(
    reader: Reader, operations: Reader, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a fault made by this test")

    monkeypatch.setattr(service.posting, "post", fail)
    answer = await reader.post("/v1/bulletins", post_body(*sign_bulletin(reader.exchange, FIA)))
    assert answer.status == 500
    assert (await scrape(operations))("harkara_refusals_total", code="internal") == 1


async def test_a_store_that_is_lost_is_a_number_within_a_scrape(exchange: TestExchange) -> None:
    with Server() as server:
        async with await Store.open(server.url) as store, aiohttp.ClientSession() as session:
            service = await start_service(store, exchange)
            async with listening(operations_app(service), "127.0.0.1", 0) as port:
                operations = Reader(f"http://127.0.0.1:{port}", exchange, session)
                assert (await scrape(operations))("harkara_health_check", check="store") == 0
                server.kill()
                found = await scrape(operations)
                assert found("harkara_health_check", check="store") == 2
                assert found("harkara_health_check", check="store:memory") is None
            await service.close()
