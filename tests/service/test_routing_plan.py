"""The pure part of routing, in every history that a log, an inbox and what was last routed can have."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from broker.service.references import InboxReference
from broker.service.routing_plan import due, is_settled, later, newest_held, start_after
from broker.store.records import BEGINNING, Head, Place, position_order


def reference(n: int, life: int = 0) -> InboxReference:
    """Give the item at position n; another `life` of the log has another item there."""
    return InboxReference("bulletin", f"pk.fia/{n}-{life}", bytes([n, life]) * 16, b"w" * 64, 1, f"{n}-0")


def place(reference: InboxReference) -> Place:
    return Place(reference.position, reference.digest)


def head_of(inbox: list[InboxReference]) -> Head | None:
    if not inbox:
        return None
    return Head(len(inbox), b"c" * 32, inbox[-1].position, inbox[-1].digest, 0, b"f" * 32)


@dataclass
class History:
    """One agency's items in the log, its inbox, and how far the log says that it is routed."""

    log: list[InboxReference]
    inbox: list[InboxReference]
    routed: int

    @property
    def routed_to(self) -> Place | None:
        return place(self.log[self.routed - 1]) if self.routed else None

    def plan(self) -> list[InboxReference]:
        """Do as the router does: this tick's references, or those after the newest that the log holds."""
        routed = self.log[self.routed - 1].position if self.routed else BEGINNING
        if is_settled(head_of(self.inbox), self.routed_to):
            return due(self.log, routed)
        places = [place(each) for each in reversed(self.inbox)]
        held = [each in [place(entry) for entry in self.log] for each in places]
        return due(self.log, start_after(newest_held(places, held)))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """A log and an inbox with a common past; either may have lost its tail, and gone on since."""
    common = [reference(n) for n in range(1, draw(st.integers(0, 6)) + 1)]
    lost_by_log = [reference(n, 1) for n in range(len(common) + 1, len(common) + 1 + draw(st.integers(0, 3)))]
    gained = [reference(n, 2) for n in range(len(common) + 1, len(common) + 1 + draw(st.integers(0, 4)))]
    log = common + gained
    kept = draw(st.integers(0, len(common)))
    inbox = common[:kept]
    if kept == len(common):
        inbox = inbox + lost_by_log + gained[: draw(st.integers(0, len(gained)))]
    routed = draw(st.integers(0, len(log)))
    # What was routed to an inbox that lost nothing is in it.
    if kept == len(common):
        routed = min(routed, len(common) + len([each for each in inbox if each in gained]))
    return History(log, inbox, routed)


@given(histories())
def test_whatever_was_lost_the_inbox_then_has_all_that_the_log_holds_once_and_in_order(
    history: History,
) -> None:
    after = history.inbox + history.plan()
    held = [each for each in after if each in history.log]
    assert held == history.log


@given(histories())
def test_planning_again_after_the_plan_was_carried_out_adds_nothing(history: History) -> None:
    history.inbox = history.inbox + history.plan()
    history.routed = 0 if not history.log else history.routed
    again = History(history.log, history.inbox, history.routed).plan()
    if not is_settled(head_of(history.inbox), history.routed_to):
        assert again == []


@given(st.lists(st.integers(1, 100), unique=True).map(sorted), st.integers(0, 101))
def test_only_what_comes_after_is_due(positions: list[int], after: int) -> None:
    found = due([reference(n) for n in positions], f"{after}-0")
    assert [position_order(each.position)[0] for each in found] == [n for n in positions if n > after]


@given(st.integers(0, 10**14), st.integers(0, 10**3), st.integers(0, 10**14), st.integers(0, 10**3))
def test_positions_are_ordered_as_numbers_and_not_as_text(ms: int, seq: int, ms2: int, seq2: int) -> None:
    expected = max((ms, seq), (ms2, seq2))
    assert position_order(later(f"{ms}-{seq}", f"{ms2}-{seq2}")) == expected


def test_a_head_with_the_position_and_not_the_digest_is_not_settled() -> None:
    inbox = [reference(1), reference(2, 1)]
    assert is_settled(head_of(inbox), place(reference(2, 1)))
    assert not is_settled(head_of(inbox), place(reference(2)))
    assert not is_settled(head_of(inbox), None)
    assert not is_settled(None, place(reference(1)))
    assert is_settled(None, None)
