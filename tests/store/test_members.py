"""What the store keeps of members: epoch, registry, subscriptions, acknowledgements, pair keys."""

from __future__ import annotations

import time

import pytest

from broker.errors import UnsafeConfiguration
from broker.store import names
from broker.store.records import BEGINNING, Standing
from broker.store.store import Store
from tests.store.items import new_item

EPOCH, OTHER_EPOCH = b"e" * 16, b"o" * 16


def soon(seconds: float) -> int:
    return int((time.time() + seconds) * 1e6)


async def test_an_empty_store_is_begun_once(store: Store) -> None:
    assert await store.members.standing() == Standing(None, 0, 0, BEGINNING, 0)
    await store.members.begin(EPOCH)
    await store.members.begin(EPOCH)
    assert (await store.members.standing()).epoch == EPOCH


async def test_a_store_of_another_epoch_is_refused_and_stays_what_it_is(store: Store) -> None:
    await store.members.begin(EPOCH)
    with pytest.raises(UnsafeConfiguration, match=OTHER_EPOCH.hex()):
        await store.members.begin(OTHER_EPOCH)
    assert (await store.members.standing()).epoch == EPOCH


async def test_a_store_with_entries_and_no_epoch_is_refused(store: Store) -> None:
    await store.committer.commit(new_item(1))
    with pytest.raises(UnsafeConfiguration, match="no epoch"):
        await store.members.begin(EPOCH)


@pytest.mark.parametrize(
    ("version", "done"),
    [
        pytest.param(8, True, id="newer"),
        pytest.param(70, True, id="much newer, and not as text"),
        pytest.param(7, False, id="the same"),
        pytest.param(6, False, id="older"),
    ],
)
async def test_a_registry_comes_into_force_only_when_it_is_newer(
    store: Store, version: int, done: bool
) -> None:
    assert await store.members.publish_registry(7, b"seven") == 0
    assert await store.members.publish_registry(version, b"other") == 7
    assert (await store.members.standing()).registry_version == (version if done else 7)
    assert await store.members.registry(7) == b"seven"
    assert await store.members.registry(version) == (b"other" if done else b"seven" if version == 7 else None)


@pytest.mark.parametrize(
    ("version", "in_force"),
    [
        pytest.param(10, None, id="newer"),
        pytest.param(9, 9, id="the same"),
        pytest.param(3, 9, id="older"),
    ],
)
async def test_a_subscription_is_replaced_only_by_a_newer_one(
    store: Store, version: int, in_force: int | None
) -> None:
    assert await store.members.subscription("pk.fia") is None
    assert await store.members.put_subscription("pk.fia", 9, b"nine|9") is None
    assert await store.members.put_subscription("pk.fia", version, b"other") == in_force
    expected = (version, b"other") if in_force is None else (9, b"nine|9")
    assert await store.members.subscription("pk.fia") == expected
    assert await store.members.subscriptions() == {"pk.fia": expected}


@pytest.mark.parametrize(
    ("number", "highest"),
    [
        pytest.param(100, (100, b"new"), id="higher, and not as text"),
        pytest.param(20, (20, b"old"), id="the same"),
        pytest.param(5, (20, b"old"), id="lower, and higher as text"),
    ],
)
async def test_the_highest_acknowledgement_is_kept(
    store: Store, number: int, highest: tuple[int, bytes]
) -> None:
    await store.members.acknowledge("pk.fia", 20, b"old")
    assert await store.members.acknowledge("pk.fia", number, b"new") == highest
    await store.members.acknowledge("pk.anf", 1, b"anf")
    assert await store.members.all_acknowledged() == {"pk.fia": highest, "pk.anf": (1, b"anf")}


async def test_pair_keys_live_as_long_as_asked(store: Store) -> None:
    kept, over, until = b"k" * 16, b"o" * 16, soon(3_600)
    await store.members.put_pair_keys([(kept, b"1")], until)
    await store.members.put_pair_keys([(over, b"2")], soon(-1))
    assert await store.members.pair_keys([kept, over, b"n" * 16]) == [b"1", None, None]
    assert await store.connections.reading.pexpiretime(names.pair_key(kept)) == until // 1000
