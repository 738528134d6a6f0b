"""The JSON of STIX from outside: held to what every parser reads alike (`broker.protocol.strictjson`).

Two things that real publishers do are forgiven: UTF-16, and null for what is absent (STIX 2.1 has no null).
"""

from __future__ import annotations

import codecs
import json
from typing import Any, Final

from broker.errors import Malformed
from broker.interop.imported import IMPORT_SOURCE_BYTES
from broker.protocol import strictjson

SOURCE_DEPTH_LEVELS: Final = 32


def read_json(source: bytes) -> tuple[object, list[str]]:
    """Give the value, and sentences on what was forgiven. Raises Malformed."""
    text = _as_utf_8(source)
    try:
        return _strict(text), []
    except Malformed as why:
        # What is wrong is listed, up to a hundred things. Only nulls, so far: whatever hides behind them is
        # found by the second reading.
        if not why.problems or any(problem.got != "null" for problem in why.problems):
            raise
    nulls = [0]
    value = json.loads(text, object_pairs_hook=lambda pairs: _without_nulls(pairs, nulls))
    note = f"{nulls[0]} properties were null, which STIX does not have, and are left out"
    return _strict(json.dumps(value, ensure_ascii=False).encode()), [note]


def _as_utf_8(source: bytes) -> bytes:
    if not source.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return source.removeprefix(codecs.BOM_UTF8)
    try:
        return source.decode("utf-16").encode()
    except UnicodeError:
        raise Malformed("the document begins like UTF-16, and is not") from None


def _strict(text: bytes) -> object:
    return strictjson.decode(text, max_bytes=2 * IMPORT_SOURCE_BYTES, max_depth=SOURCE_DEPTH_LEVELS)


def _without_nulls(pairs: list[tuple[str, Any]], nulls: list[int]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("the document has a name twice in one object")
    kept = {name: value for name, value in found.items() if value is not None}
    nulls[0] += len(found) - len(kept)
    return kept
