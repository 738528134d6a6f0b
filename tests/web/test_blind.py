"""Blind posts over HTTP: their media type, their pair keys, the audience of a policy; and whatever else is
sent there.
"""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import msgpack
import pytest

from broker.protocol import delivery, dsse
from broker.protocol.blind import MEDIA_TYPE
from broker.protocol.limits import BODY_BYTES
from tests.exchange_fixtures import (
    ANF,
    FIA,
    ISLAMABAD,
    MOI,
    TestExchange,
    make_exchange,
    post_body,
    sign_bulletin,
)
from tests.service.blind_author import BlindAuthor, keys_body, policy_of, question
from tests.web.reader import COMPONENTS, Answer, Reader

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUICK_SECONDS = 2.0
NDJSON = "application/x-ndjson"
SEALED = ("/v1/bulletins", MEDIA_TYPE)
KEYS = ("/v1/pair-keys", "application/json")


async def author_of(reader: Reader) -> BlindAuthor:
    """Give an author whose pair keys are at the broker."""
    author = BlindAuthor(reader.exchange, FIA)
    handed_in = await reader.post("/v1/pair-keys", keys_body(author.make([ISLAMABAD])))
    assert (handed_in.status, handed_in.json) == (200, {"kept": 2})
    return author


def sealed_by(author: BlindAuthor, note: str) -> bytes:
    """Give a blind post to ISLAMABAD."""
    text = {"en": {"headline": f"White van {note}"}}
    statement, address = sign_bulletin(author.exchange, FIA, to=[ISLAMABAD], text=text)
    return author.seal(statement, address, [ISLAMABAD]).pack()


async def test_it_is_accepted_with_its_location_and_its_repeat_is_200(shared: Reader) -> None:
    author = await author_of(shared)
    body = sealed_by(author, "once")
    first, again = [await shared.post("/v1/bulletins", body, MEDIA_TYPE) for _ in range(2)]
    assert (first.status, again.status) == (201, 200)
    where = f"/v1/bulletins/{FIA}/{first.json['id']}"
    assert (first.headers["Location"], again.headers["Location"]) == (where, where)
    assert (again.json["stamp"], again.json["repeated"]) == (first.json["stamp"], True)
    own = await shared.read(FIA, where)
    assert len(dsse.decode64(own.json["seal"], "")) == 64


async def test_to_whom_it_was_not_sent_it_and_its_keys_do_not_exist(shared: Reader) -> None:
    author = await author_of(shared)
    posted = await shared.post("/v1/bulletins", sealed_by(author, "hidden"), MEDIA_TYPE)
    pkid = author.pairs[ISLAMABAD].binding.pkid.hex()
    pairs = [
        (
            f"/v1/bulletins/{FIA}/{posted.json['id']}",
            f"/v1/bulletins/{FIA}/9b2b1c1e-7a34-4b8e-9a55-0d6a52f3a111",
        ),
        (f"/v1/pair-keys/{pkid}", "/v1/pair-keys/" + "0" * 32),
    ]
    for there, nowhere in pairs:
        told = [await shared.read(ANF, path) for path in (there, nowhere)]
        assert [one.status for one in told] == [404, 404]
        assert _without_instance(told[0]) == _without_instance(told[1])
    assert (await shared.read(ISLAMABAD, pairs[1][0])).status == 200


async def test_it_travels_as_msgpack_and_as_json_alike(shared: Reader) -> None:
    author = await author_of(shared)
    await shared.post("/v1/bulletins", sealed_by(author, "in two forms"), MEDIA_TYPE)
    packed = await shared.read(ISLAMABAD, "/v1/inbox?wait=10", headers={"Accept": delivery.PAGE_MEDIA_TYPE})
    plain = await shared.read(ISLAMABAD, "/v1/inbox")
    read = delivery.read_page(packed.body).items
    assert read
    assert read == delivery.read_page_json(plain.json).items[: len(read)]  # more may have come
    assert all(item.body and item.body.sealed.seal for item in read)


