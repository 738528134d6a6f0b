"""The way to the broker: which addresses are safe, and what each failure is called."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from http_message_signatures import HTTPMessageVerifier  # pyright: ignore[reportPrivateImportUsage]
from http_message_signatures.algorithms import ED25519  # pyright: ignore[reportPrivateImportUsage]
from http_message_signatures.resolvers import MappingKeyResolver

from broker.client import clock
from broker.client.backoff import Patience, delay, may_succeed_later
from broker.client.problems import problem_of
from broker.client.transport import Transport, check_url
from broker.errors import (
    BadSignature,
    HarkaraError,
    Malformed,
    NotAuthentic,
    NotFound,
    RateLimited,
    RegistryExpired,
    RouterBehind,
    SchemaError,
    Unavailable,
    Unreachable,
    UnsafeConfiguration,
)
from tests.exchange_fixtures import FIA, make_exchange

EXCHANGE = make_exchange(clock.now())


@pytest.mark.parametrize(
    "url",
    [
        "https://exchange.gov.pk",
        "https://exchange.gov.pk:8443/",
        "http://127.0.0.1:8470",
        "http://127.8.9.1",
        "http://[::1]:8470",
        "http://localhost:1",
    ],
)
def test_an_address_that_is_safe_is_taken(url: str) -> None:
    assert check_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://exchange.gov.pk", id="http-to-another-machine"),
        pytest.param("http://10.0.0.1", id="http-to-another-address"),
        pytest.param("http://localhost.evil.example", id="a-name-that-begins-like-this-machine"),
        pytest.param("http://127.0.0.1.evil.example", id="a-name-that-begins-like-an-address"),
        pytest.param("ftp://exchange.gov.pk", id="another-protocol"),
        pytest.param("exchange.gov.pk", id="no-protocol"),
        pytest.param("https://user:word@exchange.gov.pk", id="a-password-in-it"),
        pytest.param("https://exchange.gov.pk/?x=1", id="a-query"),
        pytest.param("https://", id="no-host"),
        pytest.param("https://exchange.gov.pk:port", id="a-port-that-is-none"),
        pytest.param("https://[::1", id="half-an-address"),
    ],
)
def test_an_address_that_is_not_safe_is_refused(url: str) -> None:
    with pytest.raises(UnsafeConfiguration):
        check_url(url)


def test_http_to_another_machine_must_be_said_to_be_wanted() -> None:
    assert check_url("http://broker:8470", plain_http=True) == "http://broker:8470"


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Give the address of a server with one handler."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def transport(url: str) -> AsyncIterator[Transport]:
    """Give a transport of an agency."""
    found = Transport(url, key=lambda: EXCHANGE.signing(FIA), now=clock.now)
    try:
        yield found
    finally:
        await found.close()


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        pytest.param("GET", "/v1/inbox", None, id="without-a-query"),
        pytest.param("GET", "/v1/inbox?after=3&chain=00ff", None, id="with-a-query"),
        pytest.param("GET", "/v1/inbox?", None, id="with-an-empty-query"),
        pytest.param("GET", "/v1/bulletins/pk.fia/a%20b", None, id="with-an-escape"),
        pytest.param("POST", "/v1/audience", b'{"a":1}', id="with-a-body"),
        pytest.param("POST", "/v1/audience", b"", id="with-an-empty-body"),
    ],
)
async def test_what_is_signed_is_what_is_sent(method: str, target: str, body: bytes | None) -> None:
    seen: list[web.Request] = []
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        seen.append(request)
        bodies.append(await request.read())
        return web.Response()

    async with serving(take) as url, transport(url) as way:
        await way.exchange(method, target, body)
    (request,) = seen

    class Message:
        def __init__(self) -> None:
            self.method = request.method
            self.url = f"http://{request.headers['Host']}{request.raw_path}"
            self.headers = request.headers

    key = EXCHANGE.signing(FIA)
    public = EXCHANGE.registry.signer(key.kid, clock.now())[1].signing
    assert public is not None
    verifier = HTTPMessageVerifier(
        signature_algorithm=ED25519,
        key_resolver=MappingKeyResolver(public_keys={key.kid.hex(): public}, private_keys={}),
    )
    covered = ("@method", "@authority", "@path", "@query", *(("content-digest",) if body is not None else ()))
    (result,) = verifier.verify(
        Message(), require_components=covered, body=bodies[0] if body is not None else None
    )
    assert result.parameters["tag"] == "harkara-read"
    assert len(str(result.nonce)) >= 16


@pytest.mark.parametrize(
    "status",
    [pytest.param(status, id=str(status)) for status in (301, 302, 307)],
)
async def test_a_redirect_is_not_followed(status: int) -> None:
    asked: list[str] = []

    async def move(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with serving(move) as url, transport(url) as way:
        with pytest.raises(HarkaraError):
            await way.get("/v1/inbox")
    assert asked == ["/v1/inbox"]


async def test_an_answer_is_read_to_its_limit_only() -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        for _ in range(100):
            await stream.write(bytes(64 * 1024))
        return stream

    async with serving(pour) as url, transport(url) as way:
        with pytest.raises(Malformed, match="longer than"):
            await way.get("/v1/inbox", most_bytes=100_000)


async def test_a_compressed_answer_is_not_blown_up() -> None:
    async def squeeze(request: web.Request) -> web.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    async with serving(squeeze) as url, transport(url) as way:
        assert (await way.get("/v1/inbox")).body == b"\x1f\x8b"


async def test_a_server_that_says_nothing_is_waited_for_no_longer_than_was_said() -> None:
    async def sleep(_: web.Request) -> web.Response:
        await asyncio.sleep(3_600)
        return web.Response()

    async with serving(sleep) as url, transport(url) as way:
        with pytest.raises(Unreachable, match="in time"):
            await way.get("/v1/inbox", seconds=0.2)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="goes-away"),
        pytest.param(b"hello\r\n\r\n", id="speaks-another-protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", id="ends-in-the-middle"),
    ],
)
async def test_what_is_no_broker_is_unreachable(answer: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with transport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as way:
        with pytest.raises(Unreachable):
            await way.get("/v1/inbox")
    server.close()
    await server.wait_closed()


async def test_nobody_there_is_unreachable_with_exit_code_4() -> None:
    async with transport("http://127.0.0.1:9") as way:
        with pytest.raises(
            Unreachable, match=r"no broker answers at http://127\.0\.0\.1:9: .*refused"
        ) as refused:
            await way.get("/v1/inbox")
    assert refused.value.exit_code == 4


def certificate(directory: Path) -> ssl.SSLContext:
    """Give the context of a server whose certificate nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = directory / "both"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def test_a_certificate_that_does_not_verify_is_named_and_not_authentic(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    async with serving(answer, certificate(tmp_path)) as url, transport(url) as way:
        with pytest.raises(NotAuthentic, match="certificate") as refused:
            await way.get("/v1/inbox")
    assert refused.value.exit_code == 5


async def test_tls_to_a_server_without_it_is_named() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response()

    async with serving(answer) as url, transport(url.replace("http:", "https:")) as way:
        with pytest.raises(Unreachable, match="TLS"):
            await way.get("/v1/inbox")


# --- problems -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        pytest.param(422, b'{"type":"urn:harkara:problem:schema"}', SchemaError, id="a-code"),
        pytest.param(401, b'{"type":"urn:harkara:problem:bad-signature"}', BadSignature, id="another-code"),
        pytest.param(
            503, b'{"type":"urn:harkara:problem:router-behind"}', RouterBehind, id="a-code-of-a-family"
        ),
        pytest.param(
            500, b'{"type":"urn:harkara:problem:schema"}', Unavailable, id="a-code-with-another-status"
        ),
        pytest.param(404, b"<html>", NotFound, id="no-json"),
        pytest.param(502, b"", Unavailable, id="a-proxy"),
        pytest.param(418, b"{}", Malformed, id="a-status-that-nobody-knows"),
        pytest.param(422, b'{"type":7,"detail":[],"errors":{}}', Malformed, id="members-of-other-types"),
    ],
)
def test_a_problem_is_the_error_of_its_code(status: int, body: bytes, kind: type[HarkaraError]) -> None:
    assert type(problem_of(status, body)) is kind


