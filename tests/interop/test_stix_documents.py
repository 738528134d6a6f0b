"""Whole STIX documents: how they come, what is refused, and real ones where they lie beside the checkout."""

from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest

from broker.errors import HarkaraError, Malformed, TooLarge
from broker.interop.imported import IMPORT_SOURCE_BYTES, ImportDefaults, Imported, Refused
from broker.interop.stix_table import EXTENSION
from broker.protocol import limits, times
from broker.protocol.bulletin import read_bulletin_object
from tests.interop.alerts import NOW, ORIGINATOR
from tests.interop.objects import bundle, identifier, imported, person, read, refused, report, story, thing
from tests.waiting import comes_to_an_end

OWN = Path(__file__).parents[1] / "inputs" / "stix"
REAL = Path(__file__).parents[3] / "shared" / "inputs" / "stix"
DOCUMENTS = sorted(OWN.glob("*.json")) + sorted(REAL.glob("*.json"))
TOLD = ImportDefaults(category="other", marking="TLP:GREEN", expires_at=NOW + limits.DAY_US)
FILLED = {"originator": ORIGINATOR, "exchange": "0" * 64, "registry": 1, "sent": times.format(NOW)}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_story_becomes_a_bulletin_and_no_object_is_lost(path: Path) -> None:
    found = read(path.read_bytes(), TOLD)
    words = ""
    for one in found:
        assert isinstance(one, Imported), one
        read_bulletin_object(one.document | FILLED)
        files = [base64.b64decode(file["content"]).decode() for file in one.document.get("attachments", ())]
        words += json.dumps(one.document, ensure_ascii=False) + "".join(files)
    for each in json.loads(path.read_text("utf-8"))["objects"]:
        assert each["id"] in words or each["type"] == "marking-definition"


def test_a_report_of_trafficking_becomes_people_places_and_vehicles() -> None:
    (one,) = read(
        (OWN / "trafficking-report.json").read_bytes(), ImportDefaults(category="human-trafficking")
    )
    assert isinstance(one, Imported)
    made = one.document
    assert made["marking"] == "TLP:AMBER"
    assert list(made["text"]) == ["en", "ur"]
    assert [(subject["type"], subject.get("role")) for subject in made["subjects"]] == [
        ("person", "victim"),
        ("organisation", None),
        ("vehicle", None),
        ("phone", None),
    ]
    assert [area["code"] for area in made["areas"]] == ["PK-KP"]
    assert made["contact"]["phone"] == "+92519105555"


ONE = report()
SHAPES = [
    pytest.param({"type": "bundle", "id": identifier("bundle"), "objects": [ONE]}, id="a-bundle"),
    pytest.param({"type": "bundle", "objects": [ONE]}, id="a-bundle-without-id"),
    pytest.param({"more": False, "objects": [ONE]}, id="a-taxii-envelope"),
    pytest.param([ONE], id="an-array-of-objects"),
    pytest.param([{"type": "bundle", "objects": [ONE]}], id="an-array-of-bundles"),
    pytest.param(ONE, id="one-object"),
]


@pytest.mark.parametrize("value", SHAPES)
def test_a_report_is_found_however_it_comes(value: Any) -> None:
    assert imported(json.dumps(value).encode()).document["text"]["en"]["headline"] == ONE["name"]


def test_bundles_in_an_array_are_read_in_order() -> None:
    one, two = (json.loads(bundle(thing("tool", name=name))) for name in ("A", "B"))
    found = read(json.dumps([one, two]).encode(), TOLD)
    headlines = [each.document["text"]["en"]["headline"] for each in found if isinstance(each, Imported)]
    assert headlines == ["A", "B"]


def test_objects_of_the_version_before_are_read_and_that_is_said() -> None:
    old = {key: value for key, value in ONE.items() if key != "spec_version"}
    one = imported(bundle(old, spec_version="2.0"))
    assert "objects of STIX 2.0 are read as 2.1" in one.announced


BROKEN = [
    pytest.param(b"", id="empty"),
    pytest.param(b"{", id="cut-off"),
    pytest.param(b"<stix:STIX_Package/>", id="stix-1"),
    pytest.param(b"[]", id="an-empty-array"),
    pytest.param(b"{}", id="an-empty-object"),
    pytest.param(b'"x"', id="a-word"),
    pytest.param(b'{"type": "bundle", "type": "bundle", "objects": []}', id="a-name-twice"),
    pytest.param(b'{"type": "bundle", "objects": [], "x": NaN}', id="nan"),
    pytest.param(b'{"type": "bundle", "objects": [], "x": "\\ud800"}', id="a-lone-surrogate"),
    pytest.param(b'{"type": "bundle", "objects": ' + b"[" * 1000 + b"]" * 1000 + b"}", id="depth"),
    pytest.param(b'{"type": "bundle", "objects": "\xff"}', id="not-utf-8"),
]


