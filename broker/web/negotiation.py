"""What form of an answer the reader wants: `Accept`, with its q values (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from aiohttp import hdrs, web

from broker.errors import Malformed, NotAcceptable, Problem, shorten

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
EVENTS: Final = "text/event-stream"

RANGES_ITEMS: Final = 32
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RANGE: Final = re.compile(
    rf"[ \t]*({_TOKEN})/({_TOKEN})((?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|\"[^\"\\,;]*\"))*)[ \t]*"
)
_WEIGHT: Final = re.compile(r"[ \t]*;[ \t]*[qQ]=([^ \t;]*)")
_Q: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def choose(request: web.Request, offered: Sequence[str]) -> str:
    """Give the media type of `offered` (best first) that the request likes best; the first when it does not
    say.

    Raises `Malformed` for an Accept that is not one, `NotAcceptable` when nothing offered will do.
    """
    lines = request.headers.getall(hdrs.ACCEPT, [])
    ranges = _read(",".join(lines))
    if not ranges:
        return offered[0]
    # max() keeps the first of equals, so that our own order decides among them.
    best = max(offered, key=lambda media_type: _weight(media_type, ranges))
    if _weight(best, ranges) == 0:
        raise NotAcceptable(
            "none of the media types asked for can be given",
            Problem("/accept", " or ".join(offered), shorten(", ".join(lines))),
        )
    return best


def _read(text: str) -> list[tuple[str, str, float]]:
    found: list[tuple[str, str, float]] = []
    for part in text.split(","):
        if not part.strip(" \t"):
            continue
        matched = _RANGE.fullmatch(part)
        weight = _WEIGHT.search(matched[3]) if matched else None
        if matched is None or (weight and _Q.fullmatch(weight[1]) is None) or len(found) == RANGES_ITEMS:
            raise Malformed(
                "Accept is not readable", Problem("/accept", "media ranges (RFC 9110)", shorten(text))
            )
        found.append((matched[1].lower(), matched[2].lower(), float(weight[1]) if weight else 1.0))
    return found


def _weight(media_type: str, ranges: list[tuple[str, str, float]]) -> float:
    # The most specific range that matches decides, whatever the order.
    main, _, sub = media_type.partition("/")
    matching = [
        ((r_main != "*") + (r_sub != "*"), q)
        for r_main, r_sub, q in ranges
        if (r_main, r_sub) in ((main, sub), (main, "*"), ("*", "*"))
    ]
    return max(matching, default=(0, 0.0))[1]
