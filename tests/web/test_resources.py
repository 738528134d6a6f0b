"""Each resource once through: a bulletin is posted, read in every way, answered, and seen by whom it
concerns.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from broker.protocol import chain, delivery, dsse
from broker.protocol.stamp import read_stamp
from tests.exchange_fixtures import (
    ANF,
    FIA,
    ISLAMABAD,
    TestExchange,
    envelope_json,
    post_body,
    sign_acknowledgement,
    sign_bulletin,
    sign_receipt,
    sign_subscription,
)
from tests.waiting import HANG_S
from tests.web.reader import Reader


async def _posted(reader: Reader, originator: str = FIA, **fields: Any) -> dict[str, Any]:
    statement, address = sign_bulletin(reader.exchange, originator, **fields)
    answer = await reader.post("/v1/bulletins", post_body(statement, address))
    assert answer.status == 201, answer
    return answer.json


async def test_a_bulletin_is_accepted_with_its_stamp_and_its_location(reader: Reader) -> None:
    statement, address = sign_bulletin(reader.exchange, FIA)
    answer = await reader.post("/v1/bulletins", post_body(statement, address))
    assert answer.status == 201
    assert answer.headers["Location"] == f"/v1/bulletins/{FIA}/{answer.json['id']}"
    stamp = read_stamp(dsse.from_json(answer.json["stamp"]).payload)
    assert (stamp.originator, stamp.id) == (FIA, answer.json["id"])


async def test_the_same_post_again_gets_the_first_stamp_and_200(reader: Reader) -> None:
    body = post_body(*sign_bulletin(reader.exchange, FIA))
    first = await reader.post("/v1/bulletins", body)
    again = await reader.post("/v1/bulletins", body)
    assert (first.status, again.status) == (201, 200)
    told = first.json
    assert told.pop("recipients") > 0  # with the first answer alone
    assert again.json == told | {"repeated": True}


async def test_a_batch_is_answered_line_by_line_and_one_bad_line_harms_no_other(reader: Reader) -> None:
    lines = [post_body(*sign_bulletin(reader.exchange, FIA, severity=s)) for s in ("Extreme", "Minor")]
    batch = b"\n".join([lines[0], b"{", lines[1]]) + b"\n"
    answer = await reader.post("/v1/bulletins", batch, "application/x-ndjson")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
    first, bad, last = [json.loads(line) for line in answer.body.splitlines()]
    assert bad["problem"]["type"] == "urn:harkara:problem:malformed"
    assert [one["originator"] for one in (first, last)] == [FIA, FIA]


async def test_the_long_poll_gives_what_comes_while_it_waits(reader: Reader) -> None:
    waiting = asyncio.create_task(reader.read(ISLAMABAD, "/v1/inbox?after=0&wait=60"))
    await asyncio.sleep(0.2)
    await _posted(reader)
    page = delivery.read_page_json((await asyncio.wait_for(waiting, HANG_S)).json)
    assert [item.number for item in page.items] == [1]
    assert page.head is not None


async def test_an_inbox_can_be_read_as_msgpack(reader: Reader) -> None:
    await _posted(reader)
    answer = await reader.read(ISLAMABAD, "/v1/inbox?wait=60", headers={"Accept": delivery.PAGE_MEDIA_TYPE})
    assert answer.headers["Content-Type"] == delivery.PAGE_MEDIA_TYPE
    assert [item.number for item in delivery.read_page(answer.body).items] == [1]


@pytest.mark.parametrize("agency", [FIA, ISLAMABAD])
async def test_originator_and_recipient_fetch_the_item(reader: Reader, agency: str) -> None:
    posted = await _posted(reader)
    answer = await reader.read(agency, f"/v1/bulletins/{FIA}/{posted['id']}")
    assert answer.status == 200
    assert answer.json["stamp"] == posted["stamp"]


async def test_to_whom_it_was_not_sent_it_does_not_exist(reader: Reader) -> None:
    posted = await _posted(reader, to=[ISLAMABAD])
    hidden = await reader.read(ANF, f"/v1/bulletins/{FIA}/{posted['id']}")
    missing = await reader.read(ANF, f"/v1/bulletins/{FIA}/9b2b1c1e-7a34-4b8e-9a55-0d6a52f3a111")
    assert (hidden.status, missing.status) == (404, 404)
    same = [
        {name: value for name, value in one.json.items() if name != "instance"} for one in (hidden, missing)
    ]
    assert same[0] == same[1]


async def test_a_receipt_reaches_the_originator_and_its_overview(reader: Reader) -> None:
    statement, address = sign_bulletin(reader.exchange, FIA)
    posted = await reader.post("/v1/bulletins", post_body(statement, address))
    stamp = read_stamp(dsse.from_json(posted.json["stamp"]).payload)
    receipt = sign_receipt(reader.exchange, ISLAMABAD, statement, stamp.sealed)
    taken = await reader.post("/v1/receipts", envelope_json(receipt))
    assert taken.status == 201, taken
    overview = await reader.read(FIA, f"/v1/bulletins/{FIA}/{posted.json['id']}/receipts")
    assert ISLAMABAD in [one["agency"] for one in overview.json["delivered"]]
    assert [one["kind"] for one in overview.json["receipts"]] == ["receipt"]
    other = await reader.read(ISLAMABAD, f"/v1/bulletins/{FIA}/{posted.json['id']}/receipts")
    assert other.status == 404


async def test_an_acknowledgement_is_answered_with_the_highest_number(reader: Reader) -> None:
    start = chain.first_link(reader.exchange.id, reader.exchange.registry.epoch, ISLAMABAD)
    answer = await reader.post(
        "/v1/ack", envelope_json(sign_acknowledgement(reader.exchange, ISLAMABAD, 0, start))
    )
    assert (answer.status, answer.json) == (200, {"number": 0})


async def test_a_subscription_is_put_and_shown_to_its_agency(reader: Reader) -> None:
    assert (await reader.read(ISLAMABAD, "/v1/subscription")).json == {"version": 0}
    statement = envelope_json(sign_subscription(reader.exchange, ISLAMABAD, 3, categories=["terrorism"]))
    put = await reader.post("/v1/subscription", statement, method="PUT")
    assert (put.status, put.json) == (200, {"agency": ISLAMABAD, "version": 3})
    shown = await reader.read(ISLAMABAD, "/v1/subscription")
    assert shown.json == {"version": 3, "statement": json.loads(statement)}


async def test_the_audience_is_shown_to_the_originator_alone(reader: Reader) -> None:
    body = post_body(*sign_bulletin(reader.exchange, FIA, to=[ISLAMABAD]))
    shown = await reader.read(FIA, "/v1/audience", method="POST", body=body)
    delivered = {one["agency"] for one in shown.json["audience"] if one["delivers"]}
    assert delivered == {ISLAMABAD}
    other = await reader.read(ISLAMABAD, "/v1/audience", method="POST", body=body)
    assert (other.status, other.code) == (403, "author-mismatch")


async def test_a_pair_key_is_given_to_its_member_alone(reader: Reader) -> None:
    posted = await _posted(reader)
    item = await reader.read(ISLAMABAD, f"/v1/bulletins/{FIA}/{posted['id']}")
    pkid = dsse.decode64(item.json["wrap"], "")[:16].hex()
    assert (await reader.read(ISLAMABAD, f"/v1/pair-keys/{pkid}")).status == 200
    assert (await reader.read(ANF, f"/v1/pair-keys/{pkid}")).status == 404


async def test_the_registry_is_given_once_and_then_304(reader: Reader, exchange: TestExchange) -> None:
    first = await reader.read(FIA, "/v1/registry")
    assert (first.status, first.json) == (200, dsse.to_json(exchange.registry_envelope))
    tag = first.headers["ETag"]
    again = await reader.read(FIA, "/v1/registry?version=1", headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status, again.body) == (304, b"")
    assert (await reader.read(FIA, "/v1/registry?version=7")).status == 404


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_answer_on_both_listeners(reader: Reader, operations: Reader, path: str) -> None:
    for listener in (reader, operations):
        answer = await listener.send("GET", path)
        assert (answer.status, answer.json) == (200, {"status": "pass"})
        assert (await listener.send("HEAD", path)).body == b""


async def test_health_and_metrics_stand_on_the_operations_listener_only(
    reader: Reader, operations: Reader
) -> None:
    health = await operations.send("GET", "/healthz")
    assert (health.status, health.headers["Content-Type"]) == (200, "application/health+json")
    assert health.json["checks"]["store"][0]["status"] == "pass"
    metrics = await operations.send("GET", "/metrics")
    assert b"harkara_live_feeds 0.0" in metrics.body
    for path in ("/healthz", "/metrics"):
        assert (await reader.send("GET", path)).status == 404
    assert (await operations.send("GET", "/v1/inbox")).status == 404
