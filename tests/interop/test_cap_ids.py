"""Ids are derived, so that an Update or Cancel finds what it is about without any record of past imports."""

from __future__ import annotations

import pytest

from broker.interop.cap import read_cap
from broker.interop.imported import Imported
from broker.protocol import limits
from tests.interop.alerts import IDENTIFIER, NOW, SENDER, SENT, TOLD, alert, document, imported, info, kept

FIRST_ID = document(alert())["id"]
OWN = f"{SENDER},{IDENTIFIER},{SENT}"


def update(references: str, **changed: str) -> str:
    return alert(
        **{"identifier": "FIA-2", "msgType": "Update", "sent": "2026-03-01T11:30:00+05:00"} | changed,
        references=references,
    )


def test_the_id_is_the_one_that_was_published() -> None:
    """Changing how ids are made would cut every later Update from what it is about."""
    assert FIRST_ID == "8da7750c-1f7f-54e2-b389-b209149f7c97"


def test_the_same_alert_has_the_same_id_whatever_else_it_says() -> None:
    assert document(alert(info(headline="Other words"), source="x"))["id"] == FIRST_ID


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"sender": "other@fia.example.pk"}, id="sender"),
        pytest.param({"identifier": "FIA-1a"}, id="identifier"),
        pytest.param({"sent": "2026-03-01T11:00:01+05:00"}, id="sent"),
        pytest.param({"sender": SENDER + ",FIA", "identifier": "1"}, id="a-part-moved-over-the-boundary"),
    ],
)
def test_another_alert_has_another_id(changed: dict[str, str]) -> None:
    assert document(alert(**changed))["id"] != FIRST_ID


def test_another_originator_has_other_ids() -> None:
    (other,) = read_cap(alert().encode(), originator="pk.anf", defaults=TOLD, now=NOW)
    assert isinstance(other, Imported)
    assert other.document["id"] != FIRST_ID


SPELLINGS = [
    pytest.param(OWN, id="as-in-the-alert"),
    pytest.param(f'"{OWN}"', id="quoted"),
    pytest.param(f"\n   {OWN}\n  ", id="with-space-around"),
    pytest.param(f"{SENDER}, {IDENTIFIER} , {SENT}", id="with-space-at-the-commas"),
    pytest.param(f"{SENDER},{IDENTIFIER},2026-03-01T06:00:00-00:00", id="in-utc-as-cap-writes-it"),
    pytest.param(f"{SENDER},{IDENTIFIER},2026-03-01T06:00:00Z", id="in-utc-with-z"),
    pytest.param(
        f"{SENDER},{IDENTIFIER},2026-03-01T08:00:00.000+02:00", id="at-another-offset-with-decimals"
    ),
    pytest.param(f"FIA-0 {OWN}", id="behind-half-a-reference"),
    pytest.param(f"{OWN} FIA-0", id="before-half-a-reference"),
    pytest.param(f"{OWN} {OWN}", id="twice"),
    pytest.param(f"\u202b{SENDER}\u202c,{IDENTIFIER}\u200b,{SENT}", id="with-hidden-characters"),
    pytest.param(f"{OWN};", id="with-a-semicolon"),
    pytest.param(f"{OWN},", id="with-a-comma-behind"),
]


@pytest.mark.parametrize("references", SPELLINGS)
def test_a_reference_resolves_however_it_is_spelled(references: str) -> None:
    made = document(update(references))
    assert (made["type"], made["references"]) == ("Update", [FIRST_ID])


def test_a_sender_with_spaces_is_found_in_references() -> None:
    first = alert(sender="Provincial  Desk, Peshawar".replace(",", ""))
    second = update("Provincial Desk Peshawar,FIA-1," + SENT, sender="Provincial Desk Peshawar")
    assert document(second)["references"] == [document(first)["id"]]


@pytest.mark.parametrize("between", [" ", "\n\t", ";", "; ", ", ", ",", " , "])
def test_two_references_are_two_whatever_parts_them(between: str) -> None:
    later = document(alert(identifier="FIA-9", sent="2026-03-01T11:10:00+05:00"))["id"]
    made = document(update(f"{OWN}{between}{SENDER},FIA-9,2026-03-01T11:10:00+05:00"))
    assert made["references"] == [FIRST_ID, later]


def test_what_a_bulletin_cannot_carry_in_a_name_changes_no_id() -> None:
    assert document(alert(sender=f"\u202b{SENDER}\u202c"))["id"] == FIRST_ID


def test_references_are_in_the_order_of_their_times() -> None:
    later = document(alert(identifier="FIA-9", sent="2026-03-01T11:10:00+05:00"))["id"]
    made = document(update(f"{SENDER},FIA-9,2026-03-01T11:10:00+05:00 {OWN}"))
    assert made["references"] == [FIRST_ID, later]


def test_more_references_than_a_bulletin_has_are_the_latest() -> None:
    many = " ".join(f"{SENDER},n{n},2026-02-01T11:{n // 60:02}:{n % 60:02}Z" for n in range(100))
    made = imported(update(many))
    assert len(made.document["references"]) == limits.REFERENCES_ITEMS
    assert any("references" in sentence for sentence in made.announced)
    assert kept(update(many), "references")[0].startswith(f"{SENDER},n0,")


def test_an_alert_does_not_refer_to_itself() -> None:
    itself = f"{SENDER},FIA-2,2026-03-01T11:30:00+05:00"
    assert document(update(f"{itself} {OWN}"))["references"] == [FIRST_ID]


def test_an_alert_with_references_keeps_them_as_words() -> None:
    made = document(alert(identifier="FIA-3", references=OWN))
    assert made["type"] == "Alert"
    assert "references" not in made
    assert kept(alert(identifier="FIA-3", references=OWN), "references") == [OWN]


def test_a_cancel_needs_no_info() -> None:
    made = document(update(OWN, msgType="Cancel").replace(info(), ""))
    assert (made["type"], made["references"]) == ("Cancel", [FIRST_ID])
    assert not {"text", "urgency", "severity", "certainty"} & set(made)
