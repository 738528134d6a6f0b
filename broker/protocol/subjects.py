"""Whom and what a bulletin is about: a closed set of subjects, told apart by `type`.

Each subject is what was seen or is on file, spelled as there: check digits of IBANs, IMEIs and hulls are not
verified, because a forged number must be sent as it was forged. Only the form is checked, so that two
agencies compare alike.

Victims and witnesses are protected persons (Palermo Protocol, article 6): `Person.protected` tells every
display and export, and `bulletin` refuses a marking that would let their identity out of the community.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from broker.protocol import limits
from broker.protocol.fields import (
    Cnic,
    Code,
    Country,
    Date,
    Language,
    Line,
    Note,
    PartialDate,
    Phone164,
    words,
)
from broker.protocol.rules import Record, Rule, one_of, readable, together

Role: TypeAlias = Literal["suspect", "wanted", "missing", "victim", "witness", "associate"]
PROTECTED_ROLES: Final = frozenset({"victim", "witness"})

_many = Meta(min_length=1, max_length=limits.NAMES_ITEMS)
"""A list is left out rather than empty."""


def _day(text: str) -> None:
    """Raise ValueError for a day that the calendar does not have. Year and month alone are always right."""
    if len(text) == len("YYYY-MM-DD"):
        try:
            date.fromisoformat(text)
        except ValueError:
            raise ValueError("no such day in the calendar") from None


def _calendar_day(name: str) -> Rule:
    return readable(name, _day, "a day in the calendar")


class Name(Record, frozen=True, kw_only=True):
    """A person's name in one script. A name that is not divided stands in `given`."""

    script: Annotated[
        str,
        Meta(title="ISO 15924 script code", pattern=r"^[A-Z][a-z]{3}\Z", examples=["Latn", "Arab"]),
    ]
    given: Line | None = None
    family: Line | None = None
    father: Annotated[Line | None, words("Father's name, as on a CNIC.")] = None

    RULES = (one_of("given", "family", "father"),)


class Warrant(Record, frozen=True, kw_only=True):
    """A warrant or notice against a person."""

    authority: Annotated[Line, words("The court or body that issued it.")]
    number: Code | None = None
    offence: Line | None = None
    issued: Date | None = None
    country: Country | None = None

    RULES = (_calendar_day("issued"),)


class Person(Record, tag_field="type", tag="person", frozen=True, kw_only=True):
    """A person."""

    role: Role
    names: Annotated[tuple[Name, ...], _many, words("The name in each script that it is known in.")] = ()
    aliases: Annotated[tuple[Line, ...], _many] = ()
    birth: PartialDate | None = None
    sex: Literal["female", "male", "other"] | None = None
    nationalities: Annotated[tuple[Country, ...], _many] = ()
    height_cm: Annotated[int, Meta(title="height in cm", ge=30, le=280, examples=[174])] | None = None
    languages: Annotated[tuple[Language, ...], _many] = ()
    marks: Annotated[tuple[Line, ...], _many, words("Scars, tattoos, a limp.")] = ()
    cnic: Annotated[Cnic | None, words("Number of the national identity card of Pakistan.")] = None
    warrants: Annotated[tuple[Warrant, ...], _many] = ()
    note: Note | None = None

    RULES = (
        _calendar_day("birth"),
        one_of("names", "aliases", "birth", "nationalities", "marks", "cnic", "note"),
    )

    @property
    def protected(self) -> bool:
        """Whether displays and exports must withhold who this is."""
        return self.role in PROTECTED_ROLES


class Vehicle(Record, tag_field="type", tag="vehicle", frozen=True, kw_only=True):
    """A road vehicle."""

    plate: Annotated[Code | None, words("As on the plate.", examples=["LEA-19-4471"])] = None
    country: Annotated[Country | None, words("Country of the plate.")] = None
    chassis: Annotated[Code | None, words("Chassis number or VIN.")] = None
    engine: Annotated[Code | None, words("Engine number.")] = None
    make: Code | None = None
    model: Code | None = None
    colour: Code | None = None
    note: Note | None = None

    RULES = (one_of("plate", "chassis", "engine", "make", "model", "colour", "note"),)


