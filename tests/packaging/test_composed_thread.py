"""The whole thread at the composed store, as the broker's account there: a bulletin is posted, read, answered
and acknowledged, a registry is published, and the check-up finds nothing wrong. What the account lacked would
show here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from broker.client import Agency, ReceivedBulletin, ReceivedReceipt
from broker.service import clock
from broker.settings import Address, Settings
from broker.wiring import Material, RunningBroker, running
from tests.exchange_fixtures import (
    FIA,
    ISLAMABAD,
    TestExchange,
    bulletin_fields,
    make_exchange,
    next_version,
)
from tests.packaging.conftest import DEPLOY, REPOSITORY
from tests.service.conftest import registry_body
from tests.waiting import HANG_S

STORE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text("utf-8"))["services"][
    "store"
]
ANYWHERE = Address("127.0.0.1", 0)


@pytest.fixture
def exchange() -> TestExchange:
    return make_exchange(clock.now())


@pytest.fixture
async def broker(store_url: str, exchange: TestExchange) -> AsyncIterator[RunningBroker]:
    material = Material(
        exchange.exchange,
        exchange.broker,
        exchange.store_key,
        exchange.registry_envelope,
        exchange.entitlements_envelope,
    )
    async with running(Settings(listen=ANYWHERE, ops=ANYWHERE, store_url=store_url), material) as found:
        yield found


async def health(broker: RunningBroker) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(f"{broker.ops_url}/healthz") as answer:
        return json.loads(await answer.read())


def write_files(exchange: TestExchange, home: Path) -> None:
    for name, content in exchange.files().items():
        (home / name).write_bytes(content)
        (home / name).chmod(0o600)


def test_the_store_that_is_started_here_is_the_composed_one() -> None:
    """The tests run deploy/store.sh with deploy/store.conf and deploy/users.acl: so must the composition."""
    assert STORE["entrypoint"] == ["/etc/harkara/store.sh"]
    assert STORE["command"] == ["start"]
    assert "./deploy:/etc/harkara:ro" in STORE["volumes"]
    assert {path.name for path in DEPLOY.iterdir()} == {"store.sh", "store.conf", "users.acl"}


async def test_the_whole_thread_runs_at_the_composed_store(
    broker: RunningBroker, exchange: TestExchange, tmp_path: Path
) -> None:
    write_files(exchange, tmp_path)

    def connect(member: str) -> Any:
        return Agency.connect(
            broker.url,
            identity=tmp_path / f"{member}.key",
            registry=tmp_path / "registry.json",
            state=tmp_path / "state",
        )

    document = bulletin_fields(exchange, FIA)
    document = {name: document[name] for name in document if name not in ("id", "sent", "registry")}
    async with connect(FIA) as fia, connect(ISLAMABAD) as islamabad:
        posted = await fia.post(document, to=[ISLAMABAD])
        (item,) = [item async for item in islamabad.feed(count=1, timeout=HANG_S)]
        assert isinstance(item, ReceivedBulletin)
        assert item.id == posted.id
        await item.acknowledge("actioned")
        (receipt,) = [item async for item in fia.feed(count=1, timeout=HANG_S)]
        assert isinstance(receipt, ReceivedReceipt)

        newer = next_version(exchange)
        async with (
            aiohttp.ClientSession() as session,
            session.put(
                f"{broker.url}/v1/registry",
                data=registry_body(newer),
                headers={"Content-Type": "application/json"},
            ) as answer,
        ):
            assert answer.status == 200, await answer.text()
        assert broker.service.trust.registry.version == newer.registry.version
        again = await fia.post(document | {"severity": "Minor"}, to=[ISLAMABAD])
        (second,) = [item async for item in islamabad.feed(count=1, timeout=HANG_S)]
        assert isinstance(second, ReceivedBulletin)
        assert (second.id, second.number) == (again.id, 2)
        # At the end of its inbox a feed acknowledges what it has.
        assert [item async for item in islamabad.feed(follow=False)] == []
    found = await health(broker)
    assert found["checks"][f"backlog:{ISLAMABAD}"][0]["observedValue"] == 0
    assert found["status"] == "pass", found
