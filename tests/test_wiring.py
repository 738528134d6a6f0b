"""Starting and stopping a broker as the program does: what refuses to start is told, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from broker.errors import HarkaraError, UnsafeConfiguration, WrongExchange
from broker.protocol import dsse
from broker.service import clock
from broker.settings import Address, Settings
from broker.wiring import Material, running
from tests.contract.conftest import material_of
from tests.exchange_fixtures import FIA, TestExchange, make_exchange, next_version

ANY_PORT = Address("127.0.0.1", 0)

Spoil = Callable[[TestExchange, Material], Material]


def entitlements_of_another_version(exchange: TestExchange, material: Material) -> Material:
    return replace(material, entitlements=next_version(exchange).entitlements_envelope)


def a_changed_registry(exchange: TestExchange, material: Material) -> Material:
    envelope = exchange.registry_envelope
    changed = dsse.Envelope(envelope.payload_type, envelope.payload + b" ", envelope.signatures)
    return replace(material, registry=changed)


def the_registry_of_another_exchange(exchange: TestExchange, material: Material) -> Material:
    return replace(material, registry=make_exchange(exchange.now, name="Another").registry_envelope)


def the_identity_of_an_agency(exchange: TestExchange, material: Material) -> Material:
    return replace(material, identity=exchange.identities[FIA])


def the_identity_of_another_exchange(exchange: TestExchange, material: Material) -> Material:
    return replace(material, identity=make_exchange(exchange.now, name="Another").broker)


def the_next_epoch(exchange: TestExchange, material: Material) -> Material:
    newer = next_version(exchange, epoch="ab" * 16)
    return replace(material, registry=newer.registry_envelope, entitlements=newer.entitlements_envelope)


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        pytest.param(entitlements_of_another_version, HarkaraError, "entitlements", id="entitlements"),
        pytest.param(a_changed_registry, HarkaraError, "signature", id="a-changed-registry"),
        pytest.param(the_registry_of_another_exchange, WrongExchange, "exchange", id="a-strange-registry"),
        pytest.param(the_identity_of_an_agency, UnsafeConfiguration, "an agency", id="an-agency"),
        pytest.param(
            the_identity_of_another_exchange, UnsafeConfiguration, "another exchange", id="a-strange-identity"
        ),
        pytest.param(the_next_epoch, UnsafeConfiguration, "epoch", id="another-epoch-than-the-store"),
    ],
)
async def test_what_refuses_to_start_is_what_the_caller_sees(
    store_url: str, spoil: Spoil, error: type[HarkaraError], said: str
) -> None:
    exchange = make_exchange(clock.now())
    settings = Settings(listen=ANY_PORT, ops=ANY_PORT, store_url=store_url)
    material = material_of(exchange)
    async with running(settings, material):
        pass
    with pytest.raises(error) as refused:
        async with running(settings, spoil(exchange, material)):
            raise AssertionError("it started")
    assert said in str(refused.value)
    assert "not loaded" not in str(refused.value)


@pytest.mark.parametrize("taken", ["listen", "ops"])
async def test_an_address_that_is_taken_is_named(store_url: str, taken: str) -> None:
    exchange = make_exchange(clock.now())
    settings = Settings(listen=ANY_PORT, ops=ANY_PORT, store_url=store_url)
    async with running(settings, material_of(exchange)) as first:
        again = replace(settings, **{taken: first.listen})
        with pytest.raises(UnsafeConfiguration, match=f"cannot listen on {first.listen}"):
            async with running(again, material_of(exchange)):
                raise AssertionError("it started")