# --- The body -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        pytest.param("/v1/receipts", MEDIA_TYPE, id="at receipts"),
        pytest.param("/v1/pair-keys", MEDIA_TYPE, id="at pair keys"),
        pytest.param("/v1/pair-keys", NDJSON, id="pair keys line by line"),
        pytest.param("/v1/bulletins", "application/msgpack", id="plain msgpack"),
        pytest.param("/v1/bulletins", f"{MEDIA_TYPE}; charset=utf-8", id="msgpack has no charset"),
        pytest.param("/v1/bulletins", f"{MEDIA_TYPE}, application/json", id="two types"),
        pytest.param("/v1/bulletins", "application/vnd.harkara.page+msgpack", id="that of a page"),
        pytest.param("/v1/pair-keys", "text/plain", id="pair keys as text"),
    ],
)
async def test_another_content_type_is_refused(shared: Reader, path: str, kind: str) -> None:
    answer = await shared.post(path, b"\x97", kind)
    assert (answer.status, answer.code, answer.pointers) == (415, "unsupported-media-type", ["/content-type"])


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity"])
@pytest.mark.parametrize(("path", "kind"), [SEALED, KEYS])
async def test_a_coded_body_is_refused_unread(shared: Reader, path: str, kind: str, coding: str) -> None:
    headers = {"Content-Type": kind, "Content-Encoding": coding}
    answer = await shared.send("POST", path, body=gzip.compress(bytes(5_000_000)), headers=headers)
    assert (answer.status, answer.pointers) == (415, ["/content-encoding"])


@pytest.mark.parametrize(("path", "kind"), [SEALED, KEYS])
async def test_one_byte_more_than_400_kib_is_refused(shared: Reader, path: str, kind: str) -> None:
    answer = await shared.post(path, bytes(BODY_BYTES + 1), kind)
    assert (answer.status, answer.code) == (413, "too-large")
    assert (await shared.post(path, bytes(BODY_BYTES), kind)).status == 400


def _record(*fields: Any) -> bytes:
    return msgpack.packb(["harkara/1 blind post", *fields]) or b""


BOMBS = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"{}", id="JSON"),
    pytest.param(b"\xc0", id="nil"),
    pytest.param(b"\x91" * 300_000, id="300,000 nested lists"),
    pytest.param(b"\xdd\xff\xff\xff\xff", id="a list of four thousand million"),
    pytest.param(b"\xdc\xff\xff" + b"\xc0" * 65_535, id="a list of 65,535"),
    pytest.param(b"\xdf\xff\xff\xff\xff", id="a map of four thousand million"),
    pytest.param(b"\xc6\xff\xff\xff\xff", id="four gigabytes that do not come"),
    pytest.param(b"\xc9\xff\xff\xff\xff\x01", id="an extension of four gigabytes"),
    pytest.param(b"\xd6\xff" + bytes(4), id="a time"),
    pytest.param(b"\xc1", id="the byte that is never used"),
    pytest.param(b"\xcb" + bytes(8), id="a float"),
    pytest.param(b"\xa4\xff\xff\xff\xff", id="a text that is not UTF-8"),
    pytest.param(b"\xa3\xed\xa0\x80", id="a lone surrogate"),
    pytest.param(_record(), id="no fields"),
    pytest.param(_record(*[b""] * 6), id="fields of another kind"),
    pytest.param(_record(b"", b"", bytes(64), b"", None, []), id="empty ones"),
    pytest.param(
        _record(b"", b"", bytes(64), b"", None, [[f"pk.a{n:04}", bytes(64)] for n in range(4_096)]),
        id="4,096 wraps of nothing",
    ),
    pytest.param(_record(b"", b"", bytes(64), b"", None, [[]] * 8_192), id="8,192 empty wraps"),
    pytest.param(_record(b"", b"", bytes(64), b"", [bytes(32), ["x"] * 8_000, []], []), id="8,000 names"),
    pytest.param(_record(b"", b"", bytes(64), b"\x91" * 100_000, None, []), id="a policy of nested lists"),
    pytest.param(_record(b"\x91" * 100_000, b"", bytes(64), b"", None, []), id="a header of nested lists"),
]


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_hostile_record_is_refused_at_once(shared: Reader, bomb: bytes) -> None:
    began = time.monotonic()
    answer = await shared.post("/v1/bulletins", bomb, MEDIA_TYPE)
    assert (answer.status, answer.code, answer.pointers) == (400, "malformed", [""])
    assert len(answer.body) < 4_096
    assert time.monotonic() - began < QUICK_SECONDS


