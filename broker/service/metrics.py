"""The metrics that operators watch, in one registry per service so that tests and processes never
share one.

Names and labels are a contract with operators' dashboards: `docs/operations/` is checked against them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from broker import __version__
from broker.protocol.verdict import Check, Outcome

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
OUTCOME_VALUES: Mapping[Outcome, int] = {"pass": 0, "warn": 1, "fail": 2}
"""What `harkara_health_check` shows for each outcome."""


class Metrics:
    """All metrics of one broker process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.posts = Counter("harkara_posts", "Posts by outcome.", ["outcome"], registry=self.registry)
        self.refusals = Counter(
            "harkara_refusals", "Refused requests by code.", ["code"], registry=self.registry
        )
        self.seal = Histogram(
            "harkara_seal_duration_seconds", "Sealing one item.", registry=self.registry, buckets=_SECONDS
        )
        self.append = Histogram(
            "harkara_append_duration_seconds",
            "Appending one item, its group's fsync included.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.backlog = Gauge(
            "harkara_inbox_backlog_entries",
            "Items that an agency has not acknowledged.",
            ["agency"],
            registry=self.registry,
        )
        self.live_feeds = Gauge("harkara_live_feeds", "Feeds that are open.", registry=self.registry)
        self.router_lag = Gauge(
            "harkara_router_lag_entries", "Accepted items not routed yet.", registry=self.registry
        )
        self.registry_expiry = Gauge(
            "harkara_registry_expiry_timestamp_seconds",
            "When the registry in force expires.",
            registry=self.registry,
        )
        self.checks = Gauge(
            "harkara_health_check",
            "Each check of /healthz: 0 passes, 1 warns, 2 fails.",
            ["check"],
            registry=self.registry,
        )
        Info("harkara_build", "The version that runs.", registry=self.registry).info({"version": __version__})

    def follow(self, *, live_feeds: Callable[[], float], deliveries: Callable[[], float]) -> None:
        """Read these numbers, which others keep, whenever the metrics are asked for. Call it once."""
        self.live_feeds.set_function(live_feeds)
        self.registry.register(_Deliveries(deliveries))

    def show_checks(self, checks: Iterable[Check]) -> None:
        """Show what the check-up found; what it no longer looks at is no longer shown."""
        self.checks.clear()
        for check in checks:
            self.checks.labels(check.name).set(OUTCOME_VALUES[check.outcome])

    def show_backlogs(self, backlogs: Mapping[str, int]) -> None:
        """Show the backlog of every agency; one that left is no longer shown."""
        self.backlog.clear()
        for agency, entries in backlogs.items():
            self.backlog.labels(agency).set(entries)


class _Deliveries(Collector):
    """`harkara_deliveries_total`, which the router counts itself."""

    def __init__(self, count: Callable[[], float]) -> None:
        self._count = count

    def collect(self) -> Iterable[CounterMetricFamily]:
        told = "References that this process put into inboxes."
        yield CounterMetricFamily("harkara_deliveries", told, value=self._count())
