"""STIX 2.1 out: a bulletin becomes a bundle, and what an import kept becomes again what it was.

Where the import attached the objects whole, these go out; else they are built from the correlations. A
bulletin of our own becomes a report by an identity (its originator), with an object for each subject and
area. What STIX has no property for stands in our extension. Every object is marked with the bulletin's TLP
2.0, beside what marks it already, so that no object leaves wider than the bulletin. Victims and witnesses are
withheld.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from broker.errors import HarkaraError
from broker.interop.export_kept import Kept
from broker.interop.imported import derived_id
from broker.interop.stix_2_1 import as_2_1, stix_time
from broker.interop.stix_document import StixObject
from broker.interop.stix_json import read_json
from broker.interop.stix_keeping import attached_bundle
from broker.interop.stix_languages import stix_language
from broker.interop.stix_markings import TLP2_EXTENSION, TLP2_IDS
from broker.interop.stix_native import native_area, native_subject
from broker.interop.stix_table import EXTENSION, EXTENSION_FIELDS, EXTENSION_NAMES, EXTENSION_OBJECTS, main_of
from broker.interop.withheld import is_protected, withheld
from broker.protocol import times
from broker.protocol.bulletin import Bulletin
from broker.protocol.vocabulary import Marking

_UNMARKED: Final = frozenset({"marking-definition", "extension-definition"})


def to_stix(bulletin: Bulletin) -> bytes:
    """Give the STIX 2.1 bundle of a bulletin: UTF-8, valid by OASIS' schemas."""
    document: dict[str, Any] = msgspec.to_builtins(bulletin)
    kept = Kept("stix", bulletin.correlations, {})
    attached = _attached(bulletin)
    objects = _built(document, kept) if attached is None else _withheld(attached, document, kept)
    marking = TLP2_IDS[bulletin.marking]
    for one in objects:
        if one["type"] not in _UNMARKED:
            refs = one.get("object_marking_refs", [])
            refs = refs if isinstance(refs, list) else []
            one["object_marking_refs"] = refs if marking in refs else [*refs, marking]
        as_2_1(one, marking)
    there = {one["id"] for one in objects}
    objects += [one for one in (_definition(bulletin.marking), *EXTENSION_OBJECTS) if one["id"] not in there]
    name = kept.peek("bundle")
    name = name if name.startswith("bundle--") else _identifier("bundle", bulletin.originator, bulletin.id)
    return msgspec.json.encode({"type": "bundle", "id": name, "objects": objects})


def _attached(bulletin: Bulletin) -> list[StixObject] | None:
    """Give the objects that an import attached whole; None when there are none, or they are no objects."""
    for file in bulletin.attachments:
        if (content := attached_bundle(file.name, file.decoded())) is None:
            continue
        try:
            match read_json(content):
                case ({"objects": list() as objects}, _) if all(_is_object(one) for one in objects):
                    return objects
        except HarkaraError:
            continue  # somebody else's file of that name
    return None


def _is_object(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("id"), str) and isinstance(one.get("type"), str)


def _withheld(objects: list[StixObject], document: dict[str, Any], kept: Kept) -> list[StixObject]:
    """Give the objects with those of protected persons withheld."""
    at = stix_time(times.parse(document["sent"]))
    hidden = {
        kept.peek(f"subject{n}.id"): _part(f"subject{n}", document, kept, at, "subject", one)
        for n, one in enumerate(document.get("subjects", ()), 1)
        if is_protected(one)
    }
    return [hidden.get(one["id"], one) for one in objects]


def _identifier(kind: str, *parts: str) -> str:
    return f"{kind}--{derived_id('stix export', '', kind, *parts)}"


