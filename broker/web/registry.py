"""`GET` and `PUT /v1/registry`: the signed registry for members, and a newer one from the root keys.

A key that is not in force may still read it: that is how its agency finds its way back. A put carries its
authority in the root keys' signatures.
"""

from __future__ import annotations

import hashlib
from typing import Final

from aiohttp import web

from broker.errors import Malformed, Problem
from broker.protocol.limits import REGISTRY_BYTES, SAFE_INTEGER, SIGNATURES_ITEMS
from broker.web.body import read_body, refuse_body
from broker.web.context import CALLERS, SERVICE
from broker.web.negotiation import JSON, choose
from broker.web.query import read_query, whole
from broker.web.replies import bytes_reply, json_reply

PUT_BYTES: Final = 2 * REGISTRY_BYTES
TOKENS: Final = 8 * SIGNATURES_ITEMS
"""Commas and opening brackets of both envelopes, signed by as many as may sign, and some to spare."""

routes = web.RouteTableDef()


@routes.get("/v1/registry", allow_head=False)
async def show(request: web.Request) -> web.StreamResponse:
    """Give the registry in force, or the version asked for; 304 to whoever has it."""
    query = read_query(request, "version")
    version = whole(query, "version", least=1, most=SAFE_INTEGER, default=0)
    refuse_body(request)
    choose(request, [JSON])
    request.app[CALLERS].identify(request, expired_too=True)
    trust = request.app[SERVICE].trust
    document = b""
    if version in (0, trust.registry.version):
        # Named by its digest, so that asking again and again costs no encoding.
        tag = trust.registry.digest.hex()
    else:
        document = await trust.registry_document(version)
        tag = hashlib.sha256(document).hexdigest()
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}
    if any(etag.value in (tag, "*") for etag in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return bytes_reply(document or await trust.registry_document(None), JSON, headers=headers)


@routes.put("/v1/registry")
async def publish(request: web.Request) -> web.StreamResponse:
    """Put a newer registry, with its entitlements, into force at all brokers."""
    read_query(request)
    choose(request, [JSON])
    body = await read_body(request, {JSON: PUT_BYTES})
    _refuse_heaps(body.content)
    return json_reply({"version": await request.app[SERVICE].trust.publish(body.content)})


def _refuse_heaps(content: bytes) -> None:
    # Two envelopes are a handful of members around long strings. Nobody has signed yet, and 64 MiB of small
    # values would keep the parser, and so everybody, busy for ten seconds.
    if sum(content.count(token) for token in (b",", b"[", b"{")) > TOKENS:
        raise Malformed("not a registry", Problem("", f"two envelopes, at most {TOKENS} values", "more"))
