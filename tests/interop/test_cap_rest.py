"""CAP out: what an import had no room for, and what CAP has no element for, goes along and comes back."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from broker.interop.cap_export import to_cap
from broker.interop.cap_table import OWN_FIELDS, REST_NAME
from broker.protocol import limits
from broker.protocol.bulletin import Bulletin, read_bulletin_object
from tests.interop.alerts import alert, area, imported, info, pair
from tests.interop.test_cap_export import FILLED, NATIVE, bulletin_of, check_valid, read, text_of

OWN: dict[str, Any] = {
    "type": "Update",
    "references": ["0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b63", "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b62"],
    "action": "seize",
    "contact": {"desk": "ANF Karachi", "phone": "+92519105555", "hours": "24/7"},
    "warnings": ["armed", "violent"],
    "handling": {"code": "H3", "text": 'Ask <us> & "wait".'},
    "evaluation": {"scale": "europol-4x4", "source": "B", "information": 2},
    "respond_by": "2026-03-01T20:00:00+05:00",
    "request": "Where was it seen?\nAnd by whom?",
    "subjects": [
        {"type": "vehicle", "plate": "LEA-1234", "colour": "white"},
        {"type": "person", "role": "suspect", "names": [{"script": "Arab", "given": "گل خان"}]},
    ],
}


def own_bulletin(**said: Any) -> Bulletin:
    return read_bulletin_object(NATIVE | said)


def test_every_field_of_ours_is_tried_here() -> None:
    assert {own.field for own in OWN_FIELDS} == {*OWN, "category", "marking"} - {"type"}


@pytest.mark.parametrize("field", sorted(set(OWN) - {"type"}))
def test_a_field_that_cap_has_no_element_for_comes_back(field: str) -> None:
    out = to_cap(own_bulletin(**OWN))
    check_valid(out)
    (again,) = read(out)
    assert again.document[field] == OWN[field]


@pytest.mark.parametrize("text", ["write <b> and </b>", "R&amp;D", "a <br/> b", "&nbsp;", "if x<b then"])
def test_a_text_of_ours_that_looks_like_html_comes_back_as_it_was(text: str) -> None:
    (again,) = read(to_cap(own_bulletin(text={"en": {"headline": text, "description": f"- {text}"}})))
    assert again.document["text"] == {"en": {"headline": text, "description": f"- {text}"}}


def test_what_was_kept_of_an_import_says_no_marking_when_it_comes_back() -> None:
    source = alert("", msgType="Cancel", scope="TLP:RED", references="a,b,2026-02-01T10:00:00+05:00")
    (one,) = read(source.encode())
    (again,) = read(to_cap(bulletin_of(one)))
    assert one.document["marking"] == again.document["marking"] == "TLP:GREEN"


@pytest.mark.parametrize("kind", ["Update", "Cancel"])
def test_an_update_or_cancel_of_our_own_stays_one(kind: str) -> None:
    (again,) = read(to_cap(own_bulletin(type=kind, references=OWN["references"])))
    assert (again.document["type"], again.document["references"]) == (kind, OWN["references"])


def test_references_of_an_import_go_out_as_cap_writes_them_alone() -> None:
    source = alert(msgType="Update", references="desk@fia.example.pk,FIA-0,2026-02-01T10:00:00+05:00")
    (one,) = read(source.encode())
    assert b"harkara:reference" not in to_cap(bulletin_of(one))


@pytest.mark.parametrize("name", ["harkara:subject", "harkara:handling", "harkara:contact"])
@pytest.mark.parametrize("value", ["{", "5", '{"type": "spaceship"}', "NaN"])
def test_a_parameter_of_ours_that_nobody_of_ours_wrote_refuses_its_alert(name: str, value: str) -> None:
    assert read(alert(info(pair("parameter", name, value))).encode()) == []


# --- The rest -----------------------------------------------------------------------------------------------

CODES = "".join(pair("geocode", "SAME", f"{n:06}") for n in range(600))
PLACES = [area(f"Place {n}", pair("geocode", "EMMA_ID", f"X{n}")) for n in range(200)]
TONGUES = [f"a{letter}" for letter in "abcdefghijklmnopqrst"]
RESTS = [
    pytest.param(alert(info(area("All", CODES))), "info/area/geocode/value", 600, id="many-geocodes"),
    pytest.param(alert(info(*PLACES)), "info/area/areaDesc", 200, id="many-areas"),
    pytest.param(alert(*(info(language=tag) for tag in TONGUES)), "info/language", 20, id="many-languages"),
    pytest.param(
        alert(info(description="x" * (limits.PROSE_CHARS + 99))), "info/description", 1, id="a-long-text"
    ),
    pytest.param(
        alert(info(pair("parameter", "Municipios", "Lahore, " * 2_000))),
        "info/parameter/valueName",
        1,
        id="a-long-parameter",
    ),
    pytest.param(
        alert(info(pair("parameter", "n" * 400, "v"))), "info/parameter/valueName", 1, id="a-long-name"
    ),
]


@pytest.mark.parametrize(("source", "path", "number"), RESTS)
def test_the_rest_goes_out_where_it_came_from_and_comes_back(source: str, path: str, number: int) -> None:
    one = imported(source)
    assert [file["name"] for file in one.document["attachments"]] == [REST_NAME]
    out = to_cap(bulletin_of(one))
    check_valid(out)
    names = text_of(etree.fromstring(out), path)
    assert len([name for name in names if not name.startswith("harkara:")]) == number
    assert imported(out).document == one.document


def with_rest(content: bytes) -> Bulletin:
    (one,) = read(alert().encode())
    file = {
        "name": REST_NAME,
        "media_type": "application/json",
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "content": base64.b64encode(content).decode(),
    }
    return read_bulletin_object(one.document | FILLED | {"attachments": [file]})


FOREIGN = [
    pytest.param(b"no json", True, id="no-json"),
    pytest.param(b"{}", True, id="no-list"),
    pytest.param(b'[{"key": 1, "value": "x"}]', True, id="no-items"),
    pytest.param(b'[{"key": "area9", "value": "{}"}]', True, id="an-area-without-a-name"),
    pytest.param(b'[{"key": "text:ur", "value": "5"}]', True, id="a-text-that-is-none"),
    pytest.param(b'[{"key": "text/en/headline", "value": "another"}]', True, id="a-text-that-was-not-cut"),
    pytest.param(b'[{"key": "/alert/x", "value": "y"}]', True, id="a-place-in-the-source"),
    pytest.param(b'[{"key": "source", "value": "a\\u0000b\\u202e"}]', False, id="hidden-characters"),
    pytest.param(b'[{"key": "area2", "value": "{\\"name\\":\\"a\\\\u0001\\"}"}]', False, id="in-an-area-too"),
]


@pytest.mark.parametrize(("content", "stays"), FOREIGN)
def test_a_rest_that_is_not_ours_stays_a_file_and_breaks_nothing(content: bytes, stays: bool) -> None:
    out = to_cap(with_rest(content))
    check_valid(out)
    assert (base64.b64encode(content) in out) == stays


def test_a_rest_cannot_bring_another_headline() -> None:
    lie = json.dumps([{"key": "text:en", "value": json.dumps({"headline": "Another"})}])
    assert b"Another" not in to_cap(with_rest(lie.encode()))
