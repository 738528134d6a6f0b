"""Tombstone, floor, rollback: the exact bytes, and records that contradict themselves are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.errors import Malformed
from broker.protocol.encoding import pack
from broker.protocol.history import (
    Floor,
    Rollback,
    Tombstone,
    read_floor,
    read_rollback,
    read_tombstone,
)
from tests.by_hand import record
from tests.exchange_fixtures import FIA, NOW, fixed

X, EPOCH = fixed("x"), fixed("epoch", 16)
EXPIRED = Tombstone(X, EPOCH, FIA, 7, fixed("sealed"), "expired", None, NOW)
RECALLED = replace(EXPIRED, reason="recalled", cancel=fixed("cancel"))
FLOOR = Floor(X, EPOCH, FIA, 7, fixed("chain"), NOW)
ROLLBACK = Rollback(X, EPOCH, 1, FIA, 7, fixed("kept"), 9, fixed("lost"), NOW)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            EXPIRED,
            record("harkara/1 tombstone", X, EPOCH, FIA, 7, fixed("sealed"), "expired", None, NOW),
            id="an-expired-item",
        ),
        pytest.param(
            RECALLED,
            record(
                "harkara/1 tombstone", X, EPOCH, FIA, 7, fixed("sealed"), "recalled", fixed("cancel"), NOW
            ),
            id="a-recalled-item",
        ),
        pytest.param(FLOOR, record("harkara/1 floor", X, EPOCH, FIA, 7, fixed("chain"), NOW), id="a-floor"),
        pytest.param(
            ROLLBACK,
            record("harkara/1 rollback", X, EPOCH, 1, FIA, 7, fixed("kept"), 9, fixed("lost"), NOW),
            id="a-rollback",
        ),
    ],
)
def test_the_bytes_are_those_of_the_specification(said: Any, expected: bytes) -> None:
    assert said.pack() == expected
    read = {Tombstone: read_tombstone, Floor: read_floor, Rollback: read_rollback}[type(said)]
    assert read(expected) == said


@pytest.mark.parametrize(
    ("read", "payload"),
    [
        pytest.param(read_tombstone, replace(EXPIRED, reason="lost").pack(), id="a-reason-that-is-none"),
        pytest.param(read_tombstone, replace(RECALLED, cancel=None).pack(), id="recalled-by-nothing"),
        pytest.param(read_tombstone, replace(EXPIRED, cancel=fixed("c")).pack(), id="expired-by-a-cancel"),
        pytest.param(read_tombstone, replace(EXPIRED, sealed=b"").pack(), id="no-digest"),
        pytest.param(read_tombstone, FLOOR.pack(), id="a-floor-for-a-tombstone"),
        pytest.param(read_floor, replace(FLOOR, epoch=X).pack(), id="a-long-epoch"),
        pytest.param(read_floor, replace(FLOOR, chain=b"").pack(), id="no-chain"),
        pytest.param(read_floor, replace(FLOOR, number=-1).pack(), id="a-number-below-zero"),
        pytest.param(read_floor, FLOOR.pack() + b"\0", id="a-byte-more"),
        pytest.param(read_rollback, replace(ROLLBACK, generation=0).pack(), id="no-new-generation"),
        pytest.param(read_rollback, replace(ROLLBACK, number_lost=7).pack(), id="nothing-lost"),
        pytest.param(read_rollback, replace(ROLLBACK, chain_kept=b"").pack(), id="no-chain-kept"),
        pytest.param(read_rollback, pack("rollback", X, EPOCH, 1, FIA), id="half-a-rollback"),
    ],
)
def test_any_other_record_is_refused(read: Callable[[bytes], object], payload: bytes) -> None:
    with pytest.raises(Malformed):
        read(payload)
