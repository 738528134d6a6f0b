"""msgspec decides and the walk explains: the walk finds a problem exactly when msgspec refuses."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import SchemaError
from broker.protocol.answers import Acknowledgement, Receipt, Subscription
from broker.protocol.bulletin import Bulletin
from broker.protocol.explanation import explain
from broker.protocol.schema_walk import convert
from tests.protocol.bulletin_strategy import bulletin_objects, receipt_objects
from tests.protocol.drafts import filled
from tests.waiting import comes_to_an_end

OTHER_VALUES: list[Any] = [
    None, True, 0, -1, 1, 7.0, 1e300, 2**60, "", " ", "x", "H3", "TLP:RED", "person", "Point",
    "2026-02-30T00:00:00Z", "2026-12-01T09:30:00+05:00", "2001-02-30", "a\n", "PK", "x" * 5_000,
    [], ["x"], [[1, 2]], {}, {"type": "Point"},
    {"type": "person"}, {"en": {"headline": "x"}}, "6ba7b810-9dad-41d1-80b4-00c04fd430c8", [0, 0],
]  # fmt: skip


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [at, *(place for name, member in members for place in _places(member, (*at, name)))]


def _changed(draw: st.DrawFn, document: Any) -> Any:
    """Give the document with one change at some place: removed, renamed, replaced, repeated."""
    document = copy.deepcopy(document)
    place = draw(st.sampled_from(_places(document)))
    if not place:
        return draw(st.sampled_from(OTHER_VALUES))
    parent = document
    for name in place[:-1]:
        parent = parent[name]
    match draw(st.sampled_from(["remove", "rename", "replace", "replace", "repeat"])):
        case "remove":
            del parent[place[-1]]
        case "rename" if isinstance(parent, dict):
            parent[draw(st.sampled_from(["text", "Type", "code", "type", "references"]))] = parent.pop(
                place[-1]
            )
        case "repeat" if isinstance(parent, list):
            parent.append(parent[place[-1]])
        case _:
            parent[place[-1]] = draw(st.sampled_from(OTHER_VALUES))
    return document


@st.composite
def spoilt(draw: st.DrawFn, documents: st.SearchStrategy[Any]) -> Any:
    """Give a valid document after one to three changes."""
    document = draw(documents)
    for _ in range(draw(st.integers(1, 3))):
        document = _changed(draw, document)
    return document


def _agree(value: Any, type_: type) -> None:
    refusal = ""
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError as why:
        refusal = str(why)
    assert bool(refusal) == bool(explain(value, type_)), refusal


@given(spoilt(bulletin_objects()))
def test_the_walk_agrees_with_msgspec_on_bulletins(document: Any) -> None:
    _agree(document, Bulletin)


@given(spoilt(receipt_objects()))
def test_the_walk_agrees_with_msgspec_on_receipts(document: Any) -> None:
    _agree(document, Receipt)


@given(spoilt(st.sampled_from([
    {"exchange": "ab" * 32, "registry": 1, "agency": "pk.anf", "version": 1, "at": "2026-12-01T09:30:00Z"},
    {"categories": ["terrorism"], "areas": ["PK"], "severity": "Minor"},
])))  # fmt: skip
def test_the_walk_agrees_with_msgspec_on_subscriptions(document: Any) -> None:
    _agree(document, Subscription)
    _agree(document, Acknowledgement)


class Sizes(msgspec.Struct):
    """Kinds of field that bulletins lack and other documents have."""

    flag: bool = False
    some: list[str] = []
    below: float | None = None


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        pytest.param({"flag": 1}, ["/flag"], id="a-number-for-a-truth"),
        pytest.param({"some": ["a", 1, 2]}, ["/some/1", "/some/2"], id="members-of-a-list"),
        pytest.param({"some": {"a": 1}}, ["/some"], id="an-object-for-a-list"),
        pytest.param({"below": "1"}, ["/below"], id="text-for-a-number"),
        pytest.param(
            {"other": 1, "flag": True, "some": ["a"], "below": 1}, [], id="fields-that-are-not-forbidden"
        ),
    ],
)
def test_other_documents_are_explained_too(value: object, pointers: list[str]) -> None:
    assert [problem.pointer for problem in explain(value, Sizes)] == pointers
    _agree(value, Sizes)


def test_the_first_problem_and_their_number_stand_in_the_detail() -> None:
    with pytest.raises(SchemaError, match=r"^/status: expected one of Actual.*, got x \(and 1 more\)$"):
        convert(filled(status="x", action="y"), Bulletin)


def test_a_document_full_of_problems_is_refused_with_the_first_of_them() -> None:
    document = filled() | {f"{'subject' * 8}{n}": n for n in range(20_000)}
    with comes_to_an_end():
        assert len(explain(document, Bulletin)) == 100
