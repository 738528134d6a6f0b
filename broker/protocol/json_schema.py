"""The JSON Schemas (2020-12) of the documents, generated from their types: `schemas/*.schema.json`.

They say all that the types and most of what the rules say; `ALSO_REFUSED`, their `$comment`, names the rest.
A document that a schema refuses is refused by `schema_walk` too. `python -m tests.contract.write_schemas`
writes the files.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from broker.protocol.answers import Acknowledgement, Receipt, Subscription
from broker.protocol.bulletin import Bulletin
from broker.protocol.rules import Record

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ALSO_REFUSED: Final = (
    "Refused beyond this schema: names twice in an object, null, integers written with a fraction, text "
    "that is not NFC or has hidden characters, days that no calendar has, times out of order, rings that "
    "are not closed, attachments that are not what size and sha256 say, a marking too wide for a victim or "
    "witness."
)
DOCUMENTS: Final[dict[str, type[Record]]] = {
    "bulletin": Bulletin,
    "receipt": Receipt,
    "acknowledgement": Acknowledgement,
    "subscription": Subscription,
}


def file_name(document: str) -> str:
    """Give the name of a document's schema in `schemas/`."""
    return f"{document}.schema.json"


def schema_of(document: str) -> dict[str, Any]:
    """Give the JSON Schema of one of `DOCUMENTS`."""
    type_ = DOCUMENTS[document]
    _, parts = msgspec.json.schema_components((type_,))
    own = _mended(parts.pop(type_.__name__))
    records = {record.__name__: record for record in _records(Record)}
    defs = {name: _with_rules(_mended(part), records[name]) for name, part in sorted(parts.items())}
    return {
        "$schema": DIALECT,
        "$id": f"urn:harkara:schema:{document}",
        "$comment": ALSO_REFUSED,
        **_with_rules(own, type_),
        **({"$defs": defs} if defs else {}),
    }


def schema_json(document: str) -> bytes:
    """Give the file: the schema of one of `DOCUMENTS` as indented JSON in UTF-8 with a final newline."""
    return json.dumps(schema_of(document), ensure_ascii=False, indent=2).encode() + b"\n"


def _records(base: type[Record]) -> list[type[Record]]:
    return [found for record in base.__subclasses__() for found in (record, *_records(record))]


def _with_rules(schema: dict[str, Any], record: type[Record]) -> dict[str, Any]:
    rules = [rule.schema for rule in record.RULES if rule.schema]
    return schema | ({"allOf": rules} if rules else {})


def _mended(schema: Any) -> Any:
    """Give what msgspec generates without null (a field is left out instead) and with patterns that end in
    `$`.
    """
    if isinstance(schema, list):
        return [_mended(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    choices = [choice for choice in schema.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        schema = choices[0] | {name: part for name, part in schema.items() if name != "anyOf"}
    elif choices:
        schema = schema | {"anyOf": choices}
    found = {name: _mended(part) for name, part in schema.items() if name not in ("default", "discriminator")}
    if isinstance(pattern := found.get("pattern"), str):
        found["pattern"] = pattern.removesuffix(r"\Z") + ("$" if pattern.endswith(r"\Z") else "")
    return found
