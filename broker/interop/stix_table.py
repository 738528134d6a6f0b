"""What becomes of each STIX 2.1 object: the one table, for the code, for `docs/stix.md` and for the tests.

The import sees and takes the properties of an object through `Taking.reads` alone, which shows a step of the
mapping only what its rows name. So a property that no row names is neither seen nor taken, and a row that is
removed sends its properties to the correlations. Which types become subjects or areas, and by which step,
stands here too. Which objects belong to one bulletin does not (`stix_document`).

A property that no row names, one of a row that is `kept`, and one that could not be taken where a row sends
it, is kept: as correlation `stix`/`<scope>.<property>`, where the scope is nothing for the report itself,
`subject3` or `area2` for what became one, else the object's type, numbered from the second on (`indicator`,
`indicator2`). A string stands as it is, unless it would read as JSON; everything else is JSON. The id is
always kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

Maker: TypeAlias = Literal[
    "identity", "threat-actor", "organisation", "person", "vehicle", "misp", "phone", "account", "email",
    "bank account", "wallet",
]  # fmt: skip
"""A step that makes a subject of an object."""
Step: TypeAlias = (
    Maker
    | Literal[
        "form", "own", "id", "bundle", "type", "issued", "status", "marking", "official", "headline",
        "description", "language", "held", "holding", "translation", "certainty", "contact", "author", "role",
        "area",
    ]
)  # fmt: skip
"""A part of the mapping that reads properties: it sees those of its rows."""


@dataclass(frozen=True, slots=True)
class Row:
    """Properties of one type of object, the field that they go to, how, and the step that takes them there.

    What is `kept` is read only. `also` are further types that are read alike; `spellings` give further names
    of the properties.
    """

    type: str
    properties: tuple[str, ...]
    to: str
    how: str
    step: Step
    kept: bool = False
    also: tuple[str, ...] = ()
    spellings: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def names(self) -> tuple[str, ...]:
        """All properties that the row names, in the order in which they count."""
        others = [name for names in self.spellings.values() for name in names]
        return tuple(dict.fromkeys([*self.properties, *others]))

    def is_of(self, kind: str, *, main: bool) -> bool:
        """Whether the row is for an object of this type; `main` is the one that the bulletin is made of."""
        return self.type in (ANY, kind) or kind in self.also or (main and self.type == MAIN)


MAIN: Final = "report"
"""What the table calls the object that a bulletin is made of: a report, or the first telling object of a
bundle.
"""
ANY: Final = "any"

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

STIX_ROWS: Final[tuple[Row, ...]] = (
    Row(MAIN, ("id", "modified"), "id", "they make the id", "id", kept=True),
    Row(ANY, ("id", "modified"), "id",
        "without a report: they make the id where the bundle has none, the latest modified is issued",
        "bundle", kept=True),
    Row(MAIN, ("created", "modified"), "type", "the first version: Alert; a later one: Update of the first",
        "type", kept=True),
    Row(MAIN, ("revoked",), "type", "a revoked one is a Cancel of the first version", "type", kept=True),
    Row(MAIN, ("name", "abstract", "value", "pattern", "opinion"), "text",
        "the headline, the first that is there; else what it holds, its id", "headline"),
    Row(MAIN, ("object_refs", "objects"), "text", "what it holds, when nothing else gives the headline",
        "holding", kept=True),
    Row(ANY, ("value", "name", "account_login", "number", "path", "key", "subject"), "text",
        "what is held is called by the first that is there", "held", kept=True),
    Row(MAIN, ("description", "content", "explanation"), "text",
        "the description, the first that is there", "description"),
    Row(MAIN, ("lang",), "text", "names the block; en when absent", "language"),
    Row("language-content", ("contents",), "text", "of the report: one block more for each language",
        "translation"),
    Row("language-content", ("object_ref",), "text", "what it translates", "translation", kept=True),
    Row(MAIN, ("published", "modified"), "issued", "the first that is there", "issued", kept=True),
    Row(MAIN, ("confidence",), "certainty", "from 70 Likely, from 30 Possible, from 1 Unlikely",
        "certainty", kept=True),
    Row(MAIN, ("labels",), "status", "exercise or test among them; else Actual", "status", kept=True),
    Row(ANY, ("created_by_ref", "contact_information", "name"), "contact",
        "who created the main object, with a number that can be dialled from anywhere", "contact", kept=True),
    Row(ANY, ("labels", "object_marking_refs", "granular_markings"), "marking",
        "the narrowest TLP of all objects and their parts; a TLP among the labels counts too",
        "marking", kept=True),
    Row("marking-definition", ("id",), "marking",
        "an official id says which TLP, and the object is not kept; TLP 1 counts as TLP 2.0", "official"),
    Row("marking-definition", ("definition", "extensions", "name"), "marking", "a TLP in them counts too",
        "marking", kept=True),
    Row("identity", ("name", "description", "aliases", "roles", "identity_class"), "subjects",
        "individual: a person; organization, group: an organisation", "identity",
        spellings=PERSON_PROPERTIES),
    Row(ANY, ("created_by_ref",), "subjects", "an identity that created an object is no subject",
        "author", kept=True),
    Row("threat-actor", ("name", "aliases", "description", "resource_level"), "subjects",
        "an organisation; with the resource level individual a suspect", "threat-actor",
        spellings=PERSON_PROPERTIES),
    Row("intrusion-set", ("name", "aliases", "description"), "subjects", "an organisation", "organisation"),
    Row("relationship", ("relationship_type", "target_ref"), "subjects",
        "targets makes a person a victim, attributed-to a suspect, else an associate", "role", kept=True),
    Row("person", ("name", "date_of_birth", "gender", "nationality", "cnic", "role"), "subjects",
        "a person", "person", also=("x-person",), spellings=PERSON_PROPERTIES),
    Row("vehicle", ("license_plate", "vin", "engine", "make", "model", "color", "country"), "subjects",
        "a vehicle", "vehicle", also=("x-vehicle",), spellings=VEHICLE_PROPERTIES),
    Row("x-misp-object", ("x_misp_name", "x_misp_attributes"), "subjects",
        "of the name person or vehicle: its attributes are read as properties of one", "misp", kept=True),
    Row("phone-number", ("value", "number"), "subjects", "a phone, when it is an E.164 number", "phone"),
    Row("user-account", ("account_login", "user_id", "display_name", "account_type"), "subjects",
        "an account: handle, service", "account"),
    Row("email-addr", ("value",), "subjects", "an account: handle, with the service e-mail", "email"),
    Row("bank-account", ("iban", "bank", "bank_name"), "subjects", "an account", "bank account"),
    Row("cryptocurrency-wallet", ("value", "currency_code", "blockchain"), "subjects",
        "an account: wallet and service", "wallet"),
    Row("location", ("name", "latitude", "longitude", "precision", "country", "administrative_area"), "areas",
        "a Point, precision is radius_m; the code is the ISO 3166-2 area, else the country", "area"),
    Row("location", ("description", "city", "region", "street_address"), "areas",
        "the name where it has none", "area", kept=True),
    Row(ANY, ("extensions",), "all fields", "our extension, which an export wrote, is read back whole",
        "own"),
    Row(ANY,
        ("name", "description", "lang", "contents", "identity_class", "aliases", "role", "date_of_birth",
         "gender", "cnic", "license_plate", "country", "vin", "engine", "make", "model", "color", "value",
         "account_login", "account_type", "iban", "bank", "currency_code", "latitude", "longitude",
         "precision", "administrative_area", "region"),
        "all fields", "where they only say again what our extension says", "own"),
    Row(ANY, ("type", "spec_version"), "correlations", "the id that is kept says the type; 2.0 counts as 2.1",
        "form"),
)  # fmt: skip


def named(kind: str, step: Step, *, main: bool = False) -> dict[str, bool]:
    """Give the properties that a step may read of an object of this type, in order, and whether it may take
    them.
    """
    found: dict[str, bool] = {}
    for row in STIX_ROWS:
        if row.step == step and row.is_of(kind, main=main):
            found |= {name: found.get(name, False) or not row.kept for name in row.names}
    return found


def maker_of(kind: str) -> Maker | None:
    """Give the step that makes a subject of an object of this type, None where none does."""
    makers: tuple[Maker, ...] = get_args(Maker)
    steps = {row.step for row in STIX_ROWS if row.is_of(kind, main=False)}
    return next((maker for maker in makers if maker in steps), None)


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
