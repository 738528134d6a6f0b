"""Over TLS, and on the event loop that brokers run on: guards lean on transports, and transports differ."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from broker.service import clock
from broker.service.service import Service
from broker.store.store import Store
from broker.web.app import public_app
from broker.web.limits import Limits
from broker.web.listener import listening
from tests.exchange_fixtures import FIA, ISLAMABAD, TestExchange, make_exchange, post_body, sign_bulletin
from tests.service.conftest import start_service
from tests.stores import Server
from tests.waiting import until
from tests.web.raw import Raw
from tests.web.reader import Reader
from tests.web.sse import Feed


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "exchange.test")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    directory = tmp_path_factory.mktemp("tls")
    cert_file, key_file = directory / "cert.pem", directory / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert_file, key_file


async def test_reads_and_posts_pass_over_tls(
    service: Service, exchange: TestExchange, certificate: tuple[Path, Path]
) -> None:
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(*certificate)
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=certificate[0]))
    app = public_app(service, https=True)
    async with (
        listening(app, "127.0.0.1", 0, tls=server_side) as port,
        aiohttp.ClientSession(connector=connector) as s,
    ):
        reader = Reader(f"https://127.0.0.1:{port}", exchange, s)
        posted = await reader.post("/v1/bulletins", post_body(*sign_bulletin(exchange, FIA)))
        assert posted.status == 201
        page = await reader.read(ISLAMABAD, "/v1/inbox?wait=60")
        assert [item["number"] for item in page.json["items"]] == [1]


async def test_plain_http_on_a_tls_port_is_no_fault(service: Service, certificate: tuple[Path, Path]) -> None:
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(*certificate)
    app = public_app(service, https=True)
    async with listening(app, "127.0.0.1", 0, tls=server_side) as port, await Raw.connect(port) as raw:
        await raw.send(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert await raw.is_closed()


def test_a_named_authority_is_the_only_one(session_server: Server) -> None:
    async def story() -> list[int]:
        async with _broker(session_server, Limits(), ["Exchange.example:80"]) as (reader, _):
            there = await reader.read(
                FIA, "/v1/inbox", authority="exchange.example", headers={"Host": "exchange.example"}
            )
            here = await reader.read(FIA, "/v1/inbox")
            return [there.status, here.status]

    assert asyncio.run(story()) == [200, 401]


def test_on_uvloop_a_request_that_stops_half_way_is_given_up(session_server: Server) -> None:
    async def story() -> int:
        async with _broker(session_server, Limits(head_and_body_seconds=0.3)) as (reader, _):
            raw = await Raw.connect(reader.port)
            await raw.send(b"POST /v1/ack HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            answer = await raw.answer()
            assert await raw.is_closed()
            raw.writer.close()
            return answer.status

    assert uvloop.run(story()) == 408


def test_on_uvloop_a_stalled_feed_is_cut_and_resumes(session_server: Server) -> None:
    async def story() -> list[int | None]:
        async with _broker(session_server, Limits(write_seconds=1.0)) as (reader, service):
            text = {"en": {"headline": "White van", "description": "x" * 30_000}}
            for note in range(30):
                text["en"]["headline"] = f"White van {note}"
                body = post_body(*sign_bulletin(reader.exchange, FIA, text=text))
                assert (await reader.post("/v1/bulletins", body)).status == 201
            async with await Feed.open(reader, ISLAMABAD) as feed:
                await feed.event("bulletin")
                feed.raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
                await until(lambda: service.feeds.live == 0)
            async with await Feed.open(reader, ISLAMABAD, "?after=28") as feed:
                return [(await feed.event("bulletin")).id for _ in range(2)]

    assert uvloop.run(story()) == [29, 30]


@asynccontextmanager
async def _broker(
    server: Server, limits: Limits, authorities: list[str] | None = None
) -> AsyncIterator[tuple[Reader, Service]]:
    with server.client() as client:
        client.flushall()
    exchange = make_exchange(clock.now())
    async with await Store.open(server.url) as store, aiohttp.ClientSession() as session:
        service = await start_service(store, exchange)
        app = public_app(service, limits=limits, authorities=authorities or ())
        async with listening(app, "127.0.0.1", 0) as port:
            yield Reader(f"http://127.0.0.1:{port}", exchange, session), service
        await service.close()
