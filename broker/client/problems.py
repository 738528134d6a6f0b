"""From a broker's refusal (RFC 9457) back to the error class of its code.

A code that is not known here, or that comes with another status than it has, counts as its status alone:
whoever answers must not be able to choose an exit code. Words of the broker are kept, cut to a printable
length.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.errors import HarkaraError, Malformed, NotFound, Problem, Unavailable, family
from broker.protocol import strictjson

URN_PREFIX = "urn:harkara:problem:"
MEDIA_TYPE = "application/problem+json"
WORDS_CHARS = 500
RETRY_AFTER_SECONDS_MOST = 300.0

BY_CODE: dict[str, type[HarkaraError]] = {kind.code: kind for kind in family()}
_BY_STATUS: dict[int, type[HarkaraError]] = {404: NotFound}


def problem_of(status: int, body: bytes, *, retry_after: str | None = None) -> HarkaraError:
    """Give the error that an answer with this status and body is; `retry_after` is the header."""
    try:
        fields = strictjson.decode(body)
    except HarkaraError:
        fields = {}
    return read_problem(fields if isinstance(fields, dict) else {}, status, retry_after=retry_after)


def read_problem(
    fields: Mapping[str, Any], status: int | None = None, *, retry_after: str | None = None
) -> HarkaraError:
    """Give the error that a decoded problem is. Without `status`, its own member tells."""
    told = fields.get("status")
    known_status = status if status is not None else told if type(told) is int else 500
    name = fields.get("type")
    code = name.removeprefix(URN_PREFIX) if isinstance(name, str) else ""
    kind = BY_CODE.get(code)
    if kind is None or kind.status != known_status:
        kind = _BY_STATUS.get(known_status, Unavailable if known_status >= 500 else Malformed)
    detail = fields.get("detail") or fields.get("title")
    words = _printable(detail) if isinstance(detail, str) else f"the broker answered {known_status}"
    listed = fields.get("errors")
    problems = tuple(filter(None, map(_read_one, listed if isinstance(listed, list) else [])))
    error = kind(words, *problems, retry_after=read_retry_after(retry_after))
    within = fields.get("within")
    error.within = _printable(within) if isinstance(within, str) else ""
    return error


def read_retry_after(header: str | None) -> float | None:
    """Give the seconds of a Retry-After header, at most five minutes; None for a date, nonsense or none."""
    if header is None or not header.isascii() or not header.isdigit():
        return None
    return min(float(header[:6]), RETRY_AFTER_SECONDS_MOST)


def _read_one(value: object) -> Problem | None:
    if not isinstance(value, dict):
        return None
    words = [_printable(part) if isinstance(part := value.get(name, ""), str) else "" for name in _MEMBERS]
    return Problem(*words)


_MEMBERS = ("pointer", "expected", "got", "hint")


def _printable(text: str) -> str:
    cut = text[:WORDS_CHARS]
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in cut)
