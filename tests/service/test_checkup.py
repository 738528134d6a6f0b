"""The check-up: what `/readyz` and `/healthz` say while parts fail and come back; never of a bulletin."""

from __future__ import annotations

import asyncio

import pytest

from broker.protocol.limits import DAY_US
from broker.protocol.verdict import Check, overall
from broker.service import checkup, clock
from broker.service.service import Service
from broker.store import names
from broker.store.store import Store
from tests.exchange_fixtures import BROKER, FIA, ISLAMABAD, TestExchange, post_body, sign_bulletin
from tests.service.conftest import start_service
from tests.service.reader import Reader
from tests.stores import Server


def named(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


async def test_a_healthy_broker_passes_every_check_and_says_nothing_of_any_bulletin(
    service: Service, exchange: TestExchange
) -> None:
    await service.posting.post(post_body(*sign_bulletin(exchange, FIA)))
    await Reader(service, exchange, ISLAMABAD).items(1)
    checks = await service.checkup.health()
    assert [check for check in checks if check.outcome != "pass"] == []
    assert overall(await service.checkup.ready()) == "pass"
    assert named(checks, f"backlog:{ISLAMABAD}").observed == 1
    assert "Faisal Mosque" not in str(checks)


async def test_a_broker_that_is_stopping_is_not_ready(service: Service) -> None:
    service.checkup.stopping = True
    assert overall(await service.checkup.ready()) == "fail"


async def test_readiness_is_lost_with_the_store_and_comes_back_with_it(exchange: TestExchange) -> None:
    with Server() as server:
        async with await Store.open(server.url) as store:
            service = await start_service(store, exchange)
            assert overall(await service.checkup.ready()) == "pass"
            server.kill()
            async with asyncio.timeout(2):
                while overall(await service.checkup.ready()) == "pass":  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            server.start()
            async with asyncio.timeout(5):
                while overall(await service.checkup.ready()) != "pass":  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await service.close()


async def test_a_store_whose_settings_were_made_unsafe_fails_the_check(exchange: TestExchange) -> None:
    with Server() as server:
        async with await Store.open(server.url) as store:
            service = await start_service(store, exchange)
            with server.client() as client:
                client.config_set("appendfsync", "everysec")
            check = named(await service.checkup.health(), "store:settings")
            assert check.outcome == "fail"
            assert "appendfsync" in (check.output or "")
            await service.close()


@pytest.mark.parametrize(
    ("days", "name", "outcome"),
    [
        pytest.param(61, "registry:expiry", "warn", id="a registry that ends within 30 days"),
        pytest.param(91, "registry", "warn", id="a registry in its grace"),
        pytest.param(340, f"card:{BROKER}", "fail", id="a broker whose keys are over"),
        pytest.param(310, f"card:{ISLAMABAD}", "warn", id="an agency whose keys end within 30 days"),
    ],
)
async def test_the_check_up_tells_of(
    days: int, name: str, outcome: str, store: Store, exchange: TestExchange
) -> None:
    service = await start_service(store, exchange, clock=lambda: clock.now() + days * DAY_US)
    check = named(await service.checkup.health(), name)
    assert (check.outcome, bool(check.output)) == (outcome, True)
    await service.close()


async def test_an_agency_that_does_not_read_its_inbox_is_named(
    service: Service, exchange: TestExchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup, "BACKLOG_WARN", 1)
    await service.posting.post(post_body(*sign_bulletin(exchange, FIA)))
    await Reader(service, exchange, ISLAMABAD).items(1)
    check = named(await service.checkup.health(), f"backlog:{ISLAMABAD}")
    assert (check.outcome, check.observed) == ("warn", 1)
    assert ISLAMABAD in (check.output or "")


async def test_a_tampered_decision_is_told_and_holds_up_no_other(
    service: Service, exchange: TestExchange
) -> None:
    await service.stop_routing()
    first, _ = sign_bulletin(exchange, FIA)
    await service.posting.post(post_body(first, None))
    (key,) = await service.store.connections.reading.keys(f"{names.DECISION_PREFIX}*")
    await service.store.connections.writing.set(key, b"\0" * 200)
    second, _ = sign_bulletin(exchange, FIA, severity="Minor")
    await service.posting.post(post_body(second, None))
    await service.router.tick()
    assert await Reader(service, exchange, ISLAMABAD).statements(1) == [second]
    check = named(await service.checkup.health(), "router")
    assert (check.outcome, "tampered" in (check.output or "")) == ("warn", True)
