"""The body of a request: its type, its size, its time; bytes or a refusal.

Refused before a byte of it is read: another media type or charset, any content coding (a 194 KB gzip bomb
costs a second of the loop before it is found too large), a length above the limit. While it is read: more
than the limit, or slower than its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Final

from aiohttp import HttpVersion11, hdrs, web

from broker.errors import (
    HarkaraError,
    Malformed,
    Problem,
    RequestTimeout,
    TooLarge,
    UnsupportedMediaType,
    shorten,
)
from broker.web.connection import connection_of
from broker.web.context import BODY_MEMORY, LIMITS
from broker.web.limits import Limits

_TEXT_TYPES: Final = ("json", "x-ndjson")


@dataclass(frozen=True, slots=True)
class Body:
    """What was sent, and as what."""

    media_type: str
    content: bytes


async def read_body(request: web.Request, taken: Mapping[str, int]) -> Body:
    """Read the body. `taken` gives the media types that the resource takes and the most bytes of each.

    Raises `UnsupportedMediaType`, `TooLarge`, `RequestTimeout`, `Malformed` or `Unavailable`.
    """
    media_type = _media_type(request, taken)
    most = taken[media_type]
    _refuse_coding(request)
    if request.content_length is not None and request.content_length > most:
        raise _too_large(most, request.content_length)
    await _continue(request)
    return Body(media_type, await _read(request, most))


def refuse_body(request: web.Request) -> None:
    """Refuse a body where none has a meaning. Raises `Malformed`."""
    if request.body_exists and request.content_length != 0:
        raise Malformed("this request has no body", Problem("", "no body", "one"))


async def _read(request: web.Request, most: int) -> bytes:
    limits, memory = request.app[LIMITS], request.app[BODY_MEMORY]
    connection = connection_of(request)
    chunks: list[bytes] = []
    size = counted = 0
    # Between here and the last byte the time grows with what has come, from the first byte of the headers on.
    began = connection.take_began()
    try:
        async with asyncio.timeout_at(began + limits.head_and_body_seconds) as time_left:
            while chunk := await request.content.readany():
                size += len(chunk)
                if size > most:
                    raise _too_large(most, None)
                if (extra := size - limits.free_body_bytes - counted) > 0:
                    memory.take(extra)
                    counted += extra
                    time_left.reschedule(began + _seconds_for(size, limits))
                chunks.append(chunk)
    except TimeoutError:
        seconds = f"all of it within {_seconds_for(size, limits):.0f} s"
        raise RequestTimeout(
            "the body did not arrive in time", Problem("", seconds, f"{size} bytes")
        ) from None
    except (web.RequestPayloadError, ConnectionError):
        raise Malformed("the body ends too early, or its chunks are broken") from None
    finally:
        memory.give_back(counted)
    return b"".join(chunks)


def _seconds_for(size: int, limits: Limits) -> float:
    return limits.head_and_body_seconds + max(0, size - limits.free_body_bytes) / limits.body_bytes_per_second


def _media_type(request: web.Request, taken: Mapping[str, int]) -> str:
    lines = request.headers.getall(hdrs.CONTENT_TYPE, [])
    if len(lines) == 1:
        found = Message()
        found["Content-Type"] = lines[0]
        media_type = found.get_content_type()
        parameters = [(name.lower(), value.lower()) for name, value in (found.get_params() or [])[1:]]
        # UTF-8 is what JSON is: saying so is harmless, saying anything else is a mistake worth naming.
        allowed = [("charset", "utf-8")] if media_type.endswith(_TEXT_TYPES) else []
        if media_type in taken and parameters in ([], allowed):
            return media_type
    expected = " or ".join(taken)
    raise UnsupportedMediaType(
        "this resource does not take such a body",
        Problem("/content-type", expected, shorten(", ".join(lines)) or "none", "charset may be utf-8 only"),
    )


def _refuse_coding(request: web.Request) -> None:
    if hdrs.CONTENT_ENCODING in request.headers:
        coding = shorten(request.headers[hdrs.CONTENT_ENCODING])
        raise UnsupportedMediaType(
            "bodies are taken as they are",
            Problem("/content-encoding", "none", coding, "send it uncompressed"),
        )


async def _continue(request: web.Request) -> None:
    # Said only now: a peer that asks first is spared sending what would be refused.
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _too_large(most: int, length: int | None) -> HarkaraError:
    got = "more" if length is None else f"{length}"
    return TooLarge("the body is too large", Problem("", f"at most {most} bytes", got))
