"""Subjects are a closed set, each with the forms of its identifiers; a forged one is sent as it is."""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec
import pytest

from broker.errors import SchemaError
from broker.protocol import subjects
from broker.protocol.schema_walk import convert
from broker.protocol.subjects import Person, Subject

PERSON = {"type": "person", "role": "wanted", "aliases": ["Ustad"]}


class Holder(msgspec.Struct):
    """A document of one subject."""

    it: Subject


def _read(subject: dict[str, Any]) -> Any:
    return convert({"it": subject}, Holder).it


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(PERSON, id="a-person"),
        pytest.param(PERSON | {"birth": "1987"}, id="a-year-of-birth"),
        pytest.param(PERSON | {"birth": "2000-02-29"}, id="born-on-a-leap-day"),
        pytest.param({"type": "vehicle", "plate": "ICT-1234"}, id="a-vehicle"),
        pytest.param({"type": "document", "kind": "passport", "number": "AB1234567"}, id="a-passport"),
        pytest.param({"type": "phone", "imsi": "410011234567890"}, id="a-sim"),
        pytest.param({"type": "vessel", "imo": "1234567"}, id="a-hull-number-with-a-false-check-digit"),
        pytest.param({"type": "firearm", "calibre": "7.62×39 mm"}, id="a-firearm"),
        pytest.param({"type": "goods", "substance": "heroin"}, id="goods-without-quantity"),
        pytest.param(
            {"type": "goods", "substance": "heroin", "quantity": 0.5, "unit": "kg"}, id="half-a-kilo"
        ),
        pytest.param({"type": "organisation", "name": "Safar Travels"}, id="an-organisation"),
        pytest.param({"type": "account", "iban": "PK00SCBL0000001123456702"}, id="an-iban-that-is-forged"),
    ],
)
def test_a_subject_is_taken(subject: dict[str, Any]) -> None:
    assert json.loads(msgspec.json.encode(_read(subject))) == subject


@pytest.mark.parametrize(
    ("subject", "pointer", "words"),
    [
        pytest.param({"type": "person", "role": "wanted"}, "", "at least one of", id="nobody"),
        pytest.param(PERSON | {"role": "accused"}, "/role", "one of", id="an-unknown-role"),
        pytest.param(PERSON | {"birth": "2001-02-30"}, "/birth", "no such day", id="no-such-birthday"),
        pytest.param(PERSON | {"birth": "01-02-1987"}, "/birth", "YYYY", id="a-birthday-the-other-way"),
        pytest.param(PERSON | {"cnic": "3520212345671"}, "/cnic", "write 35202-1234567-1", id="cnic-bare"),
        pytest.param(PERSON | {"cnic": "٣٥٢٠٢-1234567-1"}, "/cnic", "CNIC", id="cnic-in-other-digits"),
        pytest.param(PERSON | {"nationalities": ["pk"]}, "/nationalities/0", "capital", id="a-small-country"),
        pytest.param(PERSON | {"nationalities": ["PAK"]}, "/nationalities/0", "alpha-2", id="three-letters"),
        pytest.param(PERSON | {"height_cm": 5.9}, "/height_cm", "height in cm", id="a-height-in-feet"),
        pytest.param(PERSON | {"height_cm": 600}, "/height_cm", "at most 280", id="a-giant"),
        pytest.param(PERSON | {"sex": "M"}, "/sex", "one of female", id="a-letter-for-the-sex"),
        pytest.param(
            PERSON | {"names": [{"script": "Latn"}]}, "/names/0", "one of given", id="an-empty-name"
        ),
        pytest.param(PERSON | {"names": [{"script": "latin"}]}, "/names/0/script", "15924", id="no-script"),
        pytest.param(PERSON | {"aliases": []}, "/aliases", "leave the field out", id="no-aliases"),
        pytest.param(PERSON | {"aliases": ["x"] * 17}, "/aliases", "at most 16", id="too-many-aliases"),
        pytest.param(
            PERSON | {"warrants": [{"authority": "ATC", "issued": "2024-02-31"}]},
            "/warrants/0/issued",
            "no such day",
            id="a-warrant-of-no-day",
        ),
        pytest.param({"type": "vehicle", "country": "PK"}, "", "at least one of plate", id="any-vehicle"),
        pytest.param({"type": "vehicle", "plate": "A\nB"}, "/plate", "one line", id="a-plate-in-two-lines"),
        pytest.param({"type": "document", "number": "1"}, "/kind", "one of", id="a-document-of-no-kind"),
        pytest.param({"type": "phone", "note": "his"}, "", "at least one of number", id="no-number"),
        pytest.param({"type": "phone", "imei": "35-693803"}, "/imei", "15 digits", id="half-an-imei"),
        pytest.param({"type": "vessel", "imo": "IMO1234567"}, "/imo", "7 digits", id="imo-with-letters"),
        pytest.param({"type": "goods", "substance": "x", "quantity": 1}, "/unit", "unit", id="no-unit"),
        pytest.param(
            {"type": "goods", "substance": "x", "unit": "kg"}, "/quantity", "quantity", id="no-amount"
        ),
        pytest.param(
            {"type": "account", "iban": "PK36 SCBL"}, "/iban", "without spaces", id="iban-in-groups"
        ),
        pytest.param({"type": "account", "service": "Telegram"}, "", "at least one of iban", id="no-account"),
        pytest.param({"type": "aircraft"}, "/type", "one of person", id="an-aircraft"),
        pytest.param(
            {"type": "vehicle", "plate": "A", "role": "wanted"}, "/role", "no field", id="a-wanted-car"
        ),
    ],
)
def test_a_subject_is_refused(subject: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(SchemaError) as refused:
        _read(subject)
    (problem,) = (it for it in refused.value.problems if it.pointer == f"/it{pointer}")
    assert words in f"{problem.expected}, {problem.hint}"


@pytest.mark.parametrize("role", get_args(subjects.Role))
def test_victims_and_witnesses_are_protected_and_others_are_not(role: str) -> None:
    person = _read(PERSON | {"role": role})
    assert isinstance(person, Person)
    assert person.protected == (role in ("victim", "witness"))
