"""The head of an inbox as bytes: read as written, different when anything is, refused when garbled."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import NotAuthentic
from broker.store.head import pack_head, unpack_head
from broker.store.records import Head

digests = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, 2**64 - 1)
positions = st.builds("{}-{}".format, numbers, numbers)
heads = st.builds(Head, numbers, digests, positions, digests, numbers, digests)

HEAD = Head(7, b"c" * 32, "1700000000000-1", b"d" * 32, 2, b"f" * 32)


@given(heads)
def test_a_head_is_read_as_it_was_written(head: Head) -> None:
    assert unpack_head(pack_head(head)) == head


@given(heads, heads)
def test_two_heads_that_differ_in_anything_have_other_bytes(one: Head, other: Head) -> None:
    assert (pack_head(one) == pack_head(other)) is (one == other)


@pytest.mark.parametrize("nothing", [b"", None])
def test_an_inbox_without_a_head_has_none(nothing: bytes | None) -> None:
    assert unpack_head(nothing) is None
    assert pack_head(None) == b""


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(b"\x01", id="cut short"),
        pytest.param(pack_head(HEAD)[:-1], id="one byte short"),
        pytest.param(pack_head(HEAD) + b"\x00", id="one byte more"),
        pytest.param(b"\x02" + pack_head(HEAD)[1:], id="another form"),
        pytest.param(pack_head(replace(HEAD, position="17000000000x0-1")), id="a position that is none"),
    ],
)
def test_other_bytes_are_refused(packed: bytes) -> None:
    with pytest.raises(NotAuthentic):
        unpack_head(packed)


@pytest.mark.parametrize("part", ["chain", "digest", "floor_chain"])
def test_a_head_of_other_sizes_is_never_written(part: str) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        pack_head(replace(HEAD, **{part: b"short"}))
