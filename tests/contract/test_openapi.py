"""The OpenAPI document is one, says what the code says, and every answer that is well is as it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from aiohttp import web
from openapi_spec_validator import validate

from broker.errors import family
from broker.protocol import blind, chain, delivery, dsse
from broker.protocol.delivery import PAGE_MEDIA_TYPE
from broker.protocol.stamp import read_stamp
from broker.web.app import operations_app, public_app
from broker.web.limits import Limits
from broker.wiring import RunningBroker
from tests.contract.openapi_document import (
    DOCUMENT,
    PROBLEM,
    check,
    check_answer,
    operation_of,
    operations,
    resolve,
    schema_file,
)
from tests.contract.write_schemas import SCHEMAS
from tests.exchange_fixtures import (
    FIA,
    ISLAMABAD,
    envelope_json,
    next_version,
    post_body,
    sign_acknowledgement,
    sign_bulletin,
    sign_receipt,
    sign_subscription,
)
from tests.service.blind_author import BlindAuthor, keys_body, policy_of, question
from tests.service.conftest import registry_body
from tests.web.reader import Answer, Reader
from tests.web.sse import Feed, Frame

FILES = sorted(SCHEMAS.glob("*.schema.json"))


def test_the_document_is_openapi() -> None:
    validate(DOCUMENT, base_uri=(SCHEMAS / "openapi.json").as_uri())


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in FILES])
def test_every_schema_is_one_and_knows_no_null(file: Path) -> None:
    jsonschema_rs.meta.validate(json.loads(file.read_bytes()))
    assert '"null"' not in file.read_text("utf-8")


def _routes(app: web.Application) -> set[str]:
    return {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None
    }


@pytest.mark.parametrize("listener", ["public", "operations"])
async def test_each_listener_has_the_operations_that_are_written_down_and_no_others(
    broker: RunningBroker, listener: str
) -> None:
    app = {"public": public_app, "operations": operations_app}[listener](broker.service)
    assert _routes(app) == {one.label for one in operations() if listener in one.said["tags"]}


def test_no_operation_has_the_name_of_another() -> None:
    names = [one.said["operationId"] for one in operations()]
    assert len(set(names)) == len(names)


def _codes(said: dict[str, Any]) -> set[str]:
    schema = said["content"][PROBLEM]["schema"]["allOf"][1]["properties"]["type"]
    return {name.rpartition(":")[2] for name in schema.get("enum", [schema.get("const")])}


def test_a_code_is_said_with_its_status_and_nowhere_else() -> None:
    statuses = {kind.code: kind.status for kind in family()} | {"internal": 500}
    found = [
        (code, status, statuses[code])
        for one in operations()
        for status, said in one.said["responses"].items()
        if PROBLEM in resolve(said).get("content", {})
        for code in _codes(resolve(said))
    ]
    assert [row for row in found if int(row[1]) != row[2]] == []


def test_every_code_of_the_schema_of_problems_is_said_by_an_operation() -> None:
    listed = json.loads((SCHEMAS / "problem.schema.json").read_bytes())["properties"]["type"]["enum"]
    said = {code for one in DOCUMENT["components"]["responses"].values() for code in _codes(one)}
    assert said == {name.rpartition(":")[2] for name in listed}


def test_every_part_is_used() -> None:
    text = json.dumps(DOCUMENT)
    unused = [
        f"{kind}/{name}"
        for kind, parts in DOCUMENT["components"].items()
        for name in parts
        if kind != "securitySchemes" and f'"#/components/{kind}/{name}"' not in text
    ]
    assert unused == ["responses/MethodNotAllowed"]  # it is said of whatever is not written down


def test_the_bounds_of_the_query_are_those_of_the_code() -> None:
    said = {name: resolve(one)["schema"] for name, one in DOCUMENT["components"]["parameters"].items()}
    assert said["Wait"]["maximum"] == Limits().long_poll_seconds
    assert said["Limit"]["maximum"] == 500


# --- Answers of a running broker ----------------------------------------------------------------------------


async def _post(reader: Reader, **fields: Any) -> tuple[dsse.Envelope, Answer]:
    statement, address = sign_bulletin(reader.exchange, FIA, **fields)
    return statement, await reader.post("/v1/bulletins", post_body(statement, address))


async def _received(reader: Reader) -> Answer:
    answer = await reader.read(ISLAMABAD, "/v1/inbox?wait=60")
    assert answer.json["items"], "nothing came"
    return answer


async def test_a_post_its_repeat_and_a_batch(reader: Reader) -> None:
    statement, first = await _post(reader)
    again = await reader.post("/v1/bulletins", post_body(statement))
    assert (first.status, again.status) == (201, 200)
    batch = post_body(statement) + b"\n{\n"
    answer = await reader.post("/v1/bulletins", batch, "application/x-ndjson")
    assert [*map(sorted, map(json.loads, answer.body.splitlines()))][1] == ["problem"]


async def test_an_inbox_that_is_empty_and_one_that_is_not(reader: Reader) -> None:
    empty = await reader.read(ISLAMABAD, "/v1/inbox")
    assert (empty.json["items"], "head" in empty.json) == ([], True)
    await _post(reader)
    await _received(reader)
    answer = await reader.read(ISLAMABAD, "/v1/inbox", headers={"Accept": PAGE_MEDIA_TYPE})
    assert len(delivery.read_page(answer.body).items) == 1


async def test_an_item_that_is_withheld(reader: Reader, broker: RunningBroker) -> None:
    await _post(reader, category="cybercrime")
    await _received(reader)
    grants = reader.exchange.grants
    less = next_version(reader.exchange, grants={ISLAMABAD: grants["pk.anf"]})
    await broker.service.trust.publish(registry_body(less))
    answer = await reader.read(ISLAMABAD, "/v1/inbox")
    assert [sorted(item) for item in answer.json["items"]] == [["kind", "number", "withheld"]]


async def test_an_item_its_receipt_and_the_overview(reader: Reader) -> None:
    statement, posted = await _post(reader)
    await _received(reader)
    path = f"/v1/bulletins/{FIA}/{posted.json['id']}"
    assert (await reader.read(ISLAMABAD, path)).status == 200
    sealed = read_stamp(dsse.from_json(posted.json["stamp"]).payload).sealed
    receipt = envelope_json(sign_receipt(reader.exchange, ISLAMABAD, statement, sealed))
    taken, again = [await reader.post("/v1/receipts", receipt) for _ in range(2)]
    assert (taken.status, again.status) == (201, 200)
    lines = await reader.post("/v1/receipts", receipt + b"\n", "application/x-ndjson")
    assert json.loads(lines.body)["repeated"] is True
    overview = await reader.read(FIA, f"{path}/receipts")
    assert [len(overview.json[name]) > 0 for name in ("delivered", "receipts")] == [True, True]
    own = await reader.read(FIA, "/v1/inbox?wait=60")
    assert [item["kind"] for item in own.json["items"]] == ["receipt"]


async def test_an_acknowledgement(reader: Reader) -> None:
    start = chain.first_link(reader.exchange.id, reader.exchange.registry.epoch, ISLAMABAD)
    body = envelope_json(sign_acknowledgement(reader.exchange, ISLAMABAD, 0, start))
    assert (await reader.post("/v1/ack", body)).status == 200


async def test_a_subscription_before_and_after(reader: Reader) -> None:
    assert (await reader.read(ISLAMABAD, "/v1/subscription")).json == {"version": 0}
    body = envelope_json(sign_subscription(reader.exchange, ISLAMABAD, categories=["terrorism"]))
    assert (await reader.post("/v1/subscription", body, method="PUT")).status == 200
    shown = await reader.read(ISLAMABAD, "/v1/subscription")
    wanted = json.loads(dsse.decode64(shown.json["statement"]["payload"], ""))
    check(schema_file("subscription"), wanted)


async def test_the_registry_read_not_changed_and_put(reader: Reader) -> None:
    first = await reader.read(FIA, "/v1/registry")
    same = await reader.read(FIA, "/v1/registry", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, same.status) == (200, 304)
    newer = registry_body(next_version(reader.exchange))
    assert (await reader.post("/v1/registry", newer, method="PUT")).json == {"version": 2}
    assert (await reader.read(FIA, "/v1/registry?version=1")).status == 200


async def test_an_audience_and_a_pair_key(reader: Reader) -> None:
    body = post_body(*sign_bulletin(reader.exchange, FIA, to=[ISLAMABAD]))
    shown = await reader.read(FIA, "/v1/audience", method="POST", body=body)
    assert {one["delivers"] for one in shown.json["audience"]} == {True, False}
    await _post(reader)
    wrap = dsse.decode64((await _received(reader)).json["items"][0]["wrap"], "")
    assert (await reader.read(ISLAMABAD, f"/v1/pair-keys/{wrap[:16].hex()}")).status == 200


async def test_a_blind_post_its_keys_its_audience_and_its_item(reader: Reader) -> None:
    author = BlindAuthor(reader.exchange, FIA)
    statement, address = sign_bulletin(reader.exchange, FIA, to=[ISLAMABAD])
    body = question(policy_of(statement), address)
    shown = await reader.read(FIA, "/v1/audience", method="POST", body=body)
    assert {one["delivers"] for one in shown.json["audience"]} == {True, False}
    kept = await reader.post("/v1/pair-keys", keys_body(author.make([ISLAMABAD])))
    assert kept.json == {"kept": 2}
    sealed = author.seal(statement, address, [ISLAMABAD]).pack()
    taken, again = [await reader.post("/v1/bulletins", sealed, blind.MEDIA_TYPE) for _ in range(2)]
    assert (taken.status, again.status) == (201, 200)
    (item,) = (await _received(reader)).json["items"]
    assert "seal" in item
    pkid = author.pairs[ISLAMABAD].binding.pkid.hex()
    assert (await reader.read(ISLAMABAD, f"/v1/pair-keys/{pkid}")).status == 200


def _taken_apart(frame: Frame) -> dict[str, Any]:
    number = {} if frame.id is None else {"id": frame.id}
    return {"event": frame.event, "data": frame.data} | number


async def test_the_events_of_a_feed(reader: Reader, broker: RunningBroker) -> None:
    await _post(reader)
    await _received(reader)
    answer = operation_of("GET", "/v1/feed").answer(200)["content"]
    schema = answer["text/event-stream"]["x-itemSchema"]
    async with await Feed.open(reader, ISLAMABAD) as feed:
        item, head = await feed.event("bulletin"), await feed.event("head")
        broker.service.feeds.stop()
        notice = await feed.event("notice")
    for frame in (item, head, notice):
        check(schema, _taken_apart(frame))
    assert "entry" in item.data
    with pytest.raises(jsonschema_rs.ValidationError):
        check(schema, _taken_apart(head) | {"id": 1})


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_on_both_listeners(reader: Reader, operations: Reader, path: str) -> None:
    for listener in (reader, operations):
        assert (await listener.send("GET", path)).status == 200
        assert (await listener.send("HEAD", path)).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
async def test_what_operators_see(operations: Reader, path: str) -> None:
    assert (await operations.send("GET", path)).status == 200
    assert (await operations.send("HEAD", path)).status == 200


async def test_a_broker_that_cannot_serve_says_so_as_it_is_written_down(
    operations: Reader, broker: RunningBroker
) -> None:
    broker.service.checkup.stopping = True
    answer = await operations.send("GET", "/readyz")
    assert (answer.status, answer.json) == (503, {"status": "fail"})


# --- The check can fail -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        pytest.param(418, {}, b"", id="a-status-that-is-not-said"),
        pytest.param(200, {"Content-Type": "text/html"}, b"", id="another-media-type"),
        pytest.param(200, {"X-Request-Id": "x"}, b'{"number":1}', id="a-header-of-another-form"),
        pytest.param(200, {"X-Request-Id": None}, b'{"number":1}', id="a-header-that-is-missing"),
        pytest.param(200, {}, b'{"number":"1"}', id="another-type"),
        pytest.param(200, {}, b'{"number":1,"more":1}', id="one-member-more"),
        pytest.param(
            400, {"Content-Type": PROBLEM}, b'{"type":"urn:harkara:problem:clock"}', id="another-code"
        ),
    ],
)
def test_an_answer_that_is_not_as_written_is_found(
    status: int, headers: dict[str, str | None], body: bytes
) -> None:
    usual = {"X-Request-Id": "0" * 32, "Cache-Control": "no-store", "Content-Type": "application/json"}
    given = {name: value for name, value in (usual | headers).items() if value is not None}
    check_answer("POST", "/v1/ack", Answer(200, usual, b'{"number":1}'))
    with pytest.raises((AssertionError, jsonschema_rs.ValidationError)):
        check_answer("POST", "/v1/ack", Answer(status, given, body))
