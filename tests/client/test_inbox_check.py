"""Attacks on an inbox: what was dropped, inserted, exchanged or rolled back stops the reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from broker.client.inbox_check import (
    FORGED,
    FORK,
    GAP,
    ROLLBACK,
    InboxWalk,
    Position,
)
from broker.errors import InboxBroken
from broker.protocol import dsse
from broker.protocol.chain import first_link, link
from broker.protocol.delivery import BULLETIN, Entry, Item
from broker.protocol.head import HEAD_TYPE, Head
from broker.protocol.history import FLOOR_TYPE, Floor
from tests.exchange_fixtures import BROKER, FIA, ISLAMABAD, MOI, fixed, make_exchange

EXCHANGE = make_exchange()
REGISTRY = EXCHANGE.registry
EPOCH = REGISTRY.epoch
START = Position.start(EXCHANGE.id, EPOCH, ISLAMABAD)

Arrival = Entry | Item | dsse.Envelope


@dataclass(frozen=True)
class Inbox:
    """An inbox made by hand: its entries, and the chain at the end of each."""

    entries: tuple[Entry, ...]
    chains: tuple[bytes, ...]

    @classmethod
    def of(cls, *sizes: int, story: str = "") -> Inbox:
        """Make entries of these sizes; another `story` has other items."""
        entries: list[Entry] = []
        chains: list[bytes] = []
        chain, first = first_link(EXCHANGE.id, EPOCH, ISLAMABAD), 1
        for size in sizes:
            last = first + size - 1
            references = tuple((BULLETIN, fixed(f"{story} {n}")) for n in range(first, last + 1))
            chain = link(chain, first, last, references)
            entries.append(Entry(first, last, references))
            chains.append(chain)
            first = last + 1
        return cls(tuple(entries), tuple(chains))

    def arrivals(self) -> list[Arrival]:
        """Everything in order, the head last."""
        found: list[Arrival] = []
        for entry in self.entries:
            found.append(entry)
            found += [Item(n, BULLETIN, None, "test") for n in range(entry.first, entry.last + 1)]
        return [*found, self.head()]

    def head(self, **changes: Any) -> dsse.Envelope:
        """The signed head at the end."""
        end = self.entries[-1].last if self.entries else 0
        chain = self.chains[-1] if self.chains else first_link(EXCHANGE.id, EPOCH, ISLAMABAD)
        head = Head(
            exchange=EXCHANGE.id,
            epoch=EPOCH,
            generation=1,
            agency=ISLAMABAD,
            number=end,
            chain=chain,
            signed_at=EXCHANGE.now,
            registry_version=REGISTRY.version,
            registry_digest=REGISTRY.digest,
            subscription_version=0,
        )
        return EXCHANGE.signing(BROKER).sign(HEAD_TYPE, replace(head, **changes).pack())


def walk(arrivals: list[Arrival], position: Position = START) -> Position:
    """Take everything, and give where it leads."""
    walking = InboxWalk(ISLAMABAD, position)
    for arrival in arrivals:
        if isinstance(arrival, Entry):
            walking.enter(arrival)
        elif isinstance(arrival, Item):
            walking.take(arrival)
        else:
            walking.close(arrival, REGISTRY)
    return walking.position


INBOX = Inbox.of(1, 3, 2)
OTHER = Inbox.of(1, 3, 2, story="another")


def test_an_honest_inbox_is_walked_to_its_head() -> None:
    there = walk(INBOX.arrivals())
    assert (there.after, there.at, there.chain) == (6, 6, INBOX.chains[-1])
    assert there.head is not None
    assert there.head.head.number == 6


def test_an_empty_inbox_has_a_head_too() -> None:
    assert walk(Inbox.of().arrivals()).after == 0


@pytest.mark.parametrize("cut", range(1, len(INBOX.arrivals())))
def test_a_walk_may_be_cut_anywhere_and_taken_up_again(cut: int) -> None:
    arrivals = INBOX.arrivals()
    first = walk(arrivals[:cut])
    # The broker gives the whole entry again when only a part of it was taken.
    rest = [
        one
        for one in arrivals
        if (isinstance(one, Entry) and one.last > first.after)
        or (isinstance(one, Item) and one.number > first.after)
        or isinstance(one, dsse.Envelope)
    ]
    assert replace(walk(rest, first), head=None) == replace(walk(arrivals), head=None)


def test_an_entry_may_come_again_while_its_items_do() -> None:
    arrivals = INBOX.arrivals()
    assert walk([*arrivals[:4], INBOX.entries[1], *arrivals[4:]]).after == 6


def test_a_reader_without_a_chain_checks_numbers_alone() -> None:
    entry, items = INBOX.entries[1], [Item(n, BULLETIN, None, "test") for n in (3, 4)]
    there = walk([entry, *items, INBOX.entries[2]], Position.looking(EPOCH, 2))
    assert (there.after, there.chain) == (4, None)


def floor(number: int, chain: bytes, **changes: Any) -> dsse.Envelope:
    """A broker's signed floor."""
    said = Floor(EXCHANGE.id, EPOCH, ISLAMABAD, number, chain, EXCHANGE.now)
    return EXCHANGE.signing(BROKER).sign(FLOOR_TYPE, replace(said, **changes).pack())


