"""What is asked for: query parameters and forms of the answer, right, wrong, and named when it is wrong."""

from __future__ import annotations

import pytest

from broker.protocol.delivery import PAGE_MEDIA_TYPE
from tests.exchange_fixtures import FIA
from tests.web.reader import Reader

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROBLEM = "application/problem+json"


WRONG = [
    ("after=-1", ["/after"]),
    ("after=01x", ["/after"]),
    ("after=1e3", ["/after"]),
    ("after=%D9%A1", ["/after"]),
    ("after=99999999999999999999", ["/after"]),
    ("after=", ["/after"]),
    ("at=1", ["/chain"]),
    ("at=2&after=1&chain=" + "0" * 64, ["/at"]),
    ("chain=00", ["/chain"]),
    ("chain=" + "AB" * 32, ["/chain"]),
    ("limit=0", ["/limit"]),
    ("limit=501", ["/limit"]),
    ("limit=1.0", ["/limit"]),
    ("limit=+1", ["/limit"]),
    ("limit=%2B1", ["/limit"]),
    ("limit=%00", ["/limit"]),
    ("wait=61", ["/wait"]),
    ("wait=-1", ["/wait"]),
    ("wait=0.5", ["/wait"]),
    ("wait=NaN", ["/wait"]),
    ("wait=007", ["/wait"]),
    ("waits=1&lim=2", ["/waits", "/lim"]),
    ("limit=1&limit=1", ["/limit"]),
    ("=1", ["/"]),
    ("After=1", ["/After"]),
    ("%61fter=x", ["/after"]),
]


@pytest.mark.parametrize(("query", "pointers"), WRONG)
async def test_a_parameter_that_is_wrong_is_named(shared: Reader, query: str, pointers: list[str]) -> None:
    answer = await shared.read(FIA, f"/v1/inbox?{query}")
    assert (answer.status, answer.code, answer.pointers) == (400, "malformed", pointers)


async def test_a_parameter_that_is_wrong_is_named_cut_short(shared: Reader) -> None:
    answer = await shared.read(FIA, "/v1/inbox?" + "a" * 3000 + "=1")
    assert answer.pointers[0].startswith("/aaa")
    assert len(answer.pointers[0]) < 600


@pytest.mark.parametrize("query", ["", "?", "?after=0", "?limit=500&wait=0", "?at=0&after=0"])
async def test_a_cursor_may_be_left_out(shared: Reader, query: str) -> None:
    # `at` without a chain is the one that may not.
    expected = 400 if "at=0&" in query else 200
    assert (await shared.read(FIA, f"/v1/inbox{query}")).status == expected


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/registry", "version=0"),
        ("/v1/registry", "version=x"),
        ("/v1/registry", "version=9007199254740992"),
        ("/v1/subscription", "agency=pk.fia"),
        ("/v1/feed", "limit=1"),
        ("/v1/pair-keys/" + "0" * 32, "x"),
    ],
)
async def test_other_resources_are_as_strict(shared: Reader, path: str, query: str) -> None:
    answer = await shared.read(FIA, f"{path}?{query}")
    assert (answer.status, answer.code) == (400, "malformed")


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/json", "application/json"),
        ("APPLICATION/JSON", "application/json"),
        (PAGE_MEDIA_TYPE, PAGE_MEDIA_TYPE),
        (f"application/json;q=0.5, {PAGE_MEDIA_TYPE}", PAGE_MEDIA_TYPE),
        (f"{PAGE_MEDIA_TYPE};q=0.1, */*;q=0.2", "application/json"),
        (f"application/json;q=0, {PAGE_MEDIA_TYPE};q=0.001", PAGE_MEDIA_TYPE),
        ("application/json;q=0, */*", PAGE_MEDIA_TYPE),
        ("text/html, */*;q=0.1", "application/json"),
        ('application/json; charset="utf-8"; q=1.000', "application/json"),
        (", ,application/json,", "application/json"),
    ],
)
async def test_the_form_that_is_liked_best_is_given(shared: Reader, accept: str | None, given: str) -> None:
    answer = await shared.read(FIA, "/v1/inbox", headers={} if accept is None else {"Accept": accept})
    assert (answer.status, answer.headers["Content-Type"]) == (200, given)


@pytest.mark.parametrize(
    "accept",
    ["text/html", "application/xml, image/*", "application/json;q=0", "*/*;q=0", "application/*;q=0.0"],
)
async def test_nothing_that_can_be_given_is_406(shared: Reader, accept: str) -> None:
    answer = await shared.read(FIA, "/v1/inbox", headers={"Accept": accept})
    assert (answer.status, answer.code, answer.pointers) == (406, "not-acceptable", ["/accept"])


@pytest.mark.parametrize(
    "accept",
    ["json", "/", "*/json/x", "application/json;q=2", "application/json;q=x", "application/json;q=0.0001",
     "a b/c",
     "application/json;q=", "<script>/x", "application/json;;q=1", "text/html," * 40],
)  # fmt: skip
async def test_an_accept_that_is_none_is_malformed(shared: Reader, accept: str) -> None:
    answer = await shared.read(FIA, "/v1/inbox", headers={"Accept": accept})
    assert (answer.status, answer.code, answer.pointers) == (400, "malformed", ["/accept"])


@pytest.mark.parametrize("tag", ["", '"', "W/", '"a', "*", '"x", ', "\\", '"' * 3000, "a" * 3000])
async def test_a_strange_if_none_match_is_no_fault(shared: Reader, tag: str) -> None:
    answer = await shared.read(FIA, "/v1/registry", headers={"If-None-Match": tag})
    assert answer.status == (304 if tag == "*" else 200)
