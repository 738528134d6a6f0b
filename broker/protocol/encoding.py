"""F: the one byte form of everything that machines sign, derive keys from or encrypt.

`F("harkara/1 …", a, b, …)` is a msgpack array of fixed arity whose first element is a label with project,
format version and purpose, so that bytes made for one purpose never pass for another. `bin` for bytes, `str`
for text, the smallest integers, nil where the shape says so; lists may nest. No maps, no extension types, no
floats.

The rule that keeps one meaning per byte string: decode with limits, check the shape, encode again, compare.
Reordered maps and non-minimal integers pass any looser check. Source: schemas/protocol.md, "Encoding".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import msgpack

from broker.errors import Malformed, Problem, shorten
from broker.protocol.limits import RECORD_BYTES, RECORD_LIST_ITEMS

PROJECT = "harkara/1"


@dataclass(frozen=True, slots=True)
class Bin:
    """Bytes of exactly `size`."""

    size: int


@dataclass(frozen=True, slots=True)
class Maybe:
    """nil, or what `field` describes."""

    field: Field


@dataclass(frozen=True, slots=True)
class ListOf:
    """Any number of what `field` describes."""

    field: Field


@dataclass(frozen=True, slots=True)
class Row:
    """A nested array of fixed arity."""

    fields: tuple[Field, ...]


Field = type | Bin | Maybe | ListOf | Row
"""The shape of one element: `bytes`, `str` or `int` (unsigned), or one of the four above."""


def pack(purpose: str, *fields: Any) -> bytes:
    """Give F("harkara/1 <purpose>", *fields). The caller answers for the shape; `unpack` checks it."""
    return cast(bytes, msgpack.packb([f"{PROJECT} {purpose}", *fields], use_bin_type=True))


def is_of(record: bytes, purpose: str) -> bool:
    """Tell whether `record` begins as one of `purpose` does. Says nothing of the rest: `unpack` does."""
    # The first byte counts the fields; arrays of 16 and more are no records of ours.
    return record[1:].startswith(pack(purpose)[1:])


def unpack(record: bytes, purpose: str, *shape: Field, max_bytes: int = RECORD_BYTES) -> list[Any]:
    """Give the fields of `record`, which must be F("harkara/1 <purpose>", …) of `shape`, to the byte and in
    at most `max_bytes`.

    Raises `Malformed` when it is too large, not msgpack, of another purpose or shape, or not in canonical
    form.
    """
    if len(record) > max_bytes:
        raise _refusal(purpose, f"at most {max_bytes} bytes", f"{len(record)} bytes")
    try:
        found = msgpack.unpackb(
            record, raw=False, use_list=True, max_array_len=RECORD_LIST_ITEMS, max_map_len=0, max_ext_len=0
        )
    except (ValueError, msgpack.UnpackException) as error:  # all that msgpack raises on hostile bytes
        raise _refusal(purpose, "a msgpack array", type(error).__name__) from None
    if not isinstance(found, list) or not found:
        raise _refusal(purpose, "a msgpack array", type(found).__name__)
    label, fields = found[0], found[1:]
    if label != f"{PROJECT} {purpose}":
        raise _refusal(purpose, f'the label "{PROJECT} {purpose}"', _seen(label))
    if len(fields) != len(shape):
        raise _refusal(purpose, f"{len(shape)} fields", f"{len(fields)} fields")
    for place, (value, field) in enumerate(zip(fields, shape, strict=True), start=1):
        if not _fits(value, field):
            raise _refusal(purpose, f"element {place} to be {_name(field)}", _seen(value))
    if msgpack.packb(found, use_bin_type=True) != record:
        raise _refusal(purpose, "the canonical encoding", "other bytes with the same meaning")
    return fields


def _refusal(purpose: str, expected: str, got: str) -> Malformed:
    return Malformed(f"the {purpose} record cannot be read", Problem("", expected, got))


def _seen(value: object) -> str:
    # Not the repr of what came: a list nested 1,000 deep, which msgpack reads, ends it in a RecursionError.
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return f"{len(value)} bytes" if isinstance(value, bytes) else shorten(value)


def _fits(value: object, field: Field) -> bool:
    if isinstance(field, type):
        # bool is an int in Python and never one here.
        return type(value) is field and not (field is int and value < 0)  # type: ignore[operator]
    if isinstance(field, Bin):
        return type(value) is bytes and len(value) == field.size
    if isinstance(field, Maybe):
        return value is None or _fits(value, field.field)
    if not isinstance(value, list):
        return False
    if isinstance(field, ListOf):
        return all(_fits(one, field.field) for one in value)
    return len(value) == len(field.fields) and all(map(_fits, value, field.fields))


def _name(field: Field) -> str:
    if isinstance(field, type):
        return {"int": "an unsigned integer", "str": "text", "bytes": "bytes"}.get(
            field.__name__, field.__name__
        )
    if isinstance(field, Bin):
        return f"{field.size} bytes"
    if isinstance(field, Maybe):
        return f"nil or {_name(field.field)}"
    return "a list"