HALF_READ = walk(INBOX.arrivals()[:4])
"""Behind number 2, in the middle of the entry of 2 to 4."""


@pytest.mark.parametrize(
    ("position", "skipped"),
    [
        pytest.param(START, (1, 4), id="from the beginning"),
        pytest.param(walk(INBOX.arrivals()[:2]), (2, 4), id="behind an entry"),
        pytest.param(HALF_READ, (3, 4), id="inside an entry"),
        pytest.param(Position.looking(EPOCH, 3), (4, 4), id="without a chain"),
        pytest.param(walk(INBOX.arrivals()[:6]), None, id="at the floor"),
    ],
)
def test_a_signed_floor_is_where_a_reader_goes_on_and_what_it_skipped_is_told(
    position: Position, skipped: tuple[int, int] | None
) -> None:
    walking = InboxWalk(ISLAMABAD, position)
    assert walking.skip(floor(4, INBOX.chains[1]), REGISTRY) == skipped
    there = walking.position
    assert (there.after, there.at, there.chain, there.unfinished) == (4, 4, INBOX.chains[1], None)
    assert walk(INBOX.arrivals()[6:], there).after == 6


@pytest.mark.parametrize(
    ("envelope", "kind"),
    [
        pytest.param(floor(4, INBOX.chains[1], agency=MOI), FORGED, id="of another inbox"),
        pytest.param(floor(4, INBOX.chains[1], epoch=fixed("e", 16)), FORGED, id="of another epoch"),
        pytest.param(floor(4, INBOX.chains[1], exchange=fixed("y")), FORGED, id="of another exchange"),
        pytest.param(
            EXCHANGE.signing(FIA).sign(FLOOR_TYPE, floor(4, INBOX.chains[1]).payload),
            FORGED,
            id="signed by an agency",
        ),
        pytest.param(
            EXCHANGE.signing(BROKER).sign(HEAD_TYPE, floor(4, INBOX.chains[1]).payload),
            FORGED,
            id="under another payload type",
        ),
        pytest.param(
            replace(floor(4, INBOX.chains[1]), payload=floor(6, INBOX.chains[1]).payload),
            FORGED,
            id="changed after it was signed",
        ),
        pytest.param(INBOX.head(), FORGED, id="that is a head"),
        pytest.param(floor(1, INBOX.chains[0]), FORGED, id="below what was read"),
        pytest.param(floor(3, INBOX.chains[1]), FORK, id="inside the entry in hand"),
        pytest.param(floor(4, OTHER.chains[1]), FORK, id="with another chain at an end in hand"),
    ],
)
def test_a_reader_does_not_take_a_floor(envelope: dsse.Envelope, kind: str) -> None:
    walking = InboxWalk(ISLAMABAD, HALF_READ)
    with pytest.raises(InboxBroken, match=kind):
        walking.skip(envelope, REGISTRY)
    assert walking.position == HALF_READ


def test_a_floor_with_another_history_than_was_read_is_a_fork() -> None:
    with pytest.raises(InboxBroken, match=FORK):
        InboxWalk(ISLAMABAD, walk(INBOX.arrivals())).skip(floor(6, OTHER.chains[-1]), REGISTRY)


