"""Where an alert applies: the `area` elements of all its infos, each place once.

An alert in two languages names each place twice; the second naming of the same outline and codes is the same
place. A bulletin's area has one code and one geometry, so a place with several becomes several areas of one
name.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
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
    known: dict[tuple[object, ...], tuple[int, int, str]] = {}
    areas: list[dict[str, Any]] = []
    for info in alert.infos:
        for area in info.parts.get("area", ()):
            shapes, kept = _mapped(area, draft)
            words = one_line(area.text("areaDesc"))
            place = (repr(shapes), frozenset(kept)) if shapes != [{}] or kept else ("named", words)
            first_info, number, first_words = known.get(place, (info.number, 0, ""))
            if first_info != info.number or (number and words == first_words):
                if words != first_words:
                    key = f"{scope_of('info', info.number)}{scope_of('area', number)}areaDesc"
                    draft.keep(key, words, area.where("areaDesc"))
                continue
            name = _name(area, len(areas) + 1, draft)
            there = [one for shape in shapes if (one := {"name": name} | shape) not in areas]
            number = len(areas) + 1 if there else areas.index({"name": name} | shapes[0]) + 1
            known.setdefault(place, (info.number, number, words))
            _keep(area, kept, number, draft)
            areas += there
    _fill(draft, areas)


def _name(area: Part, number: int, draft: Draft) -> str:
    at = area.where("areaDesc")
    name = draft.line(area.text("areaDesc"), at, key=f"{scope_of('area', number)}areaDesc")
    if not name:
        code = next((value for _, value in area.pairs.get("geocode", ())), "")
        name = draft.line(code, at) or f"area {number}"
        draft.say(f"{at}: nothing there, the area is called {name}")
    return name


def _keep(area: Part, kept: list[tuple[str, str]], number: int, draft: Draft) -> None:
    for name, value in kept:
        key = scope_of("area", number) + name
        if number <= limits.AREAS_ITEMS:
            draft.keep(key, value, area.where(name.partition(":")[0]))
        else:
            draft.rest.append((key, value))


def _fill(draft: Draft, areas: list[dict[str, Any]]) -> None:
    if len(areas) > limits.AREAS_ITEMS:
        draft.say(
            f"areas: the first {limits.AREAS_ITEMS} of {len(areas)}, the others in the attachment of the rest"
        )
        for number, area in enumerate(areas[limits.AREAS_ITEMS :], limits.AREAS_ITEMS + 1):
            draft.rest.append((f"area{number}", json.dumps(area, ensure_ascii=False, separators=(",", ":"))))
    if areas:
        draft.fields["areas"] = areas[: limits.AREAS_ITEMS]


def _mapped(area: Part, draft: Draft) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """Give what a place becomes, without its name (one for each geometry and code, at least one), and what
    has no field, by the name of its element.
    """
    codes: dict[str, None] = {}
    kept: dict[tuple[str, str], None] = {}
    geometries: list[dict[str, Any]] = _outlines(area, kept, draft)
    geometries += [
        circle
        for n, _ in enumerate(area.texts.get("circle", ()))
        if (circle := _circle(area, n, kept, draft))
    ]
    geometries = [one for n, one in enumerate(geometries) if one not in geometries[:n]]
    for value_name, value in area.pairs.get("geocode", ()):
        if "3166" in value_name and _AREA_CODE.fullmatch(value.upper()):
            codes[value.upper()] = None
        else:
            kept[f"geocode:{value_name}", value] = None
    for single in ("altitude", "ceiling"):
        if text := area.text(single):
            kept[single, text] = None
    pairs = list(zip_longest(codes, geometries)) or [(None, None)]
    return [({"code": code} if code else {}) | (geometry or {}) for code, geometry in pairs], list(kept)


def _outlines(area: Part, kept: dict[tuple[str, str], None], draft: Draft) -> list[dict[str, Any]]:
    """Give the geometries of an area's polygons: as few as hold them all."""
    groups: list[list[Ring]] = []
    room = 0
    for n, text in enumerate(area.texts.get("polygon", ()), 1):
        at = f"{area.where('polygon')}[{n}]"
        try:
            ring, positions, remark = _ring(text)
        except ValueError as why:
            draft.say(f"{at}: no outline is drawn, {why}; it is kept as it is")
            kept["polygon", text] = None
            continue
        if remark:
            draft.say(f"{at}: {remark}")
            draft.changed = True
        if len(ring) < positions:
            draft.say(f"{at}: simplified from {positions} positions to {len(ring)}")
            draft.changed = True
        if len(ring) > room or len(groups[-1]) == _POLYGONS_ITEMS:
            groups.append([])
            room = limits.AREA_POINTS
        groups[-1].append(ring)
        room -= len(ring)
    return [{"geometry": _geometry(rings)} for rings in groups]


@lru_cache(maxsize=8)
def _ring(text: str) -> tuple[Ring, int, str]:
    """Give an outline as it can be in a bulletin, how many positions it had, and how it was written.

    Every language of an alert draws the same outlines: each is read once. The ring is nobody's to change.
    """
    whole, remark = read_ring(text)
    return simplify(whole, limits.AREA_POINTS), len(whole), remark


def _geometry(rings: list[Ring]) -> dict[str, Any]:
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings}
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}


def _circle(area: Part, n: int, kept: dict[tuple[str, str], None], draft: Draft) -> dict[str, Any] | None:
    text, at = area.texts["circle"][n], f"{area.where('circle')}[{n + 1}]"
    try:
        centre, metres = read_circle(text)
    except ValueError as why:
        draft.say(f"{at}: no circle is drawn, {why}; it is kept as it is")
        kept["circle", text] = None
        return None
    point: dict[str, Any] = {"geometry": {"type": "Point", "coordinates": centre}}
    if metres > limits.RADIUS_METRES:
        draft.say(f"{at}: {metres / 1000:g} km is more than a circle can have, only its centre is mapped")
        kept["circle", text] = None
    elif metres:
        point["radius_m"] = metres
    return point
