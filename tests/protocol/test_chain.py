"""The chain: nothing dropped, inserted, reordered or moved without another chain; the MAC: nothing
recomputed.
"""

from __future__ import annotations

import hashlib
import hmac
from itertools import pairwise
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.protocol.chain import Reference, entry_mac, first_link, link
from tests.exchange_fixtures import ANF, FIA, fixed

X, EPOCH, STORE_KEY = fixed("x"), fixed("epoch", 16), fixed("store key")
ITEMS: list[Reference] = [("bulletin", fixed("one")), ("receipt", fixed("two")), ("bulletin", fixed("three"))]
FIRST = first_link(X, EPOCH, FIA)


def packed(*elements: Any) -> bytes:
    found = msgpack.packb(list(elements))
    assert isinstance(found, bytes)
    return found


def test_the_first_link_is_that_of_the_specification() -> None:
    assert hashlib.sha256(packed("harkara/1 inbox", X, EPOCH, FIA)).digest() == FIRST


def test_a_link_is_that_of_the_specification() -> None:
    covered = packed("harkara/1 link", FIRST, 1, 3, [[kind, sealed] for kind, sealed in ITEMS])
    assert link(FIRST, 1, 3, ITEMS) == hashlib.sha256(covered).digest()


def test_an_entry_mac_is_that_of_the_specification() -> None:
    chain = link(FIRST, 1, 3, ITEMS)
    covered = packed("harkara/1 entry", X, EPOCH, FIA, 1, 3, chain, ["5-0", "5-1", "6-0"])
    mac = hmac.new(STORE_KEY, covered, hashlib.sha256).digest()
    assert entry_mac(STORE_KEY, X, EPOCH, FIA, 1, 3, chain, ["5-0", "5-1", "6-0"]) == mac


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(first_link(fixed("y"), EPOCH, FIA), id="another-exchange"),
        pytest.param(first_link(X, fixed("later", 16), FIA), id="another-epoch"),
        pytest.param(first_link(X, EPOCH, ANF), id="another-agency"),
    ],
)
def test_each_inbox_of_each_epoch_begins_differently(other: bytes) -> None:
    assert other != FIRST


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(link(fixed("c"), 1, 3, ITEMS), id="after-another-chain"),
        pytest.param(link(FIRST, 2, 4, ITEMS), id="under-other-numbers"),
        pytest.param(link(FIRST, 1, 3, ITEMS[::-1]), id="in-another-order"),
        pytest.param(link(FIRST, 1, 3, [ITEMS[1], ITEMS[0], ITEMS[2]]), id="two-swapped"),
        pytest.param(link(FIRST, 1, 2, ITEMS[:2]), id="one-dropped"),
        pytest.param(link(FIRST, 1, 3, [*ITEMS[:2], ("bulletin", fixed("four"))]), id="one-exchanged"),
        pytest.param(link(FIRST, 1, 3, [*ITEMS[:2], ("receipt", ITEMS[2][1])]), id="one-of-another-kind"),
        pytest.param(link(FIRST, 1, 3, []), id="none"),
        pytest.param(link(link(FIRST, 1, 1, ITEMS[:1]), 2, 3, ITEMS[1:]), id="the-same-items-in-two-entries"),
    ],
)
def test_another_history_has_another_chain(other: bytes) -> None:
    assert other != link(FIRST, 1, 3, ITEMS)


histories = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["bulletin", "receipt"]), st.binary(min_size=32, max_size=32)),
        min_size=1,
        max_size=4,
    ),
    max_size=6,
)


def chain_of(entries: list[list[Reference]]) -> list[bytes]:
    chains, number = [FIRST], 0
    for entry in entries:
        chains.append(link(chains[-1], number + 1, number + len(entry), entry))
        number += len(entry)
    return chains


@given(histories, histories)
def test_two_histories_have_one_chain_only_if_they_are_one(
    one: list[list[Reference]], other: list[list[Reference]]
) -> None:
    assert (chain_of(one)[-1] == chain_of(other)[-1]) == (one == other)


@given(histories)
def test_a_chain_never_comes_back_to_where_it_was(entries: list[list[Reference]]) -> None:
    chains = chain_of(entries)
    assert len(set(chains)) == len(chains)
    assert all(len(chain) == 32 for chain in chains)
    assert all(before != after for before, after in pairwise(chains))


CHAIN = link(FIRST, 1, 3, ITEMS)
POSITIONS = ["5-0", "5-1", "6-0"]
MAC = entry_mac(STORE_KEY, X, EPOCH, FIA, 1, 3, CHAIN, POSITIONS)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            entry_mac(fixed("k"), X, EPOCH, FIA, 1, 3, CHAIN, POSITIONS), id="without-the-store-key"
        ),
        pytest.param(
            entry_mac(STORE_KEY, fixed("y"), EPOCH, FIA, 1, 3, CHAIN, POSITIONS), id="another-exchange"
        ),
        pytest.param(
            entry_mac(STORE_KEY, X, fixed("e", 16), FIA, 1, 3, CHAIN, POSITIONS), id="another-epoch"
        ),
        pytest.param(entry_mac(STORE_KEY, X, EPOCH, ANF, 1, 3, CHAIN, POSITIONS), id="another-inbox"),
        pytest.param(entry_mac(STORE_KEY, X, EPOCH, FIA, 2, 4, CHAIN, POSITIONS), id="other-numbers"),
        pytest.param(entry_mac(STORE_KEY, X, EPOCH, FIA, 1, 3, FIRST, POSITIONS), id="another-chain"),
        pytest.param(entry_mac(STORE_KEY, X, EPOCH, FIA, 1, 3, CHAIN, POSITIONS[::-1]), id="other-positions"),
        pytest.param(
            entry_mac(STORE_KEY, X, EPOCH, FIA, 1, 3, CHAIN, ["5-05-1", "6-0"]), id="positions-joined"
        ),
    ],
)
def test_an_entry_that_the_store_made_up_has_no_mac(other: bytes) -> None:
    assert other != MAC
