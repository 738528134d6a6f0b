"""Positions and outlines of CAP, made GeoJSON: lat,lon become [lon, lat], rings are closed, long ones are
simplified.

CAP 1.2, section 3.2.4: a polygon is four or more `lat,lon` pairs separated by white space, the first and last
the same; a circle is `lat,lon radius` with the radius in kilometres. WGS 84, as in GeoJSON (RFC 7946).
"""

from __future__ import annotations

import heapq
import math
import re
from typing import Final, TypeAlias

Position: TypeAlias = list[float]
Ring: TypeAlias = list[Position]

_VISITED_POSITIONS: Final = 16_384
"""Of a longer outline every n-th position is looked at: choosing among them costs up to the square."""
_BETWEEN: Final = re.compile(r"[\s,;]+")
_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,2})?", re.ASCII)


def read_position(text: str) -> Position:
    """Give [lon, lat] of `lat,lon`. Raises ValueError, in words, for what is no place on earth.

    A longitude beyond ±180 (outlines over the antimeridian have them) is turned by 360.
    """
    latitude, comma, longitude = text.partition(",")
    if not comma:
        raise ValueError(f"{text[:40]!r} is no lat,lon pair")
    lat, lon = _number(latitude), _number(longitude)
    if abs(lat) > 90:
        raise ValueError(f"latitude {latitude} is beyond 90: CAP writes lat,lon")
    if abs(lon) > 360:
        raise ValueError(f"longitude {longitude} is beyond 180")
    return [lon - 360 if lon > 180 else lon + 360 if lon < -180 else lon, lat]


def read_ring(text: str) -> tuple[Ring, str]:
    """Give the closed ring of a `polygon` element, and what there is to say about how it was written.

    Raises ValueError, in words, for what is no outline.
    """
    pairs, remark = _pairs(text)
    ring = [read_position(pair) for pair in pairs]
    if ring[0] != ring[-1]:
        ring.append(ring[0])
    if len(ring) < 4:
        raise ValueError(f"{len(ring) - 1} corners enclose nothing")
    return ring, remark


def _pairs(text: str) -> tuple[list[str], str]:
    """Give the `lat,lon` pairs of an outline: of three numbers each the third is a height and goes; numbers
    without anything that pairs them are taken two by two.
    """
    words = " ".join(text.replace(";", " ").split()).replace(" ,", ",").replace(", ", ",").split(" ")
    commas = {word.count(",") for word in words}
    if commas == {2}:
        for word in words:
            _number(word.rpartition(",")[2])
        return [word.rpartition(",")[0] for word in words], "the heights in it are left out"
    numbers = words[0].split(",") if len(words) == 1 else words
    if commas == {1} or len(numbers) < 6 or len(numbers) % 2 or not (commas == {0} or len(words) == 1):
        return words, ""
    pairs = [f"{lat},{lon}" for lat, lon in zip(numbers[::2], numbers[1::2], strict=True)]
    return pairs, "its numbers are not written as pairs, they are taken two by two"


def read_circle(text: str) -> tuple[Position, float]:
    """Give the centre and the radius in metres of a `circle` element (0 marks a point).

    Raises ValueError, in words, for what is no circle.
    """
    parts = [part for part in _BETWEEN.split(text) if part]
    if len(parts) != 3:
        raise ValueError(f"it has {len(parts)} numbers, a circle is lat,lon radius")
    latitude, longitude, radius = parts
    if (metres := round(_number(radius.lower().removesuffix("km")) * 1000, 3)) < 0:
        raise ValueError("a negative radius")
    return read_position(f"{latitude},{longitude}"), metres


def simplify(ring: Ring, most: int) -> Ring:
    """Give a closed ring of at most `most` (4 or more) of the positions of `ring`.

    Visits the outline as Douglas and Peucker do, always splitting where it is farthest off, so the corners
    that matter most stay.
    """
    if len(ring) <= most:
        return ring
    if len(ring) > _VISITED_POSITIONS:
        ring = [*ring[: -1 : math.ceil(len(ring) / _VISITED_POSITIONS)], ring[-1]]
    middle = max(range(1, len(ring) - 1), key=lambda n: math.dist(ring[0], ring[n]))
    kept = {0, middle, len(ring) - 1}
    spans = [_span(ring, 0, middle), _span(ring, middle, len(ring) - 1)]
    heapq.heapify(spans)  # the one that is farthest off comes first
    while len(kept) < most and spans:
        _, first, corner, last = heapq.heappop(spans)
        kept.add(corner)
        for begin, end in ((first, corner), (corner, last)):
            if end - begin > 1:
                heapq.heappush(spans, _span(ring, begin, end))
    chosen = [ring[n] for n in sorted(kept)]
    return chosen if len(chosen) >= 4 else [*ring[:3], ring[0]]


def _span(ring: Ring, first: int, last: int) -> tuple[float, int, int, int]:
    """Give how far (as a negative number), and where, the outline between two corners, which are no
    neighbours, leaves the straight line.
    """
    (x0, y0), (x1, y1) = ring[first], ring[last]
    dx, dy = x1 - x0, y1 - y0
    length = math.hypot(dx, dy)
    farthest, corner = 0.0, first
    for n in range(first + 1, last):
        x, y = ring[n]
        off = abs(dx * (y - y0) - dy * (x - x0)) / length if length else math.hypot(x - x0, y - y0)
        if off > farthest or corner == first:
            farthest, corner = off, n
    return -farthest, first, corner, last


def _number(text: str) -> float:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is no number")
    return float(text)
