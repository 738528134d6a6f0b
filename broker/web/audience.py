"""`POST /v1/audience`: a dry run of a post, for its originator alone. The signature covers the body."""

from __future__ import annotations

from aiohttp import web

from broker.protocol.limits import BODY_BYTES
from broker.web.body import read_body
from broker.web.context import CALLERS, SERVICE
from broker.web.negotiation import JSON, choose
from broker.web.query import read_query
from broker.web.replies import json_reply

routes = web.RouteTableDef()


@routes.post("/v1/audience")
async def preview(request: web.Request) -> web.StreamResponse:
    """Tell who would receive a post, and why. Nothing is sent."""
    read_query(request)
    choose(request, [JSON])
    body = await read_body(request, {JSON: BODY_BYTES})
    caller = request.app[CALLERS].identify(request, body.content)
    return json_reply(await request.app[SERVICE].audience.preview(caller.agency, body.content))