async def test_a_blind_post_in_a_batch_is_a_bad_line_and_harms_no_other(shared: Reader) -> None:
    author = await author_of(shared)
    good = post_body(*sign_bulletin(shared.exchange, FIA, severity="Minor"))
    sealed = sealed_by(author, "in a batch").replace(b"\n", b" ")
    answer = await shared.post("/v1/bulletins", b"\n".join([sealed, good]), NDJSON)
    bad, taken = [json.loads(line) for line in answer.body.splitlines()]
    assert (bad["problem"]["status"], taken["originator"]) == (400, FIA)
    assert (await shared.post("/v1/bulletins", good, MEDIA_TYPE)).status == 400


async def test_pair_keys_are_no_read_and_have_no_query(shared: Reader) -> None:
    author = BlindAuthor(shared.exchange, FIA)
    body = keys_body(author.make([ISLAMABAD]))
    for answer, status in (
        (await shared.post("/v1/pair-keys?x=1", body), 400),
        (await shared.send("GET", "/v1/pair-keys"), 405),
        (await shared.post("/v1/pair-keys/" + "0" * 32, body), 405),
        (await shared.send("POST", "/v1/pair-keys", body=body, headers=_asking("text/html")), 406),
        (await shared.post("/v1/pair-keys", body), 200),
    ):
        assert answer.status == status, answer


def _asking(accept: str) -> dict[str, str]:
    return {"Content-Type": "application/json", "Accept": accept}


# --- The audience of a policy -------------------------------------------------------------------------------


async def test_the_audience_of_a_policy_is_that_of_the_same_post_and_stores_nothing(
    shared: Reader,
) -> None:
    statement, address = sign_bulletin(shared.exchange, FIA, to=[ISLAMABAD, MOI], severity="Extreme")
    blindly, openly = [
        await shared.read(FIA, "/v1/audience", method="POST", body=body)
        for body in (question(policy_of(statement), address), post_body(statement, address))
    ]
    assert blindly.status == 200
    assert blindly.json == openly.json
    item = json.loads(statement.payload)["id"]
    assert (await shared.read(FIA, f"/v1/bulletins/{FIA}/{item}")).status == 404


def _questions(exchange: TestExchange) -> dict[str, tuple[Any, list[str]]]:
    statement, _ = sign_bulletin(exchange, FIA)
    good = json.loads(question(policy_of(statement)))
    cut = dsse.encode64(dsse.decode64(good["policy"], "")[:-1])
    return {
        "no base64": ({"policy": "%%%"}, ["/policy"]),
        "base64 without padding": ({"policy": good["policy"].rstrip("=") + "A"}, ["/policy"]),
        "no text": ({"policy": 1}, ["/policy"]),
        "no policy": ({"policy": ""}, ["/policy"]),
        "a policy cut short": ({"policy": cut}, ["/policy"]),
        "nested lists": ({"policy": dsse.encode64(b"\x91" * 100_000)}, ["/policy"]),
        "another member": (good | {"bulletin": {}}, [""]),
        "a statement too": (good | json.loads(post_body(statement)), [""]),
        "an address of nobody": (good | {"address": {}}, ["/address/salt"]),
        "an address that is none": (good | {"address": []}, ["/address"]),
        "nothing": ({}, [""]),
    }


@pytest.mark.parametrize("name", sorted(_questions(make_exchange())))
async def test_a_question_that_cannot_be_read_is_refused_where_it_is_wrong(shared: Reader, name: str) -> None:
    asked, pointers = _questions(shared.exchange)[name]
    answer = await shared.read(FIA, "/v1/audience", method="POST", body=json.dumps(asked).encode())
    assert (answer.status, answer.code, answer.pointers) == (400, "malformed", pointers)


async def test_a_question_is_signed_by_who_asks(shared: Reader) -> None:
    statement, _ = sign_bulletin(shared.exchange, FIA)
    body = question(policy_of(statement))
    for answer, status in (
        (await shared.post("/v1/audience", body), 401),
        (await shared.read(FIA, "/v1/audience", method="POST", body=body, components=COMPONENTS[:-1]), 401),
        # Another agency asks as itself, and may not originate this.
        (await shared.read(ANF, "/v1/audience", method="POST", body=body), 403),
    ):
        assert answer.status == status, answer


def _without_instance(answer: Answer) -> dict[str, Any]:
    return {name: value for name, value in answer.json.items() if name != "instance"}