@pytest.mark.parametrize("source", BROKEN)
def test_what_is_no_stix_is_refused_whole(source: bytes) -> None:
    with pytest.raises(Malformed):
        read(source)


def test_a_file_that_is_too_large_is_not_parsed() -> None:
    with pytest.raises(TooLarge):
        read(b" " * (IMPORT_SOURCE_BYTES + 1))


def noise(length: int, seed: int) -> str:
    """Text that nothing compresses much."""
    return random.Random(seed).randbytes(length // 2).hex()


ODD = thing("relationship", "odd", relationship_type=["x"], source_ref=["y"], target_ref={"z": 1})
WRONG = [
    pytest.param(bundle(), "nothing that tells", id="an-empty-bundle"),
    pytest.param(bundle(objects={}), "/objects", id="objects-that-are-no-list"),
    pytest.param(bundle(objects=["x"]), "/objects/0", id="a-word-for-an-object"),
    pytest.param(bundle({"id": identifier("tool")}), "/objects/0", id="no-type"),
    pytest.param(bundle(thing("tool", id=None)), "/objects/0/id", id="no-id"),
    pytest.param(
        bundle(thing("tool", id=identifier("malware"))), "/objects/0/id", id="the-id-of-another-type"
    ),
    pytest.param(bundle(thing("tool", id="tool--1")), "/objects/0/id", id="no-uuid"),
    pytest.param(bundle(thing("tool", created="yesterday")), "/objects/0/created", id="no-time"),
    pytest.param(bundle(thing("tool", modified=5)), "/objects/0/modified", id="a-number-for-a-time"),
    pytest.param(story(modified=None), "/objects/0/modified", id="a-report-without-a-version"),
    pytest.param(
        story(extensions={EXTENSION: {"expires": "soon"}}),
        "/objects/0/extensions",
        id="an-expiry-that-is-no-time",
    ),
    pytest.param(story(extensions={EXTENSION: {"severity": "bad"}}), "/severity", id="an-unknown-severity"),
    pytest.param(story(extensions={EXTENSION: {"contact": 5}}), "/contact", id="a-number-for-a-contact"),
    pytest.param(story(revoked=True), "/objects/0/revoked", id="revoked-from-the-first"),
    pytest.param(story(object_marking_refs=[]), "--marking", id="no-tlp"),
    pytest.param(
        story(object_marking_refs=[identifier("marking-definition")]), "--marking", id="an-unknown-marking"
    ),
    pytest.param(
        story(*(thing("tool", f"{n}", name="x", description=noise(5_000, n)) for n in range(80))),
        "split",
        id="more-than-a-bulletin-carries",
    ),
]


@pytest.mark.parametrize(("source", "says"), WRONG)
def test_what_is_wrong_is_refused_and_named(source: bytes, says: str) -> None:
    assert says in refused(source).reason


def test_without_a_category_a_report_is_other_and_that_is_said_with_the_flag_to_use() -> None:
    found = imported(story(), ImportDefaults(marking="TLP:GREEN"))
    assert found.document["category"] == "other"
    assert any("--category" in line for line in found.announced)


def test_one_bad_report_harms_no_other() -> None:
    good = thing(
        "report", "2", name="Good", object_refs=[identifier("tool")], object_marking_refs=[identifier("x")]
    )
    bad = report(revoked=True)
    found = read(bundle(bad, good), TOLD)
    assert [type(one) for one in found] == [Refused, Imported]


def test_a_bundle_without_report_is_named_after_its_first_telling_object() -> None:
    one = imported(bundle(person("Sana"), thing("campaign", name="Vans")), TOLD)
    assert one.document["text"]["en"]["headline"] == "Vans"
    assert any("no report" in sentence for sentence in one.announced)


def test_the_same_bundle_has_the_same_id_and_another_has_another() -> None:
    first, again = (imported(bundle(thing("tool", name="A")), TOLD).document["id"] for _ in range(2))
    other = imported(bundle(thing("tool", name="A"), id=identifier("bundle", "2")), TOLD).document["id"]
    assert first == again != other


def test_what_is_left_and_tells_nothing_by_itself_goes_with_the_first_report() -> None:
    second = thing("report", "2", name="Second", object_refs=[identifier("tool")])
    first, other = read(bundle(report(), second, ODD, thing("tool", name="T")), TOLD)
    assert isinstance(first, Imported)
    assert isinstance(other, Imported)
    assert ODD["id"] in json.dumps(first.document)
    assert ODD["id"] not in json.dumps(other.document)


def test_a_hostile_bundle_comes_to_an_end() -> None:
    loop = [thing("note", f"{n}", object_refs=[identifier("note", f"{(n + 1) % 3000}")]) for n in range(3000)]
    reports = [thing("report", f"{n}", name="x", object_refs=[loop[0]["id"]]) for n in range(2)]
    with comes_to_an_end():
        try:
            read(bundle(*reports, *loop), TOLD)
        except HarkaraError as why:
            assert why.detail != ""  # noqa: PT017
