"""Where: named areas, with an ISO 3166-2 code for routing and a GeoJSON geometry for maps (RFC 7946).

Positions are (longitude, latitude), as in GeoJSON and unlike CAP. A circle is a Point with `radius_m`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeAlias

from msgspec import Meta

from broker.errors import Problem, shorten
from broker.protocol import limits
from broker.protocol.fields import AreaCode, Line, words
from broker.protocol.rules import Record, Rule

Longitude: TypeAlias = Annotated[float, Meta(title="longitude in degrees", ge=-180, le=180)]
Latitude: TypeAlias = Annotated[float, Meta(title="latitude in degrees", ge=-90, le=90)]
Position: TypeAlias = Annotated[
    tuple[Longitude, Latitude], Meta(title="[longitude, latitude]", examples=[[73.0479, 33.6844]])
]
Ring: TypeAlias = Annotated[
    tuple[Position, ...],
    Meta(title="ring of at least 4 positions, the last equal to the first", min_length=4),
]
Rings: TypeAlias = Annotated[
    tuple[Ring, ...], Meta(title="outer ring, then holes", min_length=1, max_length=64)
]


def _rings(polygons: Iterable[tuple[str, tuple[Ring, ...]]]) -> Iterable[Problem]:
    points = 0
    for pointer, rings in polygons:
        for n, ring in enumerate(rings):
            points += len(ring)
            if ring[0] != ring[-1]:
                at = f"{pointer}/{n}/{len(ring) - 1}"
                yield Problem(
                    at,
                    f"{list(ring[0])}",
                    shorten(list(ring[-1])),
                    "close the ring: repeat its first position",
                )
    if points > limits.AREA_POINTS:
        yield Problem(
            "/coordinates", f"at most {limits.AREA_POINTS} positions", f"{points}", "simplify the outline"
        )


class Point(Record, tag_field="type", tag="Point", frozen=True, kw_only=True):
    """One position; with the area's `radius_m`, a circle."""

    coordinates: Position


class Polygon(Record, tag_field="type", tag="Polygon", frozen=True, kw_only=True):
    """One outline, perhaps with holes."""

    coordinates: Rings

    RULES = (Rule(("coordinates",), lambda it: _rings([("/coordinates", it.coordinates)])),)


class MultiPolygon(Record, tag_field="type", tag="MultiPolygon", frozen=True, kw_only=True):
    """Several outlines."""

    coordinates: Annotated[tuple[Rings, ...], Meta(min_length=1, max_length=64)]

    RULES = (
        Rule(
            ("coordinates",),
            lambda it: _rings((f"/coordinates/{n}", rings) for n, rings in enumerate(it.coordinates)),
        ),
    )


Geometry: TypeAlias = Point | Polygon | MultiPolygon


def _radius(area: Area) -> Iterable[Problem]:
    if area.radius_m is not None and not isinstance(area.geometry, Point):
        got = "no geometry" if area.geometry is None else type(area.geometry).__name__
        yield Problem("/geometry", "a Point, because there is radius_m", got)


class Area(Record, frozen=True, kw_only=True):
    """An area, as people call it, and where that is."""

    name: Annotated[Line, words("As people call it.", examples=["Torkham border crossing"])]
    code: AreaCode | None = None
    geometry: Geometry | None = None
    radius_m: (
        Annotated[float, Meta(title="radius in metres", gt=0, le=limits.RADIUS_METRES, examples=[5000])]
        | None
    ) = None

    RULES = (
        Rule(
            ("geometry", "radius_m"),
            _radius,
            {
                "if": {"required": ["radius_m"]},
                "then": {
                    "required": ["geometry"],
                    "properties": {"geometry": {"properties": {"type": {"const": "Point"}}}},
                },
            },
        ),
    )
