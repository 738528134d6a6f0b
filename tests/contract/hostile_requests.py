"""Requests that schemathesis makes from the OpenAPI document, sent to a running broker, signed where it
matters.

Most of what it makes cannot get past the first signature. So a share of bodies is replaced by statements that
are signed properly, good and spoilt, and most reads are signed by agencies of the exchange; paths name
bulletins that exist.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any, Final, cast

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as openapi_checks

from broker.protocol import dsse, fields, limits, times
from broker.protocol.answers import ACKNOWLEDGEMENT_TYPE, RECEIPT_TYPE, SUBSCRIPTION_TYPE, receipt_id
from broker.protocol.blind import MEDIA_TYPE as BLIND_TYPE
from broker.protocol.bulletin import PAYLOAD_TYPE
from broker.protocol.chain import first_link
from broker.protocol.digests import Address, statement_digest
from broker.protocol.stamp import read_stamp
from broker.service import clock
from broker.store.store import Store
from broker.web.app import operations_app, public_app
from broker.web.listener import listening
from tests.contract.openapi_document import check_answer
from tests.contract.write_schemas import SCHEMAS
from tests.exchange_fixtures import (
    ANF,
    BROKER,
    FIA,
    ISLAMABAD,
    MOI,
    TestExchange,
    fixed,
    make_exchange,
    post_body,
    sign_bulletin,
    sign_json,
)
from tests.protocol.bulletin_strategy import SENT_AT, bulletin_objects, receipt_objects
from tests.protocol.test_explanation import spoilt
from tests.service.blind_author import BlindAuthor, keys_body, policy_of, question
from tests.service.conftest import registry_body, start_service
from tests.stores import Server
from tests.web.reader import Answer, Signed, sign

DOCUMENT: Final = schemathesis.openapi.from_path(SCHEMAS / "openapi.json")
OPERATIONS: Final[dict[str, Any]] = {
    found.ok().label: found.ok()  # pyright: ignore[reportAttributeAccessIssue]
    for found in DOCUMENT.get_all_operations()
}
CHECKS: Final = [
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]
READERS: Final = (FIA, ISLAMABAD, MOI, ANF, BROKER, None)
"""Who signs a read: agencies, a broker (who has no inbox), nobody."""
TIMES: Final = {"sent", "issued", "onset", "expires", "respond_by"}
EVENT_BYTES: Final = 64 * 1024
PATIENCE_S: Final = 90.0
"""For an answer, or for the broker to begin or end: whoever waits longer waits for ever."""


class Target:
    """A broker that serves in a thread of its own. `now` is when it was started."""

    def __init__(self) -> None:
        self.now = clock.now()
        self.exchange: TestExchange = make_exchange(self.now)
        self.session = requests.Session()
        self.public = self.operations = ""
        self.seeds: list[tuple[str, str, dsse.Envelope, bytes]] = []
        """Bulletins that exist: originator, id, statement, digest."""
        self.pair_key = ""
        """Id of one that ISLAMABAD has."""
        self.blind = BlindAuthor(self.exchange, FIA)
        """An author that has handed in its pair keys."""

    @asynccontextmanager
    async def serving(self, store_url: str) -> AsyncIterator[None]:
        """Serve on random ports of this machine."""
        async with await Store.open(store_url) as store:
            service = await start_service(store, self.exchange)
            public = public_app(service)
            async with (
                listening(public, "127.0.0.1", 0) as port,
                listening(operations_app(service), "127.0.0.1", 0) as ops,
            ):
                self.public, self.operations = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{ops}"
                yield
            await service.close()

    def seed(self) -> None:
        """Post what paths and receipts name."""
        for number in range(3):
            text = {"en": {"headline": f"Report {number}"}}
            statement, address = sign_bulletin(self.exchange, FIA, text=text)
            answer = self.session.post(
                f"{self.public}/v1/bulletins",
                data=post_body(statement, address),
                headers={"Content-Type": "application/json"},
                timeout=PATIENCE_S,
            )
            assert answer.status_code == 201, answer.text
            found = answer.json()
            sealed = read_stamp(dsse.from_json(found["stamp"]).payload).sealed
            self.seeds.append((found["originator"], found["id"], statement, sealed))
        handed_in = self.session.post(
            f"{self.public}/v1/pair-keys",
            data=keys_body(self.blind.make([ISLAMABAD, MOI])),
            headers={"Content-Type": "application/json"},
            timeout=PATIENCE_S,
        )
        assert handed_in.status_code == 200, handed_in.text
        url = f"{self.public}/v1/inbox?wait=60"
        how = Signed(self.exchange.signing(ISLAMABAD))
        items = self.session.get(url, headers=sign(how, "GET", url), timeout=PATIENCE_S).json()["items"]
        self.pair_key = dsse.decode64(items[0]["wrap"], "")[:16].hex()

    def named(self, label: str) -> list[dict[str, str]]:
        """Give what the path of an operation may name that exists."""
        if "/bulletins/" in label:
            return [{"originator": originator, "id": item} for originator, item, _, _ in self.seeds]
        return [{"id": self.pair_key}] if "/pair-keys/" in label else []

    def base(self, label: str) -> str:
        """Give the listener of an operation."""
        return self.operations if label.endswith(("/healthz", "/metrics")) else self.public


@contextmanager
def running_target() -> Iterator[Target]:
    """Run a broker over a store of its own while the context lasts."""
    target, ready, over = Target(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve(url: str) -> None:
        async with target.serving(url):
            ready.set()
            await over.wait()

    with Server() as server:
        thread = threading.Thread(target=loop.run_until_complete, args=(serve(server.url),))
        thread.start()
        try:
            assert ready.wait(PATIENCE_S), "the broker does not start"
            target.seed()
            yield target
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join(PATIENCE_S)
            target.session.close()
    loop.close()


def attack(label: str, target: Target, examples: int, seed: int | None = None) -> Counter[int]:
    """Send so many cases of an operation, the same ones each time unless a seed is given. Gives how often
    each status came.
    """
    statuses: Counter[int] = Counter()
    signed = bodies(label, target)

    def run(data: st.DataObject) -> None:
        body = data.draw(st.one_of(st.none(), signed)) if signed is not None else None
        # Making a case is most of the work: one whose body is replaced is the plainest.
        case = data.draw(cases(label)) if body is None else OPERATIONS[label].Case()
        if names := data.draw(st.sampled_from([None, *target.named(label)])):
            case.path_parameters = dict(names)
        if isinstance(case.query.get("wait"), int) and case.query["wait"] in range(1, 61):
            case.query["wait"] = 0  # a long poll is no attack, and thousands of them take hours
        statuses[send(target, label, case, body, data.draw(st.sampled_from(READERS)))] += 1

    test = given(st.data())(run)
    if seed is not None:
        test = hypothesis_seed(seed)(test)
    settings(
        max_examples=examples,
        derandomize=seed is None,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )(test)()
    return statuses


# --- Requests -----------------------------------------------------------------------------------------------


def cases(label: str) -> st.SearchStrategy[Any]:
    """Give cases of an operation: by its schema, and against it."""
    operation = OPERATIONS[label]
    good = operation.as_strategy(GenerationMode.POSITIVE)
    try:
        bad = operation.as_strategy(GenerationMode.NEGATIVE)
    except ValueError:
        return good
    return st.one_of(good, bad)


def bodies(label: str, target: Target) -> st.SearchStrategy[tuple[str, bytes]] | None:
    """Give (media type, body) of statements that are signed, for an operation that takes some."""
    one = _documents(label, target)
    if one is None:
        return None
    single = one.map(lambda body: ("application/json", body))
    if label not in ("POST /v1/bulletins", "POST /v1/receipts"):
        return single
    broken = st.sampled_from([b"", b"{", b"[]", b'{"statement":{}}', b"\xff"])
    lines = st.lists(st.one_of(one, broken), min_size=1, max_size=4)
    batch = lines.map(lambda found: ("application/x-ndjson", b"\n".join(found) + b"\n"))
    if label == "POST /v1/receipts":
        return st.one_of(single, batch)
    return st.one_of(single, batch, _blind(target).map(lambda body: (BLIND_TYPE, body)))


def send(target: Target, label: str, case: Any, body: tuple[str, bytes] | None, reader: str | None) -> int:
    """Send a case and hold the answer to the document. Gives its status. Raises what is wrong with it."""
    base = target.base(label)
    kwargs = case.as_transport_kwargs(base_url=base)
    kwargs.pop("timeout", None)
    if body is not None:
        for name in ("data", "json", "files"):
            kwargs.pop(name, None)
        kwargs["data"] = body[1]
        kwargs["headers"]["Content-Type"] = body[0]
    request = target.session.prepare_request(requests.Request(**kwargs))
    if reader is not None and case.operation.definition.raw["security"]:
        _sign(target, request, reader)
    response = target.session.send(request, timeout=PATIENCE_S, stream=True, allow_redirects=False)
    try:
        _take(response)
        _check(label, case, request, response)
    finally:
        response.close()
    return response.status_code


def _sign(target: Target, request: requests.PreparedRequest, reader: str) -> None:
    for name in ("Signature", "Signature-Input", "Content-Digest"):
        request.headers.pop(name, None)
    how = Signed(target.exchange.signing(reader))
    content = request.body.encode() if isinstance(request.body, str) else cast("bytes | None", request.body)
    assert request.method is not None
    assert request.url is not None
    if content and request.path_url.startswith("/v1/audience"):
        how.components = (*how.components, "content-digest")
    signed = sign(how, request.method, request.url, dict(request.headers), content or None)  # type: ignore[arg-type]
    request.headers.update(
        {name: value for name, value in signed.items() if "ignature" in name or "Digest" in name}
    )


def _take(response: requests.Response) -> None:
    if not response.headers.get("Content-Type", "").startswith("text/event-stream"):
        assert response.content is not None
        return
    found = b""
    for chunk in response.iter_content(1024):  # a feed has no end: its first events will do
        found += chunk
        if (b"event: head" in found and found.endswith(b"\n\n")) or len(found) > EVENT_BYTES:
            break
    response._content = found
    response._content_consumed = True


def _check(label: str, case: Any, request: requests.PreparedRequest, response: requests.Response) -> None:
    try:
        assert response.status_code < 500, response.text
        if response.status_code != 405:
            check_answer(
                label.partition(" ")[0],
                request.path_url,
                Answer(response.status_code, response.headers, response.content),
            )
            case.validate_response(response, checks=CHECKS)
    except (AssertionError, FailureGroup) as wrong:
        wrong.add_note(f"{request.method} {request.url}\n{dict(request.headers)}\n{request.body!r}")
        wrong.add_note(f"{response.status_code} {response.text}")
        raise


# --- Statements ---------------------------------------------------------------------------------------------


def _documents(label: str, target: Target) -> st.SearchStrategy[bytes] | None:
    exchange = target.exchange
    match label:
        case "POST /v1/bulletins" | "POST /v1/audience":
            good = bulletin_objects().map(lambda found: _of_this_exchange(found, target))
            posts = _mostly(good).map(lambda found: _post(exchange, found))
            return st.one_of(posts, _questions(target)) if label == "POST /v1/audience" else posts
        case "POST /v1/pair-keys":
            return _pair_keys(target)
        case "POST /v1/receipts":
            return _mostly(_receipts(target)).map(lambda it: _signed(exchange, ISLAMABAD, RECEIPT_TYPE, it))
        case "POST /v1/ack":
            start = first_link(exchange.id, exchange.registry.epoch, ANF).hex()
            said = _said(exchange, ANF) | {"epoch": exchange.registry.epoch.hex(), "chain": start}
            numbers = st.integers(0, 1).map(lambda number: said | {"number": number})
            return _mostly(numbers).map(lambda it: _signed(exchange, ANF, ACKNOWLEDGEMENT_TYPE, it))
        case "PUT /v1/subscription":
            said = _said(exchange, ANF) | {"categories": ["terrorism"], "areas": ["PK"], "severity": "Minor"}
            versions = st.integers(1, 9).map(lambda version: said | {"version": version})
            return _mostly(versions).map(lambda it: _signed(exchange, ANF, SUBSCRIPTION_TYPE, it))
        case "PUT /v1/registry":
            return st.just(registry_body(exchange))
        case _:
            return None


def _mostly(good: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Any]:
    return st.one_of(good, good, spoilt(good))


def _said(exchange: TestExchange, agency: str) -> dict[str, Any]:
    return {
        "exchange": exchange.id.hex(),
        "registry": exchange.registry.version,
        "agency": agency,
        "at": times.format(exchange.now),
    }


def _of_this_exchange(found: dict[str, Any], target: Target) -> dict[str, Any]:
    own: dict[str, Any] = {"exchange": target.exchange.id.hex(), "registry": 1, "originator": MOI}
    for name in TIMES & found.keys():
        with suppress(ValueError):  # respond_by may be a word
            own[name] = times.format(times.parse(found[name]) - SENT_AT + target.now)
    if "address_digest" in found:
        own["address_digest"] = _ADDRESS.digest().hex()
    return found | own


_ADDRESS: Final = Address(fixed("address of schemathesis"), (ISLAMABAD,), ())


def _post(exchange: TestExchange, found: Any) -> bytes:
    signer = MOI if not isinstance(found, dict) or found.get("originator") != FIA else FIA
    with_address = isinstance(found, dict) and "address_digest" in found
    return post_body(sign_json(exchange, signer, PAYLOAD_TYPE, found), _ADDRESS if with_address else None)


@st.composite
def _receipts(draw: st.DrawFn, target: Target) -> dict[str, Any]:
    originator, bulletin, statement, sealed = draw(st.sampled_from(target.seeds))
    found = draw(receipt_objects())
    stmt = _stmt(statement)
    at = times.format(target.now - draw(st.integers(0, 60)) * limits.SECOND_US)
    if "until" in found:
        found["until"] = times.format(target.now + limits.HOUR_US)
    own = {
        "exchange": target.exchange.id.hex(),
        "registry": 1,
        "agency": ISLAMABAD,
        "originator": originator,
        "bulletin": bulletin,
        "stmt": stmt,
        "sealed": sealed.hex(),
        "at": at,
        "id": receipt_id(stmt, ISLAMABAD, found["kind"], at),
    }
    return found | own


def _stmt(statement: dsse.Envelope) -> str:
    return statement_digest(statement).hex()


def _signed(exchange: TestExchange, agency: str, kind: str, found: Any) -> bytes:
    return json.dumps(dsse.to_json(sign_json(exchange, agency, kind, found))).encode()


def _blind(target: Target) -> st.SearchStrategy[bytes]:
    return st.one_of(_blind_posts(target), _blind_posts(target), _spliced(_blind_posts(target)))


@st.composite
def _blind_posts(draw: st.DrawFn, target: Target) -> bytes:
    severity = draw(st.sampled_from(["Minor", "Moderate", "Severe", "Extreme"]))
    ids = {"id": fields.EXAMPLE_ID} if draw(st.booleans()) else {}
    statement, address = sign_bulletin(target.exchange, FIA, to=[ISLAMABAD], severity=severity, **ids)
    members = draw(st.sampled_from([(ISLAMABAD,), (ISLAMABAD,), (MOI,), (), (ISLAMABAD, MOI)]))
    headers: list[dict[str, Any]] = [{}, {}, {"registry_version": 2**64 - 1}, {"mode": "broker"}, {"id": "x"}]
    header = draw(st.sampled_from(headers))
    shown = replace(policy_of(statement), **draw(_shown))
    return target.blind.seal(statement, address, members, policy=shown, **header).pack()


_shown: Final = st.sampled_from(
    [
        {},
        {},
        {},
        {"expires_at": 2**64 - 1},
        {"expires_at": 0},
        {"expires_at": 0},
        {"references": ("x",) * 65},
        {"areas": ("PK",) * 65},
        {"category": "drug-smuggling"},
        {"marking": "TLP:RED"},
    ]
)


def _questions(target: Target) -> st.SearchStrategy[bytes]:
    statement, _ = sign_bulletin(target.exchange, FIA)
    shown = st.one_of(_shown, st.just({"references": (fields.EXAMPLE_ID,), "type": "Update"}))
    policies = shown.map(lambda changes: replace(policy_of(statement), **changes))
    whole = st.builds(question, policies, st.sampled_from([None, _ADDRESS]))
    return st.one_of(whole, whole, _mostly(whole.map(json.loads)).map(lambda it: json.dumps(it).encode()))


def _pair_keys(target: Target) -> st.SearchStrategy[bytes]:
    author, now = target.blind, target.now
    pairs = [
        author.pairs[MOI],
        author.pair(MOI),
        author.pair(ISLAMABAD),
        author.pair(MOI, not_before=now - 5 * limits.HOUR_US),
        author.pair(MOI, not_before=2**60),
        author.pair(MOI, pkid=author.pairs[ISLAMABAD].binding.pkid),
        author.pair(MOI, member_kid=bytes(32)),
        author.pair(MOI, sealer=ANF),
        author.pair(MOI, exchange=bytes(32)),
    ]
    others = author.sealed(pairs[1], target.exchange.signing(ANF))
    forged = replace(others, signatures=(replace(others.signature, value=bytes(64)),))
    envelopes = [*map(author.sealed, pairs), others, forged]
    one = st.sampled_from(envelopes).map(lambda envelope: keys_body([envelope]))
    whole = st.lists(st.sampled_from(envelopes), min_size=1, max_size=3).map(keys_body)
    broken = _mostly(whole.map(json.loads)).map(lambda it: json.dumps(it).encode())
    return st.one_of(one, one, one, whole, broken, _spliced(whole))


@st.composite
def _spliced(draw: st.DrawFn, good: st.SearchStrategy[bytes]) -> bytes:
    found = bytearray(draw(good))
    at = draw(st.integers(0, len(found)))
    found[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(found)
