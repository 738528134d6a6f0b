"""What is not an honest HTTP request: refused with a 4xx problem, and the connection does not stay.

One listener serves the whole table, so that whatever one attack leaves behind would be seen by the next.
"""

from __future__ import annotations

import pytest

from tests.web.raw import Raw
from tests.web.reader import Reader

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = b"Host: 127.0.0.1\r\n"
LINES = b"Content-Type: application/x-ndjson\r\n"  # a batch of anything that arrives whole is answered by 200


@pytest.fixture(scope="module")
def port(shared: Reader) -> int:
    """The port of the module's listener."""
    return shared.port


def _post(*fields: bytes, path: bytes = b"/v1/bulletins", body: bytes = b"{}") -> bytes:
    return (
        b"POST "
        + path
        + b" HTTP/1.1\r\n"
        + HOST
        + LINES
        + b"".join(f + b"\r\n" for f in fields)
        + b"\r\n"
        + body
    )


def get(target: bytes, *fields: bytes, host: bytes = HOST, version: bytes = b"HTTP/1.1") -> bytes:
    return (
        b"GET " + target + b" " + version + b"\r\n" + host + b"".join(f + b"\r\n" for f in fields) + b"\r\n"
    )


NOT_HTTP = [
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32) + b"\r\n\r\n", id="a TLS hello"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="an HTTP/2 preface"),
    pytest.param(b"GET /livez\r\n\r\n", id="HTTP/0.9"),
    pytest.param(get(b"/livez", version=b"HTTP/3.7"), id="a version from the future"),
    pytest.param(b"GET /livez HTTP/1.1 x\r\n" + HOST + b"\r\n", id="words after the version"),
    pytest.param(b"G\x00T /livez HTTP/1.1\r\n" + HOST + b"\r\n", id="NUL in the method"),
    pytest.param(get(b"/livez\x00"), id="NUL in the target"),
    pytest.param(get(b"/livez", b"X-A: a\x00b"), id="NUL in a field"),
    pytest.param(get(b"/livez", b"X-A: a\nX-B: b\x00"), id="a bare LF and NUL in a field"),
    pytest.param(get(b"/livez", b"X-A: a\rX-B: b"), id="a bare CR in a field"),
    pytest.param(get(b"/livez", b"X A: b"), id="a space in a field name"),
    pytest.param(get(b"/livez", b"X-A : b"), id="a space before the colon"),
    pytest.param(get(b"/livez", b"X-A: b", b" folded"), id="a folded field"),
    pytest.param(get(b"/livez", b": b"), id="a field without a name"),
    pytest.param(get(b"/livez", b"no colon"), id="a field without a colon"),
    pytest.param(get(b"/" + b"a" * 9000), id="a request line of 9 KB"),
    pytest.param(get(b"/livez?" + b"a" * 9000), id="a query of 9 KB"),
    pytest.param(get(b"/livez", b"X-A: " + b"a" * 9000), id="a field of 9 KB"),
    pytest.param(get(b"/livez", b"A" * 9000 + b": x"), id="a field name of 9 KB"),
    pytest.param(get(b"/livez", *[b"X-%d: x" % n for n in range(1000)]), id="1,000 fields"),
    pytest.param(get(b"/livez", *[b"X: x"] * 1000), id="one field 1,000 times"),
]

