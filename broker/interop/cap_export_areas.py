"""Areas of a bulletin as `area` elements: [lon, lat] become lat,lon, metres kilometres, codes geocodes.

CAP has no holes, so that of a polygon the outer ring goes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from broker.interop.cap_alert import Part
from broker.interop.cap_areas import ISO_CODE_NAME
from broker.interop.cap_table import scope_of
from broker.interop.export_kept import Kept
from broker.protocol.areas import Area, MultiPolygon, Point, Polygon


def area_parts(areas: Sequence[Area], info: int, kept: Kept) -> list[Part]:
    """Give the areas for the `info` of that number in the source, with the names that it had for them."""
    return [_part(area, number, info, kept) for number, area in enumerate(areas, 1)]


def _part(area: Area, number: int, info: int, kept: Kept) -> Part:
    part = Part(f"area[{number}]", number)
    scope = scope_of("area", number)
    name = kept.one(f"{scope_of('info', info)}{scope}areaDesc", "") if info > 1 else ""
    part.texts["areaDesc"] = [name or kept.one(f"{scope}areaDesc", area.name)]
    match area.geometry:
        case Point(coordinates=centre):
            radius = Decimal(repr(area.radius_m or 0.0)) / 1000
            part.texts["circle"] = [f"{_pair(centre)} {_plain(radius)}"]
        case Polygon(coordinates=rings):
            part.texts["polygon"] = [_ring(rings[0])]
        case MultiPolygon(coordinates=polygons):
            part.texts["polygon"] = [_ring(rings[0]) for rings in polygons]
    codes = [(ISO_CODE_NAME, area.code)] if area.code else []
    part.pairs["geocode"] = codes + kept.pairs(scope, "geocode")
    for single in ("altitude", "ceiling"):
        part.texts[single] = kept.all(scope + single)[:1]
    return part


def _ring(positions: Iterable[tuple[float, float]]) -> str:
    return " ".join(_pair(position) for position in positions)


def _pair(position: tuple[float, float]) -> str:
    longitude, latitude = position
    return f"{_plain(Decimal(repr(latitude)))},{_plain(Decimal(repr(longitude)))}"


def _plain(number: Decimal) -> str:
    """Give a number without exponent, and without zeros that say nothing."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
