"""The cursor: where a reader stands.

`after` is the last number that it holds; `at` and `chain` are the last entry end not above that, and the
chain there. Without a chain nothing is compared. Source: schemas/protocol.md, "Cursor".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from broker.errors import Malformed, Problem
from broker.protocol import dsse
from broker.protocol.limits import SAFE_INTEGER


@dataclass(frozen=True, slots=True)
class Cursor:
    """A reader's place in its inbox."""

    after: int = 0
    at: int = 0
    chain: bytes | None = None

    @classmethod
    def read(cls, query: Mapping[str, str], last_event_id: str | None = None) -> Cursor:
        """Read `after`, `at`, `chain`, and let `Last-Event-ID` move the start. Raises `Malformed`."""
        after, at = _number(query, "after"), _number(query, "at")
        chain = dsse.decode_hex(query["chain"], "/chain", 32) if "chain" in query else None
        if chain is None and "at" in query:
            raise _refusal(
                "/chain", "the chain at the number `at`", "none", "send at and chain together, or neither"
            )
        if at > after:
            raise _refusal("/at", f"at most after, {after}", str(at))
        cursor = cls(after, at, chain)
        if last_event_id is None:
            return cursor
        moved = _integer(last_event_id, "/Last-Event-ID")
        return replace(cursor, after=moved) if moved >= at else cls(moved)


def _number(query: Mapping[str, str], name: str) -> int:
    return _integer(query[name], f"/{name}") if name in query else 0


def _integer(text: str, pointer: str) -> int:
    # str.isdigit also takes digits of other scripts, and int() takes signs, spaces and underscores.
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= SAFE_INTEGER):
        raise _refusal(pointer, "a whole number from 0", text)
    return int(text)


def _refusal(pointer: str, expected: str, got: str, hint: str = "") -> Malformed:
    return Malformed("the cursor cannot be read", Problem(pointer, expected, got, hint))
