"""JSON as every parser reads it, or not at all (RFC 8259, and RFC 7493 where it is stricter).

A signature covers bytes; what was meant is what a parser makes of them. Two parsers that differ on one
document give it two meanings under one signature. So whatever parsers are known to differ on is refused: a
byte order mark, invalid UTF-8, lone surrogates, a name twice in one object, null (a field is left out
instead), NaN and Infinity, numbers that a double cannot hold. Depth is checked by a linear scan before
anything recursive sees the document.

The same decoder runs at the broker and at each recipient. What the document says is `schema_walk`'s affair.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NoReturn

from broker.errors import Malformed, Problem, TooLarge, shorten
from broker.protocol import limits

_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A string, or what an unterminated one leaves. It can neither fail nor backtrack once begun: linear on any
input.
"""
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_FEW_BRACKETS: Final = 200
"""With no more opening brackets than this no parser comes near its own limit, and the tree itself is
measured.
"""
_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
"""The only way that a surrogate comes in, paired or alone: UTF-8 has none."""
_NOT_JSON: Final = (
    ("Expecting value", "no value"),
    ("Expecting property name", "no name in double quotes"),
    ("Illegal trailing comma before end of object", "no name in double quotes"),
    ("Illegal trailing comma", "no value"),
    ("Expecting ':'", "no colon after a name"),
    ("Expecting ','", "no comma before the next member"),
    ("Unterminated string", "a text without an end"),
    ("Invalid control character", "a control character in a text"),
    ("Invalid", "an escape that JSON does not have"),
    ("Extra data", "more than one"),
)
"""The beginning of Python's sentence, and ours."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def decode(
    payload: bytes,
    *,
    max_bytes: int = limits.PAYLOAD_BYTES,
    max_depth: int = limits.JSON_DEPTH_LEVELS,
) -> object:
    """Give the value (dict, list, str, int, float, bool) that `payload` is the JSON of.

    Raises TooLarge above `max_bytes`, and Malformed, naming where, for all that is refused above.
    """
    if len(payload) > max_bytes:
        raise TooLarge(
            f"the document has {len(payload)} bytes",
            Problem("", f"at most {max_bytes} bytes", f"{len(payload)}"),
        )
    if payload.startswith(b"\xef\xbb\xbf"):
        _refuse("", "JSON", "a byte order mark", "remove the first three bytes")
    try:
        text = payload.decode()
    except UnicodeDecodeError as why:
        _refuse(
            "",
            "UTF-8",
            f"byte 0x{payload[why.start]:02x} at offset {why.start}",
            "save the document as UTF-8",
        )
    if payload.count(b"[") + payload.count(b"{") > _FEW_BRACKETS:
        _check_depth(payload, max_depth)
    try:
        value = _parse(_FAST, text)
    except _UnlikelyError:
        value = None
    if _is_clean(value, max_depth) and (_ESCAPE.search(payload) is None or not _has_surrogate(value)):
        return value
    _check_depth(payload, max_depth)
    # No more are looked for than are told: 400 KiB of one name again and again would cost a quarter second.
    found = islice(_faults(_parse(_EXACT, text), ""), limits.PROBLEMS_ITEMS)
    raise Malformed("the document is not JSON that all parsers read alike", *found)


def pointer_to(parent: str, name: str | int) -> str:
    """Give the RFC 6901 pointer of a member of what `parent` points to."""
    return (
        f"{parent}/{name}"
        if isinstance(name, int)
        else f"{parent}/{name.replace('~', '~0').replace('/', '~1')}"
    )


def _refuse(pointer: str, expected: str, got: str, hint: str) -> NoReturn:
    raise Malformed(f"expected {expected}, got {got}", Problem(pointer, expected, got, hint))


def _check_depth(payload: bytes, max_depth: int) -> None:
    depth = 0
    for bracket in _STRING.sub(b"", payload).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > max_depth:
            _refuse("", f"at most {max_depth} nested levels", "more", "")


def _parse(decoder: json.JSONDecoder, text: str) -> object:
    try:
        return decoder.decode(text)
    except json.JSONDecodeError as why:
        found = next((words for begins, words in _NOT_JSON if why.msg.startswith(begins)), "no JSON")
        _refuse("", "one JSON document", f"{found} at line {why.lineno}, column {why.colno}", "")
    except ValueError:  # an integer of thousands of digits, which Python declines to read
        raise _UnlikelyError from None


# --- The usual way: the tree, and whether it is clean -------------------------------------------------------


class _UnlikelyError(ValueError):
    """The document has a name twice, NaN, Infinity, or a huge integer."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(members := dict(pairs)) != len(pairs):
        raise _UnlikelyError
    return members


def _no_constant(_name: str) -> NoReturn:
    raise _UnlikelyError


_FAST: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def _is_clean(value: object, levels: int) -> bool:
    kind = type(value)
    if kind is dict or kind is list:
        if levels == 0:
            return False
        for member in value.values() if kind is dict else value:  # type: ignore[attr-defined]
            if type(member) is not str and not _is_clean(member, levels - 1):
                return False
        return True
    if kind is int:
        return -limits.SAFE_INTEGER <= value <= limits.SAFE_INTEGER  # type: ignore[operator]
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]
    return value is not None


def _has_surrogate(value: object) -> bool:
    return _SURROGATE.search(json.dumps(value, ensure_ascii=False)) is not None


# --- The other way: everything that is wrong, and where -----------------------------------------------------


class _Pairs(list[tuple[str, Any]]):
    """The members of an object as they stand, names twice included."""


class _Number(str):
    """A number as it is spelled."""


_EXACT: Final = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number, parse_constant=_Number
)


def _faults(value: object, at: str) -> Iterator[Problem]:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, member in value:
            here = pointer_to(at, name)
            if name in seen:
                yield Problem(here, "each name once in an object", "it twice", "remove one of them")
            seen.add(name)
            yield from _surrogates(here, name)
            yield from _faults(member, here)
    elif isinstance(value, list):
        for n, member in enumerate(value):
            yield from _faults(member, pointer_to(at, n))
    elif value is None:
        yield Problem(at, "a value", "null", "leave the field out")
    elif isinstance(value, _Number):
        yield from _number(at, value)
    elif isinstance(value, str):
        yield from _surrogates(at, value)


def _surrogates(at: str, text: str) -> list[Problem]:
    if (lone := _SURROGATE.search(text)) is None:
        return []
    got = f"U+{ord(lone[0]):04X} at column {lone.start() + 1}"
    return [Problem(at, "text", got, "surrogates stand in pairs only: the text was cut, or is not Unicode")]


def _number(at: str, spelled: str) -> list[Problem]:
    if spelled.lstrip("-").isdigit():
        if len(spelled) > len("-9007199254740991") or abs(int(spelled)) > limits.SAFE_INTEGER:
            return [Problem(at, "an integer of at most 2^53 - 1", shorten(spelled), "send it as text")]
    elif not math.isfinite(float(spelled)):
        return [Problem(at, "a number that a double can hold", shorten(spelled))]
    return []
