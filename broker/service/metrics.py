"""The metrics that operators watch, in one registry per service so that tests and processes never
share one.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from broker import __version__

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """All metrics of one broker process. Their names are a contract with operators' dashboards."""

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
        self.deliveries = Counter(
            "harkara_deliveries", "References that this process put into inboxes.", registry=self.registry
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
        Info("harkara_build", "The version that runs.", registry=self.registry).info({"version": __version__})

    def follow(self, live_feeds: Callable[[], float]) -> None:
        """Read the number of live feeds whenever the metrics are asked for."""
        self.live_feeds.set_function(live_feeds)
