"""Subjects of a bulletin in one line each. A protected person (victim, witness) is never shown
beyond the role.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from broker.cli.isolation import isolated
from broker.protocol.subjects import (
    Account,
    Firearm,
    Goods,
    IdentityDocument,
    Name,
    Organisation,
    Person,
    Phone,
    Subject,
    Vehicle,
    Vessel,
)

WITHHELD = "protected, identity withheld"


def subject_words(subject: Subject) -> tuple[str, str]:
    """Give what a subject is, and what is known of it, for a person to read."""
    match subject:
        case Person() if subject.protected:
            return subject.role, WITHHELD
        case Person():
            return subject.role, _joined([*map(_name, subject.names), *_person(subject)])
        case Vehicle():
            known = [subject.plate, subject.colour, subject.make, subject.model, subject.country]
            return "vehicle", _joined(
                [*known, *_labelled(chassis=subject.chassis, engine=subject.engine), subject.note]
            )
        case IdentityDocument():
            return subject.kind, _joined(
                [subject.number, subject.country, *_labelled(expires=subject.expiry), subject.note]
            )
        case Phone():
            return "phone", _joined(
                [subject.number, *_labelled(IMEI=subject.imei, IMSI=subject.imsi), subject.note]
            )
        case Vessel():
            numbers = _labelled(IMO=subject.imo, MMSI=subject.mmsi, flag=subject.flag)
            return "vessel", _joined([subject.name, *numbers, subject.note])
        case Firearm():
            known = [subject.make, subject.model, subject.calibre]
            return "firearm", _joined([*known, *_labelled(serial=subject.serial), subject.note])
        case Goods():
            amount = f"{subject.quantity:g} {subject.unit}" if subject.quantity is not None else None
            return "goods", _joined([subject.substance, amount, subject.concealment, subject.note])
        case Organisation():
            return "organisation", _joined([subject.name, *subject.aliases, subject.country, subject.note])
        case Account():
            known = [subject.iban, subject.wallet, subject.handle, subject.service]
            return "account", _joined([*known, subject.note])
        case _:
            assert_never(subject)


def _person(person: Person) -> Iterable[str | None]:
    yield from (f"alias {isolated(alias)}" for alias in person.aliases)
    yield from _labelled(born=person.birth)
    yield person.sex
    yield ", ".join(person.nationalities) or None
    yield f"{person.height_cm} cm" if person.height_cm else None
    yield from person.marks
    yield from _labelled(CNIC=person.cnic)
    yield from (f"warrant: {warrant.authority}" for warrant in person.warrants)
    yield person.note


def _name(name: Name) -> str:
    parts = " ".join(part for part in (name.given, name.family) if part)
    father = f"father {isolated(name.father)}" if name.father else ""
    return ", ".join(part for part in (isolated(parts), father) if part)


def _labelled(**known: str | None) -> Iterable[str]:
    return (f"{label} {isolated(value)}" for label, value in known.items() if value)


def _joined(parts: Iterable[str | None]) -> str:
    return " · ".join(isolated(part) for part in parts if part)
