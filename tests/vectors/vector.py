"""The form of a test vector: one operation, its inputs, what must come out, and what must be refused and why.

Everything in it is JSON: bytes are lower-case hex, envelopes are DSSE objects, documents are text. A refusal
names only the inputs that differ from the successful ones, has one cause, and names the code of the error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parents[2] / "schemas" / "vectors"

RECORDED = "recorded-hpke.json"
"""What HPKE gave once: no vector, but needed to make one again."""

Values = Mapping[str, Any]
"""JSON-able inputs or outputs of an operation, by name."""


@dataclass(frozen=True)
class Refusal:
    """One thing that must be refused. `given` replaces inputs; None takes one out."""

    name: str
    why: str
    error: str
    given: Values

    def inputs(self, usual: Values) -> dict[str, Any]:
        """Give all inputs of the refused case."""
        return {name: value for name, value in {**usual, **self.given}.items() if value is not None}


@dataclass(frozen=True)
class Vector:
    """One vector. `source` is the section of schemas/protocol.md; `expected` is filled by the maker."""

    name: str
    source: str
    description: str
    operation: str
    inputs: Values
    refusals: Sequence[Refusal]
    secrets: Values = field(default_factory=dict)
    """What the inputs were made from, where it is not among them: seeds of keys, so that others can make
    them.
    """
    expected: Values = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Give the vector as JSON."""
        found: dict[str, Any] = {
            "vector": self.name,
            "source": f"schemas/protocol.md, {self.source}",
            "description": self.description,
            "operation": self.operation,
            "inputs": dict(self.inputs),
            "expected": dict(self.expected),
            "refusals": [
                {"name": one.name, "why": one.why, "error": one.error, "given": dict(one.given)}
                for one in self.refusals
            ],
        }
        return found | ({"secrets": dict(self.secrets)} if self.secrets else {})

    def to_bytes(self) -> bytes:
        """Give the file."""
        return json.dumps(self.document(), indent=1, ensure_ascii=False).encode() + b"\n"


def read(path: Path) -> Vector:
    """Read a file that `to_bytes` made."""
    fields = json.loads(path.read_bytes())
    return Vector(
        name=fields["vector"],
        source=fields["source"].removeprefix("schemas/protocol.md, "),
        description=fields["description"],
        operation=fields["operation"],
        inputs=fields["inputs"],
        refusals=[Refusal(**one) for one in fields["refusals"]],
        secrets=fields.get("secrets", {}),
        expected=fields["expected"],
    )


def path_of(name: str) -> Path:
    """Give where a vector lies."""
    return DIRECTORY / f"{name}.json"


def published() -> list[Vector]:
    """Read all files."""
    return [read(path) for path in sorted(DIRECTORY.glob("*.json")) if path.name != RECORDED]
