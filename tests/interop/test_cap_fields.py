"""Each row of the mapping table: what an element becomes. A row without a case here fails the last test."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from broker.errors import Problem
from broker.interop.cap_table import CAP_ROWS
from broker.interop.imported import ImportDefaults
from broker.protocol import limits, times
from broker.protocol.bulletin import read_bulletin_object
from tests.interop.alerts import (
    NOW,
    ORIGINATOR,
    TOLD,
    alert,
    area,
    document,
    element,
    imported,
    info,
    kept,
    pair,
    refused,
)

POLYGON = element("polygon", "34.1,71.0 34.1,71.1 34.2,71.1 34.1,71.0")
RING = [[71.0, 34.1], [71.1, 34.1], [71.1, 34.2], [71.0, 34.1]]
CONTENT = b"a sketch of the hull"


def resource(**said: str) -> str:
    return f"<resource>{''.join(element(name, text) for name, text in said.items())}</resource>"


SKETCH = resource(
    resourceDesc="Sketch",
    mimeType="text/plain",
    size="20",
    uri="https://example.pk/files/hull.txt?x=1",
    derefUri=base64.b64encode(CONTENT).decode(),
    digest=hashlib.sha1(CONTENT).hexdigest(),  # noqa: S324  (CAP's digest is SHA-1)
)

FIELDS: list[tuple[str, str, str, Any]] = [
    ("sent", alert(sent="2026-03-01T06:00:00-00:00"), "/issued", "2026-03-01T06:00:00Z"),
    ("sent", alert(sent="2026-03-01T11:00:00+05:00"), "/issued", "2026-03-01T11:00:00+05:00"),
    ("status", alert(status="Actual"), "/status", "Actual"),
    ("status", alert(status="Exercise"), "/status", "Exercise"),
    ("status", alert(status="System"), "/status", "System"),
    ("status", alert(status="test"), "/status", "Test"),
    ("msgType", alert(msgType="Alert"), "/type", "Alert"),
    ("msgType", alert(msgType="Update"), "/type", "Alert"),
    ("scope", alert(scope="Public"), "/marking", "TLP:CLEAR"),
    (
        "restriction",
        alert(scope="Restricted", restriction="TLP: amber, border posts"),
        "/marking",
        "TLP:AMBER",
    ),
    ("restriction", alert(scope="Private", restriction="tlp:amber-strict"), "/marking", "TLP:AMBER+STRICT"),
    ("note", alert("<note>Line one\nline two</note>"), "/text/und/headline", "Line one"),
    ("info", alert(info(), info(language="ur", headline="وین")), "/text/ur/headline", "وین"),
    ("info/language", alert(info(language=None)), "/text/en-US/headline", "A van without plates"),
    ("info/language", alert(info(language="EN_gb-oed")), "/text/en-GB/headline", "A van without plates"),
    ("info/language", alert(info(language="klingon")), "/text/und/headline", "A van without plates"),
    ("info/event", alert(info(headline=None)), "/text/en/headline", "Smuggling"),
    ("info/urgency", alert(info(), info(urgency="Past")), "/urgency", "Immediate"),
    ("info/urgency", alert(info(urgency=None)), "/urgency", "Unknown"),
    ("info/severity", alert(info(), info(severity="Extreme")), "/severity", "Extreme"),
    ("info/severity", alert(info(severity="minor")), "/severity", "Minor"),
    ("info/certainty", alert(info(), info(certainty="Observed")), "/certainty", "Observed"),
    ("info/certainty", alert(info(certainty="Very Likely")), "/certainty", "Likely"),
    ("info/onset", alert(info(onset="2026-03-01T13:00:00+05:00")), "/onset", "2026-03-01T13:00:00+05:00"),
    (
        "info/onset",
        alert(info(onset="2026-03-01T09:00:00-00:00"), info(onset="2026-03-01T13:00:00+05:00")),
        "/onset",
        "2026-03-01T13:00:00+05:00",
    ),
    ("info/expires", alert(info(expires="2026-03-05T10:00:00-00:00")), "/expires", "2026-03-05T10:00:00Z"),
    (
        "info/expires",
        alert(info(expires="2026-03-04T10:00:00+05:00"), info(expires="2026-03-05T10:00:00+05:00")),
        "/expires",
        "2026-03-05T10:00:00+05:00",
    ),
    ("info/headline", alert(info(headline="  two\n   words\t")), "/text/en/headline", "two words"),
    ("info/description", alert(info(description="One\r\n   two")), "/text/en/description", "One two"),
    ("info/instruction", alert(info(instruction="Stop it.")), "/text/en/instruction", "Stop it."),
    (
        "info/contact",
        alert(info(contact="Desk 3, +92 (51) 910-5555 ext. 7")),
        "/contact",
        {"desk": "Desk 3, ext. 7", "phone": "+92519105555"},
    ),
    (
        "info/contact",
        alert(info(contact="0092 51 9105555", senderName="FIA")),
        "/contact",
        {"desk": "FIA", "phone": "+92519105555"},
    ),
    ("info/resource", alert(info(SKETCH)), "/attachments/0/sha256", hashlib.sha256(CONTENT).hexdigest()),
    ("info/resource", alert(info(SKETCH), info(SKETCH, language="ur")), "/attachments/1", None),
    (
        "info/resource/resourceDesc",
        alert(info(resource(resourceDesc="A: map", mimeType="image/png", derefUri="AAAA"))),
        "/attachments/0/name",
        "A-map.png",
    ),
    ("info/resource/mimeType", alert(info(SKETCH)), "/attachments/0/media_type", "text/plain"),
    ("info/resource/uri", alert(info(SKETCH)), "/attachments/0/name", "hull.txt"),
    (
        "info/resource/derefUri",
        alert(info(SKETCH)),
        "/attachments/0/content",
        base64.b64encode(CONTENT).decode(),
    ),
    ("info/resource/digest", alert(info(SKETCH)), "/attachments/0/size", len(CONTENT)),
    (
        "info/resource/digest",
        alert(info(resource(resourceDesc="x", mimeType="image/png", derefUri="AAAA", digest="0" * 40))),
        "/attachments/0/name",
        "cap-alert.xml",
    ),
    (
        "info/area",
        alert(info(area("Torkham", POLYGON)), info(area("طورخم", POLYGON), language="ur")),
        "/areas/1",
        None,
    ),
    ("info/area/areaDesc", alert(info(area("Torkham\n border"))), "/areas/0", {"name": "Torkham border"}),
    ("info/area/polygon", alert(info(area("T", POLYGON))), "/areas/0/geometry/coordinates", [RING]),
    ("info/area/polygon", alert(info(area("T", POLYGON, POLYGON))), "/areas/0/geometry/type", "MultiPolygon"),
    (
        "info/area/circle",
        alert(info(area("T", element("circle", "34.1,71.0 2.5")))),
        "/areas/0/radius_m",
        2500.0,
    ),
    (
        "info/area/circle",
        alert(info(area("T", element("circle", "34.1,71.0 0")))),
        "/areas/0",
        {"name": "T", "geometry": {"type": "Point", "coordinates": [71.0, 34.1]}},
    ),
    (
        "info/area/geocode",
        alert(info(area("T", pair("geocode", "ISO 3166-2", "pk-kp")))),
        "/areas/0/code",
        "PK-KP",
    ),
    (
        "info/area/geocode",
        alert(info(area("T", *(pair("geocode", "ISO 3166-2", code) for code in ("PK-KP", "PK-BA"))))),
        "/areas/1",
        {"name": "T", "code": "PK-BA"},
    ),
]

KEPT: list[tuple[str, str, str, list[str]]] = [
    ("identifier", alert(), "identifier", ["FIA-1"]),
    ("sender", alert(), "sender", ["desk@fia.example.pk"]),
    ("sent", alert(), "sent", ["2026-03-01T11:00:00+05:00"]),
    ("msgType", alert(msgType="Update"), "msgType", ["Update"]),
    ("source", alert(source="Desk 4"), "source", ["Desk 4"]),
    ("scope", alert(), "scope", ["Public"]),
    ("restriction", alert(restriction="TLP:GREEN only"), "restriction", ["TLP:GREEN only"]),
    ("addresses", alert(addresses='"Post 1" b@example.pk'), "addresses", ['"Post 1" b@example.pk']),
    ("code", alert("<code>A</code><code>B</code>", info()), "code", ["A", "B"]),
    ("note", alert(info(), note="Seen twice"), "note", ["Seen twice"]),
    ("references", alert(references="a,b,2026-01-01T00:00:00Z"), "references", ["a,b,2026-01-01T00:00:00Z"]),
    ("incidents", alert(incidents="KP-77"), "incidents", ["KP-77"]),
    ("info/language", alert(info(language="en_gb")), "language", ["en_gb"]),
    ("info/category", alert(info("<category>Met</category>")), "category", ["Security", "Met"]),
    ("info/event", alert(), "event", ["Smuggling"]),
    ("info/event", alert(info(), info(event="سمگلنگ", language="ur")), "info2.event", ["سمگلنگ"]),
    ("info/event", alert(info(), info(language="ur")), "info2.event", []),
    ("info/responseType", alert(info(responseType="Monitor")), "responseType", ["Monitor"]),
    ("info/urgency", alert(info(), info(urgency="Past")), "info2.urgency", ["Past"]),
    ("info/severity", alert(info(severity="Minor"), info()), "severity", ["Minor"]),
    ("info/certainty", alert(info(), info(certainty="Unlikely")), "info2.certainty", ["Unlikely"]),
    ("info/audience", alert(info(audience="Officers")), "audience", ["Officers"]),
    ("info/eventCode", alert(info(pair("eventCode", "SAME", "CAE"))), "eventCode:SAME", ["CAE"]),
    ("info/effective", alert(info(effective="2026-03-01T10:00:00Z")), "effective", ["2026-03-01T10:00:00Z"]),
    ("info/onset", alert(info(onset="2026-04-01T10:00:00Z")), "onset", ["2026-04-01T10:00:00Z"]),
    (
        "info/expires",
        alert(info(expires="2003-04-01T10:00:00-07:00")),
        "expires",
        ["2003-04-01T10:00:00-07:00"],
    ),
    ("info/senderName", alert(info(senderName="FIA")), "senderName", ["FIA"]),
    ("info/web", alert(info(web="https://x.pk/?a=1&b=2")), "web", ["https://x.pk/?a=1&b=2"]),
    ("info/contact", alert(info(contact="DET. SMITH 213 485-2389")), "contact", ["DET. SMITH 213 485-2389"]),
    ("info/parameter", alert(info(pair("parameter", "HSAS", "ORANGE"))), "parameter:HSAS", ["ORANGE"]),
    ("info/parameter", alert(info(pair("parameter", "HSAS", ""))), "parameter:HSAS", []),
    (
        "info/parameter",
        alert(info("<parameter>HSAS=ORANGE</parameter>"), namespace="http://www.incident.com/cap/1.0"),
        "parameter:HSAS",
        ["ORANGE"],
    ),
    ("info/resource/resourceDesc", alert(info(SKETCH)), "resourceDesc", ["Sketch"]),
    ("info/resource/mimeType", alert(info(SKETCH)), "mimeType", ["text/plain"]),
    ("info/resource/size", alert(info(SKETCH, resource(size="7"))), "resource2.size", ["7"]),
    ("info/resource/uri", alert(info(SKETCH)), "uri", ["https://example.pk/files/hull.txt?x=1"]),
    ("info/resource/digest", alert(info(resource(digest="none"))), "digest", ["none"]),
    (
        "info/area/areaDesc",
        alert(info(area("T", POLYGON)), info(area("U", POLYGON))),
        "info2.areaDesc",
        ["U"],
    ),
    ("info/area/areaDesc", alert(info(area("T" * 300))), "areaDesc", ["T" * 300]),
    ("info/area/circle", alert(info(area("T", element("circle", "1,2 9000")))), "circle", ["1,2 9000"]),
    (
        "info/area/geocode",
        alert(info(area("T", pair("geocode", "SAME", "006037")))),
        "geocode:SAME",
        ["006037"],
    ),
    (
        "info/area/altitude",
        alert(info(area("T"), area("U", element("altitude", "9")))),
        "area2.altitude",
        ["9"],
    ),
    ("info/area/ceiling", alert(info(area("T", element("ceiling", "500")))), "ceiling", ["500"]),
]


def at(value: Any, pointer: str) -> Any:
    for part in pointer.split("/")[1:]:
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        else:
            value = value.get(part)
        if value is None:
            return None
    return value


@pytest.mark.parametrize(
    ("source", "pointer", "expected"),
    [pytest.param(*case[1:], id=f"{n}-{case[0]}") for n, case in enumerate(FIELDS)],
)
def test_an_element_becomes_a_field(source: str, pointer: str, expected: Any) -> None:
    assert at(document(source), pointer) == expected


@pytest.mark.parametrize(
    ("source", "key", "expected"),
    [pytest.param(*case[1:], id=f"{n}-{case[0]}") for n, case in enumerate(KEPT)],
)
def test_an_element_without_a_field_is_kept(source: str, key: str, expected: list[str]) -> None:
    assert kept(source, key) == expected
    assert any(key in sentence for sentence in imported(source).announced) or expected == []


def test_every_row_of_the_table_has_a_case() -> None:
    there = {case[0] for case in FIELDS} | {case[0] for case in KEPT}
    assert {row.path for row in CAP_ROWS} == there


@pytest.mark.parametrize("case", [*FIELDS, *KEPT], ids=lambda case: case[0])
def test_what_is_made_is_a_bulletin(case: tuple[str, str, str, Any]) -> None:
    made = document(case[1])
    filled = {"originator": ORIGINATOR, "exchange": "0" * 64, "registry": 1, "sent": times.format(NOW)}
    filled |= {"address_digest": "0" * 64} if made["marking"] == "TLP:AMBER+STRICT" else {}
    assert read_bulletin_object(made | filled).id == made["id"]


MARKINGS = [
    pytest.param({}, None, "TLP:CLEAR", id="public-is-clear"),
    pytest.param({}, "TLP:AMBER", "TLP:AMBER", id="public-and-told-is-as-told"),
    pytest.param({"scope": "Private"}, "TLP:RED", "TLP:RED", id="private-and-told-is-as-told"),
    pytest.param({"restriction": "TLP:RED"}, "TLP:GREEN", "TLP:RED", id="the-source-is-narrower"),
    pytest.param({"restriction": "TLP:GREEN"}, "TLP:RED", "TLP:RED", id="what-is-told-is-narrower"),
    pytest.param(
        {"restriction": "TLP:GREEN", "code": "TLP:AMBER"}, None, "TLP:AMBER", id="of-two-the-narrower"
    ),
    pytest.param({"restriction": "TLP:WHITE"}, None, "TLP:CLEAR", id="white-is-clear"),
    pytest.param({"scope": None}, "TLP:GREEN", "TLP:GREEN", id="no-scope-and-told"),
]


@pytest.mark.parametrize(("changed", "told", "expected"), MARKINGS)
def test_the_marking_is_never_wider_than_either_says(
    changed: dict[str, Any], told: Any, expected: str
) -> None:
    defaults = ImportDefaults(category="other", marking=told)
    assert document(alert(**changed), defaults)["marking"] == expected


@pytest.mark.parametrize(
    ("scope", "addressed", "expected"),
    [
        pytest.param("Public", False, "TLP:CLEAR", id="public"),
        pytest.param("Restricted", False, "TLP:AMBER", id="restricted"),
        pytest.param("Private", True, "TLP:AMBER+STRICT", id="private-to-somebody"),
    ],
)
def test_without_a_marking_the_scope_says_which_and_that_is_announced(
    scope: str, addressed: bool, expected: str
) -> None:
    one = imported(alert(scope=scope), ImportDefaults(category="other", addressed=addressed))
    assert one.document["marking"] == expected
    assert f"marking: {expected}, because the scope is {scope} (see --marking)" in one.announced


def test_without_marking_and_address_a_private_alert_is_refused() -> None:
    assert refused(alert(scope="Private")).problems == (
        Problem(
            "/alert/scope",
            "whom it is for",
            "Private",
            "name the agencies with --to, or say a --marking",
        ),
    )


def test_without_marking_and_scope_an_alert_is_refused() -> None:
    assert "--marking" in refused(alert(scope=None)).reason


def test_a_category_of_harkara_in_the_source_is_believed() -> None:
    source = alert(info(pair("parameter", "harkara:category", "terrorism")))
    assert document(source, ImportDefaults())["category"] == "terrorism"
    assert document(source)["category"] == "terrorism"


def test_without_a_category_an_alert_is_of_another_and_that_is_announced() -> None:
    one = imported(alert(), ImportDefaults())
    assert one.document["category"] == "other"
    assert "category: other; the source has none of Harkara's (see --category)" in one.announced


def test_an_alert_that_expired_is_refused_until_a_time_is_told() -> None:
    old = alert(info(expires="2003-06-12T00:00:00-07:00"), sent="2003-06-11T22:39:00-07:00")
    refusal = refused(old, ImportDefaults(category="other"))
    assert refusal.problems == (
        Problem(
            "/alert/info/expires",
            "a time ahead",
            "2003-06-12T00:00:00-07:00",
            "it has passed: say with --expires until when it is of use",
        ),
    )
    assert document(old)["expires"] == times.format(NOW + limits.DAY_US)


def test_without_any_expiry_a_bulletin_lives_a_day_and_that_is_announced() -> None:
    one = imported(alert(), ImportDefaults(category="other"))
    assert one.document["expires"] == times.format(NOW + limits.DAY_US)
    assert any(sentence.startswith("expires: ") for sentence in one.announced)


def test_an_expiry_too_far_ahead_is_the_farthest_that_can_be() -> None:
    source = alert(info(expires="2027-03-05T10:00:00Z"))
    assert document(source)["expires"] == times.format(NOW + limits.LIFETIME_US)
    assert kept(source, "expires") == ["2027-03-05T10:00:00Z"]


def test_infos_of_one_language_are_put_together() -> None:
    text = document(
        alert(
            info(description="One.", instruction="Stop."),
            info(headline="B", description="Two.", instruction="Stop."),
        )
    )["text"]
    assert text == {
        "en": {"headline": "A van without plates", "description": "One.\n\nB\n\nTwo.", "instruction": "Stop."}
    }


def test_of_infos_in_one_language_the_gravest_is_the_headline() -> None:
    levels = ("Minor", "Extreme", "Moderate")
    text = document(
        alert(*(info(severity=word, headline=f"{word} wind", description=f"{word}.") for word in levels))
    )["text"]
    assert text["en"] == {
        "headline": "Extreme wind",
        "description": "Extreme.\n\nModerate wind\n\nModerate.\n\nMinor wind\n\nMinor.",
    }


def test_a_headline_that_is_too_long_stands_whole_in_the_description() -> None:
    words = " ".join(["convoy"] * 60)
    block = document(alert(info(headline=words, description="More.")))["text"]["en"]
    assert block["headline"] == words[: limits.HEADLINE_CHARS - 1].rstrip() + "…"
    assert block["description"] == words + "\n\nMore."


def test_what_a_prose_field_cannot_hold_is_attached_whole() -> None:
    said = "x" * (limits.PROSE_CHARS + 10)
    one = imported(alert(info(description=said)))
    assert len(one.document["text"]["en"]["description"]) == limits.PROSE_CHARS
    (rest,) = one.document["attachments"]
    assert json.loads(base64.b64decode(rest["content"])) == [{"key": "text/en/description", "value": said}]
    assert kept(alert(info(description=said)), "rest") == [rest["name"]]


def test_a_system_message_without_info_or_note_is_refused() -> None:
    assert "info" in refused(alert("", status="System")).reason


def test_told_times_are_announced_once() -> None:
    said = [sentence for sentence in imported(alert(), TOLD).announced if sentence.startswith("expires: ")]
    assert len(said) == 1