def _definition(marking: Marking) -> StixObject:
    """Give the official definition of a TLP 2.0 marking (OASIS, STIX 2.1 extension for TLP 2.0)."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": TLP2_IDS[marking],
        "created": "2022-10-01T00:00:00.000Z",
        "name": marking,
        "extensions": {
            TLP2_EXTENSION: {
                "extension_type": "property-extension",
                "tlp_2_0": marking.removeprefix("TLP:").lower(),
            }
        },
    }


def _built(document: dict[str, Any], kept: Kept) -> list[StixObject]:
    at = stix_time(times.parse(document["sent"]))
    parts = [
        _part(f"{kind}{n}", document, kept, at, kind, one)
        for kind in ("subject", "area")
        for n, one in enumerate(document.get(f"{kind}s", ()), 1)
    ]
    others = list(_others(kept))
    own = {name: document[name] for name in EXTENSION_FIELDS if name in document}
    if not kept.has("id") and not kept.has("bundle") and "references" in document:
        own |= {name: document[name] for name in EXTENSION_NAMES}
    if (main_id := kept.peek("id")) and not main_id.startswith("report--"):
        main = _properties("", kept) | {
            "type": main_id.partition("--")[0],
            "spec_version": "2.1",
            "id": main_id,
        }
        _extend(main, own)
        return [main, *parts, *others]
    if not main_id and kept.has("bundle"):  # a bundle without report, whose main object became a subject
        objects = [*parts, *others]
        _extend(main_of(objects), own)
        return objects
    author = [] if main_id else [_author(document, at)]
    report = _report(document, kept, at, [*parts, *others, *author])
    _extend(report, own)
    return [report, *_translations(document, report, others, at), *parts, *others, *author]


def _extend(thing: StixObject, own: dict[str, Any]) -> None:
    there = thing.get("extensions")
    extensions = thing["extensions"] = there if isinstance(there, dict) else {}
    extensions[EXTENSION] = {"extension_type": "property-extension"} | extensions.get(EXTENSION, {}) | own


def _properties(scope: str, kept: Kept) -> dict[str, Any]:
    """Give the properties that were kept under a scope: JSON is read, any other text stands as it is."""
    found: dict[str, Any] = {}
    for key in kept:
        name = key.removeprefix(scope)
        if (
            key.startswith(scope)
            and "." not in name
            and name not in ("bundle", "rest")
            and (scope or "." not in key)
        ):
            text = kept.one(key, "")
            try:
                found[name] = json.loads(text)
            except ValueError:
                found[name] = text
    return found


def _others(kept: Kept) -> Iterable[StixObject]:
    """Build the objects that became neither subject nor area."""
    for key in kept:
        scope, dot, name = key.rpartition(".")
        kind = kept.peek(key).partition("--")[0]
        if name == "id" and dot and scope.startswith(kind):
            yield {"type": kind, "spec_version": "2.1"} | _properties(f"{scope}.", kept)


def _part(
    scope: str, document: dict[str, Any], kept: Kept, at: str, kind: str, one: dict[str, Any]
) -> StixObject:
    """Build the object of a subject or an area."""
    one = withheld(one)
    identifier = kept.peek(f"{scope}.id") or _identifier(
        "identity" if kind == "subject" else "location", document["originator"], document["id"], scope
    )
    sort = identifier.partition("--")[0]
    native = native_subject(one, sort) if kind == "subject" else native_area(one)
    said = _properties(f"{scope}.", kept)
    if is_protected(one):
        said = {name: said[name] for name in ("created", "modified") if name in said}
    observable = sort in ("phone-number", "user-account", "email-addr") or (said and "created" not in said)
    thing = {"type": sort, "spec_version": "2.1", "id": identifier}
    thing |= {} if observable else {"created": at, "modified": at}
    thing |= native | said
    _extend(thing, {kind: one})
    return thing


def _author(document: dict[str, Any], at: str) -> StixObject:
    contact = document.get("contact")
    said = {"contact_information": ", ".join(contact.values())} if contact else {}
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": _identifier("identity", document["originator"]),
        "created": "2026-01-01T00:00:00.000Z",
        "modified": at,
        "name": document["originator"],
        "identity_class": "organization",
    } | said


def _report(document: dict[str, Any], kept: Kept, at: str, others: list[StixObject]) -> StixObject:
    tag, block = next(
        iter(document.get("text", {}).items()), ("en", {"headline": f"{document['type']} without text"})
    )
    said: dict[str, Any] = {"name": block["headline"]}
    said |= {"lang": language} if (language := stix_language(tag)) else {}
    said |= {"description": block["description"]} if "description" in block else {}
    issued = stix_time(times.parse(document.get("issued", document["sent"])))
    uuid_of_own = document["id"] if uuid.UUID(document["id"]).version in (4, 5) else None
    identifier = (
        f"report--{uuid_of_own}"
        if uuid_of_own
        else _identifier("report", document["originator"], document["id"])
    )
    report = {"type": "report", "spec_version": "2.1", "id": identifier, "created": at, "modified": at}
    report |= said | {"published": issued, "object_refs": [one["id"] for one in others]}
    if others and others[-1]["id"] == _identifier("identity", document["originator"]):
        report["created_by_ref"] = others[-1]["id"]
    return report | _properties("", kept)


def _translations(
    document: dict[str, Any], report: StixObject, others: list[StixObject], at: str
) -> list[StixObject]:
    """Give the other blocks of text as language-content: back into the object that they came from, or in a
    new one.
    """
    contents: dict[str, dict[str, str]] = {}
    for tag, block in list(document.get("text", {}).items())[1:]:
        said = {"name": block["headline"]}
        said |= {"description": text} if (text := block.get("description")) else {}
        if language := stix_language(tag):
            contents.setdefault(language, said)
    for one in others:
        if (
            one["type"] == "language-content"
            and one.get("object_ref") == report["id"]
            and "contents" not in one
        ):
            one["contents"] = contents
            return []
    if not contents or any(one.get("contents") for one in others if one.get("object_ref") == report["id"]):
        return []
    return [{
        "type": "language-content",
        "spec_version": "2.1",
        "id": _identifier("language-content", report["id"], report["modified"]),
        "created": at,
        "modified": at,
        "object_ref": report["id"],
        "object_modified": report["modified"],
        "contents": contents,
    }]  # fmt: skip