def test_a_floor_with_another_history_than_a_head_that_was_seen_is_a_fork() -> None:
    seen = walk(INBOX.arrivals()).head
    with pytest.raises(InboxBroken, match=FORK):
        InboxWalk(ISLAMABAD, replace(START, head=seen)).skip(floor(6, OTHER.chains[-1]), REGISTRY)


def without(*places: int) -> list[Arrival]:
    return [one for n, one in enumerate(INBOX.arrivals()) if n not in places]


def exchanged(first: int, second: int) -> list[Arrival]:
    found = INBOX.arrivals()
    found[first], found[second] = found[second], found[first]
    return found


def with_head(**changes: Any) -> list[Arrival]:
    return [*INBOX.arrivals()[:-1], INBOX.head(**changes)]


def entry_like(place: int, **changes: Any) -> list[Arrival]:
    found = INBOX.arrivals()
    entry = found[place]
    assert isinstance(entry, Entry)
    found[place] = replace(entry, **changes)
    return found


# The arrivals of INBOX: 0 entry(1) 1 item1 | 2 entry(2-4) 3 4 5 items | 6 entry(5-6) 7 8 items | 9 head
ATTACKS: list[Any] = [
    pytest.param(without(7), GAP, id="an-item-is-dropped"),
    pytest.param(without(8), GAP, id="the-last-item-is-dropped"),
    pytest.param(without(6, 7, 8), GAP, id="the-last-entry-is-dropped"),
    pytest.param(without(2, 3, 4, 5), GAP, id="an-entry-in-the-middle-is-dropped"),
    pytest.param(without(0), GAP, id="an-item-without-its-entry"),
    pytest.param(
        [*INBOX.arrivals()[:5], INBOX.arrivals()[4], INBOX.arrivals()[5]], ROLLBACK, id="an-item-twice"
    ),
    pytest.param(exchanged(3, 4), GAP, id="two-items-exchanged"),
    pytest.param(
        [*INBOX.arrivals()[:2], INBOX.entries[0], *INBOX.arrivals()[2:]], FORK, id="an-old-entry-again"
    ),
    pytest.param(
        [*INBOX.arrivals()[:4], OTHER.entries[1], *INBOX.arrivals()[4:]],
        FORK,
        id="another-entry-inside-an-entry",
    ),
    pytest.param(
        [*INBOX.arrivals()[:6], *OTHER.arrivals()[6:9], INBOX.head()], FORK, id="an-entry-of-another-story"
    ),
    pytest.param(
        entry_like(2, references=INBOX.entries[1].references[:2]), FORGED, id="an-entry-with-an-item-less"
    ),
    pytest.param(entry_like(2, references=()), FORGED, id="an-entry-of-nothing"),
    pytest.param(entry_like(2, last=5), FORGED, id="an-entry-that-claims-more"),
    pytest.param(
        entry_like(6, references=tuple(reversed(INBOX.entries[2].references))),
        FORK,
        id="references-exchanged",
    ),
    pytest.param(
        entry_like(6, references=tuple(("receipt", s) for _, s in INBOX.entries[2].references)),
        FORK,
        id="a-kind-changed",
    ),
    pytest.param(with_head(number=7), GAP, id="the-head-counts-more"),
    pytest.param(with_head(number=5), ROLLBACK, id="the-head-counts-fewer"),
    pytest.param(with_head(chain=OTHER.chains[-1]), FORK, id="the-head-of-another-story"),
    pytest.param(with_head(agency=MOI), FORGED, id="the-head-of-another-agency"),
    pytest.param(with_head(epoch=bytes(16)), FORGED, id="the-head-of-another-epoch"),
    pytest.param(with_head(exchange=fixed("x")), FORGED, id="the-head-of-another-exchange"),
    pytest.param([*INBOX.arrivals()[:4], Inbox.of(1, 1).head()], FORK, id="a-head-inside-an-entry"),
]


@pytest.mark.parametrize(("arrivals", "kind"), ATTACKS)
def test_an_inbox_that_was_tampered_with_is_broken(arrivals: list[Arrival], kind: str) -> None:
    with pytest.raises(InboxBroken) as broken:
        walk(arrivals)
    assert broken.value.detail.startswith(kind)


def _by_an_agency() -> dsse.Envelope:
    return EXCHANGE.signing(FIA).sign(HEAD_TYPE, INBOX.head().payload)


