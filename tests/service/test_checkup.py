"""The check-up: what `/readyz` and `/healthz` say while parts fail and come back; never of a bulletin."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from broker.errors import Unavailable
from broker.protocol import times
from broker.protocol.limits import DAY_US, HOUR_US, SECOND_US
from broker.protocol.verdict import Check, overall
from broker.service import clock, inbox_checks, store_checks
from broker.service.cursor import Cursor
from broker.service.service import Service
from broker.store import names
from broker.store.store import Store
from tests.exchange_fixtures import (
    BROKER,
    FIA,
    ISLAMABAD,
    MOI,
    TestExchange,
    envelope_json,
    post_body,
    sign_acknowledgement,
    sign_bulletin,
)
from tests.service.conftest import start_service
from tests.service.reader import Reader
from tests.stores import Server
from tests.waiting import HANG_S, until


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


async def _kill_router(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.router, "_step", _fault)


async def _kill_committer(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.store.committer, "_append", _fault)


async def _fault(*_: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("kill", "task"),
    [
        pytest.param(_kill_router, "harkara-router", id="router"),
        pytest.param(_kill_committer, "harkara-committer", id="committer"),
    ],
)
async def test_a_broker_that_has_lost_a_part_of_itself_says_so_and_keeps_nobody_waiting(
    kill: Callable[[Service, pytest.MonkeyPatch], Awaitable[None]],
    task: str,
    store: Store,
    exchange: TestExchange,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = await start_service(store, exchange)
    await kill(service, monkeypatch)
    async with asyncio.timeout(HANG_S):
        for severity in ("Extreme", "Minor"):
            with suppress(Unavailable):
                await service.posting.post(post_body(*sign_bulletin(exchange, FIA, severity=severity)))
    await until(lambda: _is_ready(service, False))
    assert task in (named(await service.checkup.ready(), "broker").output or "")
    await service.close()


async def test_readiness_is_lost_with_the_store_and_comes_back_with_it(exchange: TestExchange) -> None:
    with Server() as server:
        async with await Store.open(server.url) as store:
            service = await start_service(store, exchange)
            assert overall(await service.checkup.ready()) == "pass"
            server.kill()
            await until(lambda: _is_ready(service, False))
            server.start()
            await until(lambda: _is_ready(service, True))
            await service.close()


async def _is_ready(service: Service, expected: bool) -> bool:
    return (overall(await service.checkup.ready()) == "pass") is expected


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
    monkeypatch.setattr(inbox_checks, "BACKLOG_WARN", 1)
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


# --- Readers near loss --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lives", "passed", "told"),
    [
        pytest.param(
            2 * DAY_US, 30 * HOUR_US, "expires unread", id="expires within a day and waits for hours"
        ),
        pytest.param(2 * DAY_US, 50 * HOUR_US, "has expired unread", id="has expired"),
        pytest.param(9 * DAY_US, 30 * HOUR_US, None, id="has a week left"),
        pytest.param(2 * HOUR_US, HOUR_US // 2, None, id="was sent half an hour ago"),
    ],
)
async def test_an_item_that_its_reader_is_about_to_lose_is_told(
    lives: int, passed: int, told: str | None, store: Store, exchange: TestExchange
) -> None:
    ahead = 0
    service = await start_service(store, exchange, clock=lambda: clock.now() + ahead)
    expires = times.format(exchange.now + lives)
    await service.posting.post(post_body(*sign_bulletin(exchange, FIA, expires=expires)))
    await Reader(service, exchange, ISLAMABAD).items(1)
    ahead = passed
    checks = [c for c in await service.checkup.health() if c.name == f"unread:{ISLAMABAD}"]
    assert [told in (check.output or "") for check in checks if told] == ([True] if told else [])
    assert len(checks) == (1 if told else 0)
    await service.close()


async def test_an_item_that_is_acknowledged_is_nobodys_loss(store: Store, exchange: TestExchange) -> None:
    ahead = 0
    service = await start_service(store, exchange, clock=lambda: clock.now() + ahead)
    await service.posting.post(post_body(*sign_bulletin(exchange, FIA)))
    reader = Reader(service, exchange, ISLAMABAD)
    await reader.items(1)
    chain = reader.chain_of(await service.reading.page(ISLAMABAD, Cursor()))
    await service.acknowledgements.take(envelope_json(sign_acknowledgement(exchange, ISLAMABAD, 1, chain)))
    ahead = 23 * HOUR_US
    checks = await service.checkup.health()
    assert named(checks, f"backlog:{ISLAMABAD}").observed == 0
    assert [check for check in checks if check.name == f"unread:{ISLAMABAD}"] == []
    await service.close()


@pytest.mark.parametrize(
    ("what", "name", "outcome"),
    [
        pytest.param("head", f"inbox:{ISLAMABAD}", "fail", id="the head of an inbox"),
        pytest.param("entry", f"inbox:{ISLAMABAD}", "fail", id="an unread entry"),
        pytest.param("acknowledgement", f"backlog:{ISLAMABAD}", "pass", id="an acknowledgement"),
    ],
)
async def test_what_was_tampered_with_is_told_and_hides_no_other_inbox(
    what: str, name: str, outcome: str, service: Service, exchange: TestExchange
) -> None:
    await service.posting.post(post_body(*sign_bulletin(exchange, FIA)))
    for agency in (ISLAMABAD, MOI):
        await Reader(service, exchange, agency).items(1)
    await service.stop_routing()
    client, partition = service.store.connections.writing, names.partition_of(ISLAMABAD)
    if what == "entry":
        await client.delete(names.inbox(ISLAMABAD))
        await client.xadd(names.inbox(ISLAMABAD), {"f": "1", "c": "x", "m": "x", "r": "x"}, id="1-0")
    else:
        key = names.heads(partition) if what == "head" else names.acknowledgements(partition)
        await client.hset(key, ISLAMABAD, b"\xff nonsense")
    checks = await service.checkup.health()
    assert named(checks, name).outcome == outcome
    assert named(checks, f"backlog:{MOI}").observed == 1
    assert [check for check in checks if check.name == "store:usage"] == []


# --- Disk and clock -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [
        pytest.param(0.0, "pass", id="the same time"),
        pytest.param(1.0, "warn", id="a second ahead"),
        pytest.param(-1.0, "warn", id="a second behind"),
        pytest.param(5.0, "fail", id="five seconds ahead"),
    ],
)
async def test_a_clock_that_is_not_the_stores_is_told(
    seconds: float, outcome: str, store: Store, exchange: TestExchange
) -> None:
    ahead = int(seconds * SECOND_US)
    service = await start_service(store, exchange, clock=lambda: clock.now() + ahead)
    check = named(await service.checkup.health(), "clock")
    assert (check.outcome, "NTP" in (check.output or "")) == (outcome, outcome != "pass")
    await service.close()


@pytest.mark.parametrize(
    ("warn", "fail", "outcome"),
    [
        pytest.param(0, 0, "pass", id="space enough"),
        pytest.param(1 << 60, 0, "warn", id="space is getting short"),
        pytest.param(1 << 61, 1 << 60, "fail", id="no space to speak of"),
    ],
)
async def test_the_disk_of_the_data_directory_is_watched(
    warn: int,
    fail: int,
    outcome: str,
    store: Store,
    exchange: TestExchange,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_checks, "DISK_WARN_BYTES", warn)
    monkeypatch.setattr(store_checks, "DISK_FAIL_BYTES", fail)
    service = await start_service(store, exchange, data=tmp_path)
    check = named(await service.checkup.health(), "disk")
    assert (check.outcome, str(tmp_path) in (check.output or "")) == (outcome, outcome != "pass")
    assert isinstance(check.observed, int)
    assert check.observed > 0
    await service.close()


async def test_a_store_that_hangs_fails_the_check_up(exchange: TestExchange) -> None:
    with Server() as server:
        async with await Store.open(server.url) as store:
            service = await start_service(store, exchange)
            server.pause()
            try:
                async with asyncio.timeout(HANG_S):
                    checks = await service.checkup.health()
            finally:
                server.resume()
            assert (named(checks, "store").outcome, overall(checks)) == ("fail", "fail")
            await service.close()
