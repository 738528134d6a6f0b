"""Every bad input that the tests of the listener name, each as the bytes of one request: for those who send
them all, to see what they leave behind (`test_memory`) or cost (`bench/refusals.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from broker.protocol.blind import MEDIA_TYPE
from broker.protocol.limits import BODY_BYTES
from tests.exchange_fixtures import FIA, TestExchange
from tests.web import test_bodies, test_caller, test_framing, test_patience, test_questions
from tests.web.reader import Signed, sign

JSON = "application/json"
HALF_SENT = "half sent"

PACKED = {
    "a depth of 100,000": b"\x91" * 100_000,
    "maps of maps": b"\x81\xa1a" * 50_000,
    "an array that claims four thousand million": b"\xdd\xff\xff\xff\xff",
    "a map that claims four thousand million": b"\xdf\xff\xff\xff\xff",
    "bytes that claim four gigabytes": b"\xc6\xff\xff\xff\xff",
    "text that claims four gigabytes": b"\x92\xacharkara/1 x\xdb\xff\xff\xff\xff",
    "extensions without end": b"\xdc\xff\xff" + b"\xd4\x05\x01" * 50_000,
    "a million nils": b"\xdd\x00\x0f\x42\x40" + b"\xc0" * 340_000,
}
"""Bombs of msgpack."""


@dataclass(frozen=True)
class BadInput:
    """One request, of a kind. What is half sent is answered by nothing: its sender goes away."""

    kind: str
    name: str
    head: bytes
    body: bytes = b""


def bad_inputs(exchange: TestExchange, base: str) -> list[BadInput]:
    """Give them all, for a broker of `exchange` at `base`."""
    return [
        *_framing(),
        *_bodies(),
        *_batches(),
        *_half_sent(),
        *_reads(exchange, base),
    ]


def _named(cases: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for case in cases:
        yield str(case.id), case.values[0]


def _request(
    method: str, path: str, body: bytes, kind: str, *fields: str, length: int | None = None
) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {kind}", *fields]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode()


def _framing() -> Iterator[BadInput]:
    for kind, cases in (
        ("not HTTP", test_framing.NOT_HTTP),
        ("a request of two readings", test_framing.TWO_READINGS),
        ("a target that is none", test_framing.TARGETS),
    ):
        for name, request in _named(cases):
            yield BadInput(kind, name, request)
    for path in test_framing.NO_SUCH_PATH:
        yield BadInput("a path that is none", repr(path[:40]), test_framing.get(path))


def _bodies() -> Iterator[BadInput]:
    for method, path in test_bodies.SIGNED_RESOURCES:
        where = f", {method} {path}"
        for kind in test_bodies.OTHER_TYPES:
            head = _request(method, path, b"{}", kind)
            yield BadInput("another media type", repr(kind) + where, head, b"{}")
        for coding in test_bodies.CODINGS:
            head = _request(method, path, b"", JSON, f"Content-Encoding: {coding}", length=1_000)
            yield BadInput("a coded body", coding + where, head)
        for name, body in PACKED.items():
            for kind in (JSON, MEDIA_TYPE):
                head = _request(method, path, body, kind)
                yield BadInput("a bomb of msgpack", f"{name} as {kind}{where}", head, body)
        for length in (10**9, 10**12, 10**17):
            head = _request(method, path, b"", JSON, length=length)
            yield BadInput("a length above the limit", f"{length}{where}", head)
        if path != "/v1/audience":
            for name, body in _named(test_bodies.BOMBS):
                yield BadInput("hostile JSON", name + where, _request(method, path, body, JSON), body)
    for name, body in _named(test_bodies.HEAPS):
        head = _request("PUT", "/v1/registry", body, JSON)
        yield BadInput("a heap that calls itself a registry", name, head, body)


def _batches() -> Iterator[BadInput]:
    for path in ("/v1/bulletins", "/v1/receipts"):
        for name, batch in _named(test_bodies.BATCHES):
            head = _request("POST", path, batch, "application/x-ndjson")
            yield BadInput("a batch beyond its limits", f"{name}, {path}", head, batch)


def _half_sent() -> Iterator[BadInput]:
    for name, part in _named(test_patience.PARTS):
        yield BadInput(HALF_SENT, name, part)
    for method, path in test_bodies.SIGNED_RESOURCES:
        for size in (1, 1_000, BODY_BYTES - 1):
            head = _request(method, path, b"", JSON, length=BODY_BYTES)
            yield BadInput(HALF_SENT, f"{size} bytes, {method} {path}", head, b"[" * size)
    head = _request("POST", "/v1/bulletins", b"", "application/x-ndjson", length=8_000_000)
    yield BadInput(HALF_SENT, "most of a batch", head, b"{}\n" * 2_000_000)


def _reads(exchange: TestExchange, base: str) -> Iterator[BadInput]:
    host = base.rpartition("/")[2]
    good = sign(Signed(exchange.signing(FIA)), "GET", f"{base}/v1/inbox")
    for field in ("Signature-Input", "Signature"):
        for garbage in test_caller.GARBAGE:
            fields = {"Host": host} | good | {field: garbage}
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            head = f"GET /v1/inbox HTTP/1.1\r\n{lines}\r\n".encode()
            yield BadInput("a signature that is none", f"{field}: {garbage[:40]!r}", head)
    for query, _ in test_questions.WRONG:
        yield BadInput("a wrong parameter", query[:40], test_framing.get(f"/v1/inbox?{query}".encode()))
