"""Text without the layout of the document that it stood in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.interop.layout import paragraphs


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(
            "  The threat is\n      high, says\n      the desk. ",
            "The threat is high, says the desk.",
            id="a-sentence-that-the-layout-broke",
        ),
        pytest.param(
            "One\n   goes on.\n\n   Two\n   goes on.\n",
            "One goes on.\n\nTwo goes on.",
            id="each-paragraph-by-itself",
        ),
        pytest.param("One\n\n\n  Two", "One\n\n\nTwo", id="blank-lines-stay"),
        pytest.param("One\ntwo\nthree", "One\ntwo\nthree", id="breaks-without-indentation-stay"),
        pytest.param("Wanted:\n    Ali\n    Babar", "Wanted:\nAli\nBabar", id="what-is-announced-by-a-colon"),
        pytest.param("Bring\n  - water\n  - food", "Bring\n- water\n- food", id="a-list"),
        pytest.param("Do\n  1. run\n  2. hide", "Do\n1. run\n2. hide", id="a-numbered-list"),
        pytest.param(
            "DATE: today\n   PLACE: Swat\n   WHO: a man", "DATE: today\nPLACE: Swat\nWHO: a man", id="a-form"
        ),
        pytest.param(
            "Plate   Make\n  LEA-1   Suzuki\n  LEB-2   Honda",
            "Plate   Make\nLEA-1   Suzuki\nLEB-2   Honda",
            id="a-table",
        ),
        pytest.param("a\n    b\n      c", "a\nb\n  c", id="further-indentation-stays"),
        pytest.param(
            "a\n    - b\n\n      - c", "a\n- b\n\n  - c", id="further-indentation-stays-over-paragraphs"
        ),
        pytest.param("a  \n\n  b  ", "a\n\nb", id="space-at-ends-goes"),
        pytest.param(" \n ", "", id="blank"),
    ],
)
def test_paragraphs_lose_their_layout_only(raw: str, expected: str) -> None:
    assert paragraphs(raw) == expected


@given(st.text("ab:-.1 \n", max_size=40))
def test_what_was_laid_out_once_stays(raw: str) -> None:
    once = paragraphs(raw)
    assert paragraphs(once) == once
    assert once.split() == raw.split()
