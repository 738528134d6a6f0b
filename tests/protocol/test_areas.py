"""Areas are GeoJSON as RFC 7946 has it: longitude first, rings closed, everything on this earth."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from broker.errors import SchemaError
from broker.protocol import limits
from broker.protocol.areas import Area
from broker.protocol.schema_walk import convert

RING = [[61.61, 25.02], [61.78, 25.02], [61.78, 25.2], [61.61, 25.02]]
POINT = {"type": "Point", "coordinates": [73.0479, 33.6844]}


def _polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="a-name"),
        pytest.param({"code": "PK-PB"}, id="a-province"),
        pytest.param({"code": "PK"}, id="a-country"),
        pytest.param({"geometry": POINT}, id="a-point"),
        pytest.param({"geometry": POINT, "radius_m": 500.0}, id="a-circle"),
        pytest.param({"geometry": _polygon(RING)}, id="a-polygon"),
        pytest.param({"geometry": _polygon(RING, RING)}, id="a-polygon-with-a-hole"),
        pytest.param({"geometry": {"type": "MultiPolygon", "coordinates": [[RING], [RING]]}}, id="islands"),
    ],
)
def test_an_area_is_taken(fields: dict[str, Any]) -> None:
    area = {"name": "Jiwani"} | fields
    assert json.loads(msgspec.json.encode(convert(area, Area))) == area


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        pytest.param({"name": ""}, "/name", "one line", id="without-a-name"),
        pytest.param({"code": "pk-pb"}, "/code", "capital letters", id="a-small-code"),
        pytest.param({"code": "Punjab"}, "/code", "ISO 3166-2", id="a-name-for-a-code"),
        pytest.param(
            {"geometry": {"type": "point"}}, "/geometry/type", "did you mean Point?", id="small-point"
        ),
        pytest.param({"geometry": {"type": "LineString"}}, "/geometry/type", "one of Point", id="a-line"),
        pytest.param(
            {"geometry": {"type": "Point", "coordinates": [33.6, 173.0]}},
            "/geometry/coordinates/1",
            "latitude in degrees, at most 90",
            id="latitude-first",
        ),
        pytest.param(
            {"geometry": {"type": "Point", "coordinates": [73.0, 33.6, 500]}},
            "/geometry/coordinates",
            "[longitude, latitude]",
            id="with-altitude",
        ),
        pytest.param(
            {"geometry": {"type": "Point", "coordinates": ["73", "33"]}},
            "/geometry/coordinates/0",
            "longitude",
            id="degrees-as-text",
        ),
        pytest.param(
            {"geometry": _polygon([*RING[:3], [61.6, 25.0]])},
            "/geometry/coordinates/0/3",
            "close the ring",
            id="an-open-ring",
        ),
        pytest.param(
            {"geometry": _polygon([*RING[:3], [61.61, 25.03]])},
            "/geometry/coordinates/0/3",
            "close the ring",
            id="a-ring-open-in-latitude-alone",
        ),
        pytest.param(
            {"geometry": _polygon(RING, RING[:3])},
            "/geometry/coordinates/1",
            "at least 4",
            id="a-ring-of-three",
        ),
        pytest.param({"geometry": _polygon()}, "/geometry/coordinates", "at least 1", id="no-ring"),
        pytest.param(
            {"geometry": {"type": "MultiPolygon", "coordinates": [[RING], [[*RING, RING[1]]]]}},
            "/geometry/coordinates/1/0/4",
            "close the ring",
            id="an-open-island",
        ),
        pytest.param(
            {"geometry": _polygon([*RING[:1] * limits.AREA_POINTS, RING[0]])},
            "/geometry/coordinates",
            "simplify",
            id="too-many-points",
        ),
        pytest.param(
            {"geometry": _polygon(RING), "radius_m": 5}, "/geometry", "a Point", id="a-round-polygon"
        ),
        pytest.param({"radius_m": 5}, "/geometry", "a Point", id="a-circle-around-nothing"),
        pytest.param(
            {"geometry": POINT, "radius_m": 0}, "/radius_m", "more than 0", id="a-circle-of-nothing"
        ),
    ],
)
def test_an_area_is_refused(fields: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(SchemaError) as refused:
        convert({"name": "Jiwani"} | fields, Area)
    (problem,) = (it for it in refused.value.problems if it.pointer == pointer)
    assert words in f"{problem.expected}, {problem.hint}"
