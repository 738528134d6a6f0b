"""The verdict of the health endpoint: the worst wins, and what expires is told ahead."""

from __future__ import annotations

import pytest

from broker.protocol.limits import DAY_US, HOUR_US
from broker.protocol.verdict import Check, Outcome, bounded, expiring, health, overall
from tests.exchange_fixtures import NOW

PASS, WARN, FAIL = Check("a", "pass"), Check("b", "warn"), Check("c", "fail")


@pytest.mark.parametrize(
    ("checks", "outcome"),
    [
        pytest.param([], "pass", id="nothing-looked-at"),
        pytest.param([PASS, PASS], "pass", id="all-pass"),
        pytest.param([PASS, WARN, PASS], "warn", id="one-warns"),
        pytest.param([FAIL, PASS], "fail", id="one-fails"),
        pytest.param([WARN, FAIL, WARN], "fail", id="one-fails-among-warnings"),
    ],
)
def test_the_worst_wins_in_any_order(checks: list[Check], outcome: Outcome) -> None:
    assert overall(checks) == outcome
    assert overall(reversed(checks)) == outcome


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(0.0, "pass"), (9.99, "pass"), (10, "warn"), (99, "warn"), (100, "fail"), (1e9, "fail")],
)
def test_a_value_is_held_to_its_two_bounds(value: float, outcome: Outcome) -> None:
    check = bounded("router:lag", value, warn=10, fail=100, unit="entries", mend="start another broker")
    assert check.outcome == outcome
    assert check.observed == value
    assert (check.output is None) == (outcome == "pass"), "advice only where it is needed"


@pytest.mark.parametrize(
    ("left", "fatal", "outcome", "words"),
    [
        pytest.param(31 * DAY_US, True, "pass", None, id="a-month-ahead"),
        pytest.param(30 * DAY_US, True, "warn", "within 30 days", id="just-30-days-ahead"),
        pytest.param(8 * DAY_US, True, "warn", "within 30 days", id="8-days-ahead"),
        pytest.param(7 * DAY_US, True, "warn", "within 7 days", id="7-days-ahead"),
        pytest.param(DAY_US, True, "warn", "within 1 days", id="a-day-ahead"),
        pytest.param(HOUR_US, False, "warn", "within 1 days", id="an-hour-ahead"),
        pytest.param(0, True, "fail", "expired", id="right-now"),
        pytest.param(-DAY_US, True, "fail", "expired", id="yesterday"),
        pytest.param(-DAY_US, False, "warn", "expired", id="yesterday-and-not-fatal"),
    ],
)
def test_what_expires_is_told_ahead(left: int, fatal: bool, outcome: Outcome, words: str | None) -> None:
    check = expiring("registry:expiry", NOW + left, NOW, mend="sign a newer one", fatal=fatal)
    assert check.outcome == outcome
    assert check.unit == "days"
    assert (check.output is None) if words is None else (words in (check.output or ""))
    if check.output:
        assert "sign a newer one" in check.output


def test_the_answer_has_the_shape_of_health_json() -> None:
    found = health(
        [
            Check("store:latency", "pass", 1.5, "ms"),
            Check("store:latency", "warn", 80, "ms", "look at the disk"),
            Check("registry:expiry", "pass"),
        ],
        version="1.0",
        at="2026-03-01T09:30:00Z",
    )
    assert found == {
        "status": "warn",
        "version": "1.0",
        "checks": {
            "store:latency": [
                {
                    "status": "pass",
                    "observedValue": 1.5,
                    "observedUnit": "ms",
                    "time": "2026-03-01T09:30:00Z",
                },
                {
                    "status": "warn",
                    "observedValue": 80,
                    "observedUnit": "ms",
                    "output": "look at the disk",
                    "time": "2026-03-01T09:30:00Z",
                },
            ],
            "registry:expiry": [{"status": "pass", "time": "2026-03-01T09:30:00Z"}],
        },
    }
