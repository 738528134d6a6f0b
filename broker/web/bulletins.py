"""`POST /v1/bulletins`, `GET /v1/bulletins/{originator}/{id}` and what recipients said of it.

A post authenticates itself: it is signed, and a replay gets the first answer again. Reading one item is for
its originator and its recipients; for everybody else it does not exist.
"""

from __future__ import annotations

from aiohttp import web

from broker.errors import NotFound
from broker.protocol import blind
from broker.protocol.delivery import item_json
from broker.web.batch import take_posts
from broker.web.body import refuse_body
from broker.web.context import CALLERS, SERVICE
from broker.web.negotiation import JSON, choose
from broker.web.query import read_query
from broker.web.replies import json_reply
from broker.web.segments import agency_in, id_in

routes = web.RouteTableDef()


@routes.post("/v1/bulletins")
async def post(request: web.Request) -> web.StreamResponse:
    """Take a bulletin, a batch of them, or one that its originator sealed."""
    read_query(request)
    service = request.app[SERVICE]
    return await take_posts(request, service.posting.post, {blind.MEDIA_TYPE: service.blind.post})


@routes.get("/v1/bulletins/{originator}/{id}", allow_head=False)
async def fetch(request: web.Request) -> web.StreamResponse:
    """Give one item to whoever may have it."""
    originator, item_id = _named(request)
    read_query(request)
    refuse_body(request)
    choose(request, [JSON])
    caller = request.app[CALLERS].identify(request)
    return json_reply(item_json(await request.app[SERVICE].fetching.one(caller.agency, originator, item_id)))


@routes.get("/v1/bulletins/{originator}/{id}/receipts", allow_head=False)
async def receipts(request: web.Request) -> web.StreamResponse:
    """Tell an originator who has its bulletin and what they said."""
    originator, item_id = _named(request)
    read_query(request)
    refuse_body(request)
    choose(request, [JSON])
    caller = request.app[CALLERS].identify(request)
    return json_reply(await request.app[SERVICE].receipts.overview(caller.agency, originator, item_id))


def _named(request: web.Request) -> tuple[str, str]:
    # A name that nobody could have given needs no look-up; it is told what everybody else is told.
    return agency_in(request, "originator", _no_such_bulletin), id_in(request, "id", _no_such_bulletin)


def _no_such_bulletin() -> NotFound:
    return NotFound("there is no such bulletin for this agency")
