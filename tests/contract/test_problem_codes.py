"""Every refusal that can leave over HTTP, provoked from a running broker: its status, its type, its id, and
pointers that lead to what was sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from broker.errors import HarkaraError, family
from broker.protocol import dsse, limits, times
from broker.protocol.bulletin import PAYLOAD_TYPE
from broker.protocol.limits import BODY_BYTES, DAY_US, HOUR_US
from broker.protocol.stamp import read_stamp
from broker.store import names
from broker.wiring import RunningBroker
from tests.contract import blind_refusals  # noqa: F401  (it enters its cases)
from tests.contract.conftest import CheckedReader
from tests.contract.pointers import Sent, unresolved
from tests.contract.refusals import CASES, Case, World, case
from tests.exchange_fixtures import (
    ANF,
    FIA,
    ISLAMABAD,
    MOI,
    envelope_json,
    identity,
    next_version,
    post_body,
    sign_acknowledgement,
    sign_bulletin,
    sign_json,
    sign_receipt,
    sign_subscription,
)
from tests.proxies import Proxy
from tests.service.conftest import registry_body
from tests.stores import Server
from tests.web.reader import Answer

ELSEWHERE = {
    "request-timeout": "test_problem_set_up: needs a listener without patience",
    "rate-limited": "test_problem_set_up: needs a listener with little room",
    "unavailable": "test_problem_set_up: needs a listener with little memory",
    "registry-expired": "test_problem_set_up: needs an exchange whose registry is over",
    "router-behind": "test_problem_set_up: needs a router that stands still",
    "unsafe-configuration": "the operator's program says it; to a post an unsafe store is store-unavailable",
    "unreachable": "the client says it when no broker answers",
    "inbox-broken": "the reader of an inbox says it; over HTTP a broken store is store-tampered",
}
"""Codes that have no case here, and why."""


# --- What was sent cannot be read ---------------------------------------------------------------------------


@case("malformed")
async def _not_json(world: World) -> Answer:
    return await world.reader.post("/v1/bulletins", b"{")


@case("malformed")
async def _a_member_too_many(world: World) -> Answer:
    body = json.loads(post_body(*sign_bulletin(world.exchange, FIA))) | {"a/b~c": 1}
    return await world.reader.post("/v1/bulletins", json.dumps(body).encode())


@case("malformed")
async def _null_in_the_payload(world: World) -> Answer:
    return await world.statement(sign_json(world.exchange, FIA, PAYLOAD_TYPE, {"a/b": [None]}))


@case("malformed")
async def _an_unknown_parameter(world: World) -> Answer:
    return await world.reader.read(FIA, "/v1/inbox?af%2Fter%7E=1")


@case("malformed")
async def _a_cursor_in_words(world: World) -> Answer:
    return await world.reader.read(FIA, "/v1/inbox?after=two")


@case("too-large")
async def _a_long_body(world: World) -> Answer:
    return await world.reader.post("/v1/ack", b" " * (BODY_BYTES + 1))


@case("unsupported-media-type")
async def _text(world: World) -> Answer:
    return await world.reader.post("/v1/ack", b"{}", "text/plain")


@case("unsupported-media-type")
async def _compressed(world: World) -> Answer:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    return await world.reader.send("POST", "/v1/ack", body=b"{}", headers=headers)


@case("not-acceptable")
async def _asks_for_pages(world: World) -> Answer:
    return await world.reader.read(FIA, "/v1/inbox", headers={"Accept": "text/html"})


@case("method-not-allowed")
async def _delete(world: World) -> Answer:
    return await world.reader.send("DELETE", "/v1/inbox")


# --- Who is it ----------------------------------------------------------------------------------------------


@case("bad-signature")
async def _changed_payload(world: World) -> Answer:
    statement, _ = sign_bulletin(world.exchange, FIA)
    changed = dsse.Envelope(statement.payload_type, statement.payload + b" ", statement.signatures)
    return await world.statement(changed)


@case("bad-signature")
async def _signed_as_another_kind(world: World) -> Answer:
    return await world.statement(sign_json(world.exchange, FIA, "text/plain", {}))


@case("bad-signature")
async def _a_read_with_another_tag(world: World) -> Answer:
    return await world.reader.read(FIA, "/v1/subscription", tag="web-bot-auth")


@case("bad-signature")
async def _a_read_without_signature(world: World) -> Answer:
    return await world.reader.send("GET", "/v1/subscription")


@case("bad-signature")
async def _a_registry_of_nobody(world: World) -> Answer:
    newer = next_version(world.exchange)
    body = json.loads(registry_body(newer))
    body["registry"]["signatures"][0]["sig"] = dsse.encode64(bytes(64))
    return await world.put("/v1/registry", json.dumps(body).encode())


@case("unknown-key")
async def _a_stranger_posts(world: World) -> Answer:
    stranger = identity(world.exchange.id, FIA, world.exchange.now, generation=1).signing_keys()[0]
    statement, _ = sign_bulletin(world.exchange, FIA)
    return await world.statement(stranger.sign(PAYLOAD_TYPE, statement.payload))


@case("unknown-key")
async def _a_stranger_reads(world: World) -> Answer:
    stranger = identity(world.exchange.id, FIA, world.exchange.now, generation=1).signing_keys()[0]
    return await world.reader.read(FIA, "/v1/subscription", key_id=stranger.kid.hex())


@case("expired-key")
async def _an_old_key(world: World) -> Answer:
    old = identity(world.exchange.id, ANF, world.exchange.now - 400 * DAY_US, generation=2)
    newer = next_version(world.exchange, identities={ANF: old})
    await world.broker.service.trust.publish(registry_body(newer))
    statement, _ = sign_bulletin(world.exchange, ANF)
    return await world.statement(old.signing_keys()[0].sign(PAYLOAD_TYPE, statement.payload))


@case("revoked-key")
async def _a_lost_key(world: World) -> Answer:
    lost = world.exchange.signing(FIA).kid
    newer = next_version(world.exchange, revoked={lost: world.exchange.now - HOUR_US})
    await world.broker.service.trust.publish(registry_body(newer))
    return await world.post()


@case("clock")
async def _a_read_of_an_hour_ago(world: World) -> Answer:
    return await world.reader.read(FIA, "/v1/subscription", created=time.time() - 3600)


@case("replayed")
async def _the_same_read_again(world: World) -> Answer:
    answers = [await world.reader.read(FIA, "/v1/subscription", nonce="n" * 16) for _ in range(2)]
    assert answers[0].status == 200
    return answers[1]


# --- What may it do -----------------------------------------------------------------------------------------


@case("author-mismatch")
async def _in_the_name_of_another(world: World) -> Answer:
    return await world.post(originator=MOI)


@case("author-mismatch")
async def _a_receipt_of_another(world: World) -> Answer:
    statement, _ = sign_bulletin(world.exchange, FIA)
    receipt = sign_receipt(world.exchange, ANF, statement, bytes(32), agency=ISLAMABAD)
    return await world.reader.post("/v1/receipts", envelope_json(receipt))


@case("may-not-originate")
async def _another_category(world: World) -> Answer:
    return await world.post(ANF, category="terrorism")


@case("not-found")
async def _no_such_bulletin(world: World) -> Answer:
    return await world.reader.read(FIA, f"/v1/bulletins/{FIA}/9b2b1c1e-7a34-4b8e-9a55-0d6a52f3a111")


@case("not-found")
async def _a_receipt_for_what_was_not_received(world: World) -> Answer:
    statement, _ = sign_bulletin(world.exchange, FIA)
    receipt = sign_receipt(world.exchange, ISLAMABAD, statement, bytes(32))
    return await world.reader.post("/v1/receipts", envelope_json(receipt))


# --- What does it say ---------------------------------------------------------------------------------------


@case("schema")
async def _fields_of_a_bulletin(world: World) -> Answer:
    return await world.post(urgency="soon", severity=None, surplus=1, text={"en": {"headline": ""}})


@case("schema")
async def _fields_of_a_registry(world: World) -> Answer:
    registry = world.exchange.root_keys[0].sign(world.exchange.registry_envelope.payload_type, b'{"k":0}')
    body = {"registry": dsse.to_json(registry), "entitlements": dsse.to_json(registry)}
    return await world.put("/v1/registry", json.dumps(body).encode())


@case("schema")
async def _fields_of_a_subscription(world: World) -> Answer:
    body = envelope_json(sign_subscription(world.exchange, FIA, categories=["smuggling"]))
    return await world.put("/v1/subscription", body)


@case("wrong-exchange")
async def _for_another_exchange(world: World) -> Answer:
    return await world.post(exchange="0" * 64)


@case("out-of-window")
async def _of_last_week(world: World) -> Answer:
    now = world.exchange.now
    return await world.post(sent=times.format(now - 7 * DAY_US), expires=times.format(now + DAY_US))


@case("out-of-window")
async def _an_old_acknowledgement(world: World) -> Answer:
    at = times.format(world.exchange.now - 7 * DAY_US)
    body = envelope_json(sign_acknowledgement(world.exchange, FIA, 0, bytes(32), at=at))
    return await world.reader.post("/v1/ack", body)


@case("unknown-agency")
async def _to_nobody(world: World) -> Answer:
    return await world.post(to=[ISLAMABAD, "pk.nobody"], excepted=["group:none"])


@case("wrong-address")
async def _without_its_address(world: World) -> Answer:
    statement, _ = sign_bulletin(world.exchange, FIA, to=[ISLAMABAD])
    return await world.statement(statement)


@case("wrong-address")
async def _with_an_address_of_another(world: World) -> Answer:
    statement, _ = sign_bulletin(world.exchange, FIA)
    _, address = sign_bulletin(world.exchange, FIA, to=[ISLAMABAD])
    return await world.statement(statement, address)


@case("not-authentic")
async def _entitlements_of_another_registry(world: World) -> Answer:
    body = json.loads(registry_body(next_version(world.exchange)))
    body["entitlements"] = json.loads(registry_body(world.exchange))["entitlements"]
    return await world.put("/v1/registry", json.dumps(body).encode())


# --- It does not go with what is there ----------------------------------------------------------------------


@case("id-conflict")
async def _other_bytes(world: World) -> Answer:
    first = await world.post()
    return await world.post(id=first.json["id"], severity="Minor")


@case("id-conflict")
async def _another_receipt_under_its_id(world: World) -> Answer:
    statement, _ = sign_bulletin(world.exchange, FIA)
    posted = await world.statement(statement)
    await world.reader.read(ISLAMABAD, "/v1/inbox?wait=60")
    sealed = read_stamp(dsse.from_json(posted.json["stamp"]).payload).sealed
    for note in ("seen", "not seen"):
        receipt = sign_receipt(world.exchange, ISLAMABAD, statement, sealed, note=note)
        answer = await world.reader.post("/v1/receipts", envelope_json(receipt))
    return answer


@case("cursor")
async def _beyond_the_end(world: World) -> Answer:
    return await world.reader.read(FIA, "/v1/inbox?after=7")


@case("cursor")
async def _acknowledges_what_is_not_there(world: World) -> Answer:
    body = envelope_json(sign_acknowledgement(world.exchange, FIA, 7, bytes(32)))
    return await world.reader.post("/v1/ack", body)


@case("rollback")
async def _another_history(world: World) -> Answer:
    return await world.reader.read(FIA, f"/v1/inbox?after=0&at=0&chain={'0' * 64}")


@case("rollback")
async def _acknowledges_another_history(world: World) -> Answer:
    body = envelope_json(sign_acknowledgement(world.exchange, FIA, 0, bytes(32)))
    return await world.reader.post("/v1/ack", body)


@case("version-conflict")
async def _a_registry_that_is_not_newer(world: World) -> Answer:
    return await world.put("/v1/registry", registry_body(world.exchange))


@case("version-conflict")
async def _a_subscription_that_is_not_newer(world: World) -> Answer:
    for category in ("terrorism", "cybercrime"):
        body = envelope_json(sign_subscription(world.exchange, FIA, categories=[category]))
        answer = await world.put("/v1/subscription", body)
    return answer


# --- The store ----------------------------------------------------------------------------------------------


@case("store-tampered")
async def _an_entry_of_somebody_else(world: World) -> Answer:
    await world.post()
    await world.reader.read(ISLAMABAD, "/v1/inbox?wait=60")
    await world.broker.service.stop_routing()
    client, key = world.broker.service.store.connections.writing, names.inbox(ISLAMABAD)
    ((entry, fields),) = await client.xrange(key)
    await client.delete(key)
    await client.xadd(key, {**fields, b"c": bytes(32)}, id=entry)
    return await world.reader.read(ISLAMABAD, "/v1/inbox")


@case("store-unavailable")
async def _a_full_store(world: World) -> Answer:
    await world.post(severity="Minor")
    with world.server.client() as client:
        client.config_set("maxmemory", 1)
    return await world.post()


@case("store-unavailable")
async def _a_store_that_is_gone(world: World) -> Answer:
    world.proxy.judge = lambda _: "lose request"
    return await world.reader.read(FIA, "/v1/subscription")


@case("store-unavailable")
async def _a_store_that_would_lose_what_it_takes(world: World) -> Answer:
    await world.post(severity="Minor")
    with world.server.client() as client:
        client.config_set("appendfsync", "everysec")
        client.client_kill_filter(_type="normal", skipme=True)
        answer = await world.post()
        client.config_set("appendfsync", "always")
    assert "fsync" not in answer.body.decode()
    return answer


@case("outcome-unknown")
async def _a_reply_that_is_lost(world: World) -> Answer:
    await world.post(severity="Minor")
    world.proxy.judge = lambda burst: "lose reply" if b"EVALSHA" in burst.upper() else "pass"
    return await world.post()


# --- The table ----------------------------------------------------------------------------------------------


def kind_of(code: str) -> type[HarkaraError]:
    """Give the class with this code."""
    return next(kind for kind in family() if kind.code == code)


def check_problem(code: str, answer: Answer, sent: Sent) -> None:
    """Hold an answer to its code, its status and what was sent."""
    assert (answer.status, answer.code) == (kind_of(code).status, code), answer
    assert unresolved(sent, answer.json) == [], answer.json
    assert ("Retry-After" in answer.headers) == (answer.status in (429, 503))


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[Proxy]:
    """What stands between the broker and its store."""
    async with Proxy(server.socket) as found:
        yield found


@pytest.fixture
def store_url(proxy: Proxy) -> str:
    """The store's address, as the broker is told it."""
    return proxy.url


