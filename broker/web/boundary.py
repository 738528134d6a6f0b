"""The boundary that every request passes, both ways.

In: an id, a target in its one spelling, framing that nobody can read in two ways. Out: refusals as
problems, one line of log an event (never content, never a path: it names a bulletin), headers that keep
answers out of caches.
"""

from __future__ import annotations

import time

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from broker.errors import HarkaraError, Malformed, Problem
from broker.web import problems
from broker.web.context import CALLERS, CLOSING, SERVICE
from broker.web.query import TARGET
from broker.web.request_id import HEADER, request_id_of
from broker.web.target import read_target

log = structlog.get_logger("harkara.web")


@web.middleware
async def boundary(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request in, and its answer or refusal out."""
    request_id = request_id_of(request)
    structlog.contextvars.bind_contextvars(request_id=request_id)
    began = time.perf_counter()
    with request.app[CLOSING].in_hand():
        try:
            _admit(request)
            found = await handler(request)
        except HarkaraError as error:
            return _refuse(request, error, problems.response(error, request_id))
        except web.HTTPException as error:
            return _refuse(request, problems.translate(error), problems.from_aiohttp(error, request_id))
    took = round((time.perf_counter() - began) * 1000, 1)
    log.debug("answered", route=_route(request), method=request.method, status=found.status, ms=took)
    return found


async def dress(request: web.Request, found: web.StreamResponse) -> None:
    """Add what every answer carries, just before its headers are sent."""
    headers = found.headers
    headers[HEADER] = request_id_of(request)
    headers[hdrs.SERVER] = problems.SERVER
    headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    headers["X-Content-Type-Options"] = "nosniff"


def _admit(request: web.Request) -> None:
    callers = request.app[CALLERS]
    target = read_target(request, callers.scheme)
    if target.absolute:
        callers.check_authority(target)
    expectation = request.headers.get(hdrs.EXPECT)
    if expectation is not None and expectation.lower() != "100-continue":
        raise Malformed("an unknown expectation", Problem("/expect", "100-continue", "another"))
    request[TARGET] = target


def _refuse(request: web.Request, error: HarkaraError, answer: web.Response) -> web.Response:
    request.app[SERVICE].metrics.refusals.labels(error.code).inc()
    log.info("refused", route=_route(request), method=request.method, code=error.code, status=answer.status)
    if answer.status in (400, 408, 413):
        # What follows on this connection may be the rest of what was refused.
        answer.force_close()
    return answer


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"
