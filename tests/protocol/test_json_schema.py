"""The published schemas are the types: generated, committed, and of one opinion with the code."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given

from broker.errors import Malformed, SchemaError
from broker.protocol import json_schema
from broker.protocol.schema_walk import read
from tests.contract.write_schemas import SCHEMAS
from tests.protocol.bulletin_strategy import bulletin_objects, receipt_objects
from tests.protocol.drafts import NAMES, filled, payload
from tests.protocol.test_explanation import spoilt

BULLETINS, RECEIPTS = (
    jsonschema_rs.validator_for(json_schema.schema_of(document)) for document in ("bulletin", "receipt")
)


@pytest.mark.parametrize("document", json_schema.DOCUMENTS)
def test_the_committed_schema_is_the_one_that_the_types_give(document: str) -> None:
    committed = (SCHEMAS / json_schema.file_name(document)).read_bytes()
    assert committed == json_schema.schema_json(document), "run python -m tests.contract.write_schemas"


@pytest.mark.parametrize("document", json_schema.DOCUMENTS)
def test_a_schema_is_one_and_knows_no_null(document: str) -> None:
    schema = json_schema.schema_of(document)
    jsonschema_rs.meta.validate(schema)
    written = json.dumps(schema)
    assert '"null"' not in written
    assert r"\\Z" not in written


def _examples(schema: Any) -> list[tuple[dict[str, Any], Any]]:
    if isinstance(schema, dict):
        own = [(schema, example) for example in schema.get("examples", ())]
        return own + [found for part in schema.values() for found in _examples(part)]
    return [found for part in schema for found in _examples(part)] if isinstance(schema, list) else []


@pytest.mark.parametrize("document", json_schema.DOCUMENTS)
def test_every_example_is_what_it_is_an_example_of(document: str) -> None:
    schema = json_schema.schema_of(document)
    examples = _examples(schema)
    assert examples
    for part, example in examples:
        assert jsonschema_rs.is_valid(part | {"$defs": schema.get("$defs", {})}, example), (part, example)


@pytest.mark.parametrize("name", NAMES)
def test_a_filled_draft_is_valid_by_its_schema(name: str) -> None:
    BULLETINS.validate(filled(name))


@given(bulletin_objects())
def test_the_schema_takes_what_the_code_takes(document: Any) -> None:
    BULLETINS.validate(document)


def _refused_by_both(validator: Any, document: Any, kind: str) -> None:
    if not validator.is_valid(document):
        with pytest.raises((Malformed, SchemaError)):
            read(payload(document), json_schema.DOCUMENTS[kind])


@given(spoilt(bulletin_objects()))
def test_the_code_refuses_what_the_bulletin_schema_refuses(document: Any) -> None:
    _refused_by_both(BULLETINS, document, "bulletin")


@given(spoilt(receipt_objects()))
def test_the_code_refuses_what_the_receipt_schema_refuses(document: Any) -> None:
    _refused_by_both(RECEIPTS, document, "receipt")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"type": "Update"}, id="an-update-of-nothing"),
        pytest.param({"references": ["6ba7b810-9dad-41d1-80b4-00c04fd430c8"]}, id="an-alert-with-references"),
        pytest.param({"marking": "TLP:RED"}, id="red-without-address"),
        pytest.param({"text": ...}, id="an-alert-without-text"),
        pytest.param({"request": ...}, id="a-time-without-request"),
        pytest.param({"handling": {"code": "H3"}}, id="h3-alone"),
        pytest.param({"subjects": [{"type": "phone"}]}, id="a-phone-without-number"),
        pytest.param({"subjects": [{"type": "goods", "substance": "x", "unit": "kg"}]}, id="a-unit-alone"),
        pytest.param({"areas": [{"name": "x", "radius_m": 5}]}, id="a-circle-around-nothing"),
        pytest.param({"expires": "2026-12-02T09:30:00"}, id="a-time-without-offset"),
        pytest.param({"id": "6BA7B810-9DAD-41D1-80B4-00C04FD430C8"}, id="a-uuid-in-capitals"),
        pytest.param({"action": None}, id="null"),
        pytest.param({"surplus": 1}, id="an-unknown-field"),
    ],
)
def test_the_schema_says_the_rule_too(changes: dict[str, Any]) -> None:
    assert not BULLETINS.is_valid(filled(**changes))
