"""Answers are signed words too: the same strictness, and a receipt whose id says what it is about."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import given

from broker.errors import Malformed, SchemaError
from broker.protocol.answers import (
    Acknowledgement,
    answer_json,
    read_acknowledgement,
    read_receipt,
    read_subscription,
    receipt_id,
)
from tests.protocol.bulletin_strategy import receipt_objects
from tests.protocol.drafts import EXCHANGE, payload

AT = "2026-12-01T09:30:00Z"
STMT = "ab" * 32
ACKNOWLEDGEMENT = {
    "exchange": EXCHANGE,
    "registry": 7,
    "agency": "pk.anf",
    "epoch": "cd" * 16,
    "number": 0,
    "chain": "ef" * 32,
    "at": AT,
}
SUBSCRIPTION = {"exchange": EXCHANGE, "registry": 7, "agency": "pk.anf", "version": 1, "at": AT}


def _receipt(kind: str = "opened", **changes: Any) -> dict[str, Any]:
    document = {
        "exchange": EXCHANGE,
        "registry": 7,
        "id": receipt_id(STMT, "pk.anf", kind, AT),
        "agency": "pk.anf",
        "originator": "pk.fia",
        "bulletin": "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
        "stmt": STMT,
        "sealed": "cd" * 32,
        "kind": kind,
        "at": AT,
    }
    return {field: value for field, value in (document | changes).items() if value is not ...}


@given(receipt_objects())
def test_a_receipt_is_read_and_written_without_change(document: dict[str, Any]) -> None:
    assert json.loads(answer_json(read_receipt(payload(document)))) == document


def test_the_same_answer_is_the_same_receipt() -> None:
    first = receipt_id(STMT, "pk.anf", "opened", AT)
    assert first == receipt_id(STMT, "pk.anf", "opened", AT)
    assert uuid.UUID(first).version == 5
    others = [
        (STMT, "pk.fia", "opened", AT),
        (STMT, "pk.anf", "refused", AT),
        ("00" * 32, "pk.anf", "opened", AT),
    ]
    assert first not in {receipt_id(*facts) for facts in others}


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        pytest.param(_receipt(kind="seen"), "/kind", "one of", id="an-unknown-kind"),
        pytest.param(
            _receipt(id=str(uuid.uuid5(uuid.NAMESPACE_URL, "x"))), "/id", "the UUID v5 of", id="another-id"
        ),
        pytest.param(_receipt() | {"agency": "pk.ctd"}, "/id", "the UUID v5 of", id="another-agency-s-id"),
        pytest.param(_receipt("later"), "/until", "because the kind is later", id="later-without-time"),
        pytest.param(_receipt("later", until=AT), "/until", "a time after at", id="later-is-now"),
        pytest.param(_receipt("later", until="soon"), "/until", "RFC 3339", id="later-is-soon"),
        pytest.param(_receipt(until=AT), "/until", "leave the field out", id="a-time-for-what-is-done"),
        pytest.param(_receipt(stmt="AB" * 32), "/stmt", "lower case", id="a-digest-in-capitals"),
        pytest.param(_receipt(sealed=...), "/sealed", "32 bytes", id="without-what-was-sealed"),
        pytest.param(_receipt(note="\u202e"), "/note", "hidden", id="a-note-turned-round"),
        pytest.param(_receipt(actor="a\nb"), "/actor", "in one line", id="an-actor-in-two-lines"),
        pytest.param(_receipt(at="2026-12-01T09:30:00"), "/at", "add the offset", id="a-time-without-offset"),
        pytest.param(_receipt(recipient="x"), "/recipient", "no field", id="an-unknown-field"),
    ],
)
def test_a_receipt_is_refused(document: dict[str, Any], pointer: str, words: str) -> None:
    with pytest.raises(SchemaError) as refused:
        read_receipt(payload(document))
    found = [it for it in refused.value.problems if it.pointer == pointer]
    assert words in f"{found[0].expected}, {found[0].hint}"


def test_an_acknowledgement_of_an_empty_inbox_is_taken() -> None:
    found = read_acknowledgement(payload(ACKNOWLEDGEMENT))
    assert isinstance(found, Acknowledgement)
    assert json.loads(answer_json(found)) == ACKNOWLEDGEMENT


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        pytest.param({"number": -1}, "/number", id="a-number-below-zero"),
        pytest.param({"number": 1.5}, "/number", id="a-fraction"),
        pytest.param({"epoch": "cd" * 32}, "/epoch", id="an-epoch-of-32-bytes"),
        pytest.param({"chain": "ef"}, "/chain", id="a-short-chain"),
        pytest.param({"at": "2026-02-30T00:00:00Z"}, "/at", id="a-day-that-is-not"),
        pytest.param({"n": 5}, "/n", id="an-unknown-field"),
    ],
)
def test_an_acknowledgement_is_refused(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(SchemaError) as refused:
        read_acknowledgement(payload(ACKNOWLEDGEMENT | changes))
    assert [it.pointer for it in refused.value.problems] == [pointer]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="everything"),
        pytest.param({"categories": ["terrorism", "drug-smuggling"]}, id="two-categories"),
        pytest.param({"areas": ["PK-PB", "PK"], "severity": "Severe"}, id="areas-and-severity"),
    ],
)
def test_a_subscription_is_taken(changes: dict[str, Any]) -> None:
    document = SUBSCRIPTION | changes
    assert json.loads(answer_json(read_subscription(payload(document)))) == document


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        pytest.param({"version": 0}, "/version", id="version-0"),
        pytest.param({"categories": []}, "/categories", id="no-category"),
        pytest.param({"categories": ["terror"]}, "/categories/0", id="an-unknown-category"),
        pytest.param({"areas": ["Punjab"]}, "/areas/0", id="a-name-for-a-code"),
        pytest.param({"severity": "Unknown"}, "/severity", id="a-severity-that-has-no-rank"),
        pytest.param({"marking": "TLP:RED"}, "/marking", id="an-unknown-field"),
    ],
)
def test_a_subscription_is_refused(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(SchemaError) as refused:
        read_subscription(payload(SUBSCRIPTION | changes))
    assert [it.pointer for it in refused.value.problems] == [pointer]


@pytest.mark.parametrize("read", [read_receipt, read_acknowledgement, read_subscription])
def test_no_answer_is_read_from_loose_json(read: Any) -> None:
    with pytest.raises(Malformed):
        read(b'{"agency":"pk.anf","agency":"pk.fia"}')
