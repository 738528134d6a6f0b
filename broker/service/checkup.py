"""The check-up: what operators see on the health endpoint, and load balancers on readiness.

Every check names what was observed and, when it is not fine, how to mend it. Nothing here names a bulletin.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from broker.errors import HarkaraError
from broker.protocol.limits import SECOND_US
from broker.protocol.registry import Standing
from broker.protocol.verdict import Check, expiring
from broker.service import store_checks
from broker.service.clock import Clock
from broker.service.inbox_checks import InboxChecks
from broker.service.lag import RouterLag
from broker.service.metrics import Metrics
from broker.service.router import Router
from broker.service.trust import Trust
from broker.store.store import Store

READY_REUSED_SECONDS = 0.25
"""How long one answer serves: readiness is asked often, and by strangers."""
HEALTH_SECONDS = 5.0
"""How long a whole check-up may take: below what a scraper waits."""


class Checkup:
    """Looks at everything that this process depends on.

    `data` is the directory whose disk the embedded store writes to, None with a store elsewhere.
    """

    def __init__(
        self,
        *,
        store: Store,
        trust: Trust,
        router: Router,
        lag: RouterLag,
        inboxes: InboxChecks,
        metrics: Metrics,
        clock: Clock,
        data: Path | None = None,
    ) -> None:
        self._store = store
        self._trust = trust
        self._router = router
        self._lag = lag
        self._inboxes = inboxes
        self._metrics = metrics
        self._clock = clock
        self._data = data
        self._ready: tuple[float, list[Check]] = (float("-inf"), [])
        self.stopping = False
        """Set when the broker is about to stop: it is not ready any more, so nobody sends it new work."""
        self.ended: list[str] = []
        """Tasks that ended by a fault, and that nothing runs again."""

    async def ready(self) -> list[Check]:
        """Check what a request needs: the store answers and writes, the router follows, the registry is not
        over.
        """
        asked_at, checks = self._ready
        if time.monotonic() - asked_at > READY_REUSED_SECONDS:
            checks = [
                await store_checks.check_answer(self._store),
                self._check_router(),
                self._check_registry(),
            ]
            self._ready = time.monotonic(), checks
        return [*checks, *self._check_itself()]

    async def health(self) -> list[Check]:
        """Check everything, and bring the gauges up to date."""
        now = self._clock()
        registry = self._trust.registry
        answer = await store_checks.check_answer(self._store)
        stored = await self._ask_store(now) if answer.outcome == "pass" else []
        checks = [answer, self._check_router(), self._check_registry()]
        mend = "publish a newer registry"
        checks.append(expiring("registry:expiry", registry.expires, now, mend=mend, fatal=False))
        checks += [*self._check_keys(now), *stored]
        checks += self._check_itself()
        self._metrics.registry_expiry.set(registry.expires / SECOND_US)
        self._metrics.show_checks(checks)
        return checks

    async def _ask_store(self, now: int) -> list[Check]:
        """Check what only a store that answers can tell."""
        checks: list[Check] = []
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                usage = await self._store.usage()
                checks.append(store_checks.check_memory(usage))
                checks.append(await store_checks.check_settings(self._store))
                checks.append(await store_checks.check_clock(self._store, self._clock))
                if self._data is not None:
                    checks.append(await store_checks.check_disk(self._data, usage))
                await self._lag.sample()
                self._metrics.router_lag.set(self._lag.last.entries)
                looked = await self._inboxes.look(self._trust.registry.agencies(), now)
        except HarkaraError as error:
            return [*checks, Check("store:usage", "fail", output=error.detail)]
        except TimeoutError:
            return [*checks, Check("store:usage", "fail", output="the store answers too slowly")]
        self._metrics.show_backlogs(looked.backlogs)
        return checks + looked.checks

    def _check_itself(self) -> list[Check]:
        if self.ended:
            told = f"restart the broker, and report its log: ended by a fault: {', '.join(self.ended)}"
            return [Check("broker", "fail", output=told)]
        return [Check("broker", "fail", output="stopping")] if self.stopping else []

    def _check_router(self) -> Check:
        standing = self._router.standing
        if standing.failure is not None:
            return Check("router", "fail", output=standing.failure)
        if self._lag.too_far():
            return Check("router", "fail", self._lag.last.oldest_age / SECOND_US, "s", "the router is behind")
        if standing.tampered or standing.broken_inboxes:
            told = (
                f"{standing.tampered} items, inboxes: {', '.join(sorted(standing.broken_inboxes)) or 'none'}"
            )
            return Check("router", "warn", output=f"the store was tampered with: {told}")
        return Check("router", "pass", self._lag.last.entries, "entries")

    def _check_registry(self) -> Check:
        standing = self._trust.registry.standing(self._clock())
        version = self._trust.registry.version
        if standing is Standing.EXPIRED:
            return Check(
                "registry", "fail", version, "version", "its grace is over: publish a newer registry"
            )
        if standing is Standing.GRACE:
            return Check("registry", "warn", version, "version", "it has expired: publish a newer registry")
        return Check("registry", "pass", version, "version")

    def _check_keys(self, now: int) -> list[Check]:
        checks: list[Check] = []
        registry = self._trust.registry
        for card in registry.cards.values():
            ends = [
                max((key.not_after for key in card.keys if key.use == use), default=0)
                for use in ("sign", "seal")
            ]
            check = expiring(
                f"card:{card.id}",
                min(ends),
                now,
                mend=f"{card.id} needs a new card",
                fatal=card.role == "broker",
            )
            if check.outcome != "pass":
                checks.append(check)
        return checks
