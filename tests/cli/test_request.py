"""`harkara request --header`: what another client could send beside the signature can be tried by hand."""

from __future__ import annotations

import json

import pytest

from broker.protocol.delivery import PAGE_MEDIA_TYPE
from tests.cli.world import World


def test_what_is_known_already_is_not_sent_again(world: World) -> None:
    first = world.must("pk.fia", "request", "GET", "/v1/registry", "--json").json
    tag = first["headers"]["etag"]
    again = world.must(
        "pk.fia", "request", "GET", "/v1/registry", "--json", "-H", f"if-none-match: {tag}"
    ).json
    assert (again["status"], again["body"]) == (304, "")
    other = world.must("pk.fia", "request", "GET", "/v1/registry", "--json", "-H", 'If-None-Match: "0"').json
    assert (other["status"], other["body"]) == (200, first["body"])


def test_a_header_comes_in_place_of_ours(world: World) -> None:
    taken = ("request", "GET", "/v1/inbox?after=0", "--json", "--header")
    for accept in ("application/json", PAGE_MEDIA_TYPE, "*/*"):
        assert world.must("pk.fia", *taken, f"ACCEPT: {accept}").json["status"] == 200
    done = world.call("pk.fia", *taken, "Accept: text/html")
    assert (done.code, json.loads(done.out)["status"]) == (3, 406)


def test_a_cursor_can_be_tried_as_a_browser_sends_it(world: World) -> None:
    done = world.call(
        *("pk.fia", "request", "GET", "/v1/feed", "--json"),
        *("--header", "Accept: text/event-stream", "--header", "Last-Event-ID: nonsense"),
    )
    assert done.code == 3
    assert "/last-event-id" in json.loads(done.out)["body"].lower()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param("Accept", "`Name: value`", id="no-colon"),
        pytest.param("Accept :x", "`Name: value`", id="a-space-in-the-name"),
        pytest.param("Accept:", "`Name: value`", id="no-value"),
        pytest.param("X: a\r\nY: b", "`Name: value`", id="two-lines-in-one"),
        pytest.param("X: \u00e9", "in ASCII", id="no-ascii"),
        pytest.param("Signature: sig1=:AA==:", "the signature is made here", id="a-signature"),
        pytest.param("signature-INPUT: x", "the signature is made here", id="its-input"),
        pytest.param("Content-Digest: x", "the signature makes it", id="a-digest"),
        pytest.param("Host: evil", "--url gives it", id="another-host"),
        pytest.param("Content-Type: x", "--content-type", id="a-media-type"),
        pytest.param("Content-Length: 3", "the body has it", id="a-length"),
        pytest.param("Transfer-Encoding: chunked", "of the connection", id="chunks"),
        pytest.param("Connection: close", "of the connection", id="hop-by-hop"),
        pytest.param("Upgrade: h2c", "of the connection", id="another-protocol"),
    ],
)
def test_a_header_that_cannot_be_given_is_refused_before_anything_is_sent(
    world: World, given: str, said: str
) -> None:
    done = world.call("pk.fia", "request", "GET", "/v1/inbox", "--url", "http://127.0.0.1:9", "-H", given)
    assert (done.code, done.out) == (2, "")
    assert "--header" in done.err
    assert said in done.err


def test_one_name_twice_is_refused(world: World) -> None:
    done = world.call("pk.fia", "request", "GET", "/v1/inbox", "-H", "Accept: a/b", "-H", "accept: c/d")
    assert (done.code, done.out) == (2, "")
    assert "accept is given twice" in done.err
