"""Answers in JSON: encoded once, by the encoder that the documents use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from broker.web.negotiation import JSON

_ENCODER = msgspec.json.Encoder()


def json_reply(document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Give an answer with a JSON document."""
    return bytes_reply(_ENCODER.encode(document), JSON, status=status, headers=headers)


def bytes_reply(
    body: bytes, media_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Give an answer with bytes."""
    return web.Response(body=body, status=status, headers={**(headers or {}), "Content-Type": media_type})


def ndjson(documents: list[Any]) -> bytes:
    """Give documents as lines."""
    return b"".join(_ENCODER.encode(document) + b"\n" for document in documents)
