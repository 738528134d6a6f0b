"""`GET /v1/pair-keys/{id}`: a sealed pair key, for its member alone. `POST /v1/pair-keys`: those of an
agency that seals its posts itself; each is signed, so the request is not.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web

from broker.errors import NotFound
from broker.protocol import dsse
from broker.protocol.limits import BODY_BYTES
from broker.web.body import read_body, refuse_body
from broker.web.context import CALLERS, SERVICE
from broker.web.negotiation import JSON, choose
from broker.web.query import read_query
from broker.web.replies import json_reply

_PAIR_KEY_ID: Final = re.compile(r"[0-9a-f]{32}")

routes = web.RouteTableDef()


@routes.get("/v1/pair-keys/{id}", allow_head=False)
async def sealed(request: web.Request) -> web.StreamResponse:
    """Give the caller its sealed pair key."""
    pkid = request.match_info["id"]
    if _PAIR_KEY_ID.fullmatch(pkid) is None:
        raise NotFound("there is no such pair key for this agency")
    read_query(request)
    refuse_body(request)
    choose(request, [JSON])
    caller = request.app[CALLERS].identify(request)
    envelope = await request.app[SERVICE].pair_keys.sealed(caller.agency, bytes.fromhex(pkid))
    return json_reply(dsse.to_json(envelope))


@routes.post("/v1/pair-keys")
async def hand_in(request: web.Request) -> web.StreamResponse:
    """Take the pair keys of a blind sealer, each sealed to its member."""
    read_query(request)
    choose(request, [JSON])
    body = await read_body(request, {JSON: BODY_BYTES})
    return json_reply({"kept": await request.app[SERVICE].blind.take_keys(body.content)})
