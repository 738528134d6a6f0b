"""What people see of a feed: what matters is there in words, in 80 columns, in the right direction."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from rich.cells import cell_len
from rich.console import Console

from broker.cli import rendering
from broker.cli.feed_json import item_json
from broker.cli.isolation import FSI, LRI, PDI, RLI, isolated
from broker.cli.refusals import harmless
from broker.client.items import Expired, FeedItem, Unverified
from broker.protocol import times
from tests.cli import items
from tests.exchange_fixtures import NOW

URDU = "گوادر کے ساحل پر کشتی متوقع ہے"
REPOSITORY = Path(__file__).resolve().parents[2]

FULL: dict[str, Any] = {
    "text": {
        "en": {
            "headline": "Boat expected off Gwadar",
            "description": "Forty persons. " * 30,
            "instruction": "Watch the coast.\nDo not approach alone.",
        },
        "ur": {"headline": URDU, "description": f"{URDU} " * 12},
    },
    "contact": {"desk": "FIA duty desk", "phone": "+92519105555", "hours": "24/7"},
    "action": "discreet-check",
    "warnings": ["armed", "explosives"],
    "handling": {"code": "H3", "text": "Ask the desk first."},
    "evaluation": {"scale": "admiralty", "source": "B", "information": 2},
    "areas": [{"name": "Gwadar", "code": "PK-BA"}, {"name": "گوادر"}],
    "subjects": [
        {
            "type": "person",
            "role": "suspect",
            "names": [
                {"script": "Latn", "given": "Ali", "family": "Khan"},
                {"script": "Arab", "given": "علی خان"},
            ],
            "aliases": ["Captain"],
            "birth": "1987-11",
            "cnic": "35202-1234567-1",
        },
        {"type": "vehicle", "plate": "LEA-19-4471", "colour": "white", "make": "Toyota"},
        {"type": "document", "kind": "passport", "number": "AB1234567", "country": "PK"},
        {"type": "phone", "number": "+923001234567", "imei": "490154203237518"},
        {"type": "vessel", "name": "Al-Noor", "imo": "9074729"},
        {"type": "firearm", "make": "AK", "serial": "7741"},
        {"type": "goods", "substance": "methamphetamine", "quantity": 12.5, "unit": "kg"},
        {"type": "organisation", "name": "Front Trading", "country": "PK"},
        {"type": "account", "iban": "PK36SCBL0000001123456702"},
    ],
    "respond_by": "urgent",
    "request": "Is the vehicle known?",
}


def shown(item: FeedItem, width: int = rendering.WIDTH, at: int = NOW) -> str:
    out = io.StringIO()
    rendering.show(
        item,
        Console(file=out, width=width, soft_wrap=True, highlight=False, markup=False, emoji=False),
        at=at,
    )
    return out.getvalue()


DESK = "ایف آئی اے ڈیوٹی ڈیسک"
MARKED = "می‌خواہم"
"""With a ZWNJ, as it is written."""
WIDTHS = [80, 60, 40]


def unmarked(line: str) -> str:
    """Give a line without the isolates around its texts."""
    return "".join(character for character in line if character not in (LRI, RLI, FSI, PDI))


EVERY = [
    pytest.param(
        items.received(
            text={"ur": {"headline": " ".join([f"{URDU} 2026-05-14"] * 5), "description": "مُحَمَّد " * 30}},
            contact={"desk": f"{DESK} " * 3 + "35202-1234567-1", "phone": "+92519105555", "hours": URDU},
        ),
        id="urdu-with-numbers",
    ),
    pytest.param(items.received(), id="the-least"),
    pytest.param(items.received(**FULL), id="everything"),
    pytest.param(items.received(status="Exercise", **FULL), id="an-exercise"),
    pytest.param(
        items.received(
            type="Cancel", references=["0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b65"], text=None, severity=None
        ),
        id="a-cancel",
    ),
    pytest.param(items.received(text={"zh": {"headline": "预计瓜达尔附近有船只" * 12}}), id="wide-letters"),
    pytest.param(items.received(text={"en": {"headline": "x" * 300}}), id="a-word-without-end"),
    pytest.param(items.received(number=0, redelivered=True), id="own-copy"),
    pytest.param(items.receipt(), id="a-receipt"),
    pytest.param(
        items.receipt(kind="later", until="2026-03-01T06:00:00Z", note="N " * 200), id="a-receipt-with-a-note"
    ),
    pytest.param(items.unverified(), id="not-verified"),
]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("item", EVERY)
def test_nothing_is_wider_than_the_terminal(item: FeedItem, width: int) -> None:
    assert [line for line in shown(item, width).splitlines() if cell_len(line) > width] == []


@pytest.mark.parametrize(
    ("columns", "width"),
    [
        pytest.param("60", 60, id="narrow"),
        pytest.param("200", 80, id="wide"),
        pytest.param("5", 40, id="too-narrow"),
        pytest.param("", 80, id="not-a-terminal"),
    ],
)
def test_the_page_is_as_wide_as_the_terminal_and_at_most_eighty_columns(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert rendering.console().width == width


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("desk", [DESK, f"{URDU} " * 4, "Anti Human Trafficking Circle, Gwadar office " * 2])
def test_what_keeps_people_safe_is_never_cut(width: int, desk: str) -> None:
    contact = {"desk": desk.strip(), "phone": "+92519105555", "hours": "۰۹:۰۰ سے ۱۷:۰۰"}
    told = shown(
        items.received(
            12_345_678,
            status="Exercise",
            marking="TLP:AMBER+STRICT",
            address_digest="ab" * 32,
            category="human-trafficking",
            certainty="Unlikely",
            urgency="Immediate",
            severity="Moderate",
            contact=contact,
            warnings=["armed", "violent", "explosives", "medical", "contagious"],
            text={
                "en": {"headline": " ".join(["A headline of some length"] * 6)},
                "ur": {"headline": " ".join([URDU] * 6)},
            },
        ),
        width,
    )
    lines = [unmarked(line) for line in told.splitlines()]
    assert any(" EXERCISE: not a real event " in line for line in lines)
    assert any("TLP:AMBER+STRICT" in line for line in lines)
    assert any("+92519105555" in line for line in lines)
    words = " ".join(" ".join(lines).split())
    for kept in ("ARMED · VIOLENT · EXPLOSIVES · MEDICAL · CONTAGIOUS", contact["desk"], contact["hours"]):
        assert kept in words
    for fact in ("Alert", "human-trafficking", "Moderate", "Immediate", "Unlikely"):
        assert fact in words


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("item", EVERY)
def test_every_isolate_ends_in_its_line(item: FeedItem, width: int) -> None:
    for line in shown(item, width).splitlines():
        depth = 0
        for character in line:
            depth += (character in (LRI, RLI, FSI)) - (character == PDI)
            assert depth >= 0, line
        assert depth == 0, line


@pytest.mark.parametrize("item", EVERY)
def test_each_line_of_json_keeps_the_schema(item: FeedItem) -> None:
    documents = {
        f"urn:harkara:schema:{name}": json.loads((REPOSITORY / f"schemas/{name}.schema.json").read_text())
        for name in ("bulletin", "receipt", "feed")
    }
    registry = jsonschema_rs.Registry(list(documents.items()))
    validator = jsonschema_rs.Draft202012Validator(documents["urn:harkara:schema:feed"], registry=registry)
    found = json.loads(json.dumps(item_json(item)))
    assert [error.message for error in validator.iter_errors(found)] == []


@pytest.mark.parametrize(
    ("item", "told"), [(Expired(3, 7), "3 to 7"), (Expired(4, 4), "4")], ids=["several", "one"]
)
def test_numbers_that_expired_unread_are_told_in_words(item: Expired, told: str) -> None:
    lines = shown(item).splitlines()
    assert told in lines[0]
    assert "EXPIRED" in lines[0]
    assert max(cell_len(line) for line in lines) <= rendering.WIDTH


def test_everything_of_a_bulletin_that_people_act_on_is_shown() -> None:
    told = shown(items.received(**FULL))
    for words in (
        "42",
        "TLP:AMBER",
        "Severe",
        "human-smuggling",
        "ARMED · EXPLOSIVES",
        "discreet-check",
        "+92519105555",
        "FIA duty desk",
        "24/7",
        "H3 Ask the desk first.",
        "Gwadar (PK-BA)",
        "Ali Khan",
        "alias Captain",
        "35202-1234567-1",
        "LEA-19-4471",
        "passport",
        "490154203237518",
        "9074729",
        "7741",
        "12.5 kg",
        "Front Trading",
        "PK36SCBL0000001123456702",
        "Is the vehicle known?",
        "harkara answer 42",
        "pk.fia",
        "B2",
        items.ID,
    ):
        assert words in told, words


@pytest.mark.parametrize(
    ("status", "banner"),
    [
        pytest.param("Exercise", "EXERCISE: not a real event", id="exercise"),
        pytest.param("Test", "TEST: no action needed", id="test"),
        pytest.param("System", "SYSTEM: about the exchange itself", id="system"),
    ],
)
def test_what_is_not_real_says_so_before_its_headline(status: str, banner: str) -> None:
    told = shown(items.received(status=status))
    assert told.index(banner) < told.index("Boat expected")


def test_what_is_real_has_no_banner() -> None:
    told = shown(items.received())
    assert not any(word in told for word in ("EXERCISE", "TEST", "SYSTEM"))


def test_urdu_is_isolated_line_by_line() -> None:
    lines = [line for line in shown(items.received(**FULL)).splitlines() if RLI in line]
    assert len(lines) > 2
    for line in lines:
        assert line.strip().startswith(RLI)
        assert line.endswith(PDI)
        assert line.count(RLI) == line.count(PDI) == 1


def test_an_urdu_name_beside_latin_ones_is_isolated() -> None:
    assert f"{FSI}علی خان{PDI}" in shown(items.received(**FULL))


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("2026-05-14", id="date"),
        pytest.param("2026-05-14T09:30:00+05:00", id="moment"),
        pytest.param("14/05/2026", id="date-with-slashes"),
        pytest.param("09:30", id="time"),
        pytest.param("LEA-19-4471", id="plate"),
        pytest.param("35202-1234567-1", id="cnic"),
        pytest.param("+92519105555", id="telephone"),
        pytest.param("+92 51 910 5555", id="telephone-with-spaces"),
        pytest.param("۱۴-۰۵-۲۰۲۶", id="urdu-digits"),
        pytest.param("10.4.0.17", id="address"),
    ],
)
def test_numbers_in_urdu_read_from_the_left(number: str) -> None:
    told = shown(items.received(text={"ur": {"headline": f"کشتی {number} کو آئے گی"}}))
    assert f"{LRI}{number}{PDI}" in told
    note = shown(items.receipt(note=f"گاڑی {number} ملی"))
    assert f"{LRI}{number}{PDI}" in note
    assert LRI not in shown(items.received(text={"en": {"headline": f"The boat comes {number}"}}))


@pytest.mark.parametrize("number", ["+92 51 910 5555", "+92-51-910-5555"])
@pytest.mark.parametrize("word", ["رابطہ", "call"])
def test_a_telephone_number_is_not_broken(number: str, word: str) -> None:
    for before in range(1, 14):
        told = shown(
            items.received(text={"ur": {"headline": " ".join([word] * before) + f" {number} {word}"}})
        )
        assert number in told


def test_a_character_of_the_private_use_area_is_left_as_it_is() -> None:
    assert "a\ue000b +92 51" in shown(items.receipt(note="a\ue000b +92 51"))


def test_a_note_in_urdu_reads_from_the_right_in_each_of_its_lines() -> None:
    told = shown(items.receipt(note=f"{URDU} " * 3 + "PK-BA " * 8 + URDU))
    lines = [line for line in told.splitlines() if "PK-BA" in line or "گوادر" in line]
    assert len(lines) > 1
    assert all(RLI in line for line in lines)


def test_a_contact_reads_from_the_left_whatever_the_desk_is_called() -> None:
    told = shown(items.received(contact={"desk": DESK, "phone": "+92519105555"}))
    assert f"CALL       {FSI}{LRI}+92519105555{PDI}  {FSI}{DESK}{PDI}{PDI}" in told


@pytest.mark.parametrize("text", ["۳ کلو", "گوادر 12 کشتیاں", "pk.fia کا", "5.5"])
def test_what_reads_well_is_left_alone(text: str) -> None:
    assert isolated(text).count(LRI) == ("." in text and not text.isascii())


def test_vowel_marks_and_joiners_take_no_column() -> None:
    assert cell_len("مُحَمَّد") == cell_len("محمد") == 4
    assert cell_len(MARKED) == len(MARKED) - 1
    line = next(
        line
        for line in shown(items.received(text={"ur": {"headline": " ".join(["مُحَمَّد"] * 30)}})).splitlines()
        if "مُ" in line
    )
    assert 70 <= cell_len(line) <= 80


@pytest.mark.parametrize("mark", ["\u200c", "\u200d", "\u200e", "\u200f"])
def test_the_marks_that_urdu_is_written_with_are_kept(mark: str) -> None:
    text = f"می{mark}خواہم"
    assert text in shown(items.received(text={"ur": {"headline": text}}))
    assert harmless(text) == text


@pytest.mark.parametrize("control", ["\u202e", "\u2067", "\u200b", "\x1b", "\ufeff"])
def test_what_could_reorder_a_line_is_named_and_not_shown(control: str) -> None:
    assert harmless(f"a{control}b") == f"a\\u{ord(control):04x}b"


def test_plain_text_gets_no_direction_marks() -> None:
    assert not {FSI, RLI, PDI} & set(shown(items.received()))


@pytest.mark.parametrize("role", ["victim", "witness"])
def test_a_protected_person_is_never_shown(role: str) -> None:
    person = {
        "type": "person",
        "role": role,
        "names": [{"script": "Latn", "given": "Ayesha"}],
        "note": "in Karachi",
    }
    told = shown(items.received(subjects=[person]))
    assert "identity withheld" in told
    assert "Ayesha" not in told
    assert "Karachi" not in told


def test_an_item_that_does_not_verify_says_so_loudly() -> None:
    told = shown(items.unverified())
    assert "NOT VERIFIED" in told
    assert "the signature does not verify" in told


def test_a_reason_cannot_drive_the_terminal() -> None:
    assert "\x1b" not in shown(items.unverified("\x1b[2Jcleared"))


def test_markup_in_a_text_is_text() -> None:
    assert "[bold red]armed[/]" in shown(
        items.received(text={"en": {"headline": "[bold red]armed[/] :boom:"}})
    )


def test_a_redelivered_item_says_so() -> None:
    assert "(again)" in shown(items.received(redelivered=True))


def test_a_receipt_says_who_and_what() -> None:
    told = shown(items.receipt(kind="later", until="2026-03-01T06:00:00Z", note="checking"))
    assert all(words in told for words in ("later", "pk.anf", items.ID, "checking"))


def test_long_texts_stand_apart_and_headlines_alone_together() -> None:
    long = {"en": {"headline": "Boat", "description": "It comes."}, "ur": {"headline": URDU}}
    short = {"en": {"headline": "Boat"}, "ur": {"headline": URDU}}
    assert "It comes.\n\n" in shown(items.received(text=long))
    assert "Boat\n\n" not in shown(items.received(text=short))


def test_a_place_of_several_outlines_is_named_once() -> None:
    areas = [{"name": "Gwadar", "code": "PK-BA"}, {"name": "Gwadar", "code": "PK-BA"}, {"name": "Turbat"}]
    assert shown(items.received(areas=areas)).count("WHERE") == 2


@pytest.mark.parametrize(
    ("at", "said"),
    [
        pytest.param("2026-03-08T04:29:59Z", r"VALID +until", id="before"),
        pytest.param("2026-03-08T04:30:00Z", r"EXPIRED +at", id="at-its-end"),
    ],
)
def test_what_has_expired_is_not_shown_as_valid(at: str, said: str) -> None:
    told = shown(items.received(), at=times.parse(at))
    assert re.search(said, told)
    assert ("VALID" in told) == (said.startswith("VALID"))


def test_what_is_not_given_any_more_is_not_called_forged() -> None:
    told = shown(Unverified(7, "bulletin", "withheld", "the broker does not give its content: expired"))
    assert "NOT GIVEN" in told
    assert "NOT VERIFIED" not in told


def test_a_cancel_of_something_unknown_is_flagged() -> None:
    known = items.received(type="Cancel", references=["11111111-1111-4111-8111-111111111111"])
    assert "not in this inbox" not in shown(known)
    unknown = replace(known, unknown_references=known.bulletin.references)
    assert "not in this inbox" in shown(unknown)
    assert item_json(unknown)["unknown_references"] == ["11111111-1111-4111-8111-111111111111"]
