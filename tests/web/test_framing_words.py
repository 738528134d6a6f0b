"""A request that cannot be read is told which rule of HTTP it broke: what was expected, and what came."""

from __future__ import annotations

import ssl

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from broker.web import unreadable
from broker.web.limits import Limits
from tests.web.raw import Raw
from tests.web.reader import Reader

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = b"Host: 127.0.0.1\r\n"


@pytest.fixture(scope="module")
def port(shared: Reader) -> int:
    """The port of the module's listener."""
    return shared.port


def get(*fields: bytes, host: bytes = HOST, first: bytes = b"GET /livez HTTP/1.1") -> bytes:
    return first + b"\r\n" + host + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def post(*fields: bytes, body: bytes = b"{}") -> bytes:
    return get(*fields, first=b"POST /v1/bulletins HTTP/1.1") + body


def tls_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


REFUSED = [
    pytest.param(tls_hello(), "", "does not speak TLS", "looks like TLS", id="a TLS hello"),
    pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", "HTTP/1.1", "HTTP/2", id="an HTTP/2 preface"),
    pytest.param(b"GET /livez HTTP/3.7\r\n\r\n", "", "HTTP/1.1", "another version", id="a version"),
    pytest.param(b"HELO mail\r\n\r\n", "", "GET or POST", "none", id="mail"),
    pytest.param(get(first=b"GET /livez HTTP/1.1 x"), "", "METHOD PATH HTTP/1.1", "", id="words after it"),
    pytest.param(get(host=b""), "/host", "exactly one Host", "none", id="no Host"),
    pytest.param(get(HOST.strip()), "/host", "exactly one Host", "more than one", id="two Hosts"),
    pytest.param(
        post(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
        "/transfer-encoding",
        "not both",
        "both",
        id="length, then chunks",
    ),
    pytest.param(
        post(b"Transfer-Encoding: chunked", b"Content-Length: 2"),
        "/content-length",
        "not both",
        "both",
        id="chunks, then length",
    ),
    pytest.param(
        post(b"Content-Length: 2", b"Content-Length: 3"),
        "/content-length",
        "one Content-Length",
        "more than one",
        id="two lengths",
    ),
    pytest.param(post(b"Content-Length: 0x2"), "/content-length", "plain digits", "", id="a length in hex"),
    pytest.param(
        post(b"Content-Length: " + b"9" * 40), "/content-length", "plain digits", "limits", id="a huge length"
    ),
    pytest.param(
        post(b"Transfer-Encoding: chunked, chunked"), "/transfer-encoding", "once", "", id="chunked twice"
    ),
    pytest.param(
        post(b"Transfer-Encoding: xchunked"), "/transfer-encoding", "chunked", "another", id="a coding"
    ),
    pytest.param(get(b"X-A: a\nX-B: b"), "", "CR LF", "a bare LF", id="a bare LF"),
    pytest.param(get(b"X-A: a\rX-B: b"), "", "CR LF", "a bare CR", id="a bare CR"),
    pytest.param(get(b"X-A: a\x00b"), "", "text", "NUL", id="NUL in a field"),
    pytest.param(get(b"no colon"), "", "Name: value", "another line", id="no colon"),
    pytest.param(get(b"X-A: b", b" folded"), "", "Name: value", "begins with a space", id="a folded field"),
    pytest.param(
        get(first=b"GET /livez\x00 HTTP/1.1"), "/:path", "ASCII", "another character", id="NUL in the target"
    ),
    pytest.param(get(first=b"GET livez HTTP/1.1"), "/:path", "beginning with /", "", id="a target without /"),
    pytest.param(get(*[b"X-%d: x" % n for n in range(1000)]), "", "at most 64", "more", id="1,000 fields"),
    pytest.param(get(b"X-A: " + b"a" * 9000), "", "at most 8192 bytes", "a longer one", id="a long field"),
    pytest.param(
        get(first=b"GET /" + b"a" * 9000 + b" HTTP/1.1"),
        "",
        "at most 8192",
        "a longer one",
        id="a long target",
    ),
    pytest.param(
        post(b"Transfer-Encoding: chunked", body=b"ZZ\r\n"), "", "chunks", "hexadecimal", id="a chunk size"
    ),
]


@pytest.mark.parametrize(("sent", "pointer", "expected", "got"), REFUSED)
async def test_the_rule_that_was_broken_is_named(
    port: int, sent: bytes, pointer: str, expected: str, got: str
) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(sent)
        answer = await raw.answer()
        assert (answer.status, answer.code) == (400, "malformed")
        (problem,) = answer.json["errors"]
        assert problem["pointer"] == pointer
        assert expected in problem["expected"]
        assert got in problem["got"]


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/0.9"])
async def test_the_answer_to_another_version_is_one_of_our_own(port: int, version: bytes) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(get(first=b"GET /livez " + version))
        answer = await raw.reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")


async def test_the_answer_to_the_version_before_is_still_of_that_version(port: int) -> None:
    async with await Raw.connect(port) as raw:
        await raw.send(get(first=b"GET /livez HTTP/1.0"))
        assert (await raw.reader.read()).startswith(b"HTTP/1.0 200 ")


@pytest.mark.parametrize(
    "sentence", ["", "Something new:\n\n  b'secret'", "secret Missing 'Host'", "Bad Request"]
)
async def test_a_sentence_that_is_not_known_gives_the_general_refusal_without_its_words(
    sentence: str,
) -> None:
    error = unreadable.refusal(BadHttpMessage(sentence), Limits())
    (problem,) = error.problems
    assert problem.expected == "HTTP/1.1 as RFC 9112 has it"
    assert "secret" not in f"{error.detail} {problem}"
