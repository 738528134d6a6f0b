"""Times on the command line: now, durations such as 10m or 7d, and times that may be given as either."""

from __future__ import annotations

import time
from typing import Any, Final

import click

from broker.protocol import limits, times

SLACK_US: Final = 10 * limits.MINUTE_US
"""A new key is valid from a little before now: the clocks of others may be behind."""


def now() -> int:
    """Give the time of this machine in µs since the epoch."""
    return time.time_ns() // 1000


def whole_second(at: int) -> int:
    """Give `at` (µs) without its fraction of a second: documents are read by people."""
    return at - at % limits.SECOND_US


LONGEST_US: Final = 20 * 365 * limits.DAY_US
"""No duration on the command line is longer: documents name the years up to 2099."""


def _duration(text: str) -> int:
    found = times.parse_duration(text)
    if found > LONGEST_US:
        raise ValueError(f"at most {LONGEST_US // limits.DAY_US}d, not {text}")
    return found


class Duration(click.ParamType):
    """A duration such as 90s, 10m, 4h or 7d: µs."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Give the µs."""
        if isinstance(value, int):
            return value
        try:
            return _duration(value)
        except ValueError as why:
            self.fail(str(why), param, ctx)


class Moment(click.ParamType):
    """A time as RFC 3339 with offset, or as a duration from now: an RFC 3339 text."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the time as it stands in a document."""
        try:
            if "-" in value or ":" in value:
                times.parse(value)
                return value
            return times.format(whole_second(now() + _duration(value)))
        except ValueError as why:
            self.fail(f"{value!r} is neither a duration like 7d nor a time: {why}", param, ctx)


class Seconds(click.ParamType):
    """A duration such as 30s or 10m, or a bare number of seconds: seconds as a float."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give the seconds."""
        if isinstance(value, float):
            return value
        try:
            return _duration(f"{value}s" if value.isdecimal() else value) / limits.SECOND_US
        except ValueError as why:
            self.fail(str(why), param, ctx)


DURATION: Final = Duration()
SECONDS: Final = Seconds()
MOMENT: Final = Moment()
