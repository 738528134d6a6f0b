"""The demonstration's story: who takes part, what is said, and who must hear it and who must not.

Data only: `demo_run` plays it and holds what happens to it. Names and numbers are invented. `Hears` is what
the exchange's rules must come to for each bulletin; whoever is not in it must get nothing, for the reason
given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from broker.protocol.answers import ReceiptKind
from broker.protocol.vocabulary import CATEGORIES

MINISTRY: Final = "pk.interior"
FIA: Final = "pk.fia"
ISLAMABAD: Final = "pk.islamabad-police"
ACADEMY: Final = "pk.national-police-academy"
BEIJING: Final = "cn.beijing-police"


@dataclass(frozen=True, slots=True)
class Member:
    """One agency: its id, a short name for the table, its names, and what it may say and hear."""

    id: str
    short: str
    english: str
    urdu: str
    originate: tuple[str, ...]
    receive: tuple[str, ...]
    marking: str
    statuses: tuple[str, ...] = ("Actual", "Exercise", "System", "Test")
    only_named: bool = False


MEMBERS: Final = (
    Member(MINISTRY, "Ministry", "Ministry of Interior", "وزارت داخلہ", CATEGORIES, CATEGORIES, "TLP:RED"),
    Member(
        FIA,
        "FIA",
        "Federal Investigation Agency",
        "وفاقی تحقیقاتی ادارہ",
        ("human-trafficking", "human-smuggling", "financial-crime", "cybercrime"),
        CATEGORIES,
        "TLP:RED",
    ),
    Member(
        ISLAMABAD,
        "Islamabad",
        "Islamabad Police",
        "اسلام آباد پولیس",
        ("terrorism", "organised-crime"),
        CATEGORIES,
        "TLP:RED",
    ),
    Member(
        ACADEMY,
        "Academy",
        "National Police Academy",
        "نیشنل پولیس اکیڈمی",
        ("terrorism",),
        CATEGORIES,
        "TLP:GREEN",
        statuses=("Exercise",),
    ),
    Member(
        BEIJING,
        "Beijing",
        "Beijing Municipal Public Security Bureau",
        "بیجنگ پولیس",
        ("human-trafficking", "drug-smuggling"),
        CATEGORIES,
        "TLP:GREEN",
        statuses=("Actual",),
        only_named=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """One post: its key in the story, who says it, its document, whom it names, and who must hear it.

    `about` is the key of the scene that it updates or cancels; `answer` a recipient's word beside `opened`;
    a `blind` one is sealed by who says it, and the broker cannot read it.
    """

    key: str
    originator: str
    title: str
    document: dict[str, Any]
    hears: frozenset[str]
    to: tuple[str, ...] = ()
    about: str | None = None
    answer: tuple[str, ReceiptKind] | None = None
    blind: bool = False


def _alert(category: str, marking: str, english: str, urdu: str, **more: Any) -> dict[str, Any]:
    usual = {
        "status": "Actual",
        "type": "Alert",
        "category": category,
        "marking": marking,
        "urgency": "Immediate",
        "severity": "Severe",
        "certainty": "Likely",
        "text": {"en": {"headline": english}, "ur": {"headline": urdu}},
    }
    return usual | more


_AIRPORT = {
    "name": "Islamabad International Airport",
    "code": "PK-IS",
    "geometry": {"type": "Point", "coordinates": [72.8256, 33.5491]},
    "radius_m": 2500,
}
_DESK = {"desk": "FIA Anti-Human-Trafficking Circle, Islamabad", "phone": "+92519261234", "hours": "24/7"}

SCENES: Final = (
    Scene(
        "trafficking",
        FIA,
        "Human trafficking",
        _alert(
            "human-trafficking",
            "TLP:AMBER",
            "Girl of 16 to be flown abroad under a false passport tonight",
            "سولہ سالہ لڑکی کو آج رات جعلی پاسپورٹ پر بیرونِ ملک لے جانے کا خدشہ",
            action="protect",
            areas=[_AIRPORT],
            contact=_DESK,
            respond_by="urgent",
            request="Is passport AB1234567 on a passenger list?",
            subjects=[{"type": "document", "kind": "passport", "number": "AB1234567", "country": "PK"}],
        ),
        frozenset({MINISTRY, ISLAMABAD}),
        answer=(ISLAMABAD, "confirmed"),
    ),
    Scene(
        "terrorism",
        ISLAMABAD,
        "Terrorism",
        _alert(
            "terrorism",
            "TLP:AMBER",
            "White Corolla, plate ICT-4471, may carry an explosive device",
            "سفید کرولا، نمبر ICT-4471، میں بارودی مواد ہونے کا خدشہ",
            action="locate",
            severity="Extreme",
            warnings=["explosives", "armed"],
            subjects=[{"type": "vehicle", "plate": "ICT-4471", "make": "Toyota", "colour": "white"}],
        ),
        frozenset({MINISTRY, FIA}),
    ),
    Scene(
        "smuggling",
        FIA,
        "Human smuggling",
        _alert(
            "human-smuggling",
            "TLP:GREEN",
            "Agent takes money in Gujrat for a route through Beijing",
            "گجرات میں ایجنٹ بیجنگ کے راستے بھیجنے کے پیسے لے رہا ہے",
            contact=_DESK,
        ),
        frozenset({MINISTRY, BEIJING}),
        to=(MINISTRY, BEIJING),
    ),
    Scene(
        "drugs",
        MINISTRY,
        "Drug smuggling",
        _alert(
            "drug-smuggling",
            "TLP:GREEN",
            "Heroin in hollowed door frames, three containers at sea",
            "دروازوں کی کھوکھلی چوکھٹوں میں ہیروئن، تین کنٹینر سمندر میں",
            action="seize",
            subjects=[{"type": "goods", "substance": "heroin", "quantity": 212, "unit": "kg"}],
        ),
        frozenset({FIA, ISLAMABAD}),
    ),
    Scene(
        "exercise",
        MINISTRY,
        "EXERCISE",
        _alert(
            "terrorism",
            "TLP:GREEN",
            "EXERCISE: evacuation drill at the Pak Secretariat",
            "مشق: پاک سیکریٹیریٹ خالی کرانے کی مشق",
            status="Exercise",
        ),
        frozenset({FIA, ISLAMABAD, ACADEMY}),
    ),
    Scene(
        "source",
        FIA,
        "Named only",
        _alert(
            "financial-crime",
            "TLP:RED",
            "Source names the hawala office that pays the route",
            "ذریعے نے حوالہ کے دفتر کا نام بتایا ہے",
        ),
        frozenset({ISLAMABAD}),
        to=(ISLAMABAD,),
        blind=True,
    ),
    Scene(
        "update",
        FIA,
        "Update",
        _alert(
            "human-trafficking",
            "TLP:AMBER",
            "The girl is booked on the flight of 23:40 to Sharjah",
            "لڑکی شارجہ کی رات گیارہ بج کر چالیس منٹ کی پرواز پر ہے",
            type="Update",
            areas=[_AIRPORT],
            contact=_DESK,
        ),
        frozenset({MINISTRY, ISLAMABAD}),
        about="trafficking",
    ),
    Scene(
        "cancel",
        ISLAMABAD,
        "Cancel",
        _alert(
            "terrorism",
            "TLP:AMBER",
            "The white Corolla was found: no device",
            "سفید کرولا مل گئی: کوئی بارودی مواد نہیں",
            type="Cancel",
        ),
        frozenset({MINISTRY, FIA}),
        about="terrorism",
    ),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that must be refused: who tries it, in words, and with which code."""

    who: str
    attempt: str
    code: str
    document: dict[str, Any] = field(default_factory=dict)
    spoil: bool = False
    """Change a letter after signing."""


REFUSALS: Final = (
    Refusal(
        ACADEMY,
        "the Academy posts something Actual",
        "may-not-originate",
        _alert("terrorism", "TLP:GREEN", "A real alarm", "حقیقی خطرہ"),
    ),
    Refusal(
        FIA,
        "a letter of FIA's bulletin is changed on the way",
        "bad-signature",
        _alert("human-smuggling", "TLP:GREEN", "Boats leave Jiwani", "جیوانی سے کشتیاں روانہ"),
        spoil=True,
    ),
)
