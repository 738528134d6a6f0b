"""STIX 2.1 from outside, and the stories in it: one for each report, else one for the bundle.

Taken are a bundle, several of them in an array, a TAXII envelope (`objects`), a bare array of objects, and
one object (`stix_json` reads the bytes). Objects of STIX 2.0 are read as 2.1.

A bundle with several reports is shared out: to each report go the objects that it names, what these name in
turn, and the relationships, sightings, notes and translations about them. What no report names is a story of
its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from broker.errors import Malformed, Problem, TooLarge, shorten
from broker.interop.imported import IMPORT_SOURCE_BYTES, Refused
from broker.interop.source_times import read_time
from broker.interop.stix_json import read_json
from broker.interop.stix_table import EXTENSION_OBJECTS

StixObject: TypeAlias = dict[str, Any]

_ID: Final = re.compile(
    r"([a-z0-9][a-z0-9-]*[a-z0-9])--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII
)
_ABOUT_OTHERS: Final = frozenset({"relationship", "sighting", "note", "opinion", "language-content"})
"""They go where what they are about goes."""
_TELL_NOTHING: Final = _ABOUT_OTHERS - {"note", "opinion"} | {"marking-definition", "extension-definition"}
"""With these alone there is no story."""


@dataclass(slots=True)
class Story:
    """What one bulletin is made of. `where` gives for each object's id its JSON pointer in the source."""

    label: str
    bundle: str
    objects: list[StixObject]
    where: dict[str, str] = field(default_factory=dict)
    report: StixObject | None = None
    notes: tuple[str, ...] = ()


def find_stories(source: bytes) -> list[Story | Refused]:
    """Give the stories of a STIX document, in order, and what stands in a story's place without being one.

    Raises TooLarge above IMPORT_SOURCE_BYTES, Malformed for what is no JSON or no STIX 2.
    """
    if len(source) > IMPORT_SOURCE_BYTES:
        raise TooLarge(f"the file has {len(source)} bytes: at most {IMPORT_SOURCE_BYTES} are read")
    if source.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        raise Malformed("this is XML: STIX 1 is not read, convert it to STIX 2.1 (JSON)")
    value, notes = read_json(source)
    found: list[Story | Refused] = []
    for pointer, bundle in _bundles(value):
        found += _stories_of(pointer, bundle, notes)
    if not found:
        raise Malformed("no STIX object was found: expected a bundle, or objects with type and id")
    return found


def _bundles(value: Any) -> Iterator[tuple[str, StixObject]]:
    match value:
        case {"type": "bundle"}:
            yield "", value
        case {"objects": list(), **rest} if "type" not in rest:
            yield "", value
        case {"type": str(), "id": str()}:
            yield "", {"type": "bundle", "objects": [value]}
        case [{"type": "bundle"}, *_]:
            for n, one in enumerate(value):
                for pointer, bundle in _bundles(one):
                    yield f"/{n}{pointer}", bundle
        case [{"type": str()}, *_]:
            yield "", {"type": "bundle", "objects": value}
        case _:
            return


def _stories_of(pointer: str, bundle: StixObject, told: list[str]) -> list[Story | Refused]:
    bundle_id = bundle.get("id", "")
    label = bundle_id if isinstance(bundle_id, str) and bundle_id else "the bundle"
    objects = bundle.get("objects", [])
    problems = _problems_of(objects, f"{pointer}/objects")
    if problems:
        first = problems[0]
        return [
            Refused(label, f"{first.pointer}: expected {first.expected}, got {first.got}", tuple(problems))
        ]
    notes = list(told)
    if bundle.get("spec_version") == "2.0" or any(
        "spec_version" not in one and "created" in one for one in objects
    ):
        notes.append("objects of STIX 2.0 are read as 2.1")
    by_id: dict[str, StixObject] = {}
    where: dict[str, str] = {}
    for n, one in enumerate(objects):
        if one in EXTENSION_OBJECTS:
            continue  # they define our extension, and tell nothing
        if (twin := by_id.get(one["id"])) is not None:
            notes.append(f"{one['id']} is there more than once, its latest version is taken")
            if _version(twin) >= _version(one):
                continue
        by_id[one["id"]] = one
        where[one["id"]] = f"{pointer}/objects/{n}"
    stories = _shared_out(label, label if label == bundle_id else "", by_id)
    for story in stories:
        story.where, story.notes = where, tuple(dict.fromkeys(notes))
    telling = [one for one in stories if any(each["type"] not in _TELL_NOTHING for each in one.objects)]
    if not telling:
        return [Refused(label, "the bundle holds nothing that tells of something")]
    for one in stories:
        if one not in telling:  # what is left and tells nothing by itself goes with the first
            telling[0].objects += one.objects
    return list(telling)


