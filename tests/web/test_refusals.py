"""A refusal as a document: every member of the family, one shape everywhere, never more than it may say."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
import structlog
from structlog.testing import capture_logs

from broker import errors
from broker.service.service import Service
from broker.service.store_checks import ANSWER_SECONDS
from broker.web import problems
from tests.exchange_fixtures import FIA, post_body, sign_bulletin
from tests.stores import Server
from tests.waiting import until
from tests.web.raw import Raw
from tests.web.reader import Reader

REQUEST_ID = "5b6f3a1e9c0d4e7f8a1b2c3d4e5f6071"


def _code(kind: type[errors.HarkaraError]) -> str:
    return kind.code


FAMILY = sorted(errors.family(), key=_code)


@pytest.mark.parametrize("kind", FAMILY, ids=[kind.code for kind in FAMILY])
def test_every_error_is_a_problem_document_with_its_own_code(kind: type[errors.HarkaraError]) -> None:
    error = kind("what is wrong", errors.Problem("/a", "this", "that", "do so"), retry_after=2.5)
    error.within = "/statement/payload"
    found = problems.response(error, REQUEST_ID)
    document = json.loads(found.body if isinstance(found.body, bytes) else b"")
    assert found.status == kind.status == document["status"]
    assert found.headers["Content-Type"] == "application/problem+json"
    assert document == {
        "type": f"urn:harkara:problem:{kind.code}",
        "title": document["title"],
        "status": kind.status,
        "detail": "what is wrong",
        "instance": UUID(REQUEST_ID).urn,
        "within": "/statement/payload",
        "errors": [{"pointer": "/a", "expected": "this", "got": "that", "hint": "do so"}],
    }
    assert found.headers.get("Retry-After") == ("3" if kind.status in (429, 503) else None)


def test_two_errors_never_share_a_code() -> None:
    codes = [kind.code for kind in FAMILY]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    "hostile",
    ["\ud800", "\x00\x1b[31m", "\u202e", "x" * 1_000_000, "<script>", "\r\nSet-Cookie: a=b"],
    ids=["a lone surrogate", "control characters", "an override", "a megabyte", "markup", "a header"],
)
def test_whatever_stands_in_an_error_its_document_is_short_and_valid(hostile: str) -> None:
    error = errors.Malformed(hostile, *[errors.Problem(f"/{hostile}", hostile, hostile, hostile)] * 100)
    found = problems.response(error, REQUEST_ID)
    body = found.body if isinstance(found.body, bytes) else b""
    assert len(json.loads(body)["errors"]) == 100
    assert len(body) < 1_000_000
    assert not any("\n" in value or "\r" in value for value in found.headers.values())


async def test_a_request_has_an_id_of_its_own_whatever_it_calls_itself(reader: Reader) -> None:
    answers = [await reader.send("GET", "/livez", headers={"X-Request-Id": "mine"}) for _ in range(2)]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert "mine" not in ids
    assert len(set(ids)) == 2
    assert all(UUID(one).version == 4 for one in ids)


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/v1/inbox"])
async def test_every_answer_keeps_out_of_caches_and_of_guessing(reader: Reader, path: str) -> None:
    answer = await reader.send("GET", path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "harkara"


async def test_refusals_are_counted_by_code(reader: Reader, operations: Reader) -> None:
    await reader.send("GET", "/nowhere")
    await reader.post("/v1/bulletins", b"{\n{", "application/x-ndjson")
    async with await Raw.connect(reader.port) as raw:
        await raw.send(b"\x00\r\n\r\n")
        await raw.answer()
    metrics = (await operations.send("GET", "/metrics")).body
    assert b'harkara_refusals_total{code="not-found"} 1.0' in metrics
    assert b'harkara_refusals_total{code="malformed"} 3.0' in metrics


async def test_a_log_line_names_the_request_and_never_what_was_said(reader: Reader) -> None:
    secret = "White van seen at Aabpara market"
    text = {"en": {"headline": secret}}
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        taken = await reader.post("/v1/bulletins", post_body(*sign_bulletin(reader.exchange, FIA, text=text)))
        refused = await reader.post(
            "/v1/bulletins", post_body(*sign_bulletin(reader.exchange, FIA, text=text, sent="x"))
        )
        await reader.send("GET", "/v1/inbox?secret-parameter=1")
    assert {taken.headers["X-Request-Id"], refused.headers["X-Request-Id"]} <= {
        one.get("request_id") for one in logs
    }
    said = repr(logs)
    assert secret not in said
    assert taken.json["id"] not in said
    assert "secret-parameter" not in said


@pytest.fixture
def breaking_service(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service with a fault in it, to see how a fault of ours leaves."""

    async def fault(*_: Any) -> dict[str, Any]:
        raise ZeroDivisionError("the secret word was gulmohar")

    monkeypatch.setattr(service.subscriptions, "get", fault)
    return service


async def test_a_fault_of_ours_says_nothing_but_the_id_under_which_it_is_logged(
    breaking_service: Service, reader: Reader
) -> None:
    with capture_logs() as logs:
        answer = await reader.read(FIA, "/v1/subscription")
    assert (answer.status, answer.code) == (500, "internal")
    assert b"gulmohar" not in answer.body
    (fault,) = [one for one in logs if one["event"] == "fault"]
    assert fault["request_id"] == answer.headers["X-Request-Id"]
    assert (await reader.send("GET", "/livez")).status == 200


async def _until_ready(reader: Reader, status: int) -> None:
    async def so() -> bool:
        return (await reader.send("GET", "/readyz")).status == status

    await until(so)


async def test_without_the_store_readiness_is_503_and_liveness_is_not(reader: Reader, server: Server) -> None:
    server.pause()
    try:
        await _until_ready(reader, 503)
        assert (await reader.send("GET", "/livez")).status == 200
    finally:
        server.resume()
    await _until_ready(reader, 200)


def test_a_store_that_does_not_answer_is_not_waited_for() -> None:
    assert ANSWER_SECONDS < 2  # `/readyz` says 503 within two seconds
