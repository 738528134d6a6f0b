"""A full disk under the embedded store: a limit on the size of its files does what a full disk does."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from broker.errors import Unavailable
from broker.protocol.verdict import overall
from broker.service import clock
from broker.service.service import Service
from broker.store.embedded import EmbeddedStore
from broker.store.store import Store
from tests.exchange_fixtures import FIA, ISLAMABAD, TestExchange, make_exchange, post_body, sign_bulletin
from tests.service.conftest import start_service
from tests.service.reader import Reader
from tests.waiting import until

FILE_BYTES = 300_000


async def _post_until_refused(service: Service, exchange: TestExchange) -> list[bytes]:
    accepted: list[bytes] = []
    for number in range(1_000):
        statement, _ = sign_bulletin(exchange, FIA, text={"en": {"headline": f"Report {number}"}})
        try:
            await service.posting.post(post_body(statement, None))
        except Unavailable:
            return accepted
        accepted.append(statement.payload)
    raise AssertionError("the disk never filled")


async def test_a_full_disk_refuses_posts_tells_readiness_and_loses_nothing_that_was_accepted(
    tmp_path: Path,
) -> None:
    exchange = make_exchange(clock.now())
    async with EmbeddedStore(tmp_path / "store") as embedded, await Store.open(embedded.url) as store:
        service = await start_service(store, exchange)
        assert embedded.pid is not None
        resource.prlimit(embedded.pid, resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
        accepted = await _post_until_refused(service, exchange)
        assert accepted
        # The store ended (fsync always cannot be kept) and was started again, now with space.
        await until(lambda: _is_ready(service, True))
        items = await Reader(service, exchange, ISLAMABAD).items(len(accepted))
        opened = [(await Reader(service, exchange, ISLAMABAD).open(item)).payload for item in items]
        assert [payload for payload in opened if payload in accepted] == accepted
        await service.close()


async def test_readiness_fails_while_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The embedded store comes back at once when space returns; here it is kept down to be looked at.
    monkeypatch.setattr("broker.store.embedded.RESTART_PAUSES_S", (3_600.0,))
    exchange = make_exchange(clock.now())
    async with EmbeddedStore(tmp_path / "store") as embedded, await Store.open(embedded.url) as store:
        service = await start_service(store, exchange)
        assert embedded.pid is not None
        resource.prlimit(embedded.pid, resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
        await _post_until_refused(service, exchange)
        await until(lambda: _is_ready(service, False))
        await service.close()


async def _is_ready(service: Service, expected: bool) -> bool:
    return (overall(await service.checkup.ready()) == "pass") is expected
