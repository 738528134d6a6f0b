"""The names of keys: fixed partitions, one slot for each script, no two meanings for one key."""

from __future__ import annotations

from collections import Counter

import pytest
from redis.crc import key_slot

from broker.store import names


@pytest.mark.parametrize(
    ("agency", "key"),
    [
        pytest.param("pk.fia", "{in:05}:pk.fia", id="pk.fia"),
        pytest.param("pk.anf", "{in:05}:pk.anf", id="pk.anf"),
        pytest.param("int.interpol", "{in:09}:int.interpol", id="int.interpol"),
    ],
)
def test_an_agency_is_in_the_same_partition_for_ever(agency: str, key: str) -> None:
    assert names.inbox(agency) == key


def test_agencies_are_spread_over_all_partitions() -> None:
    spread = Counter(names.partition_of(f"pk.agency-{n}") for n in range(1600))
    assert len(spread) == names.PARTITIONS
    assert max(spread.values()) < 2 * 1600 / names.PARTITIONS


def test_all_keys_that_one_script_touches_are_in_one_slot() -> None:
    item = "pk.fia/0190e5b2-0000-7000-8000-000000000000"
    log = [names.LOG, names.STATE, names.ROUTED_TO, names.TICKS, names.SUBSCRIPTIONS, names.LEASE]
    log += [
        part(item) for part in (names.body, names.decision, names.opening, names.recipients, names.receipts)
    ]
    log += [names.pair_key(b"k" * 16), names.registry(7)]
    assert len({key_slot(key.encode()) for key in log}) == 1
    for partition in range(names.PARTITIONS):
        keys = [names.heads(partition), names.acknowledgements(partition)]
        keys += [names.inbox(f"pk.a{n}") for n in range(200) if names.partition_of(f"pk.a{n}") == partition]
        assert len({key_slot(key.encode()) for key in keys}) == 1


def test_no_two_parts_of_items_share_a_key() -> None:
    parts = (names.body, names.decision, names.opening, names.recipients, names.receipts)
    keys = [part(item) for part in parts for item in ("a/1", "a/2", "b/1")]
    assert len(set(keys)) == len(keys)
