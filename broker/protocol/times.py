"""Times in documents (RFC 3339 with offset) and in code (µs since the epoch, UTC, `int`).

A document's time is a date, `T`, a time with at most six decimals, and `Z` or an offset, in the years 2000 to
2099. Refused, because parsers differ on them: no offset, `-00:00` (RFC 3339, section 4.3: "the offset is
unknown"; CAP uses it, and its import writes `Z`), a leap second, lower-case letters, a space for `T`,
decimals that would be rounded.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from broker.protocol import limits

DATE: Final = r"20[0-9][0-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
OFFSET: Final = (
    r"(?:Z|\+(?:0[0-9]|1[0-4]):[0-5][0-9]|-(?:0[1-9]|1[0-2]):[0-5][0-9]|-00:(?:0[1-9]|[1-5][0-9]))"
)
TIME: Final = DATE + r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?" + OFFSET
"""The form of a time, as a regular expression without anchors. It lets 31 February pass: `parse` does not."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FORM: Final = re.compile(TIME)
_DURATION: Final = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_UNITS: Final = {
    "ms": 1000,
    "s": limits.SECOND_US,
    "m": limits.MINUTE_US,
    "h": limits.HOUR_US,
    "d": limits.DAY_US,
}


def parse(text: str) -> int:
    """Give the µs since the epoch that an RFC 3339 time names.

    Raises ValueError, whose words say what is wrong, for anything but the form above.
    """
    if _FORM.fullmatch(text) is None:
        raise ValueError(mend(text) or "not a time like 2026-03-01T09:30:00+05:00")
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except ValueError:
        raise ValueError("no such day in the calendar") from None


def format(at: int) -> str:  # noqa: A001  (times.format beside times.parse)
    """Give the RFC 3339 time in UTC (`Z`) of `at` µs since the epoch: decimals only when there are some."""
    return (_EPOCH + timedelta(microseconds=at)).isoformat().replace("+00:00", "Z")


def parse_duration(text: str) -> int:
    """Give the µs of a duration such as `500ms`, `90s`, `10m`, `4h` or `7d`. Raises ValueError for anything
    else.
    """
    if (found := _DURATION.fullmatch(text)) is None:
        raise ValueError(f"not a duration like 90s, 10m, 4h or 7d: {text!r}")
    return int(found[1]) * _UNITS[found[2]]


def mend(text: str) -> str:
    """Say how to mend a text that is nearly a time, or give ""."""
    if (found := _NEARLY.fullmatch(text)) is None:
        return ""
    advice = []
    if found["clock"] is None:
        return "add the time and the offset, for example T09:30:00+05:00"
    if found["t"] != "T":
        advice.append("write a capital T between date and time")
    if found["seconds"] is None:
        advice.append("add the seconds")
    elif found["seconds"] == ":60":
        advice.append("write second 59, leap seconds are not taken")
    if len(found["decimals"] or "") > len(".123456"):
        advice.append("give at most six decimals")
    match found["offset"]:
        case None:
            advice.append("add the offset: Z for UTC, or for example +05:00")
        case "z" | "-00:00":
            advice.append("write Z for UTC")
        case offset if offset != "Z" and ":" not in offset:
            advice.append("write the offset with a colon, for example +05:00")
    return ", ".join(advice)


_NEARLY: Final = re.compile(
    DATE
    + r"(?:(?P<t>[Tt ])(?P<clock>[0-9]{2}:[0-9]{2})(?P<seconds>:[0-9]{2})?(?P<decimals>\.[0-9]+)?"
    + r"(?P<offset>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
