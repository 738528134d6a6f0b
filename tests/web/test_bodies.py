"""Bodies: their type, size and encoding; documents made to hurt a parser. Refused with a 4xx problem.

What each refusal costs beside a good post is measured in `bench/refusals.py`.
"""

from __future__ import annotations

import json
from typing import cast

import pytest

from broker.protocol.limits import BATCH_BULLETINS, BATCH_BYTES, BODY_BYTES
from tests.exchange_fixtures import FIA, post_body, sign_bulletin
from tests.web.raw import Raw
from tests.web.reader import Reader

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIGNED_RESOURCES = [
    ("POST", "/v1/bulletins"),
    ("POST", "/v1/receipts"),
    ("POST", "/v1/ack"),
    ("PUT", "/v1/subscription"),
    ("PUT", "/v1/registry"),
    ("POST", "/v1/audience"),
    ("POST", "/v1/pair-keys"),
]


OTHER_TYPES = [
    "text/plain",
    "application/xml",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin-1",
    "application/json; charset=utf-16",
    "application/json; charset=utf-8; charset=utf-8",
    "application/json; version=2",
    "application/jsonx",
    "application/vnd.harkara.bulletin+json",
    "application",
    "",
    ";",
    "application/json, text/plain",
    "*/*",
    "text/html;<script>alert(1)</script>",
]


@pytest.mark.parametrize("kind", OTHER_TYPES)
@pytest.mark.parametrize(("method", "path"), SIGNED_RESOURCES)
async def test_another_content_type_is_refused(shared: Reader, method: str, path: str, kind: str) -> None:
    answer = await shared.post(path, b"{}", kind, method)
    assert (answer.status, answer.code) == (415, "unsupported-media-type")
    assert answer.pointers == ["/content-type"]


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=UTF-8",
        'application/json; charset="utf-8"',
    ],
)
async def test_json_may_say_that_it_is_utf8(shared: Reader, kind: str) -> None:
    assert (await shared.post("/v1/ack", b"{}", kind)).status == 400  # it was read, and is no acknowledgement


CODINGS = ["gzip", "deflate", "br", "zstd", "identity", "x-nonsense", "gzip, gzip"]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(("method", "path"), SIGNED_RESOURCES)
async def test_a_coded_body_is_refused_unread(shared: Reader, method: str, path: str, coding: str) -> None:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    async with await Raw.connect(shared.port) as raw:
        # Of the body nothing is ever sent, so what it would become is never seen.
        await raw.send(f"{head}Content-Encoding: {coding}\r\nContent-Length: 1000\r\n\r\n".encode())
        answer = await raw.answer()
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (415, "/content-encoding")


@pytest.mark.parametrize("length", [str(BODY_BYTES + 1), str(10**12), "9" * 18])
async def test_a_length_above_the_limit_is_refused_before_the_body_comes(shared: Reader, length: str) -> None:
    async with await Raw.connect(shared.port) as raw:
        head = "POST /v1/bulletins HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        await raw.send(f"{head}Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n".encode())
        answer = await raw.answer()
        assert (answer.status, answer.code) == (413, "too-large")


@pytest.mark.parametrize("size", [0, 1, BODY_BYTES])
async def test_a_body_within_the_limit_is_read_after_100_continue(shared: Reader, size: int) -> None:
    async with await Raw.connect(shared.port) as raw:
        head = "POST /v1/ack HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        await raw.send(f"{head}Content-Length: {size}\r\nExpect: 100-continue\r\n\r\n".encode())
        assert await raw.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await raw.send(b" " * size)
        assert (await raw.answer()).status == 400


