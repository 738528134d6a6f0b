"""Refusals as RFC 9457 says them: the one place where an error becomes an HTTP answer.

`type` is `urn:harkara:problem:<code>`, `instance` the request's id, `errors` all that was wrong. Nothing of
the request is repeated but what a `HarkaraError` chose to show, cut short; what aiohttp itself would say
(which echoes input, as plain text) is replaced. A fault of ours says no more than that there was one.
"""

from __future__ import annotations

import math
from typing import Any, Final
from uuid import UUID

import msgspec
from aiohttp import web

from broker.errors import HarkaraError, Malformed, MethodNotAllowed, NotFound, Problem, TooLarge, shorten
from broker.web.request_id import HEADER

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:harkara:problem:"
SERVER: Final = "harkara"
RETRY_SECONDS: Final = 1
"""Said with a 429 or 503 that does not know better."""
INTERNAL: Final = "internal"
TEXT_CHARS: Final = 512
"""How much of one text of a problem is said."""


def problem_json(error: HarkaraError, request_id: str) -> dict[str, Any]:
    """Give the problem document of `error`."""
    found = _document(error.code, error.status, error.detail, request_id)
    if error.within:
        found["within"] = error.within
    if error.problems:
        found["errors"] = [
            {name: _sayable(text) for name, text in problem.as_json().items()} for problem in error.problems
        ]
    return found


def response(error: HarkaraError, request_id: str) -> web.Response:
    """Give the answer that `error` is, with Retry-After where it may be sent again."""
    headers = _plain_headers(request_id)
    if error.status in (429, 503):
        headers["Retry-After"] = str(max(RETRY_SECONDS, math.ceil(error.retry_after or 0)))
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Signature tag="harkara-read"'
    return _answer(problem_json(error, request_id), error.status, headers)


def internal(request_id: str) -> web.Response:
    """Give the answer to a fault of ours: 500, and the id under which it is logged."""
    document = _document(INTERNAL, 500, "the broker has a fault; it is logged under the instance", request_id)
    return _answer(document, 500, _plain_headers(request_id))


def from_aiohttp(error: web.HTTPException, request_id: str) -> web.Response:
    """Give our answer for one of aiohttp's own exceptions: its status at most, never its words."""
    if error.status >= 500:
        return internal(request_id)
    found = response(translate(error), request_id)
    if "Allow" in error.headers:
        found.headers["Allow"] = error.headers["Allow"]
    return found


def translate(error: web.HTTPException) -> HarkaraError:
    """Give the error of our family that one of aiohttp's is."""
    if error.status == 404:
        return NotFound("there is no such resource")
    if error.status == 405:
        allowed = error.headers.get("Allow", "")
        method = error.method if isinstance(error, web.HTTPMethodNotAllowed) else "another method"
        return MethodNotAllowed("this resource has no such method", Problem("", allowed, shorten(method)))
    if error.status == 413:
        return TooLarge("the request is too large")
    if error.status == 417:
        return Malformed("an unknown expectation", Problem("/expect", "100-continue", "another"))
    return Malformed("not a request that this server understands")


def raw(error: HarkaraError, request_id: str) -> bytes:
    """Give the whole HTTP/1.1 answer as bytes, for a connection that has no request yet. It says it will
    close.
    """
    found = response(error, request_id)
    body = found.body if isinstance(found.body, bytes) else b""
    found.headers["Connection"] = "close"
    found.headers["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in found.headers.items())
    return f"HTTP/1.1 {found.status} {found.reason}\r\n{head}\r\n".encode("latin-1") + body


def _sayable(text: str) -> str:
    # A pointer is made of the sender's own names: they may be no Unicode, and as long as a body.
    cut = text if len(text) <= TEXT_CHARS else text[:TEXT_CHARS] + "…"
    return cut.encode(errors="backslashreplace").decode()


def _document(code: str, status: int, detail: str, request_id: str) -> dict[str, Any]:
    return {
        "type": TYPE_PREFIX + code,
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": _sayable(detail),
        "instance": UUID(request_id).urn,
    }


def _plain_headers(request_id: str) -> dict[str, str]:
    return {
        HEADER: request_id,
        "Server": SERVER,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }


def _answer(document: dict[str, Any], status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(document), status=status, headers=headers | {"Content-Type": MEDIA_TYPE}
    )
