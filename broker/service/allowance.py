"""Allowances: what one agency may use of this broker process, so that one at its limit slows no other.

An agency is charged only for what it alone can cause. Key ids are public, so nothing is charged before a
signature is verified; and whoever received a bulletin or a receipt holds its signed bytes and could post them
again, so a repeat and what is out of its time are not charged either. Amounts are token buckets: each holds
one minute's worth and fills evenly, so that a burst passes and a flood does not. Kept in memory, for each
process by itself: two brokers allow twice as much, a restart forgives.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from broker.errors import HarkaraError, Problem, RateLimited

MINUTE_S = 60.0
FEED_RETRY_S = 5.0
"""When to come again with one feed too many: nobody knows when another ends; a dead reader is cut in 30 s."""
ROUNDING_S = 1e-6
"""A wait shorter than this is none: who waited as long as it was told must not be sent away by the last bit.
"""


class Bucket:
    """An amount that fills evenly, `per_minute`, up to one minute's worth. Times are seconds."""

    __slots__ = ("_at", "_held", "_per_minute")

    def __init__(self, per_minute: int, now: float) -> None:
        self._per_minute = per_minute
        self._held = float(per_minute)
        self._at = now

    def wait(self, amount: float, now: float) -> float:
        """Give the seconds until `amount` may be taken, 0 for at once. More than a minute's worth needs a
        full bucket.
        """
        missing = min(amount, self._per_minute) - self._held_at(now)
        seconds = missing * MINUTE_S / self._per_minute
        return seconds if seconds > ROUNDING_S else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take an amount. It may leave a debt, which the time to come pays."""
        self._held, self._at = self._held_at(now) - amount, now

    def _held_at(self, now: float) -> float:
        filled = (now - self._at) * self._per_minute / MINUTE_S
        return min(float(self._per_minute), self._held + filled)


class _Rate:
    """One bucket for each agency; with a limit of 0 none at all."""

    def __init__(self, per_minute: int, unit: str) -> None:
        self._per_minute = per_minute
        self._unit = unit
        self._buckets: dict[str, Bucket] = {}

    def refusal(self, agency: str, amount: int, now: float) -> RateLimited | None:
        """Give the refusal of what the agency may not take now, with the exact wait; None when it may."""
        bucket = self._buckets.get(agency)
        seconds = 0.0 if bucket is None else bucket.wait(amount, now)
        if not seconds:
            return None
        most = f"{self._per_minute} {self._unit} a minute"
        return RateLimited(
            f"{agency} is at its limit of {most}: come again in {math.ceil(seconds)} s",
            Problem("", f"at most {most}", "more"),
            retry_after=seconds,
        )

    def take(self, agency: str, amount: int, now: float) -> None:
        """Take what was not refused."""
        if self._per_minute:
            if (bucket := self._buckets.get(agency)) is None:
                bucket = self._buckets[agency] = Bucket(self._per_minute, now)
            bucket.take(amount, now)


class Allowance:
    """The limits of every agency at one broker process; 0 is no limit.

    Agencies are named by callers that verified a signature, so there are as many buckets as members.
    `monotonic` gives seconds.
    """

    def __init__(
        self,
        *,
        posts_per_minute: int = 0,
        post_bytes_per_minute: int = 0,
        reads_per_minute: int = 0,
        live_feeds: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reads_per_minute = reads_per_minute
        self._posts = _Rate(posts_per_minute, "posts")
        self._bytes = _Rate(post_bytes_per_minute, "bytes of posts")
        self._reads = _Rate(reads_per_minute, "signed reads")
        self._live_feeds = live_feeds
        self._feeds: Counter[str] = Counter()
        self._monotonic = monotonic

    def check_post(self, agency: str, size: int) -> None:
        """Refuse a post of `size` bytes that is over the limit, and charge nothing yet. Raises
        `RateLimited`.
        """
        self._check_post(agency, size, self._monotonic())

    def charge_post(self, agency: str, size: int, *, more: int = 0) -> None:
        """Charge a post of `size` bytes, a receipt, or another signed statement, and as if it were `more`
        posts than one. Raises `RateLimited`, and then nothing is charged.
        """
        now = self._monotonic()
        self._check_post(agency, size, now, more)
        self._posts.take(agency, 1 + more, now)
        self._bytes.take(agency, size, now)

    @contextmanager
    def charging(self, kind: type[HarkaraError], agency: str, size: int) -> Iterator[None]:
        """Charge a post that is refused inside, for a reason of this kind: who sent it pays for it too."""
        try:
            yield
        except kind:
            self.charge_post(agency, size)
            raise

    def charge_read(self, agency: str, amount: int = 1) -> None:
        """Charge a signed read, or what is worth so many. Raises `RateLimited`, and then nothing is
        charged.
        """
        now = self._monotonic()
        if refused := self._reads.refusal(agency, amount, now):
            raise refused
        self._reads.take(agency, amount, now)

    @contextmanager
    def feed(self, agency: str) -> Iterator[None]:
        """Hold the place of one live feed. Raises `RateLimited` when the agency has as many as it may."""
        if self._live_feeds and self._feeds[agency] >= self._live_feeds:
            raise RateLimited(
                f"{agency} has {self._live_feeds} live feeds at this broker, and may not have more",
                Problem("", f"at most {self._live_feeds} live feeds of one agency", "one more"),
                retry_after=FEED_RETRY_S,
            )
        self._feeds[agency] += 1
        try:
            yield
        finally:
            self._feeds[agency] -= 1
            if not self._feeds[agency]:
                del self._feeds[agency]

    def _check_post(self, agency: str, size: int, now: float, more: int = 0) -> None:
        refused = [
            refusal
            for refusal in (
                self._posts.refusal(agency, 1 + more, now),
                self._bytes.refusal(agency, size, now),
            )
            if refusal is not None
        ]
        if refused:
            # Both must have room: who came again after the shorter wait would be refused again.
            raise max(refused, key=lambda refusal: refusal.retry_after or 0.0)
