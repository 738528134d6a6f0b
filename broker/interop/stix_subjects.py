"""Whom and what a story is about: STIX objects that are subjects of a bulletin.

STIX says who somebody is by relationships: who is targeted is a victim, to whom an actor is attributed is a
suspect. Victims are protected persons: what of them has no field is put into the subject's note, never into
correlations, which every display shows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final, get_args

import msgspec

from broker.interop.stix_native import native_subject
from broker.interop.stix_source import Reading, Taking, own_part, take_again
from broker.interop.stix_table import PERSON_PROPERTIES, VEHICLE_PROPERTIES, Maker, maker_of
from broker.protocol import limits
from broker.protocol.subjects import PROTECTED_ROLES, Role
from broker.protocol.subjects import Subject as ClosedSubject

Subject = dict[str, Any]

_ROLES: Final = get_args(Role)
_ROLE_OF: Final = {"targets": "victim", "attributed-to": "suspect", "impersonates": "victim"}
"""Relationship type → role of the person at its end."""
_SEXES: Final = {
    "male": "male",
    "m": "male",
    "female": "female",
    "f": "female",
    "other": "other",
    "x": "other",
}
_TELL_NOBODY: Final = frozenset({"created", "modified", "lang"})
_GROUPS: Final = frozenset({"group", "organization", "organisation"})
_SCRIPTS: Final = {
    "LATIN": "Latn", "ARABIC": "Arab", "CYRILLIC": "Cyrl", "GREEK": "Grek", "CJK": "Hani", "HANGUL": "Hang",
    "HIRAGANA": "Jpan", "KATAKANA": "Jpan", "DEVANAGARI": "Deva", "GURMUKHI": "Guru", "BENGALI": "Beng",
    "HEBREW": "Hebr", "THAI": "Thai", "TAMIL": "Taml", "GEORGIAN": "Geor", "ARMENIAN": "Armn",
}  # fmt: skip
_BIRTH: Final = re.compile(r"(?:1[89]|20|21)[0-9]{2}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?")
_CNIC: Final = re.compile(r"[0-9]{5}-[0-9]{7}-[0-9]")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


def map_subjects(takings: list[Taking]) -> list[Subject]:
    """Give the subjects that the objects are, in order, at most 64; each taking that became one knows its
    scope.
    """
    roles = _roles(takings)
    authors = {one.reads("author").text("created_by_ref") for one in takings}
    subjects: list[Subject] = []
    for one in takings:
        maker = maker_of(one.type)
        if (maker is None and own_part(one, "subject") is None) or (
            one.type == "identity" and one.id in authors
        ):
            continue
        if len(subjects) == limits.SUBJECTS_ITEMS:
            one.draft.say(
                f"{one.at}: no room for more than {limits.SUBJECTS_ITEMS} subjects, kept as an object"
            )
            continue
        before = one.so_far()
        subject = _own(one) or (_MAKERS[maker](one.reads(maker), roles) if maker else None)
        if subject is None:
            one.back_to(before)
            continue
        subjects.append(subject)
        one.scope = f"subject{len(subjects)}"
        if subject.get("role") in PROTECTED_ROLES:
            _put_in_note(one, subject)
    return subjects


def _own(one: Taking) -> Subject | None:
    """Give the subject that an export of ours wrote whole into our extension."""
    subject = own_part(one, "subject") or {}
    try:
        msgspec.convert(subject, ClosedSubject)
    except msgspec.ValidationError:
        return None
    take_again(one, native_subject(subject, one.type))
    return subject


def _roles(takings: list[Taking]) -> dict[str, str]:
    """Give what relationships say of the object at their end, by its id; a victim stays one whatever else is
    said.
    """
    found: dict[str, str] = {}
    for one in takings:
        said = one.reads("role")
        role = _ROLE_OF.get(str(said.get("relationship_type")))
        target = said.get("target_ref")
        if role is not None and isinstance(target, str) and found.get(target) != "victim":
            found[target] = role
    return found


def _put_in_note(one: Taking, subject: Subject) -> None:
    """Put the texts that no field took into the note: all but times and references, which tell nobody who it
    is.
    """
    left = {
        name: value
        for name, value in one.left().items()
        if isinstance(value, str) and name not in _TELL_NOBODY and not name.endswith("_ref")
    }
    told = [subject.get("note", ""), *(f"{name}: {value}" for name, value in left.items())]
    note = one.draft.prose("\n".join(line for line in told if line), one.at)
    if left and len(note) <= limits.NOTE_CHARS:
        subject["note"] = note
        one.noted = frozenset(left)


def _without_blanks(kind: str, **fields: Any) -> Subject:
    return {"type": kind} | {name: value for name, value in fields.items() if value not in ("", None, [])}


def script_of(text: str) -> str:
    """Give the ISO 15924 code of the first letter's script; Zyyy when there is no letter of a known one."""
    for character in text:
        if character.isalpha():
            return _SCRIPTS.get(unicodedata.name(character, "").partition(" ")[0], "Zyyy")
    return "Zyyy"


def _identity(one: Reading, roles: dict[str, str]) -> Subject | None:
    match one.get("identity_class"):
        case "individual":
            one.take("identity_class")
            return _person(one, roles)
        case str() as kind if kind in _GROUPS:
            return _organisation(one, roles)
        case _:
            return None


