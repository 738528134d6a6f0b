"""`GET /v1/inbox`: the next items and the signed head; a long poll when there are none.

JSON, or msgpack for those who ask for it. A wait ends with news, after its time, when the peer is gone or
when the broker stops; whether the caller may still read is asked again after it.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from broker.protocol.delivery import PAGE_MEDIA_TYPE, pack_page, page_json
from broker.service.cursor import Cursor
from broker.service.reading import ITEMS_PER_PAGE
from broker.web.body import refuse_body
from broker.web.closing import first_of
from broker.web.connection import connection_of
from broker.web.context import CALLERS, CLOSING, LIMITS, SERVICE
from broker.web.negotiation import JSON, choose
from broker.web.query import read_query, whole
from broker.web.replies import bytes_reply, json_reply

USUAL_ITEMS = 100

routes = web.RouteTableDef()


@routes.get("/v1/inbox", allow_head=False)
async def inbox(request: web.Request) -> web.StreamResponse:
    """Give the items after a cursor."""
    query = read_query(request, "after", "at", "chain", "limit", "wait")
    cursor = Cursor.read(query)
    limit = whole(query, "limit", least=1, most=ITEMS_PER_PAGE, default=USUAL_ITEMS)
    wait = whole(query, "wait", least=0, most=request.app[LIMITS].long_poll_seconds, default=0)
    refuse_body(request)
    form = choose(request, [JSON, PAGE_MEDIA_TYPE])
    caller = request.app[CALLERS].identify(request)
    reading = request.app[SERVICE].reading
    page = await reading.page(caller.agency, cursor, limit)
    if not page.items and wait:
        await _wait(request, caller.agency, cursor.after, wait)
        request.app[CALLERS].still_in_force(caller)
        page = await reading.page(caller.agency, cursor, limit)
    if form == JSON:
        return json_reply(page_json(page))
    return bytes_reply(pack_page(page), PAGE_MEDIA_TYPE)


async def _wait(request: web.Request, agency: str, after: int, seconds: int) -> None:
    connection = connection_of(request)
    news = asyncio.create_task(request.app[SERVICE].reading.wait(agency, after, seconds))
    await first_of([request.app[CLOSING].begun, connection.lost], news)
