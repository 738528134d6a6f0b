"""F: one byte string per meaning, and one meaning per byte string."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import Malformed
from broker.protocol.encoding import Bin, ListOf, Maybe, Row, is_of, pack, unpack
from broker.protocol.limits import RECORD_BYTES
from tests.by_hand import record

SHAPE = (int, str, bytes, Bin(2), Maybe(str), ListOf(Row((str, int))))
FIELDS: list[Any] = [7, "pk.fia", b"\x00\xff\x00", b"ab", None, [["a", 1], ["b", 300]]]
RECORD = pack("test", *FIELDS)
LABEL = b"\xaeharkara/1 test"

VALUES = st.tuples(
    st.integers(0, 2**64 - 1),
    st.text(),
    st.binary(max_size=300),
    st.binary(min_size=2, max_size=2),
    st.none() | st.text(),
    st.lists(st.tuples(st.text(), st.integers(0, 2**64 - 1)).map(list), max_size=20),
)


@given(VALUES)
def test_the_bytes_are_those_of_the_specification(fields: tuple[Any, ...]) -> None:
    assert pack("test", *fields) == record("harkara/1 test", *fields)


@given(VALUES)
def test_what_is_packed_is_read_back(fields: tuple[Any, ...]) -> None:
    assert unpack(pack("test", *fields), "test", *SHAPE) == list(fields)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(RECORD.replace(LABEL + b"\x07", LABEL + b"\xcc\x07"), id="a-longer-integer"),
        pytest.param(RECORD.replace(LABEL + b"\x07", LABEL + b"\xcf" + bytes(7) + b"\x07"), id="a-64-bit-7"),
        pytest.param(RECORD.replace(b"\xa6pk.fia", b"\xd9\x06pk.fia"), id="a-longer-text-header"),
        pytest.param(RECORD.replace(b"\xc4\x02ab", b"\xc5\x00\x02ab"), id="a-longer-bytes-header"),
        pytest.param(b"\xdc\x00\x07" + RECORD[1:], id="a-longer-array-header"),
        pytest.param(b"\xdd\x00\x00\x00\x07" + RECORD[1:], id="an-even-longer-array-header"),
        pytest.param(RECORD.replace(b"\xc4\x02ab", b"\xa2ab"), id="text-for-bytes"),
        pytest.param(RECORD.replace(b"\xa6pk.fia", b"\xc4\x06pk.fia"), id="bytes-for-text"),
        pytest.param(RECORD.replace(b"\xc4\x02ab", b"\xc4\x03abc"), id="bytes-of-another-size"),
        pytest.param(RECORD.replace(LABEL + b"\x07", LABEL + b"\xff"), id="a-negative-integer"),
        pytest.param(RECORD.replace(LABEL + b"\x07", LABEL + b"\xc3"), id="true-for-an-integer"),
        pytest.param(RECORD.replace(LABEL + b"\x07", LABEL + b"\xc0"), id="nil-where-the-shape-has-none"),
        pytest.param(RECORD.replace(LABEL + b"\x07", LABEL + b"\xcb" + struct.pack(">d", 7.0)), id="a-float"),
        pytest.param(
            RECORD.replace(LABEL + b"\x07", LABEL + b"\xcb" + struct.pack(">d", float("nan"))), id="NaN"
        ),
        pytest.param(RECORD.replace(LABEL + b"\x07", LABEL + b"\x80"), id="an-empty-map"),
        pytest.param(RECORD.replace(LABEL + b"\x07", LABEL + b"\x81\x01\x01"), id="a-map"),
        pytest.param(RECORD.replace(LABEL + b"\x07", LABEL + b"\xd4\x05\x01"), id="an-extension"),
        pytest.param(RECORD.replace(LABEL + b"\x07", LABEL + b"\xd6\xff\x00\x00\x00\x00"), id="a-timestamp"),
        pytest.param(RECORD.replace(b"\xa6pk.fia", b"\xa6pk.fi\xff"), id="invalid-utf-8"),
        pytest.param(RECORD.replace(b"\xa6pk.fia", b"\xa6pk.\xed\xa0\x80"), id="a-surrogate-in-utf-8"),
        pytest.param(RECORD.replace(LABEL + b"\x07", LABEL + b"\xc1"), id="the-byte-that-msgpack-never-uses"),
        pytest.param(RECORD[:-1], id="cut-by-a-byte"),
        pytest.param(RECORD + b"\x00", id="a-byte-too-many"),
        pytest.param(RECORD + RECORD, id="two-records"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x90", id="an-empty-array"),
        pytest.param(b"\x91" + LABEL, id="a-label-alone"),
        pytest.param(LABEL, id="a-label-that-is-no-array"),
        pytest.param(b"\x07", id="a-number"),
        pytest.param(pack("test", *FIELDS, 1), id="a-field-too-many"),
        pytest.param(pack("test", *FIELDS[:-1]), id="a-field-too-few"),
        pytest.param(pack("test", *reversed(FIELDS)), id="fields-reordered"),
        pytest.param(pack("test", *FIELDS[:-1], [["a", 1, 2]]), id="a-row-too-long"),
        pytest.param(pack("test", *FIELDS[:-1], [{"a": 1}]), id="a-map-in-a-list"),
        pytest.param(pack("test", *FIELDS[:-1], "not a list"), id="text-for-a-list"),
        pytest.param(pack("other", *FIELDS), id="a-record-of-another-purpose"),
        pytest.param(RECORD.replace(b"harkara/1", b"harkara/2"), id="a-record-of-another-format"),
        pytest.param(RECORD.replace(LABEL, b"\xc4\x0eharkara/1 test"), id="a-label-in-bytes"),
        pytest.param(b"\x91" * 100_000, id="a-depth-bomb"),
        pytest.param(b"\x97" + LABEL + b"\x91" * 500 + b"\xc0", id="a-depth-that-msgpack-takes"),
        pytest.param(b"\x97" + LABEL + b"\x91" * 1020 + b"\xc0", id="a-depth-that-repr-does-not-take"),
        pytest.param(b"\x91" * 1023 + b"\xc0", id="a-depth-in-place-of-a-label"),
        pytest.param(b"\xdd\xff\xff\xff\xff", id="an-array-that-claims-four-thousand-million"),
        pytest.param(b"\x97" + LABEL + b"\xc6\xff\xff\xff\xff", id="bytes-that-claim-four-gigabytes"),
    ],
)
def test_any_other_spelling_is_refused(record: bytes) -> None:
    with pytest.raises(Malformed):
        unpack(record, "test", *SHAPE)


def test_every_single_byte_counts() -> None:
    for place in range(len(RECORD)):
        for flip in (1, 0x80, 0xFF):
            changed = bytearray(RECORD)
            changed[place] ^= flip
            try:
                fields = unpack(bytes(changed), "test", *SHAPE)
            except Malformed:
                continue
            assert fields != FIELDS, place


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_are_exactly_their_own_encoding(record: bytes) -> None:
    try:
        fields = unpack(record, "test", int, Maybe(bytes))
    except Malformed:
        return
    assert pack("test", *fields) == record


@given(
    st.recursive(st.none() | st.integers() | st.floats() | st.text() | st.binary(), st.lists, max_leaves=8)
)
def test_any_msgpack_value_is_refused_or_is_exactly_its_own_encoding(value: object) -> None:
    try:
        record = msgpack.packb(["harkara/1 test", value])
    except OverflowError:
        return  # no msgpack integer
    assert isinstance(record, bytes)
    try:
        fields = unpack(record, "test", ListOf(Maybe(int)))
    except Malformed:
        return
    assert pack("test", *fields) == record


def test_a_record_above_its_limit_is_refused_before_it_is_parsed() -> None:
    record = pack("test", bytes(RECORD_BYTES))
    with pytest.raises(Malformed, match="the test record cannot be read") as refused:
        unpack(record, "test", bytes)
    assert refused.value.problems[0].expected == f"at most {RECORD_BYTES} bytes"
    assert unpack(record, "test", bytes, max_bytes=len(record)) == [bytes(RECORD_BYTES)]
    with pytest.raises(Malformed):
        unpack(record, "test", bytes, max_bytes=len(record) - 1)


def test_the_refusal_names_the_element() -> None:
    with pytest.raises(Malformed) as refused:
        unpack(pack("test", 1, "two"), "test", int, Bin(32))
    problem = refused.value.problems[0]
    assert (problem.expected, problem.got) == ("element 2 to be 32 bytes", "two")


def test_a_record_is_told_by_its_label_and_not_by_the_beginning_of_it() -> None:
    assert is_of(pack("receipt header", 1), "receipt header")
    assert not is_of(pack("header", 1), "receipt header")
    assert not is_of(pack("receipt", 1), "receipt header")
    assert not is_of(b"", "header")
