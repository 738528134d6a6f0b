"""CAP out: valid by the schema of CAP, and CAP → bulletin → CAP → bulletin is the same bulletin."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from broker.interop.cap import read_cap
from broker.interop.cap_export import to_cap
from broker.interop.imported import ImportDefaults, Imported
from broker.protocol import limits, times
from broker.protocol.bulletin import Bulletin, read_bulletin_object
from tests.interop.alerts import NOW, ORIGINATOR, alert, area, element, info, pair
from tests.interop.test_cap_documents import DOCUMENTS, REAL
from tests.interop.test_cap_fields import FIELDS, KEPT
from tests.interop.test_cap_properties import alerts

SCHEMAS = [etree.XMLSchema(etree.parse(path)) for path in REAL.glob("CAP-v1.2.xsd")]
"""The schema of CAP, where it lies beside the checkout."""
TOLD = ImportDefaults(category="other", marking="TLP:GREEN", expires_at=NOW + limits.DAY_US)
FILLED = {"originator": ORIGINATOR, "exchange": "0" * 64, "registry": 1, "sent": times.format(NOW)}
POINT = {"type": "Point", "coordinates": [62.3, 25.1]}
RING = [[64.6, 25.2], [64.7, 25.2], [64.7, 25.3], [64.6, 25.2]]
NATIVE: dict[str, Any] = FILLED | {
    "id": "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64",
    "status": "Exercise",
    "type": "Alert",
    "category": "drug-smuggling",
    "expires": "2026-03-02T09:30:00.5+05:00",
    "marking": "TLP:AMBER",
    "urgency": "Expected",
    "severity": "Severe",
    "certainty": "Likely",
    "text": {"en": {"headline": "A boat", "description": "Blue.\nNo lights."}, "ur": {"headline": "کشتی"}},
    "contact": {"desk": "ANF Karachi", "phone": "+92519105555", "hours": "24/7"},
    "action": "seize",
    "warnings": ["armed", "violent"],
    "areas": [
        {"name": "Off Gwadar", "code": "PK-BA", "radius_m": 2500.5, "geometry": POINT},
        {"name": "Ormara", "geometry": {"type": "Polygon", "coordinates": [RING]}},
    ],
    "subjects": [{"type": "person", "role": "victim", "names": [{"script": "Latn", "given": "Amna"}]}],
    "attachments": [
        {"name": "my photo.png", "media_type": "image/png", "size": 3, "content": "AAAA",
         "sha256": "709e80c88487a2411e1ee4dfb9f22a861492d20c4765150c0c794abd70f8147c"},
    ],
}  # fmt: skip


def bulletin_of(one: Imported) -> Bulletin:
    named = {"address_digest": "0" * 64} if one.document["marking"] in ("TLP:RED", "TLP:AMBER+STRICT") else {}
    return read_bulletin_object(one.document | FILLED | named)


def read(source: bytes) -> list[Imported]:
    found = read_cap(source, originator=ORIGINATOR, defaults=TOLD, now=NOW)
    return [one for one in found if isinstance(one, Imported)]


def check_valid(source: bytes) -> None:
    for schema in SCHEMAS:
        schema.assertValid(etree.fromstring(source))


def _unnumbered(kept: dict[str, str]) -> tuple[str, str]:
    """Infos of one language were put together, so that those behind them have another number."""
    return re.sub(r"^info\d+\.", "", kept["key"]), kept["value"]


def check_the_same(first: Imported, again: Imported) -> None:
    """All fields are the same, nothing that was kept is lost; files may be named anew."""
    for name, value in first.document.items():
        if name not in ("correlations", "attachments"):
            assert again.document.get(name) == value, name
    lost = {_unnumbered(one) for one in first.document.get("correlations", ())}
    lost -= {("language", tag) for tag in first.document.get("text", {})}  # said by the blocks themselves
    lost -= {_unnumbered(one) for one in again.document.get("correlations", ())}
    assert lost == set()
    files, others = (
        {
            file["sha256"]
            for file in one.document.get("attachments", ())
            if not file["name"].startswith("cap-")
        }
        for one in (first, again)
    )
    assert files <= others


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_goes_out_as_it_came_in(path: Path) -> None:
    for one in read(path.read_bytes()):
        out = to_cap(bulletin_of(one))
        check_valid(out)
        (again,) = read(out)
        check_the_same(one, again)


@pytest.mark.parametrize("case", [*FIELDS, *KEPT], ids=lambda case: case[0])
def test_an_element_goes_out_as_it_came_in(case: tuple[str, str, str, Any]) -> None:
    (one,) = read(case[1].encode())
    out = to_cap(bulletin_of(one))
    check_valid(out)
    (again,) = read(out)
    check_the_same(one, again)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(alerts())
def test_every_alert_goes_out_as_it_came_in(source: str) -> None:
    (one,) = read(source.encode())
    out = to_cap(bulletin_of(one))
    check_valid(out)
    (again,) = read(out)
    check_the_same(one, again)


def text_of(root: Any, path: str) -> list[str]:
    steps = "/".join(f"{{urn:oasis:names:tc:emergency:cap:1.2}}{step}" for step in path.split("/"))
    return [found.text for found in root.findall(steps)]


def test_a_bulletin_of_our_own_goes_out() -> None:
    out = to_cap(read_bulletin_object(NATIVE))
    check_valid(out)
    root = etree.fromstring(out)
    expected = {
        "identifier": [NATIVE["id"]],
        "sender": ["pk.fia"],
        "sent": ["2026-03-01T07:00:00-00:00"],
        "status": ["Exercise"],
        "msgType": ["Alert"],
        "scope": ["Restricted"],
        "restriction": ["TLP:AMBER"],
        "info/language": ["en", "ur"],
        "info/event": ["drug smuggling"] * 2,
        "info/expires": ["2026-03-02T04:30:00-00:00"] * 2,
        "info/headline": ["A boat", "کشتی"],
        "info/contact": ["ANF Karachi, +92519105555, 24/7"] * 2,
        "info/area/circle": ["25.1,62.3 2.5005"] * 2,
        "info/area/polygon": ["25.2,64.6 25.2,64.7 25.3,64.7 25.2,64.6"] * 2,
        "info/area/geocode/value": ["PK-BA"] * 2,
        "info/resource/derefUri": ["AAAA"],
    }
    assert {path: text_of(root, path) for path in expected} == expected


def test_a_victim_is_withheld_and_that_there_is_one_comes_back() -> None:
    (again,) = read(to_cap(read_bulletin_object(NATIVE)))
    assert again.document["subjects"] == [
        {"type": "person", "role": "victim", "note": "withheld: a protected person"}
    ]


def test_no_protected_person_goes_out() -> None:
    assert b"Amna" not in to_cap(read_bulletin_object(NATIVE))


def test_what_went_out_comes_back_with_what_cap_has_no_element_for() -> None:
    (again,) = read(to_cap(read_bulletin_object(NATIVE)))
    for name in (
        "category",
        "marking",
        "action",
        "warnings",
        "text",
        "urgency",
        "severity",
        "certainty",
        "areas",
    ):
        assert again.document[name] == NATIVE[name]


@pytest.mark.parametrize(
    ("scope", "marking", "expected"),
    [
        pytest.param("Public", "TLP:CLEAR", "Public", id="clear-stays-public"),
        pytest.param("Public", "TLP:GREEN", "Restricted", id="narrowed-is-no-longer-public"),
        pytest.param("Private", "TLP:GREEN", "Private", id="private-stays-private"),
        pytest.param("Private", "TLP:CLEAR", "Private", id="private-stays-private-when-clear"),
    ],
)
def test_only_what_is_clear_goes_out_as_public(scope: str, marking: Any, expected: str) -> None:
    told = ImportDefaults(category="other", marking=marking)
    (one,) = read_cap(alert(scope=scope).encode(), originator=ORIGINATOR, defaults=told, now=NOW)
    assert isinstance(one, Imported)
    assert text_of(etree.fromstring(to_cap(bulletin_of(one))), "scope") == [expected]


ODD = [
    pytest.param(alert(info(web="not a uri")), id="an-address-that-is-none"),
    pytest.param(alert(info("<category>Pirates</category>")), id="a-category-of-nobody"),
    pytest.param(alert(info(responseType="Run")), id="a-response-of-nobody"),
    pytest.param(alert(info(effective="soon")), id="a-time-that-is-none"),
    pytest.param(alert(info(area("T", element("altitude", "high")))), id="a-height-in-words"),
    pytest.param(alert(info("<resource><size>big</size></resource>")), id="a-size-in-words"),
    pytest.param(
        alert(info(), info(event="Other"), info(language="ur", event="تیسرا")), id="a-merged-info-between"
    ),
    pytest.param(alert(info(), info(pair("parameter", "a", "b"), event="Other")), id="a-merged-info"),
    pytest.param(
        alert(info(language="EN_us", event="x"), info(language="fr_CA", event="y")), id="odd-languages"
    ),
    pytest.param(alert(sent="2026-03-01T06:00:00Z"), id="a-time-with-z"),
    pytest.param(alert(sent="2026-03-01T06:00:00.123+05:00"), id="a-time-with-decimals"),
    pytest.param(alert(sent="2026-03-01 06:00+0500"), id="a-time-spelled-freely"),
    pytest.param(alert(info(severity="High", expires="N/A")), id="words-that-cap-does-not-know"),
    pytest.param(alert(info(area("T", element("polygon", "1,2 3,4")))), id="an-outline-that-is-none"),
]


@pytest.mark.parametrize("source", ODD)
def test_what_cap_would_not_take_goes_along_as_a_parameter(source: str) -> None:
    (one,) = read(source.encode())
    out = to_cap(bulletin_of(one))
    check_valid(out)
    (again,) = read(out)
    check_the_same(one, again)
