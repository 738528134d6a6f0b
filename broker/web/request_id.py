"""The id of a request: in the answer's `X-Request-Id`, in a problem's `instance`, in the log."""

from __future__ import annotations

from uuid import uuid4

from aiohttp import web

REQUEST_ID = web.RequestKey("request_id", str)
HEADER = "X-Request-Id"


def request_id_of(request: web.BaseRequest) -> str:
    """Give the id of a request, made when first asked for. Never the peer's own: it could forge another's
    trail.
    """
    return request.setdefault(REQUEST_ID, uuid4().hex)