def test_a_problem_keeps_its_problems_and_nothing_that_moves_a_terminal() -> None:
    body = (
        b'{"type":"urn:harkara:problem:schema","detail":"bad \\u001b[31m","within":"/statement/payload",'
        b'"errors":[{"pointer":"/a","expected":"b","got":"c","hint":"d"},7,{"pointer":1}]}'
    )
    error = problem_of(422, body, retry_after="7")
    assert "\x1b" not in error.detail
    assert [(p.pointer, p.expected, p.got, p.hint) for p in error.problems] == [
        ("/a", "b", "c", "d"),
        ("",) * 4,
    ]
    assert (error.within, error.retry_after) == ("/statement/payload", 7.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("5", 5.0),
        ("0", 0.0),
        ("999999999999", 300.0),
        ("-1", None),
        ("Wed, 01 Mar", None),
        ("٣", None),
    ],
)
def test_retry_after_is_bounded(header: str | None, seconds: float | None) -> None:
    assert problem_of(503, b"{}", retry_after=header).retry_after == seconds


# --- trying again -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "again"),
    [
        pytest.param(Unreachable("x"), True, id="unreachable"),
        pytest.param(RouterBehind("x"), True, id="router-behind"),
        pytest.param(RateLimited("x"), True, id="rate-limited"),
        pytest.param(RegistryExpired("x"), False, id="registry-expired"),
        pytest.param(SchemaError("x"), False, id="schema"),
        pytest.param(NotAuthentic("x"), False, id="not-authentic"),
    ],
)
def test_only_what_may_succeed_unchanged_is_tried_again(error: HarkaraError, again: bool) -> None:
    assert may_succeed_later(error) is again


@pytest.mark.parametrize(
    ("attempt", "asked", "chance", "seconds"),
    [
        (1, None, 0.0, 0.0),
        (1, None, 0.5, 0.25),
        (4, None, 0.5, 2.0),
        (50, None, 1.0, 30.0),
        (2, 7.0, 0.0, 7.0),
    ],
)
def test_delays_grow_to_a_bound_and_are_never_less_than_was_asked_for(
    attempt: int, asked: float | None, chance: float, seconds: float
) -> None:
    assert delay(attempt, RateLimited("x", retry_after=asked), chance=chance) == seconds


async def test_patience_ends() -> None:
    tries = 0

    async def fail() -> None:
        nonlocal tries
        tries += 1
        raise RateLimited("x", retry_after=0.05)

    with pytest.raises(RateLimited):
        await Patience(0.0).call(fail)
    assert tries == 1