def _person(one: Reading, roles: dict[str, str]) -> Subject | None:
    said = PERSON_PROPERTIES
    parts = {part: one.line(*said[part]) for part in ("given", "family", "father")}
    parts["given"] = parts["given"] or ("" if parts["family"] else one.line(*said["name"]))
    name = {part: text for part, text in parts.items() if text}
    subject = _without_blanks(
        "person",
        role=_role(one, roles),
        names=[{"script": script_of("".join(name.values())), **name}] if name else [],
        aliases=one.lines(*said["aliases"]),
        birth=one.matching(_BIRTH, *said["birth"]),
        sex=_sex(one),
        nationalities=[country] if (country := one.country(*said["nationality"])) else [],
        cnic=one.matching(_CNIC, *said["cnic"]),
        note=one.prose(*said["note"]),
    )
    return subject if len(subject) > len(("type", "role")) else None


def _role(one: Reading, roles: dict[str, str]) -> str:
    said = [one.get(name) for name in PERSON_PROPERTIES["role"]]
    words = [word for value in said for word in (value if isinstance(value, list) else [value])]
    role = next((word.lower() for word in words if isinstance(word, str) and word.lower() in _ROLES), None)
    if role is None and (role := roles.get(one.of.id)) is None:
        role = "suspect" if one.of.type == "threat-actor" else "associate"
        one.draft.say(f"{one.at}: the source gives the person no role, taken as {role}")
    return role


def _sex(one: Reading) -> str:
    for name in PERSON_PROPERTIES["sex"]:
        value = one.get(name)
        if isinstance(value, str) and value.lower() in _SEXES:
            one.take(name)
            return _SEXES[value.lower()]
    return ""


def _organisation(one: Reading, _roles: dict[str, str]) -> Subject | None:
    name = one.line("name")
    return (
        _without_blanks(
            "organisation", name=name, aliases=one.lines("aliases"), note=one.prose("description")
        )
        if name
        else None
    )


def _threat_actor(one: Reading, roles: dict[str, str]) -> Subject | None:
    return (_person if one.get("resource_level") == "individual" else _organisation)(one, roles)


def _vehicle(one: Reading, _roles: dict[str, str]) -> Subject | None:
    said = VEHICLE_PROPERTIES
    lines = {
        name: one.line(*said[name], most=limits.CODE_CHARS)
        for name in said
        if name not in ("country", "note")
    }
    subject = _without_blanks(
        "vehicle", **lines, country=one.country(*said["country"]), note=one.prose(*said["note"])
    )
    return subject if len(subject) > 1 and set(subject) != {"type", "country"} else None


def _misp_object(one: Reading, roles: dict[str, str]) -> Subject | None:
    """Read MISP's own object (`x_misp_attributes`: object_relation and value) by the tables of the other
    names.
    """
    kind, attributes = one.get("x_misp_name"), one.get("x_misp_attributes")
    if kind not in ("person", "vehicle") or not isinstance(attributes, list):
        return None
    pairs = [
        (part.get("object_relation"), part.get("value")) for part in attributes if isinstance(part, dict)
    ]
    flat = {name: value for name, value in pairs if isinstance(name, str) and isinstance(value, str)}
    inner = Taking(flat | {"type": kind, "id": one.of.id}, f"{one.at}/x_misp_attributes", one.draft)
    return _MAKERS[kind](inner.reads(kind), roles)


def _phone(one: Reading, _roles: dict[str, str]) -> Subject | None:
    raw = re.sub(r"[\s().-]", "", one.text("value", "number"))
    number = "+" + raw[2:] if raw.startswith("00") else raw
    if _E164.fullmatch(number) is None:
        return None
    if one.text("value") == number:
        one.take("value")
    return {"type": "phone", "number": number}


def _account(one: Reading, _roles: dict[str, str]) -> Subject | None:
    handle = one.line("account_login", "user_id", "display_name")
    return _without_blanks("account", handle=handle, service=one.line("account_type")) if handle else None


def _email(one: Reading, _roles: dict[str, str]) -> Subject | None:
    handle = one.line("value")
    return {"type": "account", "handle": handle, "service": "e-mail"} if handle else None


def _bank_account(one: Reading, _roles: dict[str, str]) -> Subject | None:
    iban = one.matching(_IBAN, "iban")
    return _without_blanks("account", iban=iban, service=one.line("bank", "bank_name")) if iban else None


def _wallet(one: Reading, _roles: dict[str, str]) -> Subject | None:
    wallet = one.line("value")
    return (
        _without_blanks("account", wallet=wallet, service=one.line("currency_code", "blockchain"))
        if wallet
        else None
    )


_MAKERS: Final[dict[Maker, Callable[[Reading, dict[str, str]], Subject | None]]] = {
    "identity": _identity,
    "threat-actor": _threat_actor,
    "organisation": _organisation,
    "person": _person,
    "vehicle": _vehicle,
    "misp": _misp_object,
    "phone": _phone,
    "account": _account,
    "email": _email,
    "bank account": _bank_account,
    "wallet": _wallet,
}
