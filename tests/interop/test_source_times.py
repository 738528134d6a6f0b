"""Times of a source."""

from __future__ import annotations

import pytest

from broker.interop.source_times import as_written, read_time
from broker.protocol import times

NINE = times.parse("2026-03-01T09:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T09:00:00Z",
        "2026-03-01T09:00:00z",
        "2026-03-01T09:00:00-00:00",
        "2026-03-01T09:00:00+00:00",
        "2026-03-01T14:00:00+05:00",
        "2026-03-01T14:00:00+0500",
        "2026-03-01T14:00:00 +05:00",
        "2026-02-28T23:00:00-10:00",
        "2026-03-01T09:00:00.000000000Z",
        "2026-03-01T23:00:00+14:00",
        "2026-03-01 09:00:00Z",
        "2026-03-01T 09:00:00Z",
        "2026-03-01T09:00Z",
        "2026-03-01T14:00+05",
    ],
)
def test_spellings_of_one_instant_are_one_time(text: str) -> None:
    assert read_time(text) == NINE


def test_the_end_of_a_day_is_the_begin_of_the_next() -> None:
    assert read_time("2026-02-28T24:00:00Z") == times.parse("2026-03-01T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-03-01",
        "2026-03-01T09:00:00",
        "2026-03-01T09Z",
        "2026-03-01T:00Z",
        "20260301T090000Z",
        "2026-W09-7T09:00:00Z",
        "2026-02-30T09:00:00Z",
        "2026-03-01T25:00:00Z",
        "2026-03-01T24:00:01Z",
        "2026-03-01T09:60:00Z",
        "2026-03-01T09:00:60Z",
        "2026-03-01T09:00:00+14:01",
        "2026-03-01T09:00:00+05:60",
        "0000-03-01T09:00:00Z",
        "9999-12-31T24:00:00Z",
        "٢٠٢٦-٠٣-٠١T09:00:00Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a date|no such"):
        read_time(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-03-01T14:00:00+05:00", "2026-03-01T14:00:00+05:00", id="its-own-offset"),
        pytest.param("2026-03-01T09:00:00-00:00", "2026-03-01T09:00:00Z", id="utc-of-cap"),
        pytest.param("2026-03-01T14:00:00+0500", "2026-03-01T09:00:00Z", id="an-offset-without-colon"),
        pytest.param("2026-03-01T09:00:00.123456789Z", "2026-03-01T09:00:00.123456Z", id="nanoseconds"),
        pytest.param("2026-02-28T24:00:00Z", "2026-03-01T00:00:00Z", id="midnight"),
        pytest.param("1999-12-31T23:59:59Z", None, id="before-the-years-of-bulletins"),
        pytest.param("2100-01-01T00:00:00Z", None, id="behind-them"),
    ],
)
def test_a_time_is_kept_as_it_was_written_where_a_bulletin_takes_it(text: str, expected: str | None) -> None:
    assert as_written(text) == expected
    assert expected is None or times.parse(expected) == read_time(text)
