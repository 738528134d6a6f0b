"""RFC 3339 in, µs since the epoch inside: one spelling of what is meant, and nothing rounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.protocol import times


@pytest.mark.parametrize(
    ("written", "at"),
    [
        pytest.param("2026-03-01T09:30:00+05:00", 1772339400_000000, id="the-offset-of-pakistan"),
        pytest.param("2026-03-01T04:30:00Z", 1772339400_000000, id="the-same-in-utc"),
        pytest.param("2026-03-01T04:30:00+00:00", 1772339400_000000, id="the-same-with-a-zero-offset"),
        pytest.param("2026-02-28T23:30:00.5-05:00", 1772339400_500000, id="a-decimal"),
        pytest.param("2026-03-01T04:30:00.000001Z", 1772339400_000001, id="a-microsecond"),
        pytest.param("2000-01-01T00:00:00Z", 946684800_000000, id="the-first-time"),
        pytest.param("2024-02-29T00:00:00Z", 1709164800_000000, id="a-leap-day"),
    ],
)
def test_a_time_is_read_to_the_microsecond(written: str, at: int) -> None:
    assert times.parse(written) == at


@pytest.mark.parametrize(
    ("written", "why"),
    [
        pytest.param("2026-03-01T09:30:00", "add the offset", id="no-offset"),
        pytest.param("2026-03-01T09:30:00-00:00", "write Z", id="an-unknown-offset"),
        pytest.param("2026-03-01T09:30:00+0500", "with a colon", id="an-offset-without-colon"),
        pytest.param("2026-03-01T09:30:00+05", "with a colon", id="an-offset-of-hours"),
        pytest.param("2026-03-01 09:30:00Z", "capital T", id="a-space"),
        pytest.param("2026-03-01t09:30:00Z", "capital T", id="a-small-t"),
        pytest.param("2026-03-01T09:30:00z", "write Z", id="a-small-z"),
        pytest.param("2026-03-01T09:30Z", "add the seconds", id="no-seconds"),
        pytest.param("2026-03-01", "add the time", id="a-date"),
        pytest.param("2026-06-30T23:59:60Z", "leap seconds", id="a-leap-second"),
        pytest.param("2026-03-01T09:30:00.1234567Z", "six decimals", id="seven-decimals"),
        pytest.param(
            "2026-03-01 09:30:00", "capital T between date and time, add the offset", id="two-things"
        ),
        pytest.param("2026-02-30T09:30:00Z", "no such day", id="a-day-that-does-not-exist"),
        pytest.param("2023-02-29T09:30:00Z", "no such day", id="a-leap-day-in-a-common-year"),
        pytest.param("1999-12-31T23:59:59Z", "not a time", id="before-2000"),
        pytest.param("2100-01-01T00:00:00Z", "not a time", id="after-2099"),
        pytest.param("2026-03-01T24:00:00Z", "not a time", id="hour-24"),
        pytest.param("2026-03-01T09:30:00+15:00", "not a time", id="an-offset-that-nobody-has"),
        pytest.param("2026-03-01T09:30:00Z\n", "not a time", id="a-newline-at-the-end"),
        pytest.param("２０２６-03-01T09:30:00Z", "not a time", id="digits-of-another-script"),
        pytest.param("2026-W09-7T09:30:00Z", "not a time", id="a-week-date"),
        pytest.param("1772339400", "not a time", id="seconds-since-the-epoch"),
        pytest.param("", "not a time", id="nothing"),
    ],
)
def test_any_other_spelling_is_refused_with_advice(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        times.parse(written)


@given(st.integers(946684800_000000, 4102444799_999999))
def test_what_is_written_is_read_back(at: int) -> None:
    assert times.parse(times.format(at)) == at


@pytest.mark.parametrize(
    ("at", "written"),
    [
        pytest.param(1772339400_000000, "2026-03-01T04:30:00Z", id="without-decimals"),
        pytest.param(1772339400_000001, "2026-03-01T04:30:00.000001Z", id="with-decimals"),
    ],
)
def test_a_time_is_written_in_utc(at: int, written: str) -> None:
    assert times.format(at) == written


@pytest.mark.parametrize(
    ("written", "us"),
    [
        pytest.param("500ms", 500_000, id="milliseconds"),
        pytest.param("90s", 90_000_000, id="seconds"),
        pytest.param("10m", 600_000_000, id="minutes"),
        pytest.param("4h", 14_400_000_000, id="hours"),
        pytest.param("7d", 604_800_000_000, id="days"),
    ],
)
def test_a_duration_is_read(written: str, us: int) -> None:
    assert times.parse_duration(written) == us


@pytest.mark.parametrize("written", ["", "90", "s", "-1s", "1.5h", "1 h", "1w", "1h30m", "1s\n", "٣s"])
def test_other_durations_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        times.parse_duration(written)
