"""The broker signs with a key that the registry takes, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.errors import Unavailable
from broker.protocol.identity import Identity, OwnKey
from broker.protocol.limits import DAY_US
from broker.protocol.stamp import read_stamp
from broker.service import clock
from broker.service.cursor import Cursor
from broker.store.store import Store
from tests.exchange_fixtures import (
    BROKER,
    FIA,
    ISLAMABAD,
    TestExchange,
    identity,
    next_version,
    post_body,
    sign_bulletin,
)
from tests.service.conftest import publish, start_service


def rotated(exchange: TestExchange) -> Identity:
    """Give the broker's identity with newer keys, valid longer, that the registry does not have."""
    newer = identity(exchange.id, BROKER, exchange.now, 1).keys
    longer = tuple(OwnKey(own.key, own.not_before, own.not_after + DAY_US) for own in newer)
    return replace(exchange.broker, keys=(*exchange.broker.keys, *longer))


async def test_a_new_key_signs_from_the_registry_on_that_has_it(store: Store, exchange: TestExchange) -> None:
    own = rotated(exchange)
    service = await start_service(store, replace(exchange, identities={**exchange.identities, BROKER: own}))
    used = []
    for published in (exchange, next_version(exchange, identities={BROKER: own})):
        if published is not exchange:
            await publish(service, published)
        accepted = await service.posting.post(post_body(sign_bulletin(published, FIA)[0], None))
        stamp = read_stamp(accepted.stamp.payload)
        card, _ = published.registry.signer(stamp.broker_kid, stamp.taken_at, role="broker")
        assert card.id == BROKER
        used.append(stamp.broker_kid)
    assert used[0] != used[1], "the newer one, as soon as everybody can know it"
    await service.close()


async def test_a_broker_whose_key_is_revoked_signs_nothing_more(store: Store, exchange: TestExchange) -> None:
    service = await start_service(store, exchange)
    revoked = {own.key.kid: clock.now() for own in exchange.broker.keys}
    newer = next_version(exchange, revoked=revoked)
    await publish(service, newer)
    assert service.trust.registry.version == newer.registry.version
    with pytest.raises(Unavailable):
        await service.posting.post(post_body(sign_bulletin(newer, FIA)[0], None))
    with pytest.raises(Unavailable):
        await service.reading.page(ISLAMABAD, Cursor())
    await service.close()
