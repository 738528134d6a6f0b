"""Subscriptions: what an agency asked to hear, and that nobody can put an older one back."""

from __future__ import annotations

import json

import pytest

from broker.client.private_files import write
from broker.client.subscription_memory import SETTLED_US
from broker.errors import NotAuthentic, SchemaError
from broker.protocol import dsse
from broker.service import clock
from tests.client.conftest import Broker, drain
from tests.client.relay import Relay
from tests.exchange_fixtures import FIA, ISLAMABAD, MOI, sign_subscription
from tests.waiting import HANG_S


async def test_an_agency_hears_what_it_subscribed_to(broker: Broker) -> None:
    async with broker.connect(ISLAMABAD) as police, broker.connect(FIA) as fia:
        assert await police.subscription() is None
        first = await police.subscribe(categories=["human-trafficking"])
        second = await police.subscribe(categories=["cybercrime"], severity="Severe")
        assert (first.version, second.version) == (1, 2)
        assert await police.subscription() == second
        await fia.post(broker.document())
        await fia.post(broker.document(category="cybercrime"))
        items = await drain(police, timeout=HANG_S, count=1)
        assert [item.bulletin.category for item in items] == ["cybercrime"]  # type: ignore[union-attr]
        assert (await police.subscribe()).version == 3


async def test_a_subscription_that_makes_no_sense_is_refused_here(broker: Broker, relay: Relay) -> None:
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        with pytest.raises(SchemaError) as refused:
            await police.subscribe(categories=["gossip"], severity="Large")
    assert {problem.pointer for problem in refused.value.problems} == {"/categories/0", "/severity"}
    assert "PUT /v1/subscription" not in relay.asked


async def test_a_subscription_that_another_signed_is_not_ones_own(broker: Broker, relay: Relay) -> None:
    forged = json.dumps({"version": 4, "statement": dsse.to_json(sign_subscription(broker.exchange, MOI, 4))})
    relay.change = lambda name, body: forged.encode() if name == "GET /v1/subscription" else body
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        with pytest.raises(NotAuthentic):
            await police.subscription()


@pytest.mark.parametrize(
    ("age", "alarm"),
    [
        pytest.param(SETTLED_US + 10_000_000, True, id="made-a-while-ago"),
        pytest.param(0, False, id="made-just-now"),
    ],
)
async def test_a_broker_that_works_under_an_older_subscription_is_found_out(
    broker: Broker, age: int, alarm: bool
) -> None:
    async with broker.connect(ISLAMABAD) as police:
        await police.subscribe(categories=["cybercrime"])
        (kept,) = broker.state.rglob("subscription.json")
        write(kept, json.dumps({"version": 2, "at": clock.now() - age}).encode())
        if not alarm:
            assert await drain(police) == []
            return
        with pytest.raises(NotAuthentic, match="works under subscription 1"):
            await drain(police)


async def test_a_damaged_memory_stops_nothing(broker: Broker) -> None:
    async with broker.connect(ISLAMABAD) as police:
        await police.subscribe(categories=["cybercrime"])
        (kept,) = broker.state.rglob("subscription.json")
        write(kept, b"{")
        assert await drain(police) == []