def _problems_of(objects: object, at: str) -> list[Problem]:
    if not isinstance(objects, list):
        return [Problem(at, "a list of objects", shorten(objects))]
    found: list[Problem] = []
    for n, one in enumerate(objects):
        here = f"{at}/{n}"
        if not isinstance(one, dict) or not isinstance(one.get("type"), str):
            found.append(Problem(here, "an object with a type", shorten(one)))
            continue
        identifier = one.get("id")
        form = _ID.fullmatch(identifier) if isinstance(identifier, str) else None
        if form is None or form[1] != one["type"]:
            found.append(Problem(f"{here}/id", f"{one['type']}--UUID", shorten(identifier or "nothing")))
        for name in ("created", "modified", "published"):
            if name in one:
                found += _time_problem(one[name], f"{here}/{name}")
        for name in ("created", "modified") if one["type"] == "report" else ():
            if name not in one:
                found.append(Problem(f"{here}/{name}", "a time: STIX requires it", "nothing"))
    return found


def _time_problem(value: object, at: str) -> list[Problem]:
    try:
        read_time(value if isinstance(value, str) else "")
    except ValueError as why:
        return [Problem(at, "a time like 2026-03-01T04:30:00.000Z", shorten(value), str(why))]
    return []


def _version(one: StixObject) -> int:
    return read_time(one["modified"]) if "modified" in one else 0


def _shared_out(label: str, bundle: str, by_id: dict[str, StixObject]) -> list[Story]:
    reports = [one for one in by_id.values() if one["type"] == "report"]
    if len(reports) < 2:
        report = reports[0] if reports else None
        return [Story(report["id"] if report else label, bundle, list(by_id.values()), report=report)]
    about: dict[str, list[str]] = {}
    for one in by_id.values():
        if one["type"] in _ABOUT_OTHERS:
            for name in refs_of(one):
                about.setdefault(name, []).append(one["id"])
    stories: list[Story] = []
    told: set[str] = set()
    for report in reports:
        ids = _reached(report, by_id, about)
        told |= ids
        objects = [one for one in by_id.values() if one["id"] in ids]
        stories.append(Story(report["id"], bundle, objects, report=report))
    left = [one for one in by_id.values() if one["id"] not in told]
    return [*stories, Story(label, bundle, left)] if left else stories


def _reached(report: StixObject, by_id: dict[str, StixObject], about: dict[str, list[str]]) -> set[str]:
    reached = {report["id"]}
    pending = [report["id"]]
    while pending:
        name = pending.pop()
        beside = [one for one in about.get(name, ()) if _ends(by_id[one]) & by_id.keys() <= reached]
        for other in (*refs_of(by_id[name]), *beside):
            if other in by_id and other not in reached and by_id[other]["type"] != "report":
                reached.add(other)
                pending.append(other)
    return reached


def _ends(one: StixObject) -> set[str]:
    """What must be reached for this to be about it: both ends of a relationship, anything of the others."""
    ends = (one.get("source_ref"), one.get("target_ref")) if one["type"] == "relationship" else ()
    return {end for end in ends if isinstance(end, str)}


def refs_of(one: StixObject) -> list[str]:
    """Give the ids that an object names in its own properties, authors and markings included."""
    found: list[str] = []
    for name, value in one.items():
        if name == "object_ref" or name.endswith("_ref"):
            found += [value] if isinstance(value, str) else []
        elif name.endswith("_refs") and isinstance(value, list):
            found += [item for item in value if isinstance(item, str)]
    return found
