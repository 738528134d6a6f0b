"""The two applications: the public one for agencies, and the one for operators, which says more and stands
apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from aiohttp import web

from broker.service import clock as wall
from broker.service.clock import Clock
from broker.service.service import Service
from broker.web import (
    acknowledgements,
    audience,
    bulletins,
    feed,
    health,
    inbox,
    pair_keys,
    receipts,
    registry,
    subscription,
)
from broker.web.body_memory import BodyMemory
from broker.web.boundary import boundary, dress
from broker.web.caller import Callers
from broker.web.closing import Closing
from broker.web.context import BODY_MEMORY, CALLERS, CLOSING, LIMITS, SERVICE
from broker.web.limits import Limits
from broker.web.nonces import Nonces

RESOURCES = (
    bulletins.routes,
    inbox.routes,
    feed.routes,
    receipts.routes,
    acknowledgements.routes,
    pair_keys.routes,
    registry.routes,
    audience.routes,
    subscription.routes,
)


def public_app(
    service: Service,
    *,
    authorities: Iterable[str] = (),
    https: bool = False,
    limits: Limits | None = None,
    clock: Clock = wall.now,
) -> web.Application:
    """Give the application for agencies.

    `authorities` are the names (host, or host:port) under which clients reach it, without any only loopback
    names pass; `https` tells whether they use TLS, here or at a proxy in front.
    """
    return _app(service, [health.probes, *RESOURCES], authorities, https, limits or Limits(), clock)


def operations_app(service: Service, *, limits: Limits | None = None) -> web.Application:
    """Give the application for operators: probes, health and metrics, without callers."""
    return _app(service, [health.probes, health.operations], (), False, limits or Limits(), wall.now)


def _app(
    service: Service,
    tables: Iterable[web.RouteTableDef],
    authorities: Iterable[str],
    https: bool,
    limits: Limits,
    clock: Clock,
) -> web.Application:
    app = web.Application(middlewares=[boundary])
    app[SERVICE] = service
    app[LIMITS] = limits
    app[CLOSING] = Closing()
    app[BODY_MEMORY] = BodyMemory(limits.body_memory_bytes)
    app[CALLERS] = Callers(
        lambda: service.trust.registry,
        authorities,
        "https" if https else "http",
        clock,
        Nonces.for_allowance(service.allowance.reads_per_minute),
        service.allowance.charge_read,
    )
    for route in (route for table in tables for route in table):
        app.add_routes([_with_patience(cast("web.RouteDef", route))])
    app.on_response_prepare.append(dress)
    app.on_shutdown.append(_finish)
    return app


def _with_patience(route: web.RouteDef) -> web.RouteDef:
    # aiohttp says 100 Continue before anything is looked at; `body` says it when the body is wanted.
    return web.RouteDef(
        route.method, route.path, route.handler, {**route.kwargs, "expect_handler": _say_nothing}
    )


async def _say_nothing(request: web.Request) -> None:
    pass


async def _finish(app: web.Application) -> None:
    # No new requests come any more. Feeds end with a notice, long polls with what there is, the rest as
    # usual.
    app[SERVICE].feeds.stop()
    await app[CLOSING].finish(app[LIMITS].shutdown_seconds)
