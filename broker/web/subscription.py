"""`GET` and `PUT /v1/subscription`: what an agency wants to hear. The put is a signed statement, the read
is signed.
"""

from __future__ import annotations

from aiohttp import web

from broker.protocol.limits import BODY_BYTES
from broker.web.body import read_body, refuse_body
from broker.web.context import CALLERS, SERVICE
from broker.web.negotiation import JSON, choose
from broker.web.query import read_query
from broker.web.replies import json_reply

routes = web.RouteTableDef()


@routes.get("/v1/subscription", allow_head=False)
async def show(request: web.Request) -> web.StreamResponse:
    """Give the caller's own subscription."""
    read_query(request)
    refuse_body(request)
    choose(request, [JSON])
    caller = request.app[CALLERS].identify(request)
    return json_reply(await request.app[SERVICE].subscriptions.get(caller.agency))


@routes.put("/v1/subscription")
async def put(request: web.Request) -> web.StreamResponse:
    """Put a newer subscription into force."""
    read_query(request)
    choose(request, [JSON])
    body = await read_body(request, {JSON: BODY_BYTES})
    return json_reply(await request.app[SERVICE].subscriptions.put(body.content))
