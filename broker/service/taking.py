"""Taking: what every signed thing that comes in goes through around its own checks.

A decision made under one registry is never appended under another: when a newer one came into force
meanwhile, everything from the signature on is asked again. It is charged once, however often it is decided.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from broker.errors import HarkaraError, OutcomeUnknown
from broker.protocol.entitlements import Entitlements
from broker.protocol.registry import Registry
from broker.service.allowance import Allowance
from broker.service.metrics import Metrics
from broker.service.sealing import Accepted, StaleDecision
from broker.service.trust import Trust

DECISIONS = 5
"""How often one post is decided anew because a newer registry came into force."""

Attempt = Callable[[Registry, Entitlements], Awaitable[Accepted]]


async def under_newest(trust: Trust, attempt: Attempt) -> Accepted:
    """Give what `attempt` accepts under the registry in force, made anew while a newer one comes into force.

    Raises what `attempt` raises, and `OutcomeUnknown` when the registry changes each time.
    """
    for _ in range(DECISIONS):
        try:
            return await attempt(*trust.in_force)
        except StaleDecision as stale:
            await trust.load(stale.version)
    raise OutcomeUnknown("the registry changed each time: repeat the request", retry_after=1.0)


async def counted(metrics: Metrics, taking: Awaitable[Accepted]) -> Accepted:
    """Count the outcome of one post."""
    try:
        accepted = await taking
    except HarkaraError:
        metrics.posts.labels("refused").inc()
        raise
    metrics.posts.labels("repeated" if accepted.repeated else "accepted").inc()
    return accepted


class Charge:
    """What one post of `size` bytes costs its author: asked early, taken once."""

    def __init__(self, allowance: Allowance, size: int) -> None:
        self._allowance = allowance
        self._size = size
        self._taken = False

    def check(self, agency: str) -> None:
        """Refuse what is over the limit, and charge nothing yet. Raises `RateLimited`."""
        if not self._taken:
            self._allowance.check_post(agency, self._size)

    def take(self, agency: str, *, more: int = 0) -> None:
        """Charge it, as if it were `more` posts than one. Raises `RateLimited`."""
        if not self._taken:
            self._allowance.charge_post(agency, self._size, more=more)
            self._taken = True

    def when_refused(self, kind: type[HarkaraError], agency: str) -> AbstractContextManager[None]:
        """Charge it when it is refused inside, for a reason of this kind."""
        return self._allowance.charging(kind, agency, self._size)
