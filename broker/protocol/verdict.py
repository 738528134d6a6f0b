"""The verdict of the health endpoint: what many checks come to. Pure; the checks are made in
`service.checkup`.

The shape is that of application/health+json (draft-inadarei-api-health-check-06). Worst wins: one failure is
a fail, one warning a warn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from broker.protocol.limits import DAY_US

Outcome = Literal["pass", "warn", "fail"]
_WORST_FIRST: tuple[Outcome, ...] = ("fail", "warn", "pass")

EXPIRY_WARNING_DAYS = (30, 7, 1)
"""An expiring key or registry is told this many days ahead: silence here has stopped national feeds before.
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `observed` is a number or a text with its `unit`; `output` says how to
    mend it.
    """

    name: str
    outcome: Outcome
    observed: int | float | str | None = None
    unit: str | None = None
    output: str | None = None


def overall(checks: Iterable[Check]) -> Outcome:
    """Give the worst outcome of all checks."""
    found = {check.outcome for check in checks}
    for outcome in _WORST_FIRST:
        if outcome in found:
            return outcome
    return "pass"


def health(checks: Iterable[Check], *, version: str, at: str) -> dict[str, Any]:
    """Give the body of `GET /healthz`; `at` is an RFC 3339 time."""
    listed = tuple(checks)
    found: dict[str, list[dict[str, Any]]] = {}
    for check in listed:
        fields = {
            "status": check.outcome,
            "observedValue": check.observed,
            "observedUnit": check.unit,
            "output": check.output,
            "time": at,
        }
        found.setdefault(check.name, []).append(
            {name: value for name, value in fields.items() if value is not None}
        )
    return {"status": overall(listed), "version": version, "checks": found}


def bounded(name: str, value: float, *, warn: float, fail: float, unit: str, mend: str) -> Check:
    """Check a value that is better when smaller; `warn` and `fail` are the least values that are not fine."""
    outcome: Outcome = "fail" if value >= fail else "warn" if value >= warn else "pass"
    return Check(name, outcome, value, unit, mend if outcome != "pass" else None)


def expiring(name: str, expires_at: int, now: int, *, mend: str, fatal: bool) -> Check:
    """Check a time of expiry (µs): a warning from 30 days ahead, and once past a failure if `fatal`."""
    days = (expires_at - now) / DAY_US
    if days <= 0:
        return Check(name, "fail" if fatal else "warn", round(days, 2), "days", f"expired: {mend}")
    passed = [limit for limit in EXPIRY_WARNING_DAYS if days <= limit]
    if passed:
        return Check(name, "warn", round(days, 2), "days", f"expires within {min(passed)} days: {mend}")
    return Check(name, "pass", round(days, 2), "days")
