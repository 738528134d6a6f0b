"""What an object becomes; that each row of the table is needed for it is `test_stix_table`."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from broker.interop.imported import ImportDefaults
from broker.interop.stix_table import STIX_ROWS
from broker.protocol import limits
from tests.interop.alerts import NOW
from tests.interop.objects import (
    AMBER,
    GREEN,
    bundle,
    identifier,
    imported,
    kept,
    observable,
    person,
    read,
    relation,
    report,
    story,
    thing,
)
from tests.interop.test_cap_fields import at

ACTOR = thing("threat-actor", name="Ghost", aliases=["G", "گھوسٹ"], description="Runs vans.")
VICTIM, SUSPECT, OTHER = person("Amna"), person("Javed"), person("Sana")
PLACE = thing("location", name="Torkham", latitude=34.12, longitude=71.09, precision=500.0, country="PK")
LATER = "2026-02-25T08:00:00.000Z"

FIELDS: list[tuple[str, bytes, str, Any]] = [
    ("report/id", story(), "/correlations/1", {"system": "stix", "key": "id", "value": identifier("report")}),
    ("report/created", story(), "/type", "Alert"),
    ("any/labels", story(thing("tool", labels=["tlp:red"])), "/marking", "TLP:RED"),
    ("report/created", story(modified=LATER), "/type", "Update"),
    ("report/revoked", story(modified=LATER, revoked=True), "/type", "Cancel"),
    ("report/name", story(), "/text/en/headline", "Vans towards Torkham"),
    (
        "report/name",
        bundle(thing("indicator", pattern="[x:y = 1]", object_marking_refs=[GREEN])),
        "/text/en/headline",
        "[x:y = 1]",
    ),
    ("report/description", story(description="Two\tvans."), "/text/en/description", "Two vans."),
    ("report/lang", story(lang="ur", name="وین"), "/text/ur/headline", "وین"),
    ("report/published", story(), "/issued", "2026-02-21T09:00:00Z"),
    ("report/published", story(published=None), "/issued", "2026-02-20T08:00:00.000Z"),
    ("report/confidence", story(confidence=85), "/certainty", "Likely"),
    ("report/confidence", story(confidence=30), "/certainty", "Possible"),
    ("report/confidence", story(confidence=1), "/certainty", "Unlikely"),
    ("report/confidence", story(confidence=0), "/certainty", "Unknown"),
    ("report/confidence", story(), "/certainty", "Unknown"),
    ("report/labels", story(labels=["x", "Exercise"]), "/status", "Exercise"),
    ("report/labels", story(labels=["test"]), "/status", "Test"),
    ("report/labels", story(), "/status", "Actual"),
    (
        "language-content/contents",
        story(thing("language-content", object_ref=identifier("report"), contents={"ur": {"name": "وین"}})),
        "/text/ur/headline",
        "وین",
    ),
    ("marking-definition/id", story(), "/marking", "TLP:AMBER"),
    ("identity/name", story(OTHER), "/subjects/0/names", [{"script": "Latn", "given": "Sana"}]),
    ("identity/name", story(person("جاوید")), "/subjects/0/names/0/script", "Arab"),
    (
        "identity/name",
        story(thing("identity", name="X Ltd", identity_class="organization")),
        "/subjects/0",
        {"type": "organisation", "name": "X Ltd"},
    ),
    ("identity/name", story(thing("identity", name="Banks", identity_class="class")), "/subjects", None),
    ("identity/name", story(OTHER, created_by_ref=OTHER["id"]), "/subjects", None),
    ("identity/name", story(person("Amna", roles=["Missing"])), "/subjects/0/role", "missing"),
    (
        "threat-actor/name",
        story(ACTOR),
        "/subjects/0",
        {"type": "organisation", "name": "Ghost", "aliases": ["G", "گھوسٹ"], "note": "Runs vans."},
    ),
    ("threat-actor/name", story(ACTOR | {"resource_level": "individual"}), "/subjects/0/role", "suspect"),
    ("intrusion-set/name", story(thing("intrusion-set", name="Ring")), "/subjects/0/name", "Ring"),
    (
        "relationship/relationship_type",
        story(VICTIM, ACTOR, relation("targets", ACTOR, VICTIM)),
        "/subjects/0/role",
        "victim",
    ),
    (
        "relationship/relationship_type",
        story(SUSPECT, ACTOR, relation("attributed-to", ACTOR, SUSPECT)),
        "/subjects/0/role",
        "suspect",
    ),
    (
        "relationship/relationship_type",
        story(OTHER, ACTOR, relation("related-to", ACTOR, OTHER)),
        "/subjects/0/role",
        "associate",
    ),
    (
        "location/name",
        story(PLACE),
        "/areas/0",
        {
            "name": "Torkham",
            "code": "PK",
            "geometry": {"type": "Point", "coordinates": [71.09, 34.12]},
            "radius_m": 500.0,
        },
    ),
    (
        "location/name",
        story(thing("location", administrative_area="pk-kp", country="PK")),
        "/areas/0",
        {"name": "pk-kp", "code": "PK-KP"},
    ),
    (
        "location/name",
        story(thing("location", region="southern-asia")),
        "/areas/0",
        {"name": "southern-asia"},
    ),
    ("location/name", story(thing("location", latitude=34.12, name="T")), "/areas/0", {"name": "T"}),
    (
        "person/name",
        story(
            thing(
                "x-person",
                full_name="Ali",
                date_of_birth="1987-11",
                gender="M",
                nationality="pk",
                cnic="35202-1234567-1",
                role="wanted",
            )
        ),
        "/subjects/0",
        {
            "type": "person",
            "role": "wanted",
            "names": [{"script": "Latn", "given": "Ali"}],
            "birth": "1987-11",
            "sex": "male",
            "nationalities": ["PK"],
            "cnic": "35202-1234567-1",
        },
    ),
    (
        "vehicle/license_plate",
        story(
            observable(
                "x-vehicle",
                license_plate="LEA-19-4471",
                vin="JT1",
                color="white",
                make="Toyota",
                model="HiAce",
                country="pk",
                engine="1KD",
            )
        ),
        "/subjects/0",
        {
            "type": "vehicle",
            "plate": "LEA-19-4471",
            "chassis": "JT1",
            "engine": "1KD",
            "make": "Toyota",
            "model": "HiAce",
            "colour": "white",
            "country": "PK",
        },
    ),
    (
        "vehicle/license_plate",
        story(
            thing(
                "x-misp-object",
                x_misp_name="vehicle",
                x_misp_attributes=[
                    {"object_relation": "license-plate-number", "value": "LEA 1", "type": "text"}
                ],
            )
        ),
        "/subjects/0",
        {"type": "vehicle", "plate": "LEA 1"},
    ),
    (
        "phone-number/value",
        story(observable("phone-number", value="0092 51-9105555")),
        "/subjects/0",
        {"type": "phone", "number": "+92519105555"},
    ),
    ("phone-number/value", story(observable("phone-number", value="051 9105555")), "/subjects", None),
    (
        "user-account/account_login",
        story(observable("user-account", account_login="gk", account_type="telegram")),
        "/subjects/0",
        {"type": "account", "handle": "gk", "service": "telegram"},
    ),
    (
        "email-addr/value",
        story(observable("email-addr", value="g@x.example")),
        "/subjects/0",
        {"type": "account", "handle": "g@x.example", "service": "e-mail"},
    ),
    (
        "bank-account/iban",
        story(observable("bank-account", iban="pk36scbl0000001123456702", bank="SCB")),
        "/subjects/0",
        {"type": "account", "iban": "PK36SCBL0000001123456702", "service": "SCB"},
    ),
    ("bank-account/iban", story(observable("bank-account", iban="12")), "/subjects", None),
    (
        "cryptocurrency-wallet/value",
        story(observable("cryptocurrency-wallet", value="bc1q", currency_code="btc")),
        "/subjects/0",
        {"type": "account", "wallet": "bc1q", "service": "btc"},
    ),
]


@pytest.mark.parametrize(
    ("source", "pointer", "expected"),
    [pytest.param(*case[1:], id=f"{n}-{case[0]}") for n, case in enumerate(FIELDS)],
)
def test_an_object_becomes_a_field(source: bytes, pointer: str, expected: Any) -> None:
    assert at(imported(source).document, pointer) == expected


def test_every_case_is_of_a_row_of_the_table() -> None:
    assert {case[0] for case in FIELDS} <= {f"{row.type}/{row.properties[0]}" for row in STIX_ROWS}


INDICATOR = thing(
    "indicator", name="Plate", pattern="[x:y = 1]", pattern_type="stix", valid_from="2026-01-01T00:00:00Z"
)

KEPT = [
    pytest.param("indicator.pattern", story(INDICATOR), ["[x:y = 1]"], id="what-has-no-field"),
    pytest.param("indicator.id", story(INDICATOR), [INDICATOR["id"]], id="its-id"),
    pytest.param(
        "indicator2.id",
        story(INDICATOR, thing("indicator", "2")),
        [identifier("indicator", "2")],
        id="a-second",
    ),
    pytest.param("indicator.valid_from", story(INDICATOR), ["2026-01-01T00:00:00Z"], id="times-stay-text"),
    pytest.param("subject1.id", story(OTHER), [OTHER["id"]], id="the-id-of-a-subject"),
    pytest.param(
        "subject1.sectors", story(person("A", sectors=["x", "y"])), ['["x","y"]'], id="lists-are-json"
    ),
    pytest.param("subject1.name", story(OTHER), [], id="what-a-field-holds-is-not-kept-twice"),
    pytest.param(
        "area1.region", story(PLACE | {"region": "southern-asia"}), ["southern-asia"], id="of-an-area"
    ),
    pytest.param(
        "area1.latitude", story(thing("location", latitude=34.5, name="T")), ["34.5"], id="half-a-position"
    ),
    pytest.param("bundle", story(), [identifier("bundle")], id="the-bundle"),
    pytest.param("confidence", story(confidence=85), ["85"], id="numbers-are-json"),
    pytest.param("labels", story(labels=["exercise"]), ['["exercise"]'], id="labels"),
    pytest.param("created", story(), ["2026-02-20T08:00:00.000Z"], id="created"),
    pytest.param("x_number", story(x_number="12"), ['"12"'], id="a-text-that-reads-as-json-is-json"),
    pytest.param("object_marking_refs", story(), [f'["{AMBER}"]'], id="markings"),
    pytest.param(
        "relationship.target_ref",
        story(OTHER, ACTOR, relation("uses", ACTOR, OTHER)),
        [OTHER["id"]],
        id="relationships",
    ),
    pytest.param("identity.name", story(OTHER, created_by_ref=OTHER["id"]), ["Sana"], id="the-author"),
    pytest.param(
        "phone-number.value",
        story(observable("phone-number", value="051 9105555")),
        ["051 9105555"],
        id="a-number-that-is-not-international",
    ),
    pytest.param(
        "subject1.contact_information",
        story(VICTIM | {"contact_information": "Lahore"}, ACTOR, relation("targets", ACTOR, VICTIM)),
        [],
        id="nothing-of-a-victim",
    ),
]


@pytest.mark.parametrize(("key", "source", "expected"), KEPT)
def test_what_no_field_takes_is_kept(key: str, source: bytes, expected: list[str]) -> None:
    assert kept(source, key) == expected


def test_what_has_no_field_of_a_victim_stands_in_its_note() -> None:
    amna = VICTIM | {"contact_information": "c/o Edhi, Lahore", "description": "Aged 12."}
    made = imported(story(amna, ACTOR, relation("targets", ACTOR, amna))).document
    assert made["subjects"][0]["note"] == "Aged 12.\ncontact_information: c/o Edhi, Lahore"
    assert "Edhi" not in json.dumps(made["correlations"])


MARKED = [
    pytest.param([GREEN], None, "TLP:GREEN", id="by-official-id"),
    pytest.param(
        ["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"], None, "TLP:CLEAR", id="white-of-tlp-1"
    ),
    pytest.param(
        ["marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"], None, "TLP:RED", id="red-of-tlp-1"
    ),
    pytest.param([GREEN, AMBER], None, "TLP:AMBER", id="of-two-the-narrower"),
    pytest.param([GREEN], "TLP:RED", "TLP:RED", id="what-is-told-is-narrower"),
    pytest.param([AMBER], "TLP:CLEAR", "TLP:AMBER", id="the-source-is-narrower"),
    pytest.param([], "TLP:GREEN", "TLP:GREEN", id="told-only"),
    pytest.param([identifier("marking-definition", "?")], "TLP:GREEN", "TLP:GREEN", id="unknown-and-told"),
]


@pytest.mark.parametrize(("refs", "told", "expected"), MARKED)
def test_the_marking_is_never_wider_than_any_says(refs: list[str], told: Any, expected: str) -> None:
    defaults = ImportDefaults(category="other", marking=told)
    assert imported(story(object_marking_refs=refs), defaults).document["marking"] == expected


DEFINITIONS = [
    pytest.param({"definition_type": "tlp", "definition": {"tlp": "red"}}, "TLP:RED", id="tlp-1"),
    pytest.param(
        {"extensions": {identifier("extension-definition"): {"tlp_2_0": "amber+strict"}}},
        "TLP:AMBER+STRICT",
        id="tlp-2",
    ),
    pytest.param({"name": "TLP:AMBER"}, "TLP:AMBER", id="by-name"),
]


@pytest.mark.parametrize(("said", "expected"), DEFINITIONS)
def test_a_marking_with_a_wrong_id_counts_by_what_it_says(said: dict[str, Any], expected: str) -> None:
    wrong = thing("marking-definition", modified=None, **said)
    assert imported(story(wrong, object_marking_refs=[wrong["id"]])).document["marking"] == expected


def test_a_marking_of_any_object_counts() -> None:
    red = "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"
    assert imported(story(INDICATOR | {"object_marking_refs": [red]})).document["marking"] == "TLP:RED"
    granular = [{"selectors": ["name"], "marking_ref": red}]
    assert imported(story(INDICATOR | {"granular_markings": granular})).document["marking"] == "TLP:RED"


def test_a_statement_is_no_tlp() -> None:
    statement = thing(
        "marking-definition", modified=None, definition_type="statement", definition={"statement": "©"}
    )
    source = story(statement, object_marking_refs=[statement["id"], GREEN])
    assert imported(source).document["marking"] == "TLP:GREEN"
    assert kept(source, "marking-definition.definition") == ['{"statement":"©"}']


def test_a_victim_narrows_the_marking() -> None:
    one = imported(story(VICTIM, ACTOR, relation("targets", ACTOR, VICTIM), object_marking_refs=[GREEN]))
    assert one.document["marking"] == "TLP:AMBER"
    assert any("victim" in sentence for sentence in one.announced)


def test_an_update_names_the_first_version() -> None:
    first, later = (imported(story(modified=at)).document for at in ("2026-02-20T08:00:00Z", LATER))
    assert later["references"] == [first["id"]]
    assert later["id"] != first["id"]
    assert imported(story()).document["id"] == first["id"]  # another spelling of the same version


def test_the_author_with_a_number_is_the_contact() -> None:
    desk = thing(
        "identity", name="FIA desk", identity_class="organization", contact_information="+92 51 910 5555"
    )
    made = imported(story(desk, created_by_ref=desk["id"])).document
    assert made["contact"] == {"desk": "FIA desk", "phone": "+92519105555"}


def test_several_reports_are_shared_out() -> None:
    shared, own, left = person("Shared"), thing("indicator", "own"), thing("tool", "left", name="Left")
    first = report(shared, own)
    second = thing("report", "2", name="Second", object_refs=[shared["id"]], object_marking_refs=[GREEN])
    link = relation("related-to", shared, own)
    defaults = ImportDefaults(category="other", marking="TLP:AMBER", expires_at=NOW + limits.DAY_US)
    found = read(bundle(first, second, shared, own, link, left), defaults)
    texts = [one.document["text"]["en"]["headline"] for one in found]  # type: ignore[union-attr]
    assert texts == ["Vans towards Torkham", "Second", "Left"]
    keys = [{kept["key"] for kept in one.document["correlations"]} for one in found]  # type: ignore[union-attr]
    assert "relationship.id" in keys[0]
    assert "relationship.id" not in keys[1]
    assert ["subject1.id" in one for one in keys] == [True, True, False]
    assert {"id", "created"} <= keys[2]


def test_objects_that_do_not_fit_are_attached_whole() -> None:
    tools = [thing("tool", f"{n}", name=f"T{n}", description="d" * 100) for n in range(200)]
    source = story(*tools)
    one = imported(source)
    assert len(one.document["correlations"]) <= limits.CORRELATIONS_ITEMS
    attached = {file["name"]: base64.b64decode(file["content"]) for file in one.document["attachments"]}
    assert json.loads(attached["stix-bundle.json"]) == json.loads(source)
    assert any("stix-bundle.json" in sentence for sentence in one.announced)


def test_a_long_value_is_attached_whole() -> None:
    one = imported(story(INDICATOR | {"pattern": "p" * 5000}))
    assert [file["name"] for file in one.document["attachments"]] == ["stix-bundle.json"]


def test_of_several_versions_the_latest_is_taken() -> None:
    old, new = INDICATOR, INDICATOR | {"modified": LATER, "name": "New"}
    assert kept(story(new, old), "indicator.name") == ["New"]
    assert kept(story(old, new), "indicator.name") == ["New"]
