"""The proof of an inbox: entries, chain, head and floor hold together, and a forged one is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker.errors import InboxBroken
from broker.protocol.chain import link
from broker.service.inbox_proof import InboxProof
from broker.service.references import REFERENCES_PER_ENTRY, InboxReference, pack_references
from broker.store.records import Head, InboxEntry
from tests.service.routing_world import EPOCH, EXCHANGE, PROOF, STORE_KEY, item_with, wrap_for

AGENCY = "pk.a1"


def references(first: int, count: int) -> list[InboxReference]:
    found = []
    for n in range(first, first + count):
        item = item_with(n, [])
        wrap = wrap_for(item.item, AGENCY)
        found.append(InboxReference(item.kind, item.item, item.digest, wrap, item.expires_at, f"{n + 1}-0"))
    return found


ONE = PROOF.extend(AGENCY, None, references(0, 3))
TWO = PROOF.extend(AGENCY, ONE.head, references(3, 2))
NEWEST_FIRST = [*TWO.entries, *ONE.entries]


def test_an_inbox_grows_without_a_gap() -> None:
    assert [(entry.first, entry.last) for entry in reversed(NEWEST_FIRST)] == [(1, 3), (4, 5)]
    assert TWO.expected == ONE.head
    assert TWO.head == Head(
        5, TWO.entries[0].chain, "5-0", item_with(4, []).digest, 0, PROOF.first_chain(AGENCY)
    )
    assert PROOF.open(AGENCY, ONE.entries[0], PROOF.first_chain(AGENCY)) == references(0, 3)
    assert PROOF.open(AGENCY, TWO.entries[0], ONE.head.chain) == references(3, 2)
    PROOF.check_end(AGENCY, TWO.head, NEWEST_FIRST)
    PROOF.check_end(AGENCY, ONE.head, ONE.entries)


def test_more_references_than_an_entry_takes_are_several_entries_of_one_chain() -> None:
    move = PROOF.extend(AGENCY, ONE.head, references(3, 2 * REFERENCES_PER_ENTRY + 1))
    assert [(entry.first, entry.last) for entry in move.entries] == [(4, 67), (68, 131), (132, 132)]
    chain = ONE.head.chain
    for entry in move.entries:
        PROOF.open(AGENCY, entry, chain)
        chain = entry.chain
    assert move.head.chain == chain


def forged(**changes: Any) -> InboxEntry:
    return replace(TWO.entries[0], **changes)


def swapped_digest() -> InboxEntry:
    other = references(3, 2)
    other[0] = replace(other[0], digest=item_with(9, []).digest)
    return forged(references=pack_references(other))


def shorter_life() -> InboxEntry:
    """As an insider would, to have an honest broker trim what has not expired."""
    other = references(3, 2)
    other[0] = replace(other[0], expires_at=1)
    return forged(references=pack_references(other))


def recomputed_chain() -> InboxEntry:
    """As an insider would: another item, and a chain that follows, but no store key for the MAC."""
    other = references(7, 2)
    chain = link(ONE.head.chain, 4, 5, [(r.kind, r.digest) for r in other])
    return forged(references=pack_references(other), chain=chain)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(forged(mac=b"m" * 32), id="another MAC"),
        pytest.param(forged(chain=b"c" * 32), id="another chain"),
        pytest.param(forged(references=b"\x00"), id="references that cannot be read"),
        pytest.param(forged(last=6), id="more numbers than references"),
        pytest.param(forged(first=5, last=6), id="moved to other numbers"),
        pytest.param(forged(references=pack_references(references(3, 1))), id="a reference dropped"),
        pytest.param(
            forged(references=pack_references(references(3, 2)[::-1])), id="references in another order"
        ),
        pytest.param(shorter_life(), id="an expiry moved"),
        pytest.param(swapped_digest(), id="another digest at the same position"),
        pytest.param(recomputed_chain(), id="another item with a recomputed chain"),
    ],
)
def test_an_entry_that_the_broker_did_not_make_is_refused(entry: InboxEntry) -> None:
    with pytest.raises(InboxBroken):
        PROOF.open(AGENCY, entry, ONE.head.chain)


@pytest.mark.parametrize(
    ("proof", "agency", "before"),
    [
        pytest.param(PROOF, "pk.a2", ONE.head.chain, id="another agency's"),
        pytest.param(PROOF, AGENCY, PROOF.first_chain(AGENCY), id="after another entry"),
        pytest.param(InboxProof(b"o" * 32, EXCHANGE, EPOCH), AGENCY, ONE.head.chain, id="another store key"),
        pytest.param(InboxProof(STORE_KEY, b"o" * 32, EPOCH), AGENCY, ONE.head.chain, id="another exchange"),
        pytest.param(InboxProof(STORE_KEY, EXCHANGE, b"o" * 16), AGENCY, ONE.head.chain, id="another epoch"),
    ],
)
def test_an_entry_proves_itself_in_its_own_place_only(proof: InboxProof, agency: str, before: bytes) -> None:
    with pytest.raises(InboxBroken):
        proof.open(agency, TWO.entries[0], before)


@pytest.mark.parametrize(
    ("head", "newest_first"),
    [
        pytest.param(TWO.head, [], id="no entry at all"),
        pytest.param(TWO.head, ONE.entries, id="the last entry is missing"),
        pytest.param(TWO.head, TWO.entries, id="the entry before the last is missing"),
        pytest.param(ONE.head, NEWEST_FIRST, id="an entry beyond the head"),
        pytest.param(replace(TWO.head, chain=b"c" * 32), NEWEST_FIRST, id="a head with another chain"),
        pytest.param(replace(TWO.head, position="4-0"), NEWEST_FIRST, id="a head with another position"),
        pytest.param(replace(TWO.head, digest=b"d" * 32), NEWEST_FIRST, id="a head with another digest"),
        pytest.param(
            replace(TWO.head, floor_number=3, floor_chain=b"f" * 32),
            NEWEST_FIRST,
            id="a floor that does not lead here",
        ),
    ],
)
def test_a_head_that_does_not_end_its_inbox_is_refused(head: Head, newest_first: list[InboxEntry]) -> None:
    with pytest.raises(InboxBroken):
        PROOF.check_end(AGENCY, head, newest_first)


def test_an_inbox_may_begin_at_its_floor() -> None:
    floor = PROOF.raise_floor(AGENCY, TWO.head, 3, ONE.head.chain, ONE.head.position)
    PROOF.check_end(AGENCY, floor, TWO.entries)
    more = PROOF.extend(AGENCY, floor, references(5, 1))
    PROOF.check_end(AGENCY, more.head, [*more.entries, *TWO.entries])
    PROOF.check_floor(AGENCY, more.head)


TRIMMED = PROOF.raise_floor(AGENCY, TWO.head, 3, ONE.head.chain, ONE.head.position)
OTHERS = InboxProof(b"o" * 32, EXCHANGE, EPOCH)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(replace(TRIMMED, floor_mac=b""), id="no MAC"),
        pytest.param(replace(TRIMMED, floor_mac=b"m" * 32), id="another MAC"),
        pytest.param(replace(TRIMMED, floor_number=4), id="raised"),
        pytest.param(replace(TRIMMED, floor_chain=b"c" * 32), id="another chain"),
        pytest.param(replace(TRIMMED, floor_position="9-0"), id="another position"),
        pytest.param(
            PROOF.raise_floor("pk.a2", TWO.head, 3, ONE.head.chain, ONE.head.position), id="another agency's"
        ),
        pytest.param(
            OTHERS.raise_floor(AGENCY, TWO.head, 3, ONE.head.chain, ONE.head.position), id="another store key"
        ),
        pytest.param(
            PROOF.raise_floor(AGENCY, TWO.head, 5, TWO.head.chain, TWO.head.position), id="at the end"
        ),
    ],
)
def test_a_floor_that_the_broker_did_not_make_is_refused(head: Head) -> None:
    with pytest.raises(InboxBroken, match="floor"):
        PROOF.check_floor(AGENCY, head)
    with pytest.raises(InboxBroken):
        PROOF.check_end(AGENCY, head, TWO.entries)
