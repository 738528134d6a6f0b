"""Stamps: the exact bytes, and no other record passes for one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgpack
import pytest

from broker.errors import BadSignature, Malformed
from broker.protocol import dsse
from broker.protocol.encoding import pack
from broker.protocol.keys import read_signing_public
from broker.protocol.sealing import SEAL_TYPE
from broker.protocol.stamp import STAMP_TYPE, Stamp, read_stamp
from tests.exchange_fixtures import BROKER, FIA, NOW, fixed, make_exchange

EXCHANGE = make_exchange()
SIGNER = EXCHANGE.signing(BROKER)
STAMP = Stamp(
    exchange=EXCHANGE.id,
    broker_kid=SIGNER.kid,
    originator=FIA,
    id="0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64",
    stmt=fixed("stmt"),
    sealed=fixed("sealed"),
    taken_at=NOW,
    registry_version=7,
)


def test_the_bytes_are_those_of_the_specification() -> None:
    assert STAMP.pack() == msgpack.packb(
        [
            "harkara/1 stamp",
            EXCHANGE.id,
            SIGNER.kid,
            FIA,
            STAMP.id,
            fixed("stmt"),
            fixed("sealed"),
            NOW,
            7,
        ]
    )


def test_a_stamp_is_read_back() -> None:
    assert read_stamp(STAMP.pack()) == STAMP


def test_a_signature_over_a_stamp_is_none_over_a_seal() -> None:
    public = read_signing_public(SIGNER.public)
    stamped = SIGNER.sign(STAMP_TYPE, STAMP.pack())
    dsse.verify(stamped, public, kind=STAMP_TYPE)
    for envelope in (stamped, replace(stamped, payload_type=SEAL_TYPE)):
        with pytest.raises(BadSignature):
            dsse.verify(envelope, public, kind=SEAL_TYPE)


FIELDS: list[Any] = msgpack.unpackb(STAMP.pack())[1:]


def record(place: int, value: Any) -> bytes:
    fields = list(FIELDS)
    fields[place] = value
    return pack("stamp", *fields)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(record(0, b"short"), id="a-short-exchange-id"),
        pytest.param(record(1, SIGNER.kid.hex()), id="a-key-id-in-hex"),
        pytest.param(record(2, b"pk.fia"), id="an-originator-in-bytes"),
        pytest.param(record(4, None), id="no-stmt"),
        pytest.param(record(6, -1), id="a-time-before-1970"),
        pytest.param(record(6, 1.5), id="half-a-microsecond"),
        pytest.param(record(6, True), id="true-for-a-time"),
        pytest.param(record(7, "7"), id="a-version-in-text"),
        pytest.param(pack("stamp", *FIELDS, 1), id="a-field-too-many"),
        pytest.param(pack("stamp", *FIELDS[:-1]), id="a-field-too-few"),
        pytest.param(pack("stamp", *FIELDS[:4], FIELDS[5], FIELDS[4][:16], *FIELDS[6:]), id="a-short-sealed"),
        pytest.param(pack("head", *FIELDS), id="another-purpose"),
        pytest.param(STAMP.pack() + b"\0", id="a-byte-more"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_any_other_record_is_refused(payload: bytes) -> None:
    with pytest.raises(Malformed):
        read_stamp(payload)
