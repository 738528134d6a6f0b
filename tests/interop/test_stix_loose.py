"""What real publishers of STIX do: large bundles, nulls, other encodings, labels for markings; and what goes
out of it is valid by OASIS' schemas.
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from broker.errors import Malformed
from broker.interop.imported import IMPORT_SOURCE_BYTES, ImportDefaults, Imported
from broker.interop.stix_export import to_stix
from broker.interop.stix_keeping import BUNDLE_NAME, COMPRESSED_NAME, attached_bundle
from broker.interop.stix_languages import stix_language
from broker.protocol import limits, times
from broker.protocol.bulletin import read_bulletin_object
from tests.interop.alerts import NOW, alert, info
from tests.interop.alerts import imported as imported_cap
from tests.interop.objects import (
    AMBER,
    bundle,
    identifier,
    imported,
    kept,
    observable,
    person,
    read,
    refused,
    report,
    story,
    thing,
)
from tests.interop.test_stix_documents import noise
from tests.interop.test_stix_export import FILLED, NATIVE, bulletin_of, errors_of


def indicators(number: int, description: str = "") -> list[dict[str, Any]]:
    return [
        thing(
            "indicator",
            f"{n}",
            name=f"File {n}",
            description=description or None,
            pattern=f"[file:hashes.'SHA-256' = '{noise(64, n)}']",
            pattern_type="stix",
            valid_from="2026-02-20T08:00:00Z",
        )
        for n in range(number)
    ]


# --- Size ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "name"), [(100, BUNDLE_NAME), (1_000, COMPRESSED_NAME)])
def test_many_objects_are_attached_whole_and_go_out_again(number: int, name: str) -> None:
    objects = indicators(number)
    one = imported(story(*objects))
    assert [file["name"] for file in one.document["attachments"]] == [name]
    out = to_stix(bulletin_of(one))
    assert {each["id"] for each in json.loads(out)["objects"]} >= {each["id"] for each in objects}
    assert imported(out).document["id"] == one.document["id"]


def test_a_bundle_is_compressed_to_the_same_bytes_again() -> None:
    source = story(*indicators(500))
    assert imported(source) == imported(source)


def test_a_long_report_is_attached_once() -> None:
    one = imported(story(description="Long. " * 12_000))
    assert [file["name"] for file in one.document["attachments"]] == [BUNDLE_NAME]
    assert len(one.document["text"]["en"]["description"]) == limits.PROSE_CHARS
    assert any("whole in the attachment" in sentence for sentence in one.announced)


def test_a_long_text_leaves_room_for_the_objects() -> None:
    one = imported(story(*indicators(1_000), description="\u0627" * limits.PROSE_CHARS))
    assert [file["name"] for file in one.document["attachments"]] == [COMPRESSED_NAME]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"no gzip", id="no-gzip"),
        pytest.param(gzip.compress(b"{}")[:-4], id="cut-short"),
        pytest.param(gzip.compress(b"x" * (IMPORT_SOURCE_BYTES + 1)), id="a-bomb"),
    ],
)
def test_a_compressed_bundle_that_is_none_is_somebody_elses_file(content: bytes) -> None:
    assert attached_bundle(COMPRESSED_NAME, content) is None


def test_another_file_is_no_bundle() -> None:
    assert attached_bundle("bundle.json", b"{}") is None


def test_a_hundred_reports_with_their_objects_are_a_hundred_bulletins() -> None:
    objects = indicators(1_000)
    reports = [
        thing("report", f"{n}", name=f"Report {n}", object_marking_refs=[AMBER], published=times.format(NOW),
              object_refs=[one["id"] for one in objects[n * 10 : n * 10 + 10]])
        for n in range(100)
    ]  # fmt: skip
    found = read(bundle(*reports, *objects))
    assert [isinstance(one, Imported) for one in found] == [True] * 100


# --- JSON ---------------------------------------------------------------------------------------------------


def test_nulls_are_left_out_and_that_is_said() -> None:
    source = story(thing("tool", name="T"), description="HERE").replace(b'"HERE"', b"null")
    one = imported(source.replace(b'"name": "T"', b'"name": "T", "x_a": null'))
    assert "description" not in one.document["text"]["en"]
    assert any(sentence.startswith("2 properties were null") for sentence in one.announced)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(b'{"type": "bundle", "a": null, "a": 1}', id="a-name-twice-beside-null"),
        pytest.param(b'{"type": "bundle", "a": null, "b": NaN}', id="nan-beside-null"),
        pytest.param(b'{"type": "bundle", "a": [null, 1]}', id="null-in-a-list"),
        pytest.param(b"null", id="null-alone"),
        pytest.param(b'{"a": null, "b": ' + b"[" * 40 + b"]" * 40 + b"}", id="deep-beside-null"),
        pytest.param(b"\xff\xfe{", id="half-of-utf-16"),
    ],
)
def test_what_is_wrong_beside_a_null_is_still_refused(source: bytes) -> None:
    with pytest.raises(Malformed):
        read(source)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_names_the_encoding(encoding: str) -> None:
    source = story(name="گل").decode()
    assert imported(source.encode(encoding)).document == imported(source.encode()).document


# --- What is said -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param(["apt", "tlp:green"], "TLP:GREEN", id="otx"),
        pytest.param(['misp:tool="x"', "tlp:white"], "TLP:CLEAR", id="misp"),
        pytest.param(["TLP:AMBER+STRICT", "tlp:green"], "TLP:AMBER+STRICT", id="the-narrower"),
    ],
)
def test_a_label_says_the_marking_and_that_is_said(labels: list[str], expected: str) -> None:
    one = imported(story(labels=labels, object_marking_refs=None))
    assert one.document["marking"] == expected
    assert f"marking: {expected}, because a label says so" in one.announced


def test_a_label_does_not_widen_a_marking() -> None:
    assert imported(story(labels=["tlp:white"])).document["marking"] == "TLP:AMBER"


@pytest.mark.parametrize("labels", [["tulip:red"], [5], "tlp:red", {"tlp": "red"}, []])
def test_what_is_no_label_of_tlp_says_nothing(labels: Any) -> None:
    assert "--marking" in refused(story(labels=labels, object_marking_refs=None)).reason


def test_a_marking_that_nobody_knows_is_not_answered_by_a_label() -> None:
    unknown = [identifier("marking-definition", "acs")]
    assert "--marking" in refused(story(labels=["tlp:white"], object_marking_refs=unknown)).reason


OBSERVED = {"first_observed": times.format(NOW), "last_observed": times.format(NOW), "number_observed": 1}
ADDRESSES = [observable("ipv4-addr", f"{n}", value=f"192.0.2.{n}") for n in range(5)]
HEADLINES = [
    pytest.param(
        [thing("observed-data", object_refs=[ADDRESSES[0]["id"]], **OBSERVED), ADDRESSES[0]],
        "observed-data: 192.0.2.0",
        id="by-reference",
    ),
    pytest.param(
        [thing("observed-data", object_refs=[one["id"] for one in ADDRESSES], **OBSERVED), *ADDRESSES],
        "observed-data: 192.0.2.0, 192.0.2.1, 192.0.2.2, …",
        id="many",
    ),
    pytest.param(
        [thing("observed-data", objects={"0": {"type": "file", "name": "a\u202egnp.exe"}}, **OBSERVED)],
        "observed-data: agnp.exe",
        id="of-stix-2.0",
    ),
    pytest.param([thing("observed-data", **OBSERVED)], identifier("observed-data"), id="of-nothing"),
    pytest.param(
        [thing("observed-data", objects=[5], **OBSERVED)], identifier("observed-data"), id="no-objects"
    ),
]


@pytest.mark.parametrize(("objects", "headline"), HEADLINES)
def test_what_has_no_name_is_called_by_what_it_holds(objects: list[Any], headline: str) -> None:
    one = imported(bundle(*objects), ImportDefaults(marking="TLP:GREEN"))
    assert one.document["text"]["en"]["headline"] == headline


@pytest.mark.parametrize("field", ["name", "description"])
def test_controls_of_direction_go_and_are_told(field: str) -> None:
    one = imported(story(**{field: "\u202bرپورٹ\u202c"}, lang="ur"))
    assert any(f"/objects/0/{field}" in sentence and "U+202B" in sentence for sentence in one.announced)


@pytest.mark.parametrize(
    "source",
    [
        story(person("گل", description="\u202bڈرائیور\u202c")),
        story(thing("location", name="\u2067کوئٹہ\u2069", country="PK")),
        story(thing("tool", x_note="\u202bx\u202c")),
        story(thing("tool", **{"x_\u202b": "x"})),
        bundle(report(), thing("language-content", object_ref=identifier("report"),
                               contents={"ur": {"name": "\u202bرپورٹ\u202c"}})),
    ],
)  # fmt: skip
def test_no_object_refuses_a_report_by_its_controls(source: bytes) -> None:
    assert any("turn the direction" in sentence for sentence in imported(source).announced)


# --- What goes out ------------------------------------------------------------------------------------------

OLD = [
    pytest.param(
        story(
            thing("indicator", pattern="[ipv4-addr:value = '192.0.2.1']", valid_from="2026-02-20T08:00:00Z")
        ),
        id="pattern",
    ),
    pytest.param(story(thing("malware", name="M")), id="malware"),
    pytest.param(story(thing("tool", name="T", created="2026-02-20T08:00:00Z")), id="no-milliseconds"),
    pytest.param(story(thing("tool", name="T", modified="2026-02-20T13:00:00+05:00")), id="an-offset"),
    pytest.param(story(thing("tool", name="T", spec_version=None)), id="stix-2.0"),
    pytest.param(story(object_refs=[]), id="a-report-of-nothing"),
    pytest.param(story(object_refs=None), id="a-report-without-references"),
]


@pytest.mark.parametrize("source", OLD)
def test_what_came_in_as_2_0_or_nearly_2_1_goes_out_as_2_1(source: bytes) -> None:
    assert errors_of(to_stix(bulletin_of(imported(source)))) == []


@pytest.mark.parametrize("tag", ["ur-PK", "en-PK", "es-US", "ml", "bn-IN", "sd", "und", "zh-Hant-TW", "skr"])
def test_an_alert_in_any_language_goes_out_valid_and_comes_back(tag: str) -> None:
    source = alert(info(language="en-PK"), info(language=tag, headline="عنوان"), scope="Public")
    first = imported_cap(source)
    out = to_stix(read_bulletin_object(first.document | FILLED))
    assert errors_of(out) == []
    assert imported(out).document["text"] == first.document["text"]


@pytest.mark.parametrize(
    ("tag", "expected"), [("ur-PK", "ur-PK"), ("en-PK", "en"), ("ml", ""), ("und", ""), ("", "")]
)
def test_a_language_is_named_as_the_validator_takes_it(tag: str, expected: str) -> None:
    assert stix_language(tag) == expected


@pytest.mark.parametrize("kind", ["Alert", "Update", "Cancel"])
def test_a_bulletin_of_our_own_comes_back_with_all_that_it_asks(kind: str) -> None:
    asked: dict[str, Any] = {"respond_by": "urgent", "request": "Where was it seen?", "type": kind}
    asked |= {} if kind == "Alert" else {"references": ["0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b63"]}
    out = to_stix(read_bulletin_object(NATIVE | asked))
    assert errors_of(out) == []
    again = imported(out).document
    assert {name: again[name] for name in asked} == asked


def test_what_was_kept_of_a_null_is_nothing() -> None:
    source = story(thing("tool", name="T", x_a="HERE")).replace(b'"HERE"', b"null")
    assert kept(source, "tool.x_a") == []


def test_an_attached_bundle_is_what_it_says() -> None:
    (file,) = imported(story(*indicators(400))).document["attachments"]
    content = attached_bundle(file["name"], base64.b64decode(file["content"]))
    assert content is not None
    assert len(json.loads(content)["objects"]) == 401
