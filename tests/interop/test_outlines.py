"""Positions and outlines."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.interop.outlines import Ring, read_circle, read_position, read_ring, simplify
from tests.waiting import comes_to_an_end

ROUND: Ring = [[math.cos(n / 500), math.sin(n / 500)] for n in range(3000)]
ROUND.append(ROUND[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("34.1,71.0", [71.0, 34.1], id="latitude-comes-first"),
        pytest.param("-34.1,-71", [-71.0, -34.1], id="south-and-west"),
        pytest.param("+.5,1.", [1.0, 0.5], id="signs-and-points"),
        pytest.param("51,-181.5", [178.5, 51.0], id="over-the-antimeridian-westward"),
        pytest.param("51,190", [-170.0, 51.0], id="over-the-antimeridian-eastward"),
        pytest.param("90,180", [180.0, 90.0], id="the-very-edge"),
    ],
)
def test_a_position_is_turned_round(text: str, expected: list[float]) -> None:
    assert read_position(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "1",
        "1;2",
        "1,2,3",
        "91,0",
        "-90.1,0",
        "0,361",
        "nan,0",
        "inf,0",
        "1e99,0",
        "0x1,2",
        "١,٢",
        "1_0,2",
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_position(text)


def test_a_ring_is_closed_and_spelled_freely() -> None:
    assert read_ring("1, 2\n3 ,4\t5,6") == ([[2.0, 1.0], [4.0, 3.0], [6.0, 5.0], [2.0, 1.0]], "")


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        pytest.param("1,2;3,4;5,6", "", id="semicolons"),
        pytest.param("1,2,100 3,4,100 5,6,99.5", "heights", id="heights"),
        pytest.param("1, 2, 0 3, 4, 0 5, 6, 0", "heights", id="heights-and-spaces"),
        pytest.param("1 2 3 4 5 6", "two by two", id="space-alone"),
        pytest.param("1, 2, 3, 4, 5, 6", "two by two", id="commas-alone"),
    ],
)
def test_what_is_not_written_as_cap_asks_is_read_and_that_is_said(text: str, remark: str) -> None:
    ring, said = read_ring(text)
    assert ring == [[2.0, 1.0], [4.0, 3.0], [6.0, 5.0], [2.0, 1.0]]
    assert remark in said
    assert bool(remark) == bool(said)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2",
        "1,2 3,4",
        "1,2 3,4 1,2",
        "1,2 3,4 x",
        "1 2 3 4",
        "1 2 3 4 5",
        "1,2,3,4,5",
        "1,2,x 3,4,5 6,7,8",
        "1,2,3 4,5 6,7",
        "1,2 3 4,5 6",
    ],
)
def test_what_encloses_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_ring(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("34.1,71.0 2.5", ([71.0, 34.1], 2500.0), id="kilometres-become-metres"),
        pytest.param("34.1, 71.0   0.001", ([71.0, 34.1], 1.0), id="spelled-freely"),
        pytest.param("34.1,71.0 0", ([71.0, 34.1], 0.0), id="a-point"),
        pytest.param("34.1,71.0,2.5", ([71.0, 34.1], 2500.0), id="a-comma-before-the-radius"),
        pytest.param("34.1 71.0 2.5", ([71.0, 34.1], 2500.0), id="spaces-alone"),
        pytest.param("34.1,71.0 2.5km", ([71.0, 34.1], 2500.0), id="the-unit"),
    ],
)
def test_a_circle_has_centre_and_metres(text: str, expected: tuple[list[float], float]) -> None:
    assert read_circle(text) == expected


@pytest.mark.parametrize(
    "text", ["", "1,2", "1,2 -1", "1,2 x", "1,2 nan", "1,2 3 4", "34,1 71,0 5", "91,2 1"]
)
def test_what_is_no_circle_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_circle(text)


@given(
    st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=3, max_size=60),
    st.integers(4, 40),
)
def test_a_simplified_ring_is_short_closed_and_made_of_its_own_corners(
    corners: list[tuple[float, float]], most: int
) -> None:
    ring = [list(corner) for corner in corners]
    ring.append(ring[0])
    simpler = simplify(ring, most)
    assert 4 <= len(simpler) <= max(most, 4)
    assert simpler[0] == simpler[-1]
    assert all(corner in ring for corner in simpler)


def test_a_simplified_ring_stays_near_its_outline() -> None:
    simpler = simplify(ROUND, 100)
    assert len(simpler) == 100
    middles = [math.hypot((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in pairwise(simpler)]
    assert min(middles) > 0.97


def test_a_huge_ring_is_simplified() -> None:
    ring = [[n % 360 - 180.0, (n * 7919 % 1800) / 10 - 90] for n in range(300_000)]
    ring.append(ring[0])
    with comes_to_an_end():
        assert len(simplify(ring, 2000)) == 2000
