"""From bytes to a typed document, or to the list of everything that is wrong with it.

msgspec decides: what it converts, with the rules of each record, is accepted, and nothing else is. It stops
at the first problem, so for a document that it refuses the same type is walked again, slowly, and every
problem is named: where, what was expected, what came, how to mend it. The walk decides nothing; a test holds
that it finds a problem exactly when msgspec refuses. The same list is given by a client before it signs and
by a broker.
"""

from __future__ import annotations

import json
from typing import TypeVar

import msgspec

from broker.errors import Malformed, Problem, SchemaError, shorten
from broker.protocol import limits, strictjson, text
from broker.protocol.explanation import explain

T = TypeVar("T")


def read(payload: bytes, type_: type[T], *, max_bytes: int = limits.PAYLOAD_BYTES) -> T:
    """Give the document of type `type_` that is the JSON `payload`.

    Raises TooLarge, Malformed (`strictjson`), or SchemaError with all problems of its fields and texts.
    """
    value = strictjson.decode(payload, max_bytes=max_bytes)
    if text.is_plain(payload.decode()) or text.is_good(value):
        return convert(value, type_)
    raise _refusal([*text.problems(value), *explain(value, type_)])


def read_object(value: object, type_: type[T]) -> T:
    """Give the document that `value`, made of dicts, lists, str, int, float and bool, is: a check before
    signing.

    Raises what `read` raises for its JSON.
    """
    try:
        payload = _compact(value)
    except (TypeError, ValueError, RecursionError) as why:
        raise Malformed(f"not a JSON value: {why}", Problem("", "a JSON value", shorten(str(why)))) from None
    return read(payload, type_)


def _compact(value: object) -> bytes:
    """Give the JSON as it will be signed, without escapes and spaces: a payload's limit counts these."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value).encode()  # a surrogate stands alone: escaped, `read` can say where


def convert(value: object, type_: type[T]) -> T:
    """Give the document of type `type_` that a decoded JSON value is. Raises SchemaError with all its
    problems.
    """
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as why:
        found = explain(value, type_) or [Problem("", "a document of this kind", shorten(str(why)))]
        raise _refusal(found) from None


def _refusal(found: list[Problem]) -> SchemaError:
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    detail = f"{first.pointer or 'the document'}: expected {first.expected}, got {first.got}{more}"
    return SchemaError(detail, *found[: limits.PROBLEMS_ITEMS])
