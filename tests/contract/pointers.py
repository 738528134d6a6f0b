"""Where the pointers of a problem lead in the request that it refuses.

A pointer leads into the JSON of the body; with `within`, into the document that a member of the body holds in
base64; and for what the head says, into the head read as an object: fields in lower case, parameters of the
query by their names, `signature-input` by its parameters.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

MISSING: Final = object()
NOT_THERE: Final = ("nothing", "none", "no address")
"""What a problem says it got when what it points to is missing: then what should hold it must be there."""


@dataclass(frozen=True)
class Sent:
    """A request as it was sent: its path with the query, its head, its body."""

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def head(self) -> dict[str, Any]:
        """Give the head as an object."""
        found: dict[str, Any] = dict(parse_qsl(self.path.partition("?")[2], keep_blank_values=True))
        found |= {name.lower(): value for name, value in self.headers.items()}
        parameters = re.findall(r';(\w+)=("[^"]*"|\d+)', found.get("signature-input", ""))
        found["signature-input"] = dict(parameters)
        found["@authority"] = found.get("host")
        found.setdefault("signature", "")  # what a read lacks is pointed to as well
        return found


def unresolved(sent: Sent, problem: dict[str, Any]) -> list[str]:
    """Give the pointers of a problem document that lead nowhere in what was sent."""
    documents: list[object] = [sent.head()]
    if sent.body is not None:
        documents.insert(0, _decoded(sent.body))
    if "within" in problem:
        payload = resolve(documents[0], problem["within"])
        if not isinstance(payload, str):
            return [problem["within"]]
        documents = [_decoded(base64.b64decode(payload))]
    return [
        error["pointer"]
        for error in problem.get("errors", [])
        if not any(_leads_somewhere(document, error) for document in documents)
    ]


def resolve(document: object, pointer: str) -> object:
    """Follow an RFC 6901 pointer; `MISSING` when it leads nowhere."""
    if pointer and not pointer.startswith("/"):
        return MISSING
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and name in document:
            document = document[name]
        elif isinstance(document, list) and name.isdigit() and int(name) < len(document):
            document = document[int(name)]
        else:
            return MISSING
    return document


def _leads_somewhere(document: object, error: dict[str, str]) -> bool:
    pointer = error["pointer"]
    if error["got"] in NOT_THERE:
        pointer = pointer.rpartition("/")[0]
    return resolve(document, pointer) is not MISSING


def _decoded(content: bytes) -> object:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode("latin-1")  # its whole is all that can be pointed to