@pytest.mark.parametrize(("code", "provoke"), CASES)
async def test_a_refusal_has_its_code_and_points_at_what_was_sent(
    code: str, provoke: Case, reader: CheckedReader, broker: RunningBroker, server: Server, proxy: Proxy
) -> None:
    answer = await provoke(World(reader, broker, server, proxy))
    check_problem(code, answer, reader.last)


def test_every_code_has_a_case_or_a_reason() -> None:
    cased = {one.values[0] for one in CASES}
    assert cased & ELSEWHERE.keys() == set()
    assert cased | ELSEWHERE.keys() == {kind.code for kind in family()}


def test_each_code_is_one_refusal() -> None:
    codes = [kind.code for kind in family()]
    assert len(set(codes)) == len(codes)
    assert limits.PROBLEMS_ITEMS == 100  # as in problem.schema.json


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param(b'{"a":1}', {"errors": [{"pointer": "/b", "got": "x"}]}, id="a-member-not-there"),
        pytest.param(b"[1]", {"errors": [{"pointer": "/1", "got": "x"}]}, id="beyond-the-end-of-a-list"),
        pytest.param(b'{"a/b":1}', {"errors": [{"pointer": "/a/b", "got": "x"}]}, id="not-escaped"),
        pytest.param(b"{}", {"errors": [{"pointer": "/a/b", "got": "nothing"}]}, id="missing-in-what-is-not"),
        pytest.param(b'{"a":1}', {"within": "/a", "errors": []}, id="within-what-is-no-text"),
        pytest.param(
            b'{"a":"e30="}',
            {"within": "/a", "errors": [{"pointer": "/a", "got": "x"}]},
            id="outside-within",
        ),
    ],
)
def test_a_pointer_that_leads_nowhere_is_found(body: bytes, problem: dict[str, Any]) -> None:
    assert len(unresolved(Sent("/", {}, body), problem)) == 1
