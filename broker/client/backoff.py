"""When to try again, and when not to: one rule for posts, reads and feeds.

Tried again is what may succeed unchanged: the broker was not reached, could not serve, asked to wait, or the
outcome is unknown (repeating a post is harmless, the same bytes get the first answer). Everything else is an
answer. Delays grow twofold with full jitter, so that a thousand clients of a broker that returns do not
return together.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from broker.errors import HarkaraError, RateLimited, RegistryExpired, RequestTimeout, Unavailable, Unreachable

T = TypeVar("T")
log = logging.getLogger("harkara.client")

FIRST_SECONDS = 0.5
MOST_SECONDS = 30.0

_AGAIN = (Unreachable, Unavailable, RateLimited, RequestTimeout)


def may_succeed_later(error: HarkaraError) -> bool:
    """Tell whether the same request may succeed when it is sent again unchanged."""
    return isinstance(error, _AGAIN) and not isinstance(error, RegistryExpired)


def delay(attempt: int, error: HarkaraError | None = None, *, chance: float) -> float:
    """Give the seconds before attempt `attempt` + 1 (from 1); `chance` in [0, 1) spreads it.

    Never less than the broker asked for in Retry-After.
    """
    ceiling = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(attempt - 1, 16))
    asked = error.retry_after if error is not None and error.retry_after is not None else 0.0
    return asked + ceiling * chance


def chance() -> float:
    """Draw the chance for `delay`. No secret: it only spreads load."""
    return random.random()  # noqa: S311


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long a request is repeated: no attempt begins later than `seconds` (may be infinite) after the
    first.
    """

    seconds: float

    async def call(
        self, attempt: Callable[[], Awaitable[T]], *, between: Callable[[], Awaitable[None]] | None = None
    ) -> T:
        """Give what `attempt` gives, repeated while it may succeed later; `between` is called after each
        failure.

        Raises the last error.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + self.seconds
        tries = 1
        while True:
            try:
                return await attempt()
            except HarkaraError as error:
                if between is not None:
                    await between()
                pause = delay(tries, error, chance=chance())
                if not may_succeed_later(error) or loop.time() + pause > ends:
                    raise
                log.info("the broker does not serve (%s), again in %.1f s", error.code, pause)
                await asyncio.sleep(pause)
                tries += 1
