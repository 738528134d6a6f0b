"""The STIX table drives the import: what no row names is neither read nor taken, and each row is needed."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from broker.interop import stix_table
from broker.interop.draft import Draft
from broker.interop.imported import ImportDefaults, Imported
from broker.interop.stix_export import to_stix
from broker.interop.stix_source import Taking
from broker.interop.stix_table import PERSON_PROPERTIES, STIX_ROWS, VEHICLE_PROPERTIES, Row
from broker.protocol import limits
from broker.protocol.bulletin import read_bulletin_object
from tests.interop.alerts import NOW
from tests.interop.objects import (
    AMBER,
    GREEN,
    bundle,
    identifier,
    observable,
    person,
    read,
    relation,
    story,
    thing,
)
from tests.interop.test_stix_export import NATIVE, bulletin_of

TOLD: Final = ImportDefaults(category="other", expires_at=NOW + limits.DAY_US)
TLP_GREEN: Final = thing("marking-definition", modified=None, name="TLP:GREEN") | {"id": GREEN}
REDS: Final = (
    {"name": "TLP:RED"},
    {"definition": {"tlp": "red"}},
    {"extensions": {identifier("extension-definition"): {"tlp_2_0": "red"}}},
)
LATER: Final = "2026-02-25T08:00:00.000Z"
DESK: Final = thing("identity", "desk", name="FIA desk", contact_information="+92 51 910 5555")
SANA: Final = person("Sana")
PERSON: Final[dict[str, Any]] = {
    "name": "Ali", "given": "Ali", "family": "Khan", "father": "Gul", "birth": "1987-11", "sex": "male",
    "nationality": "PK", "cnic": "35202-1234567-1", "role": "wanted", "aliases": ["A"], "note": "Tall.",
}  # fmt: skip
VEHICLE: Final[dict[str, Any]] = {
    "plate": "LEA 1", "country": "PK", "chassis": "JT1", "engine": "1KD", "make": "Toyota", "model": "HiAce",
    "colour": "white", "note": "Dented.",
}  # fmt: skip


def each(
    kind: str, said: dict[str, Any], spelt: dict[str, tuple[str, ...]], *bases: dict[str, Any]
) -> list[bytes]:
    """A story for each name of each property: an object that says just this beside one of the bases."""
    pairs = [(name, said[field]) for field, names in spelt.items() for name in names]
    return [story(thing(kind, **(base | {name: value}))) for name, value in pairs for base in bases]


def misp(kind: str, relation: str) -> bytes:
    attributes = [{"object_relation": relation, "value": "X1"}]
    return story(thing("x-misp-object", x_misp_name=kind, x_misp_attributes=attributes))


def held(**said: str) -> bytes:
    return story(thing("x-held", **said), name=None)


def translated(**said: Any) -> bytes:
    return story(thing("language-content", object_ref=identifier("report"), contents=said))


SOMEBODY: Final = ({"aliases": ["B"]}, {"gender": "m"})
INDIVIDUALS: Final = [{"identity_class": "individual"} | one for one in SOMEBODY]
ACTORS: Final = [{"resource_level": "individual"} | one for one in SOMEBODY]
SOMETHING: Final = ({"vin": "JT2"}, {"make": "Fiat"})
FULL_PERSON: Final = {PERSON_PROPERTIES[field][0]: value for field, value in PERSON.items()}
FULL_VEHICLE: Final = {VEHICLE_PROPERTIES[field][0]: value for field, value in VEHICLE.items()}
PLACE: Final = thing("location", name="T", latitude=34.1, longitude=71.1, precision=500.0, country="PK")
ACCOUNT: Final = observable("user-account", account_login="gk", account_type="telegram")
BANK: Final = observable("bank-account", iban="PK36SCBL0000001123456702", bank="SCB")
WALLET: Final = observable("cryptocurrency-wallet", value="bc1q", currency_code="btc")


def exported(*objects: dict[str, Any]) -> bytes:
    """What an export makes of an import: everything stands in our extension too."""
    (one,) = read(story(*objects), TOLD)
    assert isinstance(one, Imported)
    return to_stix(bulletin_of(one))


SOURCES: Final[dict[str, list[bytes]]] = {
    "id": [story()],
    "bundle": [bundle(thing("tool", name="T", object_marking_refs=[GREEN]), id="")],
    "type": [story(modified=LATER), story(modified=LATER, revoked=True)],
    "headline": [
        story(**({"name": None} | {name: "Vans"}))
        for name in ("name", "abstract", "value", "pattern", "opinion")
    ],
    "holding": [
        held(name="V"),
        bundle(thing("observed-data", objects={"0": {"value": "V"}}, object_marking_refs=[GREEN])),
    ],
    "held": [
        held(**{name: "V"})
        for name in ("value", "name", "account_login", "number", "path", "key", "subject")
    ],
    "description": [story(**{name: "Two."}) for name in ("description", "content", "explanation")],
    "language": [story(lang="ur")],
    "translation": [translated(ur={"name": "وین"})],
    "issued": [story(), story(published=None)],
    "certainty": [story(confidence=85)],
    "status": [story(labels=["exercise"])],
    "contact": [story(DESK, created_by_ref=DESK["id"])],
    "marking": [
        story(labels=["tlp:red"]),
        story(object_marking_refs=[GREEN]),
        story(granular_markings=[{"selectors": ["name"], "marking_ref": AMBER}], object_marking_refs=[GREEN]),
        *(
            story(thing("marking-definition", modified=None, **said),
                  object_marking_refs=[GREEN, identifier("marking-definition")])
            for said in REDS
        ),
    ],
    "official": [story(TLP_GREEN, object_marking_refs=[GREEN])],
    "author": [story(SANA, created_by_ref=SANA["id"])],
    "role": [story(SANA, relation("targets", thing("tool"), SANA))],
    "identity": [
        story(SANA),
        *each("identity", PERSON, PERSON_PROPERTIES, *INDIVIDUALS),
    ],
    "threat-actor": each(
        "threat-actor", PERSON, PERSON_PROPERTIES, *ACTORS
    ),
    "organisation": [story(thing("intrusion-set", name="Ring", aliases=["R"], description="Runs vans."))],
    "person": [
        story(thing("x-person", name="Ali")),
        *each("person", PERSON, PERSON_PROPERTIES, *SOMEBODY),
    ],
    "vehicle": [
        story(observable("x-vehicle", vin="JT1")),
        *each("vehicle", VEHICLE, VEHICLE_PROPERTIES, *SOMETHING),
    ],
    "misp": [misp("vehicle", "plate"), misp("person", "full-name")],
    "phone": [story(observable("phone-number", **{name: "+92519105555"})) for name in ("value", "number")],
    "account": [
        story(ACCOUNT),
        *(story(observable("user-account", **{name: "gk"})) for name in ("user_id", "display_name")),
    ],
    "email": [story(observable("email-addr", value="g@x.example"))],
    "bank account": [story(BANK), story(observable("bank-account", iban=BANK["iban"], bank_name="SCB"))],
    "wallet": [story(WALLET), story(observable("cryptocurrency-wallet", value="bc1q", blockchain="btc"))],
    "area": [
        story(PLACE),
        story(PLACE | {"administrative_area": "PK-KP"}),
        *(
            story(thing("location", **{name: "T"}))
            for name in ("description", "city", "region", "street_address")
        ),
    ],
    "own": [
        to_stix(read_bulletin_object(NATIVE | {"address_digest": "0" * 64})),
        exported(thing("threat-actor", name="Ring", aliases=["R"])),
        exported(thing("x-person", **FULL_PERSON), thing("x-vehicle", **FULL_VEHICLE)),
        exported(ACCOUNT, BANK, WALLET, observable("phone-number", value="+92519105555"), PLACE),
    ],
    "form": [story()],
}  # fmt: skip
"""For each step sources that need each of its rows, each property and each spelling of it."""


def outcomes(row: Row, name: str = "") -> list[Any]:
    """What the sources of a row become: all, or those that have this property."""
    sources = [source for source in SOURCES[row.step] if not name or f'"{name}"'.encode() in source]
    found = [one for source in sources for one in read(source, TOLD)]
    return [one.document if isinstance(one, Imported) else one.reason for one in found]


def keys(row: Row) -> list[tuple[int, str]]:
    """Under what properties' names something is kept of each source."""
    return [
        (n, kept["key"].rpartition(".")[2])
        for n, one in enumerate(outcomes(row))
        if isinstance(one, dict)
        for kept in one.get("correlations", ())
    ]


