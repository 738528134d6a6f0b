"""Query parameters: those that a resource knows, each once, and no others.

A parameter that is misspelt and silently ignored would give another answer than the one asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from broker.errors import Malformed, Problem, shorten
from broker.protocol.strictjson import pointer_to
from broker.web.target import Target

TARGET = web.RequestKey("target", Target)
PARAMETERS_ITEMS: Final = 16
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,15}")


def read_query(request: web.Request, *allowed: str) -> dict[str, str]:
    """Give the parameters of the query. Raises `Malformed` naming each that is unknown or stands twice."""
    try:
        pairs = parse_qsl(
            request[TARGET].query or "",
            keep_blank_values=True,
            errors="strict",
            max_num_fields=PARAMETERS_ITEMS,
        )
    except UnicodeDecodeError:
        raise Malformed(
            "the query is not UTF-8", Problem("", "UTF-8 under the escapes", "other bytes")
        ) from None
    except ValueError:
        most = f"at most {PARAMETERS_ITEMS} parameters"
        raise Malformed("the query has too many parameters", Problem("", most, "more")) from None
    known = ", ".join(allowed) or "no parameters"
    wrong = [
        Problem(pointer_to("", name), known, "an unknown parameter")
        for name, _ in pairs
        if name not in allowed
    ]
    found = dict(pairs)
    twice = {name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1} & set(allowed)
    wrong += [Problem(f"/{name}", "each parameter once", "it twice") for name in sorted(twice)]
    if wrong:
        raise Malformed("the query is not one that this resource takes", *wrong)
    return found


def whole(query: Mapping[str, str], name: str, *, least: int, most: int, default: int) -> int:
    """Give a parameter that is a whole number in canonical decimal. Raises `Malformed`."""
    text = query.get(name)
    if text is None:
        return default
    if _WHOLE.fullmatch(text) is None or not least <= int(text) <= most:
        expected = f"a whole number from {least} to {most}"
        raise Malformed(f"{name} is out of its range", Problem(f"/{name}", expected, shorten(text)))
    return int(text)
