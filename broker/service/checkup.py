"""The check-up: what operators see on the health endpoint, and load balancers on readiness.

Every check names what was observed and, when it is not fine, how to mend it. Nothing here names a bulletin.
"""

from __future__ import annotations

import asyncio
import time

from broker.errors import HarkaraError
from broker.protocol.limits import SECOND_US
from broker.protocol.registry import Standing
from broker.protocol.verdict import Check, bounded, expiring
from broker.service.clock import Clock
from broker.service.lag import RouterLag
from broker.service.metrics import Metrics
from broker.service.router import Router
from broker.service.trust import Trust
from broker.store.store import Store

READY_SECONDS = 1.0
"""How long readiness waits for the store."""
READY_REUSED_SECONDS = 0.25
"""How long one answer serves: readiness is asked often, and by strangers."""
BACKLOG_WARN = 1_000
MEMORY_WARN, MEMORY_FAIL = 0.8, 0.95


class Checkup:
    """Looks at everything that this process depends on."""

    def __init__(
        self, store: Store, trust: Trust, router: Router, lag: RouterLag, metrics: Metrics, clock: Clock
    ) -> None:
        self._store = store
        self._trust = trust
        self._router = router
        self._lag = lag
        self._metrics = metrics
        self._clock = clock
        self._ready: tuple[float, list[Check]] = (float("-inf"), [])
        self.stopping = False
        """Set when the broker is about to stop: it is not ready any more, so nobody sends it new work."""

    async def ready(self) -> list[Check]:
        """Check what a request needs: the store answers and writes, the router follows, the registry is not
        over.
        """
        asked_at, checks = self._ready
        if time.monotonic() - asked_at > READY_REUSED_SECONDS:
            checks = [await self._check_store(), self._check_router(), self._check_registry()]
            self._ready = time.monotonic(), checks
        if self.stopping:
            return [*checks, Check("broker", "fail", output="stopping")]
        return checks

    async def health(self) -> list[Check]:
        """Check everything, and bring the gauges up to date."""
        now = self._clock()
        registry = self._trust.registry
        self._metrics.registry_expiry.set(registry.expires / SECOND_US)
        checks = [await self._check_store(), self._check_router(), self._check_registry()]
        checks.append(
            expiring("registry:expiry", registry.expires, now, mend="publish a newer registry", fatal=False)
        )
        checks += self._check_keys(now)
        try:
            checks += await self._check_memory()
            checks += await self._check_settings()
            checks += await self._check_backlogs()
        except HarkaraError as error:
            checks.append(Check("store:usage", "fail", output=error.detail))
        return checks

    async def _check_store(self) -> Check:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(READY_SECONDS):
                usage = await self._store.usage()
        except TimeoutError:
            return Check("store", "fail", output="the store does not answer")
        except HarkaraError as error:
            return Check("store", "fail", output=error.detail)
        if usage.loading or not usage.last_write_ok:
            problem = (
                "the store is reading its file" if usage.loading else "the store could not write to its disk"
            )
            return Check("store", "fail", output=problem)
        return Check("store", "pass", round((time.perf_counter() - started) * 1000, 1), "ms")

    def _check_router(self) -> Check:
        standing = self._router.standing
        self._metrics.router_lag.set(self._lag.last.entries)
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

    async def _check_memory(self) -> list[Check]:
        usage = await self._store.usage()
        if not usage.maximum_bytes:
            return [Check("store:memory", "pass", usage.used_bytes, "bytes")]
        share = round(usage.used_bytes / usage.maximum_bytes, 3)
        mend = "raise the store's maxmemory, or wait until bulletins expire"
        return [bounded("store:memory", share, warn=MEMORY_WARN, fail=MEMORY_FAIL, unit="share", mend=mend)]

    async def _check_settings(self) -> list[Check]:
        try:
            await self._store.check()
        except HarkaraError as error:
            listed = "; ".join(f"{p.pointer} {p.expected}" for p in error.problems)
            return [Check("store:settings", "fail", output=f"{error.detail} {listed}".strip())]
        return [Check("store:settings", "pass")]

    async def _check_backlogs(self) -> list[Check]:
        heads = await self._store.inboxes.all_heads()
        checks: list[Check] = []
        for agency in self._trust.registry.agencies():
            head = heads.get(agency)
            acknowledged = await self._store.members.acknowledged(agency)
            backlog = (head.number if head else 0) - (acknowledged[0] if acknowledged else 0)
            self._metrics.backlog.labels(agency).set(backlog)
            outcome = "warn" if backlog >= BACKLOG_WARN else "pass"
            output = f"{agency} does not read its inbox: call its desk" if outcome == "warn" else None
            checks.append(Check(f"backlog:{agency}", outcome, backlog, "entries", output))
        return checks
