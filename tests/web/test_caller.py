"""Who is it: a read is answered when one fresh signature by a key in force covers this very request."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from broker.protocol import limits as protocol_limits
from broker.service import clock
from broker.service.service import Service
from broker.web import signature_words
from broker.web.app import public_app
from tests.exchange_fixtures import (
    ANF,
    FIA,
    TestExchange,
    envelope_json,
    identity,
    make_exchange,
    next_version,
    post_body,
    sign_bulletin,
)
from tests.web.reader import COMPONENTS, Reader, Signed, sign

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/inbox"
READS = [
    ("GET", "/v1/inbox"),
    ("GET", "/v1/feed"),
    ("GET", "/v1/registry"),
    ("GET", "/v1/subscription"),
    ("GET", "/v1/pair-keys/" + "0" * 32),
    ("GET", f"/v1/bulletins/{FIA}/9b2b1c1e-7a34-4b8e-9a55-0d6a52f3a111"),
    ("GET", f"/v1/bulletins/{FIA}/9b2b1c1e-7a34-4b8e-9a55-0d6a52f3a111/receipts"),
]


async def test_a_signed_read_is_answered(shared: Reader) -> None:
    assert (await shared.read(FIA, PATH)).status == 200


@pytest.mark.parametrize(("method", "path"), READS, ids=[path for _, path in READS])
async def test_an_unsigned_read_is_refused(shared: Reader, method: str, path: str) -> None:
    answer = await shared.send(method, path)
    assert (answer.status, answer.code) == (401, "bad-signature")
    assert "harkara-read" in answer.headers["WWW-Authenticate"]
    assert answer.json["errors"] == [
        {
            "pointer": "/signature-input",
            "expected": "one RFC 9421 signature over this request",
            "got": "no such header field",
        }
    ]


@pytest.mark.parametrize(("method", "path"), READS, ids=[path for _, path in READS])
async def test_a_read_signed_for_another_resource_is_refused(shared: Reader, method: str, path: str) -> None:
    headers = sign(Signed(shared.exchange.signing(FIA)), method, shared.base + "/v1/other")
    answer = await shared.send(method, path, headers=headers)
    assert (answer.status, answer.code) == (401, "bad-signature")


@pytest.mark.parametrize("missing", COMPONENTS)
async def test_a_signature_that_covers_too_little_is_refused(shared: Reader, missing: str) -> None:
    covered = tuple(name for name in COMPONENTS if name != missing)
    answer = await shared.read(FIA, PATH, components=covered)
    assert (answer.status, answer.code) == (401, "bad-signature")
    assert answer.json["errors"][0]["got"] == "one that covers too little"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        pytest.param({"tag": None}, "/signature-input/tag", id="no tag"),
        pytest.param({"tag": "harkara-post"}, "/signature-input/tag", id="another tag"),
        pytest.param({"nonce": None}, "/signature-input/nonce", id="no nonce"),
        pytest.param({"nonce": "short"}, "/signature-input/nonce", id="a short nonce"),
        pytest.param({"nonce": "n" * 65}, "/signature-input/nonce", id="a long nonce"),
        pytest.param({"key_id": "pk.fia"}, "/signature-input/keyid", id="a name as key id"),
        pytest.param({"key_id": "AB" * 32}, "/signature-input/keyid", id="a key id in capitals"),
    ],
)
async def test_a_parameter_that_is_not_ours_is_named(
    shared: Reader, change: dict[str, Any], pointer: str
) -> None:
    answer = await shared.read(FIA, PATH, **change)
    assert (answer.status, answer.code, answer.pointers) == (401, "bad-signature", [pointer])


async def test_a_key_that_nobody_has_is_unknown(shared: Reader) -> None:
    answer = await shared.read(FIA, PATH, key_id="00" * 32)
    assert (answer.status, answer.code, answer.pointers) == (401, "unknown-key", ["/signature-input/keyid"])


async def test_a_sealing_key_signs_nothing(shared: Reader) -> None:
    answer = await shared.read(FIA, PATH, key_id=shared.exchange.sealing(FIA).kid.hex())
    assert (answer.status, answer.code) == (401, "unknown-key")


async def test_another_members_key_id_is_refused(shared: Reader) -> None:
    answer = await shared.read(FIA, PATH, key_id=shared.exchange.signing(ANF).kid.hex())
    assert (answer.status, answer.code) == (401, "bad-signature")


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1", "localhost"])
async def test_a_read_signed_for_another_authority_is_refused(shared: Reader, name: str) -> None:
    answer = await shared.read(FIA, PATH, authority=name)
    assert (answer.status, answer.code) == (401, "bad-signature")


async def test_a_read_sent_to_another_authority_is_refused_though_signed_for_it(shared: Reader) -> None:
    headers = sign(Signed(shared.exchange.signing(FIA)), "GET", f"http://evil.example{PATH}")
    answer = await shared.send("GET", PATH, headers=headers | {"Host": "evil.example"})
    assert (answer.status, answer.pointers) == (401, ["/@authority"])


async def test_a_replay_is_refused(shared: Reader) -> None:
    headers = sign(Signed(shared.exchange.signing(FIA)), "GET", shared.base + PATH)
    assert (await shared.send("GET", PATH, headers=headers)).status == 200
    answer = await shared.send("GET", PATH, headers=headers)
    assert (answer.status, answer.code) == (401, "replayed")


async def test_two_agencies_may_draw_the_same_nonce(shared: Reader) -> None:
    answers = [await shared.read(agency, PATH, nonce="the same nonce, twice") for agency in (FIA, ANF)]
    assert [answer.status for answer in answers] == [200, 200]


async def test_a_nonce_is_not_used_up_by_whoever_does_not_have_the_key(shared: Reader) -> None:
    forged = await shared.read(
        ANF, PATH, nonce="drawn by somebody", key_id=shared.exchange.signing(FIA).kid.hex()
    )
    assert forged.status == 401
    assert (await shared.read(FIA, PATH, nonce="drawn by somebody")).status == 200


async def test_two_signatures_are_refused_though_both_are_good(shared: Reader) -> None:
    key = shared.exchange.signing(FIA)
    one, two = (sign(Signed(key, label=label), "GET", shared.base + PATH) for label in ("sig1", "sig2"))
    both = {name: f"{one[name]}, {two[name]}" for name in ("Signature-Input", "Signature")}
    answer = await shared.send("GET", PATH, headers=both)
    assert (answer.status, answer.code) == (401, "bad-signature")
    assert answer.json["errors"][0]["got"] == "more than one"


async def test_a_second_signature_of_another_tag_is_refused_too(shared: Reader) -> None:
    key = shared.exchange.signing(FIA)
    one = sign(Signed(key), "GET", shared.base + PATH)
    two = sign(Signed(key, label="sig2", tag="other"), "GET", shared.base + PATH)
    both = {name: f"{one[name]}, {two[name]}" for name in ("Signature-Input", "Signature")}
    assert (await shared.send("GET", PATH, headers=both)).status == 401


OUR_WORDS = {signature_words.GENERAL, *(got for _, _, got in signature_words.SAID)}
GARBAGE = [
    "", ",", "sig1", "sig1=", "sig1=()", "sig1=1", "sig1=(", 'sig1=("@method")', 'sig1=("@nonsense")',
    "sig1=:!:",
    'sig1=("@method";req);tag="harkara-read"', 'sig1=("@method" "@method");created=1', "sig1=?1", 'sig1="x"',
    'sig1=("\\u0000")', "*=()", "a=1, a=2", 'sig1=("@query-param";name="a");created=99999999999999999999',
    "sig1=();created=-1", "sig1=();created=1.5", 'sig1=();created="1"', "sig1=();created=?1",
    "sig1=" + "(" * 4000,
    'sig1=("@method");keyid=' + "1" * 15, "sig1=(" + '"@method" ' * 300 + ")", "é", "sig1=();expires=1",
]  # fmt: skip


@pytest.mark.parametrize("field", ["Signature-Input", "Signature"])
@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda text: repr(text)[:40])
async def test_garbage_in_a_signature_field_is_refused(shared: Reader, field: str, garbage: str) -> None:
    good = sign(Signed(shared.exchange.signing(FIA)), "GET", shared.base + PATH)
    answer = await shared.send("GET", PATH, headers=good | {field: garbage})
    assert (answer.status, answer.code) == (401, "bad-signature")
    (problem,) = answer.json["errors"]
    assert problem["expected"] != signature_words.EXPECTED or problem["got"] in OUR_WORDS


@pytest.mark.parametrize("extra", ['alg="rsa-v1_5-sha256"', 'alg="hmac-sha256"', 'other="x"', "expires=1"])
async def test_a_parameter_added_to_a_good_signature_is_refused(shared: Reader, extra: str) -> None:
    good = sign(Signed(shared.exchange.signing(FIA)), "GET", shared.base + PATH)
    answer = await shared.send(
        "GET", PATH, headers=good | {"Signature-Input": good["Signature-Input"] + f";{extra}"}
    )
    assert answer.status == 401


@pytest.mark.parametrize("flipped", [0, 31, 32, 63])
async def test_a_flipped_bit_in_the_signature_is_refused(shared: Reader, flipped: int) -> None:
    good = sign(Signed(shared.exchange.signing(FIA)), "GET", shared.base + PATH)
    value = bytearray(base64.b64decode(good["Signature"].removeprefix("sig1=:").removesuffix(":")))
    value[flipped] ^= 1
    bad = f"sig1=:{base64.b64encode(value).decode()}:"
    answer = await shared.send("GET", PATH, headers=good | {"Signature": bad})
    assert (answer.status, answer.code) == (401, "bad-signature")
    assert answer.json["errors"][0]["got"] == signature_words.GENERAL


async def test_the_signature_of_an_audience_covers_the_body(shared: Reader) -> None:
    body = post_body(*sign_bulletin(shared.exchange, FIA))
    other = post_body(*sign_bulletin(shared.exchange, FIA, severity="Minor"))
    headers = sign(Signed(shared.exchange.signing(FIA)), "POST", shared.base + "/v1/audience", None, body)
    headers["Content-Type"] = "application/json"
    answer = await shared.send("POST", "/v1/audience", body=other, headers=headers)
    assert (answer.status, answer.code) == (401, "bad-signature")


async def test_an_audience_without_a_digest_is_refused(shared: Reader) -> None:
    body = post_body(*sign_bulletin(shared.exchange, FIA))
    headers = sign(Signed(shared.exchange.signing(FIA)), "POST", shared.base + "/v1/audience")
    headers["Content-Type"] = "application/json"
    answer = await shared.send("POST", "/v1/audience", body=body, headers=headers)
    assert (answer.status, answer.code) == (401, "bad-signature")


class TestClocks:
    """The broker's clock stands still, so that a machine that is slow to send moves no boundary."""

    pytestmark = pytest.mark.asyncio(loop_scope="function")

    @pytest.fixture
    def exchange(self) -> TestExchange:
        """The exchange at a full second: `created` has no fractions."""
        return make_exchange(clock.now() // protocol_limits.SECOND_US * protocol_limits.SECOND_US)

    @pytest.fixture
    def app(self, service: Service, exchange: TestExchange) -> web.Application:
        """The public listener at that second."""
        return public_app(service, clock=lambda: exchange.now)

    @pytest.mark.parametrize("off", [-3600, -61, 61, 3600, 10**9])
    async def test_a_clock_that_is_off_is_told_both_times(
        self, reader: Reader, exchange: TestExchange, off: int
    ) -> None:
        answer = await reader.read(FIA, PATH, created=exchange.now / protocol_limits.SECOND_US + off)
        assert (answer.status, answer.code) == (401, "clock")
        (error,) = answer.json["errors"]
        assert error["got"] in answer.json["detail"]
        assert error["expected"].removeprefix("within 60 s of ") in answer.json["detail"]

    @pytest.mark.parametrize("off", [-60, 0, 60])
    async def test_a_clock_that_is_a_little_off_passes(
        self, reader: Reader, exchange: TestExchange, off: int
    ) -> None:
        created = exchange.now / protocol_limits.SECOND_US + off
        assert (await reader.read(FIA, PATH, created=created)).status == 200


class TestKeysThatPass:
    """Keys come into force and go out of it while the broker runs, so each test has a broker of its own."""

    pytestmark = pytest.mark.asyncio(loop_scope="function")

    async def _publish(self, reader: Reader, newer: TestExchange) -> None:
        body = b'{"registry":%b,"entitlements":%b}' % (
            envelope_json(newer.registry_envelope),
            envelope_json(newer.entitlements_envelope),
        )
        answer = await reader.post("/v1/registry", body, method="PUT")
        assert (answer.status, answer.json) == (200, {"version": newer.registry.version}), answer

    async def test_an_expired_key_reads_the_registry_and_nothing_else(
        self, reader: Reader, exchange: TestExchange
    ) -> None:
        old = exchange.now - 340 * protocol_limits.DAY_US
        lapsed = identity(exchange.id, FIA, old, generation=1)
        await self._publish(reader, next_version(exchange, identities={FIA: lapsed}))
        lapsed_reader = Reader(
            reader.base, replace(exchange, now=old, identities={FIA: lapsed}), reader.session
        )
        answer = await lapsed_reader.read(FIA, PATH)
        assert (answer.status, answer.code) == (401, "expired-key")
        assert (await lapsed_reader.read(FIA, "/v1/registry")).json["payloadType"].endswith("registry+json")

    async def test_a_revoked_key_reads_nothing(self, reader: Reader, exchange: TestExchange) -> None:
        kid = exchange.signing(FIA).kid
        await self._publish(reader, next_version(exchange, revoked={kid: exchange.now}))
        for path in (PATH, "/v1/registry"):
            answer = await reader.read(FIA, path)
            assert (answer.status, answer.code) == (401, "revoked-key")

    async def test_an_older_registry_is_a_conflict(self, reader: Reader, exchange: TestExchange) -> None:
        newer = next_version(exchange)
        await self._publish(reader, newer)
        body = b'{"registry":%b,"entitlements":%b}' % (
            envelope_json(exchange.registry_envelope),
            envelope_json(exchange.entitlements_envelope),
        )
        answer = await reader.post("/v1/registry", body, method="PUT")
        assert (answer.status, answer.code) == (409, "version-conflict")

    async def test_a_wait_ends_with_a_refusal_when_the_key_is_revoked_meanwhile(
        self, reader: Reader, exchange: TestExchange
    ) -> None:
        kid = exchange.signing(FIA).kid
        waiting = asyncio.create_task(reader.read(FIA, f"{PATH}?wait=3"))
        await asyncio.sleep(0.2)
        await self._publish(reader, next_version(exchange, revoked={kid: exchange.now}))
        answer = await waiting
        assert (answer.status, answer.code) == (401, "revoked-key")