TWO_READINGS = [
    pytest.param(
        _post(b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), id="length and chunks"
    ),
    pytest.param(
        _post(b"Transfer-Encoding: chunked", b"Content-Length: 2", body=b"0\r\n\r\n"), id="chunks and length"
    ),
    pytest.param(_post(b"Content-Length: 2", b"Content-Length: 3"), id="two lengths"),
    pytest.param(_post(b"Content-Length: 2", b"Content-Length: 2"), id="the same length twice"),
    pytest.param(_post(b"Content-Length: 2, 2"), id="a list of lengths"),
    pytest.param(_post(b"Content-Length: +2"), id="a signed length"),
    pytest.param(_post(b"Content-Length: -2"), id="a negative length"),
    pytest.param(_post(b"Content-Length: 0x2"), id="a length in hex"),
    pytest.param(_post(b"Content-Length: 2_0"), id="a length with an underscore"),
    pytest.param(_post("Content-Length: ٢".encode()), id="a length in Arabic digits"),
    pytest.param(_post(b"Content-Length: " + b"9" * 40), id="a length of forty digits"),
    pytest.param(_post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), id="gzip, then chunked"),
    pytest.param(_post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"), id="chunked twice"),
    pytest.param(_post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), id="an unknown coding"),
    pytest.param(_post(b"Transfer-Encoding: identity", body=b""), id="the identity coding"),
    pytest.param(
        _post(b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n"), id="a vertical tab before chunked"
    ),
    pytest.param(
        _post(b"Transfer-Encoding: chunked", body=b"ZZ\r\n{}\r\n0\r\n\r\n"), id="a chunk size that is none"
    ),
    pytest.param(
        _post(b"Transfer-Encoding: chunked", body=b"-2\r\n{}\r\n0\r\n\r\n"), id="a negative chunk size"
    ),
    pytest.param(
        _post(b"Transfer-Encoding: chunked", body=b"0x2\r\n{}\r\n0\r\n\r\n"), id="a chunk size with 0x"
    ),
    pytest.param(
        _post(b"Transfer-Encoding: chunked", body=b"2\r\n{}x\r\n0\r\n\r\n"), id="a chunk longer than it says"
    ),
    pytest.param(
        _post(b"Transfer-Encoding: chunked", body=b"2\n{}\r\n0\r\n\r\n"), id="a bare LF after a chunk size"
    ),
    pytest.param(
        _post(b"Transfer-Encoding: chunked", body=b"f" * 40 + b"\r\n{}\r\n0\r\n\r\n"),
        id="a chunk size of forty digits",
    ),
    pytest.param(
        (b"POST /v1/bulletins HTTP/1.0\r\n" + HOST + LINES + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        id="chunks in HTTP/1.0",
    ),
]

TARGETS = [
    pytest.param(get(b"/livez", host=b""), id="no Host"),
    pytest.param(get(b"/livez", HOST.strip()), id="two Hosts"),
    pytest.param(get(b"/livez", host=b"Host: a b\r\n"), id="a Host with a space"),
    pytest.param(get(b"/livez", host=b"Host: a/b\r\n"), id="a Host with a slash"),
    pytest.param(get(b"/livez", host=b"Host: user@a\r\n"), id="a Host with a user"),
    pytest.param(get(b"/livez", host=b"Host: \r\n"), id="an empty Host"),
    pytest.param(get(b"http:///livez"), id="an absolute target without host"),
    pytest.param(get(b"ftp://127.0.0.1/livez"), id="an absolute target of another scheme"),
    pytest.param(get(b"http://user@127.0.0.1/livez"), id="an absolute target with a user"),
    pytest.param(get(b"livez"), id="a target without a slash"),
    pytest.param(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", id="the asterisk form"),
    pytest.param(b"CONNECT 127.0.0.1:1 HTTP/1.1\r\n" + HOST + b"\r\n", id="the authority form"),
    pytest.param(get(b"/livez?a=%zz"), id="a broken escape in the query"),
    pytest.param(get(b"/livez?a=%ff"), id="a query that is not UTF-8"),
    pytest.param(get(b"/livez?<script>"), id="markup in the query"),
    pytest.param(get(b"/livez?a#b"), id="a fragment"),
    pytest.param(get("/livez?ä".encode()), id="raw UTF-8 in the query"),
    pytest.param(get(b"/livez?verbose=1"), id="an unknown parameter"),
    pytest.param(get(b"/v1/inbox?after=1&after=2"), id="a parameter twice"),
    pytest.param(get(b"/v1/inbox?" + b"&".join(b"a%d=1" % n for n in range(500))), id="500 parameters"),
    pytest.param(get(b"/livez", b"Expect: 200-ok"), id="an unknown expectation"),
    pytest.param(get(b"/nowhere", b"Expect: <b>"), id="an unknown expectation at an unknown path"),
]


@pytest.mark.parametrize("request_bytes", [*NOT_HTTP, *TWO_READINGS, *TARGETS])
async def test_it_is_refused_as_malformed_and_the_connection_ends(port: int, request_bytes: bytes) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(request_bytes)
        answer = await raw.answer()
        assert (answer.status, answer.code) == (400, "malformed")
        assert answer.headers["x-request-id"] == answer.json["instance"].removeprefix("urn:uuid:").replace(
            "-", ""
        )
        assert answer.headers["server"] == "harkara"
        assert await raw.is_closed()


NO_SUCH_PATH = [
    b"/", b"//livez", b"/livez/", b"/./livez", b"/v1/../livez", b"/v1/..", b"/..", b"/livez%00",
    b"/livez%0d%0a", b"/%6civez", b"/v1%2finbox", b"/v1/bulletins/..%2f..%2flivez/x",
    b"/v1/bulletins/pk.fia%2fx/y", b"/v1/inbox;a=b", b"/v1/bulletins/%2e%2e/receipts", b"/V1/inbox",
    b"/v1/inbox\\", b"/v1/bulletins/pk.fia/%00", b"/v1/pair-keys/zz", b"/v1/bulletins/pk.fia/not-an-id",
    b"/v1/bulletins/PK.FIA/9b2b1c1e-7a34-4b8e-9a55-0d6a52f3a111",
    b"/v1/bulletins/pk.fia/9B2B1C1E-7A34-4B8E-9A55-0D6A52F3A111", b"/v1/bulletins/pk.fia/{9b2b1c1e}",
    b"/healthz", b"/metrics", b"/.git/config", b"/v1/bulletins/" + b"a" * 4000,
]  # fmt: skip


@pytest.mark.parametrize("path", NO_SUCH_PATH, ids=lambda path: path[:40].decode())
async def test_a_path_that_is_not_in_its_one_spelling_does_not_exist(port: int, path: bytes) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(get(path))
        answer = await raw.answer()
        assert (answer.status, answer.code) == (404, "not-found")
        assert path[-10:] not in answer.body


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        (b"DELETE", b"/v1/bulletins", {"POST"}),
        (b"GET", b"/v1/bulletins", {"POST"}),
        (b"HEAD", b"/v1/feed", {"GET"}),
        (b"POST", b"/v1/inbox", {"GET"}),
        (b"PATCH", b"/v1/registry", {"GET", "PUT"}),
        (b"TRACE", b"/livez", {"GET", "HEAD"}),
        (b"OPTIONS", b"/v1/subscription", {"GET", "PUT"}),
        (b"PROPFIND", b"/v1/ack", {"POST"}),
    ],
)
async def test_another_method_gets_405_and_is_told_which_are_allowed(
    port: int, method: bytes, path: bytes, allowed: set[str]
) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(method + b" " + path + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        head = await raw.reader.read()
        assert head.startswith(b"HTTP/1.1 405 ")
        allow = next(line for line in head.split(b"\r\n") if line.startswith(b"Allow: "))
        assert set(allow.removeprefix(b"Allow: ").decode().split(",")) == allowed
        assert method == b"HEAD" or b'"got":"' + method + b'"' in head  # a HEAD has no body


async def test_an_absolute_target_with_our_own_name_is_taken(port: int) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(get(b"http://127.0.0.1/livez"))
        assert (await raw.answer()).status == 200


async def test_an_absolute_target_with_a_foreign_name_is_not(port: int) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(get(b"http://evil.example/livez"))
        assert (await raw.answer()).status == 401


async def test_what_stands_behind_a_refused_request_is_not_read_as_the_next_one(port: int) -> None:
    smuggled = get(b"/livez")
    async with await Raw.connect(port) as raw:
        await raw.send(
            _post(b"Content-Length: 2", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + smuggled)
        )
        assert (await raw.answer()).status == 400
        assert await raw.is_closed()


async def test_requests_in_a_row_on_one_connection_are_answered_in_their_order(port: int) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(get(b"/livez") + get(b"/nowhere") + get(b"/livez"))
        assert [(await raw.answer()).status for _ in range(3)] == [200, 404, 200]


async def test_an_upgrade_is_passed_over(port: int) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(get(b"/livez", b"Connection: Upgrade", b"Upgrade: websocket"))
        assert (await raw.answer()).status == 200


@pytest.mark.parametrize("rubbish", [b"\r\n\r\n", b"\n", b"\r\n"], ids=repr)
async def test_empty_lines_before_a_request_are_passed_over(port: int, rubbish: bytes) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(rubbish + get(b"/livez"))
        assert (await raw.answer()).status == 200
