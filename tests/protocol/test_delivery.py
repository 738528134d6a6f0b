"""What travels to a reader: both forms of a page say the same, and any other bytes are refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import Malformed
from broker.protocol import dsse, strictjson
from broker.protocol.delivery import (
    BULLETIN,
    RECEIPT,
    Body,
    Entry,
    Item,
    Page,
    body_json,
    entry_json,
    item_json,
    pack_page,
    page_json,
    read_body_json,
    read_entry_json,
    read_item_json,
    read_page,
    read_page_json,
)
from broker.protocol.encoding import pack
from broker.protocol.limits import RECORD_BYTES
from broker.protocol.sealing import Sealed
from broker.protocol.stamp import STAMP_TYPE
from tests.exchange_fixtures import BROKER, FIA, fixed, make_exchange

SIGNER = make_exchange().signing(BROKER)
STAMP = SIGNER.sign(STAMP_TYPE, b"a stamp")
HEAD = SIGNER.sign(dsse.payload_type("head", "msgpack"), b"a head")
BODY = Body(Sealed(b"header", b"ciphertext"), fixed("wrap", 64), STAMP)
ENTRY = Entry(3, 5, ((BULLETIN, fixed("3")), (RECEIPT, fixed("4")), (BULLETIN, fixed("5"))))
PAGE = Page(
    agency=FIA,
    epoch=fixed("epoch", 16),
    entries=(ENTRY,),
    items=(Item(4, RECEIPT, BODY), Item(5, BULLETIN, None, "recalled")),
    head=HEAD,
)
EMPTY = Page(FIA, fixed("epoch", 16), (), (), HEAD)
TRIMMED = replace(PAGE, floor=HEAD)
PART = Page(FIA, fixed("epoch", 16), (ENTRY,), PAGE.items[:1], None)

pages = st.builds(
    Page,
    agency=st.text(max_size=20),
    epoch=st.binary(min_size=16, max_size=16),
    entries=st.lists(
        st.builds(
            Entry,
            first=st.integers(0, 2**53),
            last=st.integers(0, 2**53),
            references=st.lists(
                st.tuples(st.text(max_size=8), st.binary(min_size=32, max_size=32)), max_size=3
            ).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    items=st.lists(
        st.builds(Item, number=st.integers(0, 2**53), kind=st.text(max_size=8), body=st.just(BODY))
        | st.builds(
            Item,
            number=st.integers(0, 2**53),
            kind=st.text(max_size=8),
            body=st.none(),
            withheld=st.text(max_size=8),
        ),
        max_size=3,
    ).map(tuple),
    head=st.none() | st.just(HEAD),
)


@pytest.mark.parametrize(
    "page", [PAGE, EMPTY, PART, TRIMMED], ids=["whole", "empty", "not-read-to-the-end", "trimmed"]
)
def test_a_page_is_read_back_from_both_forms(page: Page) -> None:
    assert read_page(pack_page(page)) == page
    assert read_page_json(strictjson.decode(json.dumps(page_json(page)).encode())) == page


@settings(max_examples=50)
@given(pages)
def test_any_page_is_read_back_from_msgpack(page: Page) -> None:
    assert read_page(pack_page(page)) == page


@settings(max_examples=50)
@given(pages)
def test_any_page_is_read_back_from_json(page: Page) -> None:
    # A reader that is told nothing of the reason is told that it is withheld.
    expected = [
        Item(i.number, i.kind, None, i.withheld or "withheld") if i.body is None else i for i in page.items
    ]
    read = read_page_json(json.loads(json.dumps(page_json(page))))
    assert (read.agency, read.epoch, read.entries, read.head) == (
        page.agency,
        page.epoch,
        page.entries,
        page.head,
    )
    assert list(read.items) == expected


def test_the_json_of_an_item_is_what_developers_of_other_languages_see() -> None:
    assert item_json(PAGE.items[0]) == {
        "number": 4,
        "kind": "receipt",
        "header": "aGVhZGVy",
        "ciphertext": "Y2lwaGVydGV4dA==",
        "wrap": dsse.encode64(fixed("wrap", 64)),
        "stamp": dsse.to_json(STAMP),
    }
    assert item_json(PAGE.items[1]) == {"number": 5, "kind": "bulletin", "withheld": "recalled"}
    assert entry_json(ENTRY) == {
        "first": 3,
        "last": 5,
        "references": [
            ["bulletin", fixed("3").hex()],
            ["receipt", fixed("4").hex()],
            ["bulletin", fixed("5").hex()],
        ],
    }
    assert page_json(PART).keys() == {"agency", "epoch", "entries", "items"}


def test_parts_are_read_back_by_themselves() -> None:
    assert read_body_json(body_json(BODY)) == BODY
    assert read_entry_json(entry_json(ENTRY)) == ENTRY
    for item in PAGE.items:
        assert read_item_json(item_json(item)) == item


def test_a_page_may_be_larger_than_any_other_record() -> None:
    large = Item(1, BULLETIN, Body(Sealed(b"h", bytes(RECORD_BYTES)), fixed("wrap", 64), STAMP))
    page = Page(FIA, fixed("epoch", 16), (), (large,), None)
    assert read_page(pack_page(page)) == page


def at(*path: Any) -> Callable[[Any], Any]:
    def find(value: Any) -> Any:
        for step in path:
            value = value[step]
        return value

    return find


def changed(path: tuple[Any, ...], value: Any) -> Any:
    """The JSON of the page with one value in it replaced; ... takes it out."""
    page = copy.deepcopy(page_json(PAGE))
    parent = at(*path[:-1])(page)
    if value is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return page


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        pytest.param(("agency",), ..., "/agency", id="no-agency"),
        pytest.param(("agency",), 5, "/agency", id="a-number-for-an-agency"),
        pytest.param(("epoch",), "ab", "/epoch", id="a-short-epoch"),
        pytest.param(("entries",), ..., "/entries", id="no-entries"),
        pytest.param(("entries",), {}, "/entries", id="entries-that-are-no-list"),
        pytest.param(("entries", 0), [], "/entries/0", id="an-entry-that-is-no-object"),
        pytest.param(("entries", 0, "first"), "3", "/entries/0/first", id="a-number-in-text"),
        pytest.param(("entries", 0, "last"), -1, "/entries/0/last", id="a-number-below-zero"),
        pytest.param(("entries", 0, "last"), True, "/entries/0/last", id="true-for-a-number"),
        pytest.param(("entries", 0, "last"), 5.0, "/entries/0/last", id="a-fraction"),
        pytest.param(
            ("entries", 0, "references", 0), ["bulletin"], "/entries/0/references/0", id="half-a-pair"
        ),
        pytest.param(("entries", 0, "references", 0), "ab", "/entries/0/references/0", id="a-text-of-two"),
        pytest.param(
            ("entries", 0, "references", 1, 1),
            fixed("4").hex().upper(),
            "/entries/0/references/1/1",
            id="capitals",
        ),
        pytest.param(
            ("entries", 0, "references", 2, 0), 1, "/entries/0/references/2/0", id="a-kind-in-numbers"
        ),
        pytest.param(("items", 0), "x", "/items/0", id="an-item-that-is-no-object"),
        pytest.param(("items", 0, "number"), ..., "/items/0/number", id="no-number"),
        pytest.param(("items", 0, "kind"), ..., "/items/0/kind", id="no-kind"),
        pytest.param(("items", 0, "header"), ..., "/items/0/header", id="no-header"),
        pytest.param(("items", 0, "ciphertext"), "a b", "/items/0/ciphertext", id="no-base64"),
        pytest.param(("items", 0, "wrap"), dsse.encode64(bytes(63)), "/items/0/wrap", id="a-short-wrap"),
        pytest.param(("items", 0, "stamp"), ..., "/items/0/stamp", id="no-stamp"),
        pytest.param(("items", 0, "stamp", "signatures"), [], "/items/0/stamp/signatures", id="no-signature"),
        pytest.param(("items", 1, "withheld"), 1, "/items/1/withheld", id="a-reason-in-numbers"),
        pytest.param(("head", "payload"), 1, "/head/payload", id="a-head-that-is-no-envelope"),
        pytest.param(("head",), [], "/head", id="a-head-that-is-a-list"),
    ],
)
def test_any_other_json_is_refused_where_it_is_wrong(path: tuple[Any, ...], value: Any, pointer: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_page_json(changed(path, value))
    assert refused.value.problems[0].pointer == pointer


def test_members_that_a_later_version_adds_are_no_error() -> None:
    # What a reader must be able to rely on is proven by chain, stamp and head; the rest is framing.
    assert read_page_json(page_json(PAGE) | {"later": {}}) == PAGE


START = ("page", FIA, bytes(16))
ROW = [5, BULLETIN, None, "recalled"]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(pack("page", FIA, bytes(15), [], [], None, None), id="a-short-epoch"),
        pytest.param(pack(*START, [[1, 2]], [], None, None), id="an-entry-without-references"),
        pytest.param(pack(*START, [[1, 1, [["bulletin", b""]]]], [], None, None), id="no-digest"),
        pytest.param(pack(*START, [], [ROW[:-1]], None, None), id="a-short-item"),
        pytest.param(pack(*START, [], [[5, BULLETIN, [b""] * 4, None]], None, None), id="no-wrap"),
        pytest.param(
            pack(
                "page", FIA, bytes(16), [], [[5, BULLETIN, [b"", b"", bytes(64), b"stamp"], None]], None, None
            ),
            id="a-stamp-that-is-no-envelope",
        ),
        pytest.param(pack(*START, [], [], b"head", None), id="a-head-that-is-no-envelope"),
        pytest.param(pack(*START, [], [], None, b"floor"), id="a-floor-that-is-no-envelope"),
        pytest.param(pack(*START, [], [], None), id="a-field-too-few"),
        pytest.param(pack_page(PAGE) + b"\0", id="a-byte-more"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_any_other_record_is_refused(record: bytes) -> None:
    with pytest.raises(Malformed):
        read_page(record)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100)
@given(st.sampled_from(["agency", "epoch", "entries", "items", "head"]), values)
def test_whatever_stands_in_a_page_is_read_or_refused_in_our_words(member: str, value: object) -> None:
    with suppress(Malformed):
        read_page_json(page_json(PAGE) | {member: value})
