"""Heads: the exact bytes, and when two of them prove fraud."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgpack
import pytest

from broker.errors import Malformed
from broker.protocol.chain import first_link
from broker.protocol.encoding import pack
from broker.protocol.head import Head, read_head
from tests.exchange_fixtures import ANF, FIA, NOW, fixed

HEAD = Head(
    exchange=fixed("x"),
    epoch=fixed("epoch", 16),
    generation=0,
    agency=FIA,
    number=12,
    chain=fixed("chain"),
    signed_at=NOW,
    registry_version=7,
    registry_digest=fixed("registry"),
    subscription_version=3,
)
EMPTY = replace(HEAD, number=0, chain=first_link(HEAD.exchange, HEAD.epoch, FIA), subscription_version=0)


def test_the_bytes_are_those_of_the_specification() -> None:
    assert HEAD.pack() == msgpack.packb(
        [
            "harkara/1 head",
            fixed("x"),
            fixed("epoch", 16),
            0,
            FIA,
            12,
            fixed("chain"),
            NOW,
            7,
            fixed("registry"),
            3,
        ]
    )


@pytest.mark.parametrize("head", [HEAD, EMPTY], ids=["an-inbox", "an-empty-inbox"])
def test_a_head_is_read_back(head: Head) -> None:
    assert read_head(head.pack()) == head


FORK = replace(HEAD, chain=fixed("another chain"))


@pytest.mark.parametrize(
    ("other", "fraud"),
    [
        pytest.param(FORK, True, id="another-chain-at-the-same-number"),
        pytest.param(replace(FORK, signed_at=NOW + 1, registry_version=8), True, id="signed-later"),
        pytest.param(replace(FORK, subscription_version=4), True, id="with-another-subscription"),
        pytest.param(HEAD, False, id="itself"),
        pytest.param(replace(HEAD, signed_at=NOW + 1), False, id="itself-signed-again"),
        pytest.param(replace(FORK, number=13), False, id="another-number"),
        pytest.param(replace(FORK, generation=1), False, id="after-a-rollback-that-was-announced"),
        pytest.param(replace(FORK, epoch=fixed("later", 16)), False, id="another-epoch"),
        pytest.param(replace(FORK, agency=ANF), False, id="another-inbox"),
        pytest.param(replace(FORK, exchange=fixed("y")), False, id="another-exchange"),
    ],
)
def test_two_heads_prove_fraud_when_they_tell_two_histories_of_one_place(other: Head, fraud: bool) -> None:
    assert HEAD.contradicts(other) is fraud
    assert other.contradicts(HEAD) is fraud


FIELDS: list[Any] = msgpack.unpackb(HEAD.pack())[1:]


def record(place: int, value: Any) -> bytes:
    fields = list(FIELDS)
    fields[place] = value
    return pack("head", *fields)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(record(1, bytes(32)), id="an-epoch-of-32-bytes"),
        pytest.param(record(2, -1), id="a-negative-generation"),
        pytest.param(record(3, None), id="no-agency"),
        pytest.param(record(4, "12"), id="a-number-in-text"),
        pytest.param(record(5, fixed("c").hex()), id="a-chain-in-hex"),
        pytest.param(record(9, None), id="no-subscription-version"),
        pytest.param(pack("head", *FIELDS[:-1]), id="a-field-too-few"),
        pytest.param(pack("head", *FIELDS, 0), id="a-field-too-many"),
        pytest.param(pack("floor", *FIELDS), id="another-purpose"),
        pytest.param(HEAD.pack().replace(b"\x0c", b"\xcc\x0c"), id="a-longer-integer"),
    ],
)
def test_any_other_record_is_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        read_head(payload)
