"""`POST /v1/ack`: an agency's signed word that it holds its inbox up to a number."""

from __future__ import annotations

from aiohttp import web

from broker.protocol.limits import BODY_BYTES
from broker.web.body import read_body
from broker.web.context import SERVICE
from broker.web.negotiation import JSON, choose
from broker.web.query import read_query
from broker.web.replies import json_reply

routes = web.RouteTableDef()


@routes.post("/v1/ack")
async def take(request: web.Request) -> web.StreamResponse:
    """Take an acknowledgement; the answer names the highest."""
    read_query(request)
    choose(request, [JSON])
    body = await read_body(request, {JSON: BODY_BYTES})
    return json_reply(await request.app[SERVICE].acknowledgements.take(body.content))
