"""Which key signs: one that the registry takes, the newest among them; and what happens when the broker knows
more than the registry here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from broker.client import Agency, ReceivedBulletin
from broker.client.own_keys import OwnKeys, best
from broker.errors import BadSignature, ExpiredKey, RevokedKey, SchemaError, UnknownKey, Unreachable
from broker.protocol.identity import Identity, new_identity
from broker.protocol.keys import SigningKey
from broker.protocol.limits import DAY_US, HOUR_US
from broker.service import clock
from tests.client.conftest import Broker, drain
from tests.exchange_fixtures import FIA, ISLAMABAD, TestExchange, make_exchange, next_version
from tests.service.conftest import publish
from tests.waiting import HANG_S

EXCHANGE = make_exchange()
NOW = EXCHANGE.now
OLD = EXCHANGE.identities[FIA]


def rotated(identity: Identity, *, start: int, end: int, seed: int = 7) -> Identity:
    """Give the identity with fresh keys beside its own."""
    fresh = new_identity(
        identity.exchange, identity.id, identity.role, bytes([seed]) * 64, not_before=start, not_after=end
    )
    return replace(identity, keys=(*identity.keys, *fresh.keys))


def kids(identity: Identity) -> list[bytes]:
    return [own.key.kid for own in identity.keys if isinstance(own.key, SigningKey)]


def listed(identity: Identity, exchange: TestExchange = EXCHANGE, **fields: object) -> TestExchange:
    return next_version(exchange, identities={FIA: identity}, **fields)  # type: ignore[arg-type]


FRESH = rotated(OLD, start=NOW - HOUR_US, end=NOW + DAY_US)
"""Fresh keys that end before the old ones do: the end of a key is no sign of its age."""
FIRST, SECOND = kids(FRESH)
LATER = rotated(OLD, start=NOW + HOUR_US, end=NOW + DAY_US)


@pytest.mark.parametrize(
    ("identity", "exchange", "refused", "chosen"),
    [
        pytest.param(OLD, EXCHANGE, set(), FIRST, id="the-only-one"),
        pytest.param(FRESH, EXCHANGE, set(), FIRST, id="rotated-and-not-enrolled-yet"),
        pytest.param(FRESH, listed(FRESH), set(), SECOND, id="the-newest-of-those-enrolled"),
        pytest.param(LATER, listed(LATER), set(), FIRST, id="not-before-its-time"),
        pytest.param(FRESH, listed(FRESH, revoked={SECOND: NOW}), set(), FIRST, id="the-newest-is-revoked"),
        pytest.param(FRESH, listed(OLD, revoked={FIRST: NOW}), set(), SECOND, id="stolen-and-not-enrolled"),
        pytest.param(FRESH, None, set(), SECOND, id="no-registry-yet"),
        pytest.param(FRESH, EXCHANGE, {FIRST}, SECOND, id="the-broker-refused-the-old-one"),
        pytest.param(FRESH, listed(FRESH), {FIRST, SECOND}, SECOND, id="the-broker-refused-both"),
    ],
)
def test_the_key_that_signs(
    identity: Identity, exchange: TestExchange | None, refused: set[bytes], chosen: bytes
) -> None:
    found = best(identity, exchange.registry if exchange else None, NOW, refused)
    assert found is not None
    assert found.kid == chosen


@pytest.mark.parametrize("at", [OLD.keys[0].not_before - 1, OLD.keys[0].not_after])
def test_outside_of_the_life_of_all_keys_a_statement_is_refused_and_a_read_is_signed(at: int) -> None:
    keys = OwnKeys(OLD, lambda: at)
    with pytest.raises(SchemaError):
        keys.signing_key(at)
    assert keys.reading_key().kid == FIRST


@pytest.mark.parametrize(
    ("identity", "why", "again"),
    [
        pytest.param(FRESH, UnknownKey("no"), True, id="unknown"),
        pytest.param(FRESH, RevokedKey("no"), True, id="revoked"),
        pytest.param(FRESH, ExpiredKey("no"), True, id="expired"),
        pytest.param(FRESH, BadSignature("no"), False, id="another-reason"),
        pytest.param(OLD, RevokedKey("no"), False, id="no-other-key"),
    ],
)
def test_after_a_refusal_another_key_is_tried_once(identity: Identity, why: Exception, again: bool) -> None:
    keys = OwnKeys(identity, lambda: NOW)
    keys.known_by(lambda: EXCHANGE.registry)
    assert keys.refused(keys.reading_key().kid, why) is again  # type: ignore[arg-type]
    if again:
        assert not keys.refused(keys.reading_key().kid, why)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "on_disk",
    [
        pytest.param(replace(FRESH, id="pk.anf"), id="of-another-member"),
        pytest.param(replace(FRESH, exchange=bytes(32)), id="of-another-exchange"),
        pytest.param(OLD, id="the-same"),
    ],
)
def test_a_file_that_is_not_this_members_newer_identity_changes_nothing(on_disk: Identity) -> None:
    keys = OwnKeys(OLD, lambda: NOW, lambda: on_disk)
    assert keys.sealing_key(FRESH.keys[-1].key.kid) is None
    assert keys.identity == OLD


# --- At a broker -------------------------------------------------------------------------------------------


def now_rotated(broker: Broker) -> Identity:
    now = clock.now()
    return rotated(broker.exchange.identities[FIA], start=now - HOUR_US, end=now + DAY_US)


async def test_a_rotated_identity_works_before_it_is_enrolled(broker: Broker) -> None:
    async with broker.connect(FIA, identity=now_rotated(broker)) as fia:
        posted = await fia.post(broker.document())
        assert posted.envelope.payload_type
        assert await fia.subscription() is None


async def test_stolen_keys_are_left_for_fresh_ones_though_the_registry_here_is_old(broker: Broker) -> None:
    fresh = now_rotated(broker)
    old, new = kids(fresh)
    await publish(broker.service, listed(fresh, broker.exchange, revoked={old: clock.now()}))
    async with broker.connect(FIA, identity=fresh) as fia, broker.connect(ISLAMABAD) as police:
        posted = await fia.post(broker.document(), to=[ISLAMABAD])
        assert fia.registry().version == broker.exchange.registry.version + 1
        (item,) = await drain(police, timeout=HANG_S, count=1)
        assert isinstance(item, ReceivedBulletin)
        assert item.id == posted.id
        assert item.evidence.statement.signature.kid == new


async def test_a_feed_is_read_with_the_fresh_key_when_the_old_one_is_revoked(broker: Broker) -> None:
    now = clock.now()
    fresh = rotated(broker.exchange.identities[ISLAMABAD], start=now - HOUR_US, end=now + DAY_US)
    async with broker.connect(FIA) as fia, broker.connect(ISLAMABAD, identity=fresh) as police:
        changed = next_version(
            broker.exchange, identities={ISLAMABAD: fresh}, revoked={kids(fresh)[0]: clock.now()}
        )
        await publish(broker.service, changed)
        posted = await fia.post(broker.document(), to=[ISLAMABAD])
        (item,) = await drain(police, timeout=HANG_S, count=1)
        assert isinstance(item, ReceivedBulletin)
        assert item.id == posted.id


async def test_a_program_that_runs_through_a_rotation_reads_on(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "police.key"
    before = broker.exchange.identities[ISLAMABAD]
    path.write_bytes(before.document())
    path.chmod(0o600)
    async with broker.connect(FIA) as fia:
        given = {"identity": path, "registry": broker.exchange.registry}
        async with Agency.connect(broker.url, state=broker.state, **given) as police:  # type: ignore[arg-type]
            await fia.post(broker.document(), to=[ISLAMABAD])
            assert [type(item) for item in await drain(police, timeout=HANG_S, count=1)] == [ReceivedBulletin]
            now = clock.now()
            fresh = rotated(before, start=now - HOUR_US, end=now + 900 * DAY_US)
            path.write_bytes(fresh.document())
            await publish(broker.service, next_version(broker.exchange, identities={ISLAMABAD: fresh}))
            await fia.post(broker.document(severity="Minor"), to=[ISLAMABAD])
            assert [type(item) for item in await drain(police, timeout=HANG_S, count=1)] == [ReceivedBulletin]


async def test_without_a_broker_a_rotated_identity_still_signs(broker: Broker) -> None:
    async with broker.connect(
        FIA, identity=now_rotated(broker), url="http://127.0.0.1:9", patience=0.0
    ) as fia:
        with pytest.raises(Unreachable):
            await fia.post(broker.document())
        assert fia.sign(broker.document())