async def test_one_byte_too_many_in_chunks_is_refused(shared: Reader) -> None:
    async def chunks():
        for _ in range(BODY_BYTES // 1024):
            yield b" " * 1024
        yield b" "

    headers = {"Content-Type": "application/json"}
    async with shared.session.post(shared.base + "/v1/ack", data=chunks(), headers=headers) as response:
        assert response.status == 413


BOMBS = [
    pytest.param(b"[" * 100_000, id="100,000 open brackets"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, id="100,000 nested lists"),
    pytest.param(b'{"a":' * 60_000 + b"1" + b"}" * 60_000, id="60,000 nested objects"),
    pytest.param(b'{"a":"' + b"[" * 300_000, id="an open string of brackets"),
    pytest.param(b'{"statement": 1, "statement": 2}', id="a name twice"),
    pytest.param(b'{"statement": NaN}', id="NaN"),
    pytest.param(b'{"statement": -Infinity}', id="minus infinity"),
    pytest.param(b'{"statement": 1e999}', id="1e999"),
    pytest.param(b'{"statement": ' + b"9" * 300_000 + b"}", id="an integer of 300,000 digits"),
    pytest.param(b'{"statement": 1e' + b"9" * 300_000 + b"}", id="an exponent of 300,000 digits"),
    pytest.param(b'{"statement": null}', id="null"),
    pytest.param(b'{"statement": "\\ud800"}', id="a lone surrogate"),
    pytest.param(b'{"\\udfff": 1}', id="a lone surrogate as a name"),
    pytest.param(b'{"statement": "\xed\xa0\x80"}', id="a surrogate in UTF-8"),
    pytest.param(b'{"statement": "\xff"}', id="bytes that are not UTF-8"),
    pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
    pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
    pytest.param(b'{"statement": "\x00"}', id="NUL in a string"),
    pytest.param(b"\x00" * 1000, id="NULs"),
    pytest.param(b"{} {}", id="two documents"),
    pytest.param(b'{"a": 1,}', id="a comma too many"),
    pytest.param(b"{'a': 1}", id="single quotes"),
    pytest.param(b"/* */ {}", id="a comment"),
    pytest.param(b"", id="nothing"),
    pytest.param(b" " * 300_000, id="300,000 spaces"),
    pytest.param(b"true", id="true"),
    pytest.param(b"[]", id="a list"),
    pytest.param(b'"text"', id="a text"),
    pytest.param(b"{" + b",".join(b'"%d":0' % n for n in range(30_000)) + b"}", id="30,000 members"),
    pytest.param(b'{"statement": {"payloadType": 1, "payload": [], "signatures": {}}}', id="wrong types"),
    pytest.param(
        b'{"statement": {"payloadType": "x", "payload": "!", "signatures": [{"keyid": "00", "sig": ""}]}}',
        id="base64 that is none",
    ),
    pytest.param(
        json.dumps({"statement": {"payloadType": "x", "payload": "", "signatures": [{}] * 30_000}}).encode(),
        id="30,000 signatures",
    ),
]


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize(("method", "path"), [one for one in SIGNED_RESOURCES if one[1] != "/v1/audience"])
async def test_a_hostile_document_is_refused(shared: Reader, method: str, path: str, bomb: bytes) -> None:
    answer = await shared.post(path, bomb, method=method)
    assert 400 <= answer.status < 500
    assert answer.code in {"malformed", "schema", "too-large"}
    assert len(answer.body) < 65_536


async def test_all_hostile_documents_in_one_batch_are_each_refused_and_the_good_one_is_taken(
    shared: Reader,
) -> None:
    lines = [cast("bytes", case.values[0]) for case in BOMBS]
    good = post_body(*sign_bulletin(shared.exchange, FIA))
    assert not any(b"\n" in line for line in [*lines, good])
    answer = await shared.post("/v1/bulletins", b"\n".join([*lines, good]), "application/x-ndjson")
    answers = [json.loads(line) for line in answer.body.splitlines()]
    assert answer.status == 200
    assert [400 <= one["problem"]["status"] < 500 for one in answers[:-1]] == [True] * len(lines)
    assert answers[-1]["originator"] == FIA


HEAPS = [
    pytest.param(b"[" + b"0," * 5_000_000 + b"0]", id="five million numbers"),
    pytest.param(b"[" + b"[]," * 3_000_000 + b"0]", id="three million lists"),
    pytest.param(b"{" + b'"a":0,' * 2_000_000 + b'"a":0}', id="two million members"),
    pytest.param(b"[" * 10_000_000, id="ten million brackets"),
    pytest.param(b'{"registry": "' + b"A" * 10_000_000, id="ten million letters"),
    pytest.param(b'{"registry": ' + b"9" * 10_000_000, id="ten million digits"),
]


@pytest.mark.parametrize("heap", HEAPS)
async def test_a_heap_that_calls_itself_a_registry_is_refused(shared: Reader, heap: bytes) -> None:
    answer = await shared.post("/v1/registry", heap, method="PUT")
    assert (answer.status, answer.code) == (400, "malformed")


BATCHES = [
    pytest.param(b"{}\n" * (BATCH_BULLETINS + 1), 413, "too-large", id="501 lines"),
    pytest.param(b"{}\n" * BATCH_BULLETINS + b"{}", 413, "too-large", id="501 lines, the last without LF"),
    pytest.param(b"\n" * 100_000, 413, "too-large", id="100,000 empty lines"),
    pytest.param(b" " * (BATCH_BYTES + 1), 413, "too-large", id="one byte more than 8 MiB"),
    pytest.param(b"", 400, "malformed", id="nothing"),
    pytest.param(b"\n", 400, "malformed", id="an empty line alone"),
]


@pytest.mark.parametrize(("batch", "status", "code"), BATCHES)
@pytest.mark.parametrize("path", ["/v1/bulletins", "/v1/receipts"])
async def test_a_batch_beyond_its_limits_is_refused_whole(
    shared: Reader, path: str, batch: bytes, status: int, code: str
) -> None:
    answer = await shared.post(path, batch, "application/x-ndjson")
    assert (answer.status, answer.code) == (status, code)


async def test_a_batch_at_its_limit_is_answered_line_by_line(shared: Reader) -> None:
    answer = await shared.post("/v1/bulletins", b"{}\n" * BATCH_BULLETINS, "application/x-ndjson")
    assert (answer.status, answer.body.count(b"\n")) == (200, BATCH_BULLETINS)


async def test_a_line_above_the_limit_of_a_body_harms_no_other(shared: Reader) -> None:
    good = post_body(*sign_bulletin(shared.exchange, FIA, severity="Minor"))
    batch = b" " * (BODY_BYTES + 1) + b"\n" + good
    answer = await shared.post("/v1/bulletins", batch, "application/x-ndjson")
    long, taken = [json.loads(line) for line in answer.body.splitlines()]
    assert (long["problem"]["status"], taken["originator"]) == (413, FIA)


async def test_a_body_where_none_belongs_is_refused(shared: Reader) -> None:
    answer = await shared.read(FIA, "/v1/inbox", body=b"{}")
    assert (answer.status, answer.code) == (400, "malformed")
