"""Times of a source: an ISO 8601 date and time with offset, as CAP (xs:dateTime) and STIX write it.

Bulletins take RFC 3339 (`broker.protocol.times`), which has no `-00:00` (CAP's spelling of UTC) and no 24:00.
Two spellings of one instant are one time here; what is kept for people keeps the offset that its source
wrote. Spellings that leave nothing open (a space for the T, no seconds, `+05`) are read too.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from broker.protocol import times

_FORM: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)\s?[Tt\s]\s?(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?"
    r"\s?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)",
    re.ASCII,
)
_OFFSET: Final = re.compile(r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)\Z", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
EARLIEST: Final = times.parse("2000-01-01T00:00:00Z")
LATEST: Final = times.parse("2099-12-31T23:59:59Z")


def read_time(text: str) -> int:
    """Give the µs since the epoch that `text` names. Raises ValueError, in words, for anything else."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("not a date and time with offset")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    offset = timedelta()
    if found[8] is None:
        offset = timedelta(hours=int(found[10]), minutes=int(found[11] or 0))
        if offset > timedelta(hours=14) or int(found[11] or 0) > 59:
            raise ValueError("no such offset")
        offset = -offset if found[9] == "-" else offset
    midnight = (hour, minute, second) == (24, 0, 0)
    try:
        local = datetime(
            year, month, day, 0 if midnight else hour, minute, second,
            int((found[7] or "")[:6].ljust(6, "0")), timezone(offset),
        )  # fmt: skip
        return (local + timedelta(days=midnight) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        raise ValueError("no such time in the calendar") from None


def offset_of(text: str) -> str:
    """Give the offset that stands at the end of a time; "" when there is none."""
    found = _OFFSET.search(text)
    return found[0] if found else ""


def as_written(text: str) -> str | None:
    """Give the time that `text` names as a bulletin takes it, with its own offset where that can be.

    None for a time outside the years of bulletins, 2000 to 2099. Raises ValueError as `read_time` does.
    """
    at = read_time(text)
    if not EARLIEST <= at <= LATEST:
        return None
    try:
        return text if times.parse(text) == at else times.format(at)
    except ValueError:
        return times.format(at)
