"""What feeds share of an item's JSON: the same document as `item_json`, encoded once, in bounded memory."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from broker.protocol import dsse
from broker.protocol.delivery import Body, Item, item_json
from broker.protocol.sealing import Sealed
from broker.service.shared_json import SharedJson
from tests.exchange_fixtures import fixed


def item(number: int, purpose: str, size: int = 100) -> Item:
    signature = dsse.Signature(fixed("kid"), fixed("signature", 64))
    stamp = dsse.Envelope("a stamp", fixed(f"stamp {purpose}"), (signature,))
    sealed = Sealed(fixed(f"header {purpose}"), fixed(f"content {purpose}", size))
    return Item(number, "bulletin", Body(sealed, fixed(f"wrap {number} {purpose}", 76), stamp))


def decoded(shared: SharedJson, it: Item) -> object:
    return msgspec.json.decode(msgspec.json.encode(shared.of(it)))


def test_each_reader_gets_the_document_of_its_own_item() -> None:
    shared = SharedJson()
    first = item(1, "one")
    assert first.body is not None
    other = replace(first, number=9, body=replace(first.body, wrap=fixed("another wrap", 76)))
    for it in (first, other, item(2, "two"), first):
        assert decoded(shared, it) == item_json(it)


@pytest.mark.parametrize("why", ["expired", None])
def test_a_withheld_item_has_nothing_to_share(why: str | None) -> None:
    it = Item(3, "receipt", None, why)
    assert decoded(SharedJson(), it) == item_json(it)


def test_the_second_reader_holds_the_same_bytes_as_the_first() -> None:
    shared = SharedJson()
    first, second = shared.of(item(1, "one")), shared.of(item(2, "one"))
    assert first["ciphertext"] is second["ciphertext"]


def test_what_was_asked_for_longest_ago_is_forgotten_when_room_is_short() -> None:
    shared = SharedJson(most_bytes=4_000)
    kept = shared.of(item(1, "kept", 1_000))["ciphertext"]
    gone = shared.of(item(2, "gone", 1_000))["ciphertext"]
    shared.of(item(1, "kept", 1_000))
    shared.of(item(3, "newer", 1_000))
    assert shared.of(item(1, "kept", 1_000))["ciphertext"] is kept
    assert shared.of(item(2, "gone", 1_000))["ciphertext"] is not gone
    whole = item(4, "more than there is room for", 100_000)
    assert decoded(shared, whole) == item_json(whole)
