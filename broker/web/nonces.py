"""The nonces of signed reads: each once for each agency, for as long as its signature could pass again.

Kept in this process alone: a read taken once by each of two brokers, or of two workers, gives its own
caller's answer twice and changes nothing. What a replay could gain elsewhere is stopped by `@authority`.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

from broker.errors import RateLimited, Replayed, Unavailable
from broker.protocol.limits import MINUTE_US, READ_AGE_US, SECOND_US

KEEP_US: Final = 2 * READ_AGE_US + SECOND_US
"""`created` may be 60 s ahead, and passes until 60 s after it."""
PER_AGENCY: Final = 20_000
"""More than the usual allowance of reads lets pass in that time, so that the allowance is what answers."""
IN_ALL: Final = 500_000


class Nonces:
    """Remembers (agency, nonce). Bounded for each agency, however many keys it has, so that none can use up
    another's room.
    """

    @classmethod
    def for_allowance(cls, reads_per_minute: int) -> Nonces:
        """Give a memory with room for all that an allowance lets pass; 0 is none, and then the room bounds
        it.
        """
        in_that_time = reads_per_minute + reads_per_minute * KEEP_US // MINUTE_US
        return cls(per_agency=max(PER_AGENCY, in_that_time + 1))

    def __init__(self, *, per_agency: int = PER_AGENCY, in_all: int = IN_ALL) -> None:
        self._per_agency = per_agency
        self._in_all = in_all
        self._seen: set[tuple[str, str]] = set()
        self._order: deque[tuple[int, str, str]] = deque()
        self._of_agency: Counter[str] = Counter()

    def use(self, agency: str, nonce: str, now: int) -> None:
        """Use a nonce of an agency at `now` (µs). Only for signatures that were verified: else anyone could
        fill this.

        Raises `Replayed`, `RateLimited` when the agency has used too many, `Unavailable` when all together
        have.
        """
        self._forget(now)
        if (agency, nonce) in self._seen:
            raise Replayed("this nonce was used before: sign each request anew")
        if self._of_agency[agency] >= self._per_agency:
            raise RateLimited(f"more than {self._per_agency} signed reads in two minutes", retry_after=2.0)
        if len(self._seen) >= self._in_all:
            raise Unavailable("too many signed reads", retry_after=2.0)
        self._seen.add((agency, nonce))
        self._order.append((now + KEEP_US, agency, nonce))
        self._of_agency[agency] += 1

    def _forget(self, now: int) -> None:
        while self._order and self._order[0][0] < now:
            _, agency, nonce = self._order.popleft()
            self._seen.discard((agency, nonce))
            self._of_agency[agency] -= 1
            if not self._of_agency[agency]:
                del self._of_agency[agency]
