"""Probes and numbers. `/livez` and `/readyz` are minimal and stand on both listeners; `/healthz` and
`/metrics` say who is behind and what expires, so they stand on the operations listener only.

`/livez` says that this process works, whatever its store does: restarting it would not mend the store.
"""

from __future__ import annotations

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from broker import __version__
from broker.protocol import times, verdict
from broker.service import clock
from broker.web.context import SERVICE
from broker.web.query import read_query
from broker.web.replies import bytes_reply, json_reply

HEALTH = "application/health+json"

probes = web.RouteTableDef()
operations = web.RouteTableDef()


@probes.get("/livez")
async def live(request: web.Request) -> web.StreamResponse:
    """Answer, which is all that is asked."""
    read_query(request)
    return json_reply({"status": "pass"})


@probes.get("/readyz")
async def ready(request: web.Request) -> web.StreamResponse:
    """Tell whether requests can be served now; 503 while not."""
    read_query(request)
    outcome = verdict.overall(await request.app[SERVICE].checkup.ready())
    if outcome == "fail":
        return json_reply({"status": outcome}, status=503, headers={"Retry-After": "1"})
    return json_reply({"status": "pass"})


@operations.get("/healthz")
async def health(request: web.Request) -> web.StreamResponse:
    """Give every check as application/health+json: 200 for pass and warn, 503 for fail."""
    read_query(request)
    checks = await request.app[SERVICE].checkup.health()
    status = 503 if verdict.overall(checks) == "fail" else 200
    document = verdict.health(checks, version=__version__, at=times.format(clock.now()))
    return bytes_reply(msgspec.json.encode(document), HEALTH, status=status)


@operations.get("/metrics")
async def metrics(request: web.Request) -> web.StreamResponse:
    """Give the metrics in Prometheus' text format."""
    read_query(request)
    service = request.app[SERVICE]
    await service.checkup.health()  # brings the gauges up to date
    return bytes_reply(generate_latest(service.metrics.registry), CONTENT_TYPE_LATEST)
