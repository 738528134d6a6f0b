"""What becomes of each STIX 2.1 object: the one table, for the code, for `docs/stix.md` and for the tests.

A property that no row names, and one that could not be taken where a row sends it, is kept: as correlation
`stix`/`<scope>.<property>`, where the scope is nothing for the report itself, `subject3` or `area2` for what
became one, else the object's type, numbered from the second on (`indicator`, `indicator2`). A string stands
as it is, unless it would read as JSON; everything else is JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Row:
    """Properties of one type of object, the field that they go to, and how."""

    type: str
    properties: tuple[str, ...]
    to: str
    how: str


MAIN: Final = "report"
"""What the table calls the object that a bulletin is made of: a report, or the first telling object of a
bundle.
"""

STIX_ROWS: Final[tuple[Row, ...]] = (
    Row(MAIN, ("id", "modified"), "id", "they make the id; id, created and modified are kept"),
    Row(MAIN, ("created", "modified"), "type", "the first version: Alert; a later one: Update of the first"),
    Row(MAIN, ("revoked",), "type", "a revoked one is a Cancel of the first version"),
    Row(MAIN, ("name",), "text",
        "the headline; where there is none, abstract, value, pattern, what it holds, its id"),
    Row(MAIN, ("description",), "text", "the description; where there is none, content, explanation"),
    Row(MAIN, ("lang",), "text", "names the block; en when absent"),
    Row(MAIN, ("published",), "issued", "else modified; kept"),
    Row(MAIN, ("confidence",), "certainty", "from 70 Likely, from 30 Possible, from 1 Unlikely; kept"),
    Row(MAIN, ("labels",), "status", "exercise or test among them; else Actual; kept"),
    Row("any", ("labels",), "marking", "a TLP among them; kept"),
    Row("language-content", ("contents",), "text", "of the report: one block more for each language"),
    Row("marking-definition", ("id", "definition", "extensions", "name"), "marking",
        "the narrowest TLP of all objects, by official id or by content; TLP 1 counts as TLP 2.0"),
    Row("identity", ("name", "description", "roles"), "subjects",
        "individual: a person; organization, group: an organisation; who created the objects is no subject"),
    Row("threat-actor", ("name", "aliases", "description"), "subjects",
        "an organisation; with the resource level individual a suspect"),
    Row("intrusion-set", ("name", "aliases", "description"), "subjects", "an organisation"),
    Row("relationship", ("relationship_type", "source_ref", "target_ref"), "subjects",
        "targets makes a person a victim, attributed-to a suspect, else an associate; kept"),
    Row("location", ("name", "latitude", "longitude", "precision", "country", "administrative_area"), "areas",
        "a Point, precision is radius_m; the code is the ISO 3166-2 area, else the country"),
    Row("person", ("name", "date_of_birth", "gender", "nationality", "cnic", "role"), "subjects",
        "a person; also x-person, and x-misp-object named person"),
    Row("vehicle", ("license_plate", "vin", "engine", "make", "model", "color", "country"), "subjects",
        "a vehicle; also x-vehicle, and x-misp-object named vehicle"),
    Row("phone-number", ("value",), "subjects", "a phone, when it is an E.164 number"),
    Row("user-account", ("account_login", "user_id", "account_type"), "subjects",
        "an account: handle, service"),
    Row("email-addr", ("value",), "subjects", "an account: handle, with the service e-mail"),
    Row("bank-account", ("iban", "bank"), "subjects", "an account"),
    Row("cryptocurrency-wallet", ("value", "currency_code"), "subjects", "an account: wallet and service"),
)  # fmt: skip


PERSON_PROPERTIES: Final = {
    "name": ("name", "full_name", "full-name"),
    "given": ("given_name", "first_name", "first-name"),
    "family": ("family_name", "last_name", "last-name", "surname"),
    "father": ("father_name", "father-name", "fathers_name"),
    "birth": ("date_of_birth", "date-of-birth", "birth_date", "birthdate"),
    "sex": ("gender", "sex"),
    "nationality": ("nationality", "nationalities"),
    "cnic": ("cnic", "national_id", "identity-card-number"),
    "role": ("role", "roles"),
    "aliases": ("aliases", "alias"),
    "note": ("description", "text"),
}
"""Field of a person ← the names that extensions give it, the first that is there."""

VEHICLE_PROPERTIES: Final = {
    "plate": (
        "license_plate",
        "licence_plate",
        "license-plate-number",
        "plate",
        "registration",
        "registration_number",
    ),
    "country": ("country", "plate_country"),
    "chassis": (
        "vin",
        "vehicle_identification_number",
        "vehicle-identification-number",
        "chassis",
        "chassis_number",
    ),
    "engine": ("engine", "engine_number"),
    "make": ("make", "manufacturer"),
    "model": ("model",),
    "colour": ("color", "colour", "exterior color", "exterior-color"),
    "note": ("description", "text"),
}
"""Field of a vehicle ← the names that extensions give it, the first that is there."""

EXTENSION: Final = "extension-definition--6f6d9c5e-5d0b-5c8e-9d3b-2f1f4f0a7c11"
"""Our property extension: what a bulletin says and STIX has no property for. An export writes it, an import
reads it.
"""
EXTENSION_FIELDS: Final = (
    "category", "status", "urgency", "severity", "certainty", "onset", "expires", "handling", "evaluation",
    "contact", "action", "warnings", "respond_by", "request", "text",
)  # fmt: skip
"""Fields of a bulletin that stand in the extension of a report, under their own names."""
EXTENSION_NAMES: Final = ("type", "references")
"""These too, of an Update or Cancel that is no import: STIX tells only the versions of one report."""


def main_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the object that a bundle without a report is about: the first of the most telling type that is
    there.
    """
    order = {kind: n for n, kind in enumerate(_TELLING_TYPES)}
    return min(objects, key=lambda one: order.get(one["type"], len(order)))


_TELLING_TYPES: Final = (
    "report",
    "grouping",
    "incident",
    "campaign",
    "note",
    "opinion",
    "intrusion-set",
    "threat-actor",
    "malware",
    "tool",
    "infrastructure",
    "attack-pattern",
    "vulnerability",
    "indicator",
    "observed-data",
    "identity",
    "location",
    "course-of-action",
)
"""Of a bundle without a report the first of these gives the headline."""

_PUBLISHER: Final = "identity--b2d3a3a1-6e0b-5b7e-8a35-0d7a1e2f4c90"
EXTENSION_OBJECTS: Final[tuple[dict[str, Any], ...]] = (
    {
        "type": "identity",
        "spec_version": "2.1",
        "id": _PUBLISHER,
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "name": "Harkara",
        "identity_class": "system",
    },
    {
        "type": "extension-definition",
        "spec_version": "2.1",
        "id": EXTENSION,
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "created_by_ref": _PUBLISHER,
        "name": "Harkara bulletin",
        "description": "What a Harkara bulletin says and STIX has no property for.",
        "schema": "schemas/bulletin.schema.json",
        "version": "1.0.0",
        "extension_types": ["property-extension"],
    },
)
"""What an export adds to define our extension, and an import does not keep."""
