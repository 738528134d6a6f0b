"""Posts, one or many: a JSON document, or lines of them (NDJSON), each taken or refused for itself.

How many lines and bytes is checked before line one. Answers stand in the order of the lines, one bad line
harming no other. A few lines are in hand at a time, begun in their order: the store commits them in groups.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import structlog
from aiohttp import web

from broker.errors import HarkaraError, Malformed, Problem, TooLarge
from broker.protocol import dsse
from broker.protocol.limits import BATCH_BULLETINS, BATCH_BYTES, BODY_BYTES
from broker.service.sealing import Accepted
from broker.web import problems
from broker.web.body import read_body
from broker.web.context import SERVICE
from broker.web.negotiation import JSON, NDJSON, choose
from broker.web.replies import bytes_reply, json_reply, ndjson
from broker.web.request_id import request_id_of

log = structlog.get_logger("harkara.web")

TAKEN: Final = {JSON: BODY_BYTES, NDJSON: BATCH_BYTES}
IN_HAND_LINES: Final = 32

Take = Callable[[bytes], Awaitable[Accepted]]


async def take_posts(
    request: web.Request, take: Take, others: Mapping[str, Take] = MappingProxyType({})
) -> web.Response:
    """Read the body of a request and have `take` accept it, or each of its lines. `others` take single
    posts of further media types.
    """
    body = await read_body(request, {**TAKEN, **dict.fromkeys(others, BODY_BYTES)})
    if body.media_type != NDJSON:
        choose(request, [JSON])
        accepted = await others.get(body.media_type, take)(body.content)
        location = f"/v1/bulletins/{accepted.originator}/{accepted.id}"
        status = 200 if accepted.repeated else 201
        return json_reply(accepted_json(accepted), status=status, headers={"Location": location})
    choose(request, [NDJSON])
    lines = split_lines(body.content)
    answers = await _take_all(request, lines, take)
    return bytes_reply(ndjson(answers), NDJSON)


def accepted_json(accepted: Accepted) -> dict[str, Any]:
    """Give the answer to one post."""
    found = {
        "originator": accepted.originator,
        "id": accepted.id,
        "stamp": dsse.to_json(accepted.stamp),
        "repeated": accepted.repeated,
    }
    return found if accepted.recipients is None else found | {"recipients": accepted.recipients}


def split_lines(content: bytes) -> list[bytes]:
    """Give the lines of a batch. Raises `TooLarge` for too many, `Malformed` for none.

    Only LF ends a line, and the last needs none; an empty line in between has its place and its own refusal.
    """
    if content.count(b"\n") > BATCH_BULLETINS:  # before anything is split
        raise _too_many()
    lines = content.removesuffix(b"\n").split(b"\n")
    if len(lines) > BATCH_BULLETINS:
        raise _too_many()
    if lines == [b""]:
        raise Malformed("the batch is empty", Problem("", "one document a line", "nothing"))
    return lines


async def _take_all(request: web.Request, lines: list[bytes], take: Take) -> list[dict[str, Any]]:
    room = asyncio.Semaphore(IN_HAND_LINES)
    request_id = request_id_of(request)
    refusals = request.app[SERVICE].metrics.refusals

    async def one(line: bytes) -> dict[str, Any]:
        async with room:
            try:
                if len(line) > BODY_BYTES:
                    raise TooLarge(
                        "the line is too long", Problem("", f"at most {BODY_BYTES} bytes", f"{len(line)}")
                    )
                return accepted_json(await take(line))
            except HarkaraError as error:
                refusals.labels(error.code).inc()
                log.info("line-refused", code=error.code, status=error.status)
                return {"problem": problems.problem_json(error, request_id)}

    return await asyncio.gather(*(one(line) for line in lines))


def _too_many() -> TooLarge:
    return TooLarge("the batch has too many lines", Problem("", f"at most {BATCH_BULLETINS} lines", "more"))