class IdentityDocument(Record, tag_field="type", tag="document", frozen=True, kw_only=True):
    """A travel or identity document, genuine or not."""

    kind: Literal[
        "passport",
        "national-id",
        "residence-permit",
        "visa",
        "driving-licence",
        "travel-document",
        "birth-certificate",
        "other",
    ]
    number: Code
    country: Annotated[Country | None, words("The country that it claims to be from.")] = None
    expiry: Date | None = None
    note: Note | None = None

    RULES = (_calendar_day("expiry"),)


class Phone(Record, tag_field="type", tag="phone", frozen=True, kw_only=True):
    """A telephone: its line, its device, its SIM."""

    number: Phone164 | None = None
    imei: Annotated[str, Meta(title="IMEI, 15 digits", pattern=r"^[0-9]{15}\Z")] | None = None
    imsi: Annotated[str, Meta(title="IMSI, 14 or 15 digits", pattern=r"^[0-9]{14,15}\Z")] | None = None
    note: Note | None = None

    RULES = (one_of("number", "imei", "imsi"),)


class Vessel(Record, tag_field="type", tag="vessel", frozen=True, kw_only=True):
    """A ship or boat."""

    imo: Annotated[str, Meta(title="IMO number, 7 digits", pattern=r"^[0-9]{7}\Z")] | None = None
    mmsi: Annotated[str, Meta(title="MMSI, 9 digits", pattern=r"^[0-9]{9}\Z")] | None = None
    name: Line | None = None
    flag: Annotated[Country | None, words("The flag that it flies.")] = None
    note: Note | None = None

    RULES = (one_of("imo", "mmsi", "name", "note"),)


class Firearm(Record, tag_field="type", tag="firearm", frozen=True, kw_only=True):
    """A firearm."""

    make: Code | None = None
    model: Code | None = None
    calibre: Annotated[Code | None, words("As marked.", examples=["7.62×39 mm"])] = None
    serial: Code | None = None
    note: Note | None = None

    RULES = (one_of("make", "model", "calibre", "serial", "note"),)


class Goods(Record, tag_field="type", tag="goods", frozen=True, kw_only=True):
    """Drugs, precursors, arms in bulk, other smuggled goods."""

    substance: Annotated[Line, words("What it is.", examples=["methamphetamine"])]
    quantity: (
        Annotated[float, Meta(title="amount above 0, in `unit`", gt=0, le=1e12, examples=[12.5])] | None
    ) = None
    unit: Literal["mg", "g", "kg", "t", "ml", "l", "piece", "tablet", "plant", "package"] | None = None
    concealment: Annotated[Line | None, words("How it was hidden.")] = None
    note: Note | None = None

    RULES = (together("quantity", "unit"),)


class Organisation(Record, tag_field="type", tag="organisation", frozen=True, kw_only=True):
    """A group, company or front."""

    name: Line
    aliases: Annotated[tuple[Line, ...], _many] = ()
    country: Country | None = None
    note: Note | None = None


class Account(Record, tag_field="type", tag="account", frozen=True, kw_only=True):
    """Where money or words pass: a bank account, a wallet, a handle."""

    iban: (
        Annotated[
            str,
            Meta(
                title="IBAN without spaces",
                pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}\Z",
                examples=["PK36SCBL0000001123456702"],
            ),
        ]
        | None
    ) = None
    wallet: Annotated[Line | None, words("Address of a wallet.")] = None
    handle: Annotated[Line | None, words("Name in a messenger or social network.")] = None
    service: Annotated[Line | None, words("The bank, chain or network.", examples=["Easypaisa"])] = None
    note: Note | None = None

    RULES = (one_of("iban", "wallet", "handle"),)


Subject: TypeAlias = (
    Person | Vehicle | IdentityDocument | Phone | Vessel | Firearm | Goods | Organisation | Account
)
