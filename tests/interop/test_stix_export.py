"""STIX out: valid by OASIS' schemas, and STIX → bulletin → STIX → bulletin is the same bulletin."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from stix2validator import ValidationOptions, validate_string

from broker.interop.imported import ImportDefaults, Imported
from broker.interop.stix_export import to_stix
from broker.interop.stix_keeping import as_text
from broker.interop.stix_markings import TLP2_IDS
from broker.interop.stix_table import EXTENSION
from broker.protocol import limits, times
from broker.protocol.bulletin import Bulletin, read_bulletin_object
from tests.interop.alerts import NOW, ORIGINATOR
from tests.interop.objects import GREEN, bundle, person, read, relation, story, thing
from tests.interop.test_stix_documents import DOCUMENTS
from tests.interop.test_stix_fields import FIELDS
from tests.interop.test_stix_properties import bundles

TOLD = ImportDefaults(category="other", marking="TLP:GREEN", expires_at=NOW + limits.DAY_US)
FILLED = {"originator": ORIGINATOR, "exchange": "0" * 64, "registry": 1, "sent": times.format(NOW)}
POINT = {"type": "Point", "coordinates": [71.1, 34.1]}
RING = [[71.0, 33.9], [71.1, 33.9], [71.0, 34.0], [71.0, 33.9]]
NAME = {"script": "Latn", "given": "Gul", "father": "Khan"}
NATIVE: dict[str, Any] = FILLED | {
    "id": "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64",
    "status": "Exercise",
    "type": "Alert",
    "category": "arms-smuggling",
    "expires": "2026-03-02T09:30:00+05:00",
    "issued": "2026-03-01T09:00:00.123456Z",
    "marking": "TLP:AMBER",
    "urgency": "Expected",
    "severity": "Severe",
    "certainty": "Likely",
    "text": {
        "en": {"headline": "A van", "description": "White.", "instruction": "Stop it."},
        "ur": {"headline": "وین"},
    },
    "contact": {"desk": "FIA desk", "phone": "+92519105555"},
    "action": "seize",
    "warnings": ["armed"],
    "areas": [
        {"name": "Torkham", "code": "PK-KP", "geometry": POINT, "radius_m": 500.0},
        {"name": "Khyber pass"},
        {"name": "Bara", "geometry": {"type": "Polygon", "coordinates": [RING]}},
    ],
    "subjects": [
        {"type": "person", "role": "suspect", "names": [NAME], "height_cm": 174},
        {"type": "vehicle", "plate": "LEA-19-4471", "make": "Toyota"},
        {"type": "document", "kind": "passport", "number": "AB1"},
        {"type": "phone", "number": "+923001234567"},
        {"type": "vessel", "name": "Al-Noor", "flag": "PK"},
        {"type": "firearm", "make": "Norinco", "serial": "77"},
        {"type": "goods", "substance": "rifles", "quantity": 12.0, "unit": "piece"},
        {"type": "organisation", "name": "Front Ltd", "aliases": ["F"]},
        {"type": "account", "handle": "gk", "service": "telegram"},
    ],
}  # fmt: skip
NOT_THE_SAME = {"correlations", "attachments", "id", "type", "references"}
"""An id of a bundle without one, and what depends on it, is made anew."""


def bulletin_of(one: Imported) -> Bulletin:
    named = {"address_digest": "0" * 64} if one.document["marking"] in ("TLP:RED", "TLP:AMBER+STRICT") else {}
    return read_bulletin_object(one.document | FILLED | named)


def imported(source: bytes) -> list[Imported]:
    return [one for one in read(source, TOLD) if isinstance(one, Imported)]


def errors_of(source: bytes) -> list[str]:
    found = validate_string(source.decode(), ValidationOptions(version="2.1"))
    return [
        str(error)
        for result in (found if isinstance(found, list) else [found])
        for error in result.errors or ()
    ]


def withheld(document: dict[str, Any]) -> bool:
    return any(subject.get("role") in ("victim", "witness") for subject in document.get("subjects", ()))


def check_the_same(first: Imported, again: Imported, out: bytes) -> None:
    """All fields are the same, and every property that was kept stands in the bundle again."""
    for name, value in first.document.items():
        if name not in NOT_THE_SAME and not (name == "subjects" and withheld(first.document)):
            assert again.document.get(name) == value, name
    if withheld(first.document):
        return
    objects = json.loads(out)["objects"]
    there = {(one["id"], name, as_text(value)) for one in objects for name, value in one.items()}
    kept = {one["key"]: one["value"] for one in first.document.get("correlations", ())}
    ids = {key.rpartition("id")[0]: value for key, value in kept.items() if key.rpartition(".")[2] == "id"}
    for key, value in kept.items():
        scope, name = (key[: key.rfind(".") + 1], key[key.rfind(".") + 1 :])
        if name not in ("bundle", "object_marking_refs", "extensions") and scope in ids:
            assert (ids[scope], name, value) in there


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_goes_out_valid_and_as_it_came_in(path: Path) -> None:
    for one in imported(path.read_bytes()):
        out = to_stix(bulletin_of(one))
        assert errors_of(out) == []
        (again,) = imported(out)
        assert withheld(one.document) or again.document["id"] == one.document["id"]
        check_the_same(one, again, out)


@pytest.mark.parametrize("case", FIELDS, ids=lambda case: case[0])
def test_an_object_goes_out_as_it_came_in(case: tuple[str, bytes, str, Any]) -> None:
    (one,) = imported(case[1])
    out = to_stix(bulletin_of(one))
    (again,) = imported(out)
    check_the_same(one, again, out)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(bundles())
def test_every_bundle_goes_out_as_it_came_in(source: bytes) -> None:
    for one in imported(source):
        out = to_stix(bulletin_of(one))
        (again,) = imported(out)
        check_the_same(one, again, out)


def test_a_bulletin_of_our_own_goes_out_valid_and_comes_back() -> None:
    out = to_stix(read_bulletin_object(NATIVE))
    assert errors_of(out) == []
    (again,) = imported(out)
    for name in set(NATIVE) - set(FILLED) - {"id", "issued"}:
        assert again.document[name] == NATIVE[name], name
    assert again.document["issued"] == "2026-03-01T09:00:00.123Z"
    sources = {json.loads(out)["objects"][0]["id"]}
    assert any(one["value"] in sources for one in again.document["correlations"])


def test_a_bulletin_without_anything_but_text_goes_out_valid() -> None:
    bare = {
        name: value
        for name, value in NATIVE.items()
        if name not in ("areas", "subjects", "contact", "action", "warnings")
    }
    assert errors_of(to_stix(read_bulletin_object(bare))) == []


def test_a_cancel_without_text_goes_out_valid() -> None:
    cancel = {
        name: value
        for name, value in NATIVE.items()
        if name in FILLED or name in ("id", "status", "category", "expires", "marking")
    }
    cancel |= {"type": "Cancel", "references": ["0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b65"]}
    assert errors_of(to_stix(read_bulletin_object(cancel))) == []


@pytest.mark.parametrize("marking", ["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"])
def test_no_object_goes_out_wider_than_the_bulletin(marking: Any) -> None:
    tool = thing("tool", name="T", object_marking_refs=[GREEN])
    told = ImportDefaults(category="other", marking=marking, expires_at=NOW + limits.DAY_US)
    for source in (story(tool, object_marking_refs=[]), bundle(tool)):
        (one,) = read(source, told)
        assert isinstance(one, Imported)
        objects = json.loads(to_stix(bulletin_of(one)))["objects"]
        wanted = TLP2_IDS[one.document["marking"]]
        unmarked = ("marking-definition", "extension-definition")
        ours = [each for each in objects if each["type"] not in unmarked and each.get("name") != "Harkara"]
        assert all(wanted in each["object_marking_refs"] for each in ours)
        assert wanted in {each["id"] for each in objects}


def test_a_victim_is_withheld() -> None:
    victim = {
        "type": "person",
        "role": "victim",
        "names": [{"script": "Latn", "given": "Amna"}],
        "note": "Lahore",
    }
    out = to_stix(read_bulletin_object(NATIVE | {"subjects": [victim]}))
    assert errors_of(out) == []
    assert b"Amna" not in out
    assert b"Lahore" not in out


def test_a_victim_is_withheld_from_objects_that_were_attached_whole() -> None:
    amna = person("Amna", contact_information="Lahore")
    ring = thing("threat-actor", name="Ring", goals=["g" * 5000])
    (one,) = imported(story(amna, ring, relation("targets", ring, amna)))
    assert [file["name"] for file in one.document["attachments"]] == ["stix-bundle.json"]
    out = to_stix(bulletin_of(one))
    assert errors_of(out) == []
    assert b"Amna" not in out
    assert b"Lahore" not in out
    assert b"Ring" in out


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"objects": [5]}', b'{"objects": 5}', b'{"objects": [{"id": 5}]}']
)
def test_a_file_of_somebody_else_is_not_taken_for_objects(content: bytes) -> None:
    file = {
        "name": "stix-bundle.json",
        "media_type": "application/json",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content": base64.b64encode(content).decode(),
    }
    out = to_stix(read_bulletin_object(NATIVE | {"attachments": [file]}))
    assert errors_of(out) == []
    assert b"LEA-19-4471" in out


@pytest.mark.parametrize(
    "own",
    [
        pytest.param({"subject": {"type": "person", "names": 5}}, id="a-wrong-subject"),
        pytest.param({"subject": 5}, id="a-number"),
        pytest.param({"subject": {"type": "ghost"}}, id="a-subject-of-no-kind"),
        pytest.param(5, id="a-number-for-the-extension"),
    ],
)
def test_a_broken_extension_is_kept_like_any_other_property(own: Any) -> None:
    odd = thing("x-thing", extensions={EXTENSION: own})
    (one,) = imported(story(odd))
    kept = {each["key"]: each["value"] for each in one.document["correlations"]}
    assert json.loads(kept["x-thing.extensions"]) == {EXTENSION: own}
