"""The targets of `make fuzz` are what they say: seeds are taken, and a fault in a decoder would be seen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import Malformed
from tests.fuzz.targets import TARGETS, Target

REFUSED_SEEDS = {"request-head": 2}
"""Seeds that lead into refusals."""


@st.composite
def damaged(draw: st.DrawFn, seed: bytes) -> bytes:
    """Give a seed of which a few bytes were changed, cut out or put in."""
    found = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(found)))
        found[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(found)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_taken(name: str) -> None:
    target = TARGETS[name]
    assert [target(seed) for seed in target.seeds].count(False) == REFUSED_SEEDS.get(name, 0)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_seeds_are_taken_or_refused(name: str) -> None:
    target = TARGETS[name]
    broken = [damaged(seed) for seed in target.seeds]

    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(st.one_of(st.binary(max_size=200), *broken))
    def run(data: bytes) -> None:
        target(data)

    run()


def test_what_may_not_leave_a_decoder_is_seen() -> None:
    def faulty(data: bytes) -> None:
        if data:
            raise KeyError(data[0])
        raise Malformed("nothing")

    target = Target(faulty, ())
    assert target(b"") is False
    with pytest.raises(KeyError):
        target(b"x")
    assert Target(faulty, (), (KeyError,))(b"x") is False