def shown(rows: Iterable[Row]) -> list[Any]:
    return [pytest.param(row, id=f"{row.type}-{row.step}-{row.properties[0]}") for row in rows]


def change(monkeypatch: pytest.MonkeyPatch, row: Row, *instead: Row) -> None:
    rows = tuple(other for one in STIX_ROWS for other in (instead if one is row else (one,)))
    monkeypatch.setattr(stix_table, "STIX_ROWS", rows)


@pytest.mark.parametrize("row", shown(row for row in STIX_ROWS if not row.kept))
def test_without_its_row_a_property_goes_to_correlations(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(row)
    change(monkeypatch, row)
    after = keys(row)
    for one in before:
        if one in after:
            after.remove(one)
    assert row.properties[0] in {name for _, name in after}


@pytest.mark.parametrize("row", shown(STIX_ROWS))
def test_every_property_of_every_row_is_used(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {name: outcomes(row, name) for name in row.names}
    for name in row.names:
        spelt = {field: tuple(one for one in names if one != name) for field, names in row.spellings.items()}
        left = tuple(one for one in row.properties if one != name)
        change(monkeypatch, row, replace(row, properties=left, spellings=spelt))
        assert outcomes(row, name) != whole[name], name


@pytest.mark.parametrize("row", shown(row for row in STIX_ROWS if row.also))
def test_every_further_type_of_a_row_is_used(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = outcomes(row)
    change(monkeypatch, row, replace(row, also=()))
    assert outcomes(row) != whole


def test_no_step_of_the_mapping_goes_round_the_table() -> None:
    """Only `stix_source` knows an object whole and what is taken of it; `stix_keeping` attaches it whole."""
    allowed = {("stix_source.py", "thing"), ("stix_source.py", "taken"), ("stix_keeping.py", "thing")}
    found = {
        (path.name, node.attr)
        for path in Path(stix_table.__file__).parent.glob("stix*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("thing", "taken")
    }
    assert found == allowed


NOT_NAMED: Final = [
    pytest.param("tool", "name", id="of-another-type"),
    pytest.param("location", "sectors", id="of-no-row"),
    pytest.param("location", "confidence", id="of-another-step"),
]


@pytest.mark.parametrize(("kind", "name"), NOT_NAMED)
def test_what_no_row_names_is_neither_seen_nor_taken(kind: str, name: str) -> None:
    one = Taking(thing(kind, **{name: "x"}), "/objects/0", Draft("stix"))
    said = one.reads("area")
    said.take(name)
    assert (said.get(name), said.text(name), said.line(name), said.lines(name)) == (None, "", "", [])
    assert one.left()[name] == "x"


def test_what_a_row_keeps_is_seen_and_not_taken() -> None:
    one = Taking(thing("location", city="Bara"), "/objects/0", Draft("stix"))
    assert one.reads("area").line("city") == "Bara"
    assert one.left()["city"] == "Bara"
