"""`POST /v1/receipts`: what recipients say of a bulletin, one or many. Signed, so it needs no session."""

from __future__ import annotations

from aiohttp import web

from broker.web.batch import take_posts
from broker.web.context import SERVICE
from broker.web.query import read_query

routes = web.RouteTableDef()


@routes.post("/v1/receipts")
async def take(request: web.Request) -> web.StreamResponse:
    """Take a receipt, or a batch of them."""
    read_query(request)
    return await take_posts(request, request.app[SERVICE].receipts.take)