def _as_a_stamp() -> dsse.Envelope:
    return EXCHANGE.signing(BROKER).sign("application/vnd.harkara.stamp+msgpack", INBOX.head().payload)


def _changed() -> dsse.Envelope:
    head = INBOX.head()
    return replace(head, payload=head.payload[:-1] + b"\x01")


def _long_ago() -> dsse.Envelope:
    return INBOX.head(signed_at=0)


def _garbage() -> dsse.Envelope:
    return EXCHANGE.signing(BROKER).sign(HEAD_TYPE, b"\x90")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(_by_an_agency, id="signed-by-an-agency"),
        pytest.param(_as_a_stamp, id="signed-as-a-stamp"),
        pytest.param(_changed, id="changed-after-it-was-signed"),
        pytest.param(_long_ago, id="signed-when-the-key-was-not-in-force"),
        pytest.param(_garbage, id="no-head-at-all"),
    ],
)
def test_a_head_that_no_broker_signed_is_forged(make: Callable[[], dsse.Envelope]) -> None:
    with pytest.raises(InboxBroken) as broken:
        walk([*INBOX.arrivals()[:-1], make()])
    assert broken.value.detail.startswith(FORGED)


class TestMemory:
    """What a reader remembers binds whoever answers it later."""

    HALF = walk(INBOX.arrivals()[:4])  # number 2 of the entry 2-4
    WHOLE = walk(INBOX.arrivals())

    def test_an_entry_left_half_read_cannot_come_again_with_other_contents(self) -> None:
        references = (INBOX.entries[1].references[0], *OTHER.entries[1].references[1:])
        with pytest.raises(InboxBroken, match=FORK):
            walk([replace(INBOX.entries[1], references=references)], self.HALF)

    def test_an_entry_left_half_read_cannot_come_again_longer(self) -> None:
        longer = Inbox.of(1, 4)
        with pytest.raises(InboxBroken, match=FORK):
            walk([longer.entries[1]], self.HALF)

    def test_a_shorter_inbox_with_a_good_head_is_a_rollback(self) -> None:
        with pytest.raises(InboxBroken, match=ROLLBACK):
            walk([Inbox.of(1, 3).head()], self.WHOLE)

    def test_two_heads_of_one_number_with_different_chains_are_a_fork(self) -> None:
        with pytest.raises(InboxBroken, match=f"{FORK}: two signed heads"):
            walk([OTHER.head()], self.WHOLE)

    def test_an_older_generation_is_a_rollback(self) -> None:
        newer = walk([INBOX.head(generation=2)], self.WHOLE)
        with pytest.raises(InboxBroken, match=ROLLBACK):
            walk([INBOX.head(generation=1)], newer)

    def test_a_newer_generation_that_keeps_what_is_held_goes_on(self) -> None:
        there = walk([INBOX.head(generation=2)], self.WHOLE)
        assert there.head is not None
        assert there.head.head.generation == 2

    def test_a_head_seen_ahead_binds_what_comes_up_to_it(self) -> None:
        # Only the numbers were read so far; the head came from the same inbox.
        behind = replace(START, head=self.WHOLE.head)
        assert walk(INBOX.arrivals(), behind).after == 6
        with pytest.raises(InboxBroken, match=FORK):
            walk(OTHER.arrivals(), behind)

    def test_an_entry_cannot_run_over_a_head_that_was_seen(self) -> None:
        behind = replace(START, head=walk(Inbox.of(1, 3).arrivals()).head)
        with pytest.raises(InboxBroken, match=FORK):
            walk(Inbox.of(1, 5).arrivals(), behind)

    def test_the_latest_stamp_is_remembered_and_never_goes_back(self) -> None:
        walking = InboxWalk(ISLAMABAD, START)
        for taken_at in (5, 3):
            walking.stamped(taken_at)
        assert walking.position.taken_at == 5


def test_an_item_far_ahead_and_one_from_behind_are_told_apart() -> None:
    walking = InboxWalk(ISLAMABAD, walk(INBOX.arrivals()[:2]))
    with pytest.raises(InboxBroken, match=GAP):
        walking.expect(Item(9, BULLETIN, None))
    with pytest.raises(InboxBroken, match=ROLLBACK):
        walking.expect(Item(1, BULLETIN, None))
