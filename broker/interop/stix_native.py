"""Subjects and areas of a bulletin in STIX's own properties: what an export writes beside our extension.

A reader without the extension sees a name, a class and a description; one with it (our import) sees all. The
import asks the same functions which properties are only another spelling of the extension, and need not be
kept.
"""

from __future__ import annotations

from typing import Any, Final

from broker.interop.stix_table import PERSON_PROPERTIES, VEHICLE_PROPERTIES

_VALUES: Final = {
    "phone-number": {"value": "number"},
    "email-addr": {"value": "handle"},
    "user-account": {"account_login": "handle", "account_type": "service"},
    "bank-account": {"iban": "iban", "bank": "service"},
    "cryptocurrency-wallet": {"value": "wallet", "currency_code": "service"},
}
"""Type of object: its property ← the field of the subject."""
_SPEAKING: Final = (
    "plate", "make", "model", "colour", "kind", "number", "imei", "imsi", "imo", "mmsi", "name", "flag",
    "calibre",
    "serial", "substance", "iban", "wallet", "handle", "service", "country",
)  # fmt: skip
"""Fields that make the name of a subject for which STIX has no type, in this order."""


def native_subject(subject: dict[str, Any], kind: str) -> dict[str, Any]:
    """Give the properties of an object of type `kind` that say what the subject is."""
    if kind in _VALUES:
        return {name: subject[field] for name, field in _VALUES[kind].items() if field in subject}
    if kind in ("vehicle", "x-vehicle"):
        return {names[0]: subject[field] for field, names in VEHICLE_PROPERTIES.items() if field in subject}
    if kind in ("person", "x-person"):
        native = {PERSON_PROPERTIES["name"][0]: person_name(subject), "role": subject["role"]}
        return native | {
            PERSON_PROPERTIES[name][0]: subject[name] for name in ("birth", "sex", "cnic") if name in subject
        }
    native = {"name": person_name(subject) if subject["type"] == "person" else _name(subject)}
    if "note" in subject:
        native["description"] = subject["note"]
    if kind == "identity":
        classes = {"person": "individual", "organisation": "organization"}
        native["identity_class"] = classes.get(subject["type"], "unknown")
    elif "aliases" in subject:
        native["aliases"] = subject["aliases"]
    return native


def person_name(subject: dict[str, Any]) -> str:
    """Give one name of a person, as people say it."""
    for name in subject.get("names", ()):
        if parts := [name[part] for part in ("given", "family") if part in name]:
            return " ".join(parts)
    return next(iter(subject.get("aliases", ())), "unnamed person")


def _name(subject: dict[str, Any]) -> str:
    words = [str(subject[field]) for field in _SPEAKING if field in subject]
    return " ".join([subject["type"], *words]) if subject["type"] != "organisation" else subject["name"]


def native_area(area: dict[str, Any]) -> dict[str, Any]:
    """Give the properties of a location: STIX asks for a region, a country or a position at least."""
    native: dict[str, Any] = {"name": area["name"]}
    if code := area.get("code"):
        native |= {"country": code[:2]} | ({"administrative_area": code} if "-" in code else {})
    match area.get("geometry"):
        case {"type": "Point", "coordinates": [longitude, latitude]}:
            native |= {"latitude": latitude, "longitude": longitude}
            native |= {"precision": area["radius_m"]} if "radius_m" in area else {}
        case {"coordinates": coordinates}:
            ring = coordinates[0][0] if area["geometry"]["type"] == "MultiPolygon" else coordinates[0]
            native |= {"latitude": _middle(ring, 1), "longitude": _middle(ring, 0)}
        case _ if not code:
            native["region"] = area["name"].lower().replace(" ", "-")
    return native


def _middle(ring: Any, axis: int) -> float:
    values = [position[axis] for position in ring]
    return (min(values) + max(values)) / 2
