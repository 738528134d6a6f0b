"""The OpenAPI document as tests use it: which operation a request is, and whether an answer is what it says.

Schemas refer to each other by file name, so they are registered under one made-up base.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from tests.contract.write_schemas import SCHEMAS
from tests.web.reader import Answer

BASE = "file:///schemas/"
DOCUMENT: dict[str, Any] = json.loads((SCHEMAS / "openapi.json").read_bytes())
METHODS = ("get", "head", "post", "put", "delete", "patch", "options", "trace")
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Operation:
    """One operation: method in capitals, path as a template, and what the document says of it."""

    method: str
    path: str
    said: dict[str, Any]

    @property
    def label(self) -> str:
        """`GET /v1/inbox`."""
        return f"{self.method} {self.path}"

    def answer(self, status: int) -> dict[str, Any]:
        """What is said of an answer with this status; a 405 may come from anywhere."""
        found = self.said["responses"].get(str(status))
        if found is None:
            assert status == 405, f"{self.label} does not say that it answers {status}"
            found = DOCUMENT["components"]["responses"]["MethodNotAllowed"]
        return resolve(found)


def operations() -> Iterator[Operation]:
    """Give every operation of the document."""
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield Operation(method.upper(), path, item[method])


def resolve(said: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference inside the document."""
    while "$ref" in said:
        found: Any = DOCUMENT
        for part in said["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        said = found
    return said


def operation_of(method: str, path: str) -> Operation:
    """Give the operation of a request; of the path alone when it has no such method."""
    plain = path.partition("?")[0]
    on_path = [one for one in operations() if _pattern(one.path).fullmatch(plain)]
    assert on_path, f"the document has no {plain}"
    return next((one for one in on_path if one.method == method), on_path[0])


def check_answer(method: str, path: str, answer: Answer) -> Operation:
    """Hold an answer to what the document says: status, headers, media type, content. Gives the operation."""
    operation = operation_of(method, path)
    said = operation.answer(answer.status)
    for name, header in said.get("headers", {}).items():
        _check_header(name, resolve(header), answer)
    content = said.get("content", {})
    if not content:
        assert answer.body == b"", f"{operation.label} says nothing of a body with {answer.status}"
        return operation
    media_type = answer.headers["Content-Type"].partition(";")[0]
    assert media_type in content, f"{operation.label} does not say that it gives {media_type}"
    _check_content(media_type, content[media_type], answer)
    return operation


def check(schema: dict[str, Any], value: object) -> None:
    """Hold a value to a schema of the document. Raises with what is wrong."""
    validator_of(json.dumps(schema)).validate(value)


@cache
def validator_of(schema: str) -> jsonschema_rs.Draft202012Validator:
    """Give the validator of a schema (as JSON text) that refers to those of the document."""
    # A reference into the document becomes one that is absolute: the schema stands outside it.
    text = schema.replace('"$ref": "#/', f'"$ref": "{BASE}openapi.json#/')
    text = re.sub(r'"\$ref": "([a-z]+\.schema\.json)', rf'"$ref": "{BASE}\1', text)
    return jsonschema_rs.Draft202012Validator(json.loads(text), registry=_registry())


def schema_file(name: str) -> dict[str, Any]:
    """Give a reference to one of the schema files."""
    return {"$ref": f"{name}.schema.json"}


@cache
def _registry() -> jsonschema_rs.Registry:
    # The OpenAPI document is no schema, but schemas stand in it at known places.
    files: list[Path] = sorted(SCHEMAS.glob("*.schema.json"))
    documents = [(BASE + file.name, json.loads(file.read_bytes())) for file in files]
    return jsonschema_rs.Registry([*documents, (f"{BASE}openapi.json", DOCUMENT)])


def _check_header(name: str, said: dict[str, Any], answer: Answer) -> None:
    value = answer.headers.get(name)
    if value is None:
        assert not said.get("required"), f"the header {name} is missing"
        return
    number = said["schema"].get("type") == "integer"
    check(said["schema"], int(value) if number else value)


def _check_content(media_type: str, said: dict[str, Any], answer: Answer) -> None:
    if "x-itemSchema" in said and media_type.endswith("ndjson"):
        for line in answer.body.splitlines():
            check(said["x-itemSchema"], json.loads(line))
    elif media_type.endswith("json"):
        check(said["schema"], answer.json)
        if media_type == PROBLEM:
            assert answer.json["status"] == answer.status
            assert answer.headers["X-Request-Id"] == answer.json["instance"][-36:].replace("-", "")


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", template))
