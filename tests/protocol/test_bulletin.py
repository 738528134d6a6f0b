"""The bulletin as a contract: what is taken, what is refused, and that a refusal names the field and how to
mend it.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from broker.errors import Malformed, SchemaError, TooLarge
from broker.protocol import limits, times
from broker.protocol.bulletin import Bulletin, bulletin_json, read_bulletin, read_bulletin_object
from broker.protocol.subjects import Person
from broker.protocol.vocabulary import CATEGORIES, MARKINGS, STATUSES
from tests.protocol.bulletin_strategy import bulletin_objects, bulletins
from tests.protocol.drafts import NAMES, SENT, filled, payload

DAY = limits.DAY_US
ID = "6ba7b810-9dad-41d1-80b4-00c04fd430c8"


def _after(us: int) -> str:
    return times.format(times.parse(SENT) + us)


def _refused(document: object) -> dict[str, Any]:
    """Give the problems of a document by pointer."""
    with pytest.raises(SchemaError) as refused:
        read_bulletin(payload(document))
    return {problem.pointer: problem for problem in refused.value.problems}


# --- What is taken ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_draft_is_a_bulletin_once_posting_has_filled_it(name: str) -> None:
    document = filled(name)
    bulletin = read_bulletin(payload(document))
    assert bulletin.originator == "pk.fia"
    assert set(bulletin.text or ()) == {"en", "ur"}
    assert bulletin.sent_at == times.parse(SENT)
    assert bulletin.expires_at == times.parse(SENT) + DAY


@pytest.mark.parametrize(
    "changes",
    [
        *(pytest.param({"status": status}, id=status) for status in STATUSES),
        *(pytest.param({"category": category}, id=category) for category in CATEGORIES),
        *(
            pytest.param({"marking": marking, "address_digest": "0a" * 32}, id=marking)
            for marking in MARKINGS
        ),
        pytest.param({"type": "Update", "references": [ID]}, id="an-update"),
        pytest.param({"type": "Cancel", "references": [ID]}, id="a-cancel-with-text"),
        pytest.param(
            {
                "type": "Cancel",
                "references": [ID],
                "text": ...,
                "urgency": ...,
                "severity": ...,
                "certainty": ...,
            },
            id="a-cancel-without-text",
        ),
        pytest.param({"expires": _after(90 * DAY)}, id="ninety-days"),
        pytest.param({"expires": _after(1)}, id="one-microsecond"),
        pytest.param({"respond_by": _after(DAY)}, id="an-answer-by-the-time-of-expiry"),
        pytest.param({"id": "6ba7b810-9dad-71d1-80b4-00c04fd430c8"}, id="a-uuid-of-version-7"),
        pytest.param({"handling": {"code": "H3", "text": "Ask the desk."}}, id="h3-with-text"),
        pytest.param({"text": {"zh-Hans-CN": {"headline": "警告"}}}, id="chinese"),
    ],
)
def test_a_bulletin_is_taken_with(changes: dict[str, Any]) -> None:
    assert read_bulletin(payload(filled(**changes)))


@given(bulletin_objects())
def test_a_valid_bulletin_is_read_and_written_without_change(document: dict[str, Any]) -> None:
    written = bulletin_json(read_bulletin(payload(document)))
    assert json.loads(written) == document
    assert bulletin_json(read_bulletin(written)) == written


@given(bulletins())
def test_ascii_and_indented_json_mean_the_same_bulletin(bulletin: Bulletin) -> None:
    document = json.loads(bulletin_json(bulletin))
    assert read_bulletin(json.dumps(document, indent=4).encode()) == bulletin
    assert read_bulletin_object(document) == bulletin


def test_leftovers_of_an_import_are_kept_in_order() -> None:
    kept = [
        {"system": "cap", "key": "parameter:HSAS", "value": "ORANGE"},
        {"system": "cap", "key": "parameter:HSAS", "value": "RED"},
        {"system": "stix", "key": "id", "value": "report--84e4d88f-44ea-4bcd-bbf3-b2c1c320bcb3"},
    ]
    bulletin = read_bulletin(payload(filled(correlations=kept)))
    assert [msgspec.to_builtins(it) for it in bulletin.correlations] == kept


def test_an_urgent_answer_is_due_from_the_stamp_on() -> None:
    taken_at = times.parse(SENT) + 5
    due = {
        "urgent": taken_at + 600_000_000,
        "routine": taken_at + 3_600_000_000,
        _after(7): times.parse(SENT) + 7,
    }
    for respond_by, at in due.items():
        assert read_bulletin(payload(filled(respond_by=respond_by))).respond_by_at(taken_at) == at
    assert read_bulletin(payload(filled(respond_by=..., request=...))).respond_by_at(taken_at) is None


def test_routing_sees_each_area_code_once() -> None:
    areas = [{"name": n, "code": code} for n, code in (("a", "PK-SD"), ("b", "PK-IS"), ("c", "PK-SD"))]
    assert read_bulletin(payload(filled(areas=[*areas, {"name": "d"}]))).area_codes == ("PK-IS", "PK-SD")


# --- What is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field",
    [
        "id",
        "originator",
        "exchange",
        "registry",
        "status",
        "type",
        "category",
        "sent",
        "expires",
        "marking",
        "text",
        "urgency",
        "severity",
        "certainty",
    ],
)
def test_a_missing_field_is_named(field: str) -> None:
    document = filled()
    del document[field]
    assert _refused(document)[f"/{field}"].got == "nothing"


def _english(**block: str) -> dict[str, Any]:
    return {"text": {"en": block}}


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        pytest.param(
            {"type": "Update"}, "/references", "the ids that this Update is about", id="update-of-nothing"
        ),
        pytest.param({"type": "Cancel"}, "/references", "the ids that this Cancel", id="cancel-of-nothing"),
        pytest.param({"references": [ID]}, "/references", "Update", id="alert-of-something"),
        pytest.param(
            {"type": "Update", "references": [ID, ID]}, "/references", "each id once", id="a-reference-twice"
        ),
        pytest.param(
            {"type": "Update", "references": [ID], "id": ID},
            "/references/0",
            "an earlier",
            id="an-update-of-itself",
        ),
        pytest.param({"type": "Update", "references": []}, "/references", "leave", id="an-empty-list"),
        pytest.param({"marking": "TLP:RED"}, "/address_digest", "--to", id="red-without-address"),
        pytest.param(
            {"marking": "TLP:AMBER+STRICT"}, "/address_digest", "an address", id="strict-without-address"
        ),
        pytest.param({"marking": "tlp:amber"}, "/marking", "did you mean TLP:AMBER?", id="a-small-marking"),
        pytest.param({"marking": "TLP:WHITE"}, "/marking", "one of", id="a-marking-of-tlp-1"),
        pytest.param({"status": "Draft"}, "/status", "one of", id="a-draft"),
        pytest.param({"severity": "severe"}, "/severity", "did you mean Severe?", id="a-small-severity"),
        pytest.param({"category": "terorism"}, "/category", "did you mean terrorism?", id="a-misspelling"),
        pytest.param({"expires": SENT}, "/expires", "a time after sent", id="expired-when-sent"),
        pytest.param(
            {"expires": _after(90 * DAY + 1)}, "/expires", "at most 90 days", id="beyond-ninety-days"
        ),
        pytest.param({"expires": "2026-12-02T09:30:00"}, "/expires", "add the offset", id="no-offset"),
        pytest.param({"issued": "2026-11-31T00:00:00Z"}, "/issued", "no such day", id="a-day-that-is-not"),
        pytest.param({"onset": _after(DAY + 1)}, "/onset", "not after expires", id="begins-after-its-end"),
        pytest.param(
            {"respond_by": _after(DAY + 1)}, "/respond_by", "not after expires", id="answer-too-late"
        ),
        pytest.param({"respond_by": "soon"}, "/respond_by", "urgent, routine or", id="an-answer-soon"),
        pytest.param(
            {"respond_by": ...}, "/respond_by", "because there is request", id="a-request-without-time"
        ),
        pytest.param(
            {"request": ...}, "/request", "because there is respond_by", id="a-time-without-request"
        ),
        pytest.param({"handling": {"code": "H3"}}, "/handling/text", "because the code is H3", id="h3-alone"),
        pytest.param({"handling": "H1"}, "/handling", "an object", id="handling-as-text"),
        pytest.param({"id": ID.upper()}, "/id", "lower case", id="a-uuid-in-capitals"),
        pytest.param(
            {"id": ID.replace("-4", "-1", 1)}, "/id", "versions 4, 5 and 7", id="a-uuid-of-version-1"
        ),
        pytest.param({"id": f"urn:uuid:{ID}"}, "/id", "leave out", id="a-uuid-as-urn"),
        pytest.param({"id": f"{ID}\n"}, "/id", "UUID", id="a-uuid-with-a-newline"),
        pytest.param({"registry": 0}, "/registry", "at least 1", id="registry-0"),
        pytest.param({"registry": 7.0}, "/registry", "version number", id="a-registry-with-a-fraction"),
        pytest.param({"registry": "7"}, "/registry", "version number", id="a-registry-as-text"),
        pytest.param({"registry": True}, "/registry", "version number", id="a-registry-as-truth"),
        pytest.param({"originator": "PK.FIA"}, "/originator", "lower case", id="an-agency-in-capitals"),
        pytest.param({"exchange": "ab"}, "/exchange", "32 bytes", id="half-an-exchange"),
        pytest.param({"text": {}}, "/text", "at least 1", id="no-language"),
        pytest.param({"text": {"EN": {"headline": "x"}}}, "/text/EN", "BCP 47", id="a-language-in-capitals"),
        pytest.param({"text": {"en": {}}}, "/text/en/headline", "one line", id="no-headline"),
        pytest.param(_english(headline=""), "/text/en/headline", "one line", id="an-empty-headline"),
        pytest.param(_english(headline="a\nb"), "/text/en/headline", "in one line", id="two-lines"),
        pytest.param(_english(headline="a "), "/text/en/headline", "space", id="a-space-at-the-end"),
        pytest.param(_english(headline="a" * 321), "/text/en/headline", "at most 320", id="a-long-headline"),
        pytest.param(_english(headline="a\u202eb"), "/text/en/headline", "remove", id="text-turned-round"),
        pytest.param(_english(headline="e\u0301"), "/text/en/headline", "normalise", id="not-nfc"),
        pytest.param(
            {"contact": {"desk": "x", "phone": "0300 1234567"}},
            "/contact/phone",
            "+923001234567",
            id="a-local-number",
        ),
        pytest.param({"contact": {"desk": "x"}}, "/contact/phone", "+92519105555", id="no-number-to-call"),
        pytest.param(
            {"evaluation": {"scale": "admiralty", "source": "X", "information": 1}},
            "/evaluation/source",
            "one of A, B",
            id="a-source-of-the-other-scale",
        ),
        pytest.param(
            {"evaluation": {"scale": "europol-4x4", "source": "A", "information": 5}},
            "/evaluation/information",
            "one of 1, 2, 3, 4",
            id="information-of-the-other-scale",
        ),
        pytest.param(
            {"evaluation": {"source": "A", "information": 5}},
            "/evaluation/scale",
            "one of admiralty",
            id="no-scale",
        ),
        pytest.param({"action": "arrest"}, "/action", "one of", id="an-unknown-action"),
        pytest.param(
            {"warnings": ["armed", "amred"]}, "/warnings/1", "did you mean armed?", id="a-warning-misspelt"
        ),
        pytest.param({"urgncy": "Past"}, "/urgncy", "no field of this name", id="an-unknown-field"),
        pytest.param(
            {"actoin": "seize", "action": ...}, "/actoin", "did you mean action?", id="a-field-misspelt"
        ),
        pytest.param(
            {"subjects": [{"type": "persn"}]},
            "/subjects/0/type",
            "did you mean person?",
            id="an-unknown-subject",
        ),
        pytest.param(
            {"subjects": [{"role": "wanted"}]},
            "/subjects/0/type",
            "one of person",
            id="a-subject-without-type",
        ),
        pytest.param({"subjects": ["x"]}, "/subjects/0", "an object with type", id="a-subject-as-text"),
        pytest.param(
            {"correlations": [{"system": "CAP", "key": "a", "value": "b"}]},
            "/correlations/0/system",
            "lower case",
            id="a-system-in-capitals",
        ),
    ],
)
def test_a_bulletin_is_refused_with(changes: dict[str, Any], pointer: str, words: str) -> None:
    problem = _refused(filled(**changes))[pointer]
    assert words in f"{problem.expected}, {problem.hint}"


@pytest.mark.parametrize("role", ["victim", "witness"])
@pytest.mark.parametrize("marking", ["TLP:CLEAR", "TLP:GREEN"])
def test_a_victim_or_witness_is_not_named_in_the_open(role: str, marking: str) -> None:
    protected = filled(marking=marking, subjects=[{"type": "person", "role": role, "aliases": ["A"]}])
    assert f"because /subjects/0 is a {role}" in _refused(protected)["/marking"].expected
    missing = filled(marking=marking, subjects=[{"type": "person", "role": "missing", "aliases": ["A"]}])
    (person,) = read_bulletin(payload(missing)).subjects
    assert isinstance(person, Person)
    assert not person.protected


def test_all_problems_are_named_at_once() -> None:
    document = filled(
        status="actual",
        marking="TLP:RED",
        expires=_after(-1),
        surplus=1,
        text={"en": {"headline": "a\u200b", "descripton": "b"}},
        subjects=[{"type": "phone"}, {"type": "goods", "substance": "x", "quantity": 0}],
        urgency=...,
    )
    assert set(_refused(document)) == {
        "/status",
        "/address_digest",
        "/expires",
        "/surplus",
        "/text/en/headline",
        "/text/en/descripton",
        "/subjects/0",
        "/subjects/1/quantity",
        "/urgency",
    }


def test_an_escape_hides_nothing() -> None:
    document = filled(text={"en": {"headline": "a\u202eb"}})
    with pytest.raises(SchemaError, match=r"U\+202E at column 2"):
        read_bulletin(json.dumps(document, ensure_ascii=True).encode())


@pytest.mark.parametrize(
    "value", [[], "x", 5, True, [filled()]], ids=["list", "text", "number", "truth", "wrapped"]
)
def test_what_is_no_object_is_refused_as_a_whole(value: object) -> None:
    assert _refused(value)[""].expected == "an object"


def test_a_hostile_document_gets_a_short_list() -> None:
    document = filled() | {f"field{n}": n for n in range(5_000)}
    assert len(_refused(document)) == limits.PROBLEMS_ITEMS


@pytest.mark.parametrize(
    ("value", "error"),
    [
        pytest.param({"a": {1, 2}}, Malformed, id="a-set"),
        pytest.param({"a": b"x"}, Malformed, id="bytes"),
        pytest.param(filled(registry=float("nan")), Malformed, id="nan"),
        pytest.param(filled(action=None), Malformed, id="none"),
        pytest.param(filled(action="\ud800"), Malformed, id="a-surrogate"),
        pytest.param(filled(request="a" * limits.PAYLOAD_BYTES), TooLarge, id="too-long"),
        pytest.param(filled(action="x"), SchemaError, id="a-wrong-term"),
    ],
)
def test_an_object_is_refused_before_it_is_signed(value: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_bulletin_object(value)


def test_an_object_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(Malformed):
        read_bulletin_object(endless)


def test_a_bulletin_cannot_be_changed_into_an_invalid_one() -> None:
    bulletin = read_bulletin(payload(filled()))
    with pytest.raises(AttributeError):
        bulletin.status = "Test"  # type: ignore[misc]
    with pytest.raises(ValueError, match="/expires"):
        msgspec.structs.replace(bulletin, expires=bulletin.sent)
