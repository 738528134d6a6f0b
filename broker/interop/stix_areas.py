"""Where: STIX locations are areas of a bulletin. Latitude and longitude change places, as GeoJSON wants
it.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from broker.interop.stix_native import native_area
from broker.interop.stix_source import Reading, Taking, own_part, take_again
from broker.protocol import limits
from broker.protocol.areas import Area

_ISO_AREA: Final = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")
_NAMES: Final = ("name", "description", "city", "administrative_area", "country", "region", "street_address")


def map_areas(takings: list[Taking]) -> list[dict[str, Any]]:
    """Give the areas that the locations are, in order, at most 64; each taking that became one knows its
    scope.
    """
    areas: list[dict[str, Any]] = []
    for one in takings:
        reading = one.reads("area")
        if not reading.names:
            continue
        if len(areas) == limits.AREAS_ITEMS:
            one.draft.say(f"{one.at}: no room for more than {limits.AREAS_ITEMS} areas, kept as an object")
            continue
        areas.append(_own(one) or _area(reading))
        one.scope = f"area{len(areas)}"
    return areas


def _own(one: Taking) -> dict[str, Any] | None:
    """Give the area that an export of ours wrote whole into our extension."""
    area = own_part(one, "area") or {}
    try:
        msgspec.convert(area, Area)
    except msgspec.ValidationError:
        return None
    take_again(one, native_area(area))
    return area


def _area(one: Reading) -> dict[str, Any]:
    code = one.matching(_ISO_AREA, "administrative_area") or one.country("country")
    if "-" in code and str(one.get("country")).upper() == code[:2]:
        one.take("country")
    name = one.line("name")
    if not name:
        name = one.draft.line(one.text(*_NAMES), one.at) or "unnamed place"
        one.draft.say(f"{one.at}/name: nothing there, the area is called {name}")
    area: dict[str, Any] = {"name": name} | ({"code": code} if code else {})
    latitude, longitude = one.number("latitude", -90, 90), one.number("longitude", -180, 180)
    if latitude is not None and longitude is not None:
        area["geometry"] = {"type": "Point", "coordinates": [longitude, latitude]}
        one.take("latitude", "longitude")
        radius = one.number("precision", 0, limits.RADIUS_METRES)
        if radius:
            area["radius_m"] = radius
            one.take("precision")
    return area
