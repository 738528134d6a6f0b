"""Where an alert applies: the `area` elements of all its infos, each place once.

An alert in two languages names each place twice; the second naming of the same outline and codes is the same
place. A bulletin's area has one code and one geometry, so a place with several becomes several areas of one
name.
"""

from __future__ import annotations

import json
import re
from itertools import zip_longest
from typing import Any, Final

from broker.interop.cap_alert import Part
from broker.interop.cap_table import scope_of
from broker.interop.draft import Draft
from broker.interop.outlines import Ring, read_circle, read_ring, simplify
from broker.interop.wording import one_line
from broker.protocol import limits

_POLYGONS_ITEMS: Final = 64
"""Of one MultiPolygon (`broker.protocol.areas`)."""
_AREA_CODE: Final = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")
ISO_CODE_NAME: Final = "ISO 3166-2"
"""The valueName under which an export writes an area's code."""


def map_areas(alert: Part, draft: Draft) -> None:
    """Fill `areas` from all infos of the alert; keep in correlations what has no field."""
    known: dict[tuple[object, ...], tuple[int, str]] = {}
    areas: list[dict[str, Any]] = []
    for info in alert.infos:
        for area in info.parts.get("area", ()):
            number = len(areas) + 1
            name = draft.line(
                area.text("areaDesc"), area.where("areaDesc"), key=f"{scope_of('area', number)}areaDesc"
            )
            place = _place(area) or ("named", name)
            if place in known:
                number, first_name = known[place]
                if name and name != first_name:
                    key = f"{scope_of('info', info.number)}{scope_of('area', number)}areaDesc"
                    draft.keep(key, area.text("areaDesc"), area.where("areaDesc"))
                continue
            if not name:
                name = next((value for _, value in area.pairs.get("geocode", ())), f"area {number}")
                name = draft.line(name, area.at) or f"area {number}"
                draft.say(f"{area.where('areaDesc')}: nothing there, the area is called {name}")
            known[place] = (number, name)
            areas += _areas_of(area, name, number, draft)
    _fill(draft, areas)


def _fill(draft: Draft, areas: list[dict[str, Any]]) -> None:
    if len(areas) > limits.AREAS_ITEMS:
        draft.say(
            f"areas: the first {limits.AREAS_ITEMS} of {len(areas)}, the others in the attachment of the rest"
        )
        for number, area in enumerate(areas[limits.AREAS_ITEMS :], limits.AREAS_ITEMS + 1):
            draft.rest.append((f"area{number}", json.dumps(area, ensure_ascii=False, separators=(",", ":"))))
    if areas:
        draft.fields["areas"] = areas[: limits.AREAS_ITEMS]


def _place(area: Part) -> tuple[object, ...] | None:
    """Give what tells one place from another; None when there is only a name."""
    shapes = [tuple(one_line(text) for text in area.texts.get(name, ())) for name in ("polygon", "circle")]
    shapes += [tuple(area.texts.get(name, ())) for name in ("altitude", "ceiling")]
    place = (*shapes, tuple(sorted(area.pairs.get("geocode", ()))))
    return place if any(place) else None


def _areas_of(area: Part, name: str, number: int, draft: Draft) -> list[dict[str, Any]]:
    codes: list[str] = []
    geometries: list[dict[str, Any]] = _outlines(area, draft)
    geometries += [
        circle for n, _ in enumerate(area.texts.get("circle", ())) if (circle := _circle(area, n, draft))
    ]
    scope = scope_of("area", number)
    kept: list[tuple[str, str, str]] = []
    for value_name, value in area.pairs.get("geocode", ()):
        if "3166" in value_name and _AREA_CODE.fullmatch(value.upper()):
            codes.append(value.upper())
        else:
            kept.append((f"{scope}geocode:{value_name}", value, area.where("geocode")))
    for single in ("altitude", "ceiling"):
        kept.append((scope + single, area.text(single), area.where(single)))
    for key, value, at in kept:
        if number <= limits.AREAS_ITEMS:
            draft.keep(key, value, at)
        elif value:
            draft.rest.append((key, value))
    pairs = list(zip_longest(dict.fromkeys(codes), geometries)) or [(None, None)]
    return [{"name": name} | ({"code": code} if code else {}) | (geometry or {}) for code, geometry in pairs]


def _outlines(area: Part, draft: Draft) -> list[dict[str, Any]]:
    """Give the geometries of an area's polygons: as few as hold them all."""
    groups: list[list[Ring]] = []
    room = 0
    for n, text in enumerate(area.texts.get("polygon", ()), 1):
        at = f"{area.where('polygon')}[{n}]"
        try:
            whole = read_ring(text)
        except ValueError as why:
            draft.refuse(at, "a polygon of at least 4 lat,lon pairs", text, str(why))
            continue
        ring = simplify(whole, limits.AREA_POINTS)
        if len(ring) < len(whole):
            draft.say(f"{at}: simplified from {len(whole)} positions to {len(ring)}")
            draft.changed = True
        if len(ring) > room or len(groups[-1]) == _POLYGONS_ITEMS:
            groups.append([])
            room = limits.AREA_POINTS
        groups[-1].append(ring)
        room -= len(ring)
    return [{"geometry": _geometry(rings)} for rings in groups]


def _geometry(rings: list[Ring]) -> dict[str, Any]:
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings}
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}


def _circle(area: Part, n: int, draft: Draft) -> dict[str, Any] | None:
    text, at = area.texts["circle"][n], f"{area.where('circle')}[{n + 1}]"
    try:
        centre, metres = read_circle(text)
    except ValueError as why:
        draft.refuse(at, "a circle: lat,lon and a radius in kilometres", text, str(why))
        return None
    point: dict[str, Any] = {"geometry": {"type": "Point", "coordinates": centre}}
    if metres > limits.RADIUS_METRES:
        draft.say(f"{at}: {metres / 1000:g} km is more than a circle can have, only its centre is mapped")
        draft.keep("circle", text, at)
    elif metres:
        point["radius_m"] = metres
    return point
