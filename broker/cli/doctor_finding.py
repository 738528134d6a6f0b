"""What a look at one thing gave: a code that never changes, how it is, what was seen, and the cure.

A cure is text for a shell, to be copied whole: command lines, and comments (`# …`) for what a person
has to do. Nothing in it is a secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from broker.cli.refusals import MisuseError, brief, harmless
from broker.errors import HarkaraError
from broker.protocol.limits import DAY_US
from broker.protocol.verdict import EXPIRY_WARNING_DAYS, Outcome

CHECKS: Final = {
    "key-file": "a private key that only its owner can read",
    "exchange-file": "exchange.json, the anchor of all trust",
    "card": "keys within their validity",
    "state": "where this machine keeps its place and its posts",
    "outbox": "posts that were signed and never accepted",
    "broker": "a broker answers at the address",
    "tls": "its certificate is of that host, and of an authority that is trusted here",
    "clock": "this machine and the broker have the same time",
    "key": "the registry has these keys for this agency",
    "registry": "the registry is valid",
    "inbox": "the broker lets this agency read",
    "place": "no consumer's place is ahead of the inbox, or in another history",
    "directory": "nobody else can write in the directory of the exchange",
    "root-key": "the root key is not on a host that is connected",
    "store-key": "the key that brokers share",
    "broker-key": "the broker's keys are those of the registry",
    "agencies": "somebody is enrolled",
    "draft": "no change of the registry waits",
    "data-in-use": "the directory is free, or its broker answers",
    "store": "the store loses nothing that it accepted",
}
"""Every code, and what is well when it passes."""

MARKS: Final = {"pass": "ok", "warn": "WARN", "fail": "FAIL"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `check` is of `CHECKS`; `cure` is for what does not pass."""

    check: str
    outcome: Outcome
    seen: str
    cure: str = ""

    def as_json(self) -> dict[str, str]:
        """Give its members; a cure only when there is one."""
        found = {"check": self.check, "outcome": self.outcome, "seen": self.seen}
        return found | ({"cure": self.cure} if self.cure else {})

    def words(self) -> Iterable[str]:
        """Give its lines for people: harmless on a terminal, the cure to be copied."""
        yield harmless(f"  {MARKS[self.outcome]:<5} {self.check:<14} {self.seen}").rstrip()
        for line in self.cure.splitlines():
            yield harmless(f"          {line}")


def expiry(check: str, what: str, ends: int, now: int, *, cure: str, fatal: bool = True) -> Finding:
    """Look at a time of expiry (µs): a warning from 30 days ahead; once past a failure, if `fatal`."""
    days = (ends - now) / DAY_US
    if days <= 0:
        return Finding(check, "fail" if fatal else "warn", f"{what} expired {_span(-days)} ago", cure)
    if days <= max(EXPIRY_WARNING_DAYS):
        return Finding(check, "warn", f"{what} expires in {_span(days)}", cure)
    return Finding(check, "pass", f"{what}: {_span(days)} left")


def why(error: MisuseError | HarkaraError | OSError) -> str:
    """Give what an error says, in one line."""
    match error:
        case MisuseError():
            return f"{error.detail}: {error.hint}" if error.hint else error.detail
        case HarkaraError():
            return brief(error)
        case _:
            return f"{error.filename}: {error.strerror}"


def _span(days: float) -> str:
    for size, unit in ((1.0, "days"), (1 / 24, "hours"), (1 / 1_440, "minutes")):
        if days >= 2 * size:
            return f"{days / size:.0f} {unit}"
    return f"{days * 86_400:.0f} seconds"
