"""Text of a source, made fit for a bulletin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.interop.wording import Loss, Mended, cut, mend, one_line
from broker.protocol.text import check_text

GONE: dict[str, Loss] = {
    "\u202a": "direction", "\u202b": "direction", "\u202c": "direction", "\u2066": "direction",
    "\u2067": "direction", "\u2068": "direction", "\u2069": "direction", "\u061c": "direction",
    "\u202d": "override", "\u202e": "override",
    "\u200b": "hidden", "\u2060": "hidden", "\ufeff": "hidden", "\u00ad": "hidden", "\x07": "hidden",
    "\x9f": "hidden", "\u180e": "hidden", "\ufff9": "hidden", "\U000e0041": "hidden",
}  # fmt: skip
MENDED = [
    pytest.param("a\r\nb\rc", "a\nb\nc", "", id="line-ends"),
    pytest.param("a\u2028b\u2029c\x85d", "a\nb\nc\nd", "", id="other-line-ends"),
    pytest.param("a\tb", "a b", "", id="tab"),
    pytest.param("e\u0301", "é", "", id="nfc"),
    pytest.param("a\u00a0b", "a\u00a0b", "", id="a-space-that-does-not-break-stays"),
    pytest.param("ا\u200fب", "ا\u200fب", "", id="direction-marks-stay"),
    pytest.param("\ufeffa\u200bb\u2060c\u200b", "abc", "\ufeff\u200b\u2060", id="each-is-told-once"),
    pytest.param("می\u200cخواهم", "می\u200cخواهم", "", id="zwnj-between-arabic-letters-stays"),
    pytest.param("می\u064e\u200cخ", "می\u064e\u200cخ", "", id="zwnj-behind-a-vowel-mark-stays"),
    pytest.param("می\u200c خ", "می خ", "\u200c", id="zwnj-before-a-space-goes"),
    pytest.param("می\u200c\u200cخ", "می\u200cخ", "\u200c", id="one-of-two-zwnj-goes"),
    pytest.param("می\u202c\u200c\u202bخ", "می\u200cخ", "\u202c\u202b", id="zwnj-between-controls-stays"),
    pytest.param("क\u094d\u200dष", "क\u094dष", "\u200d", id="zwj-of-another-script-goes"),
    pytest.param("e\u200b\u0301", "é", "\u200b", id="what-was-parted-is-composed"),
]


@pytest.mark.parametrize(("raw", "text", "gone"), MENDED)
def test_a_text_is_mended(raw: str, text: str, gone: str) -> None:
    mended = mend(raw)
    assert (mended.text, [character for character, _ in mended.lost]) == (text, list(gone))


@pytest.mark.parametrize("character", GONE, ids=lambda character: f"U+{ord(character):04X}")
def test_what_no_bulletin_carries_goes_and_is_told(character: str) -> None:
    assert mend(f"ا{character}ب") == Mended("اب", ((character, GONE[character]),))


@pytest.mark.parametrize("character", ["\ue000", "\u0378", "\ufffe", "\U0010ffff", "\ud800"], ids=ascii)
def test_what_stands_for_no_known_letter_leaves_a_mark(character: str) -> None:
    assert mend(f"a{character}b") == Mended("a\ufffdb", ((character, "unknown"),))


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_what_is_mended_is_taken(raw: str) -> None:
    mended = mend(raw)
    assert check_text(mended.text) is None
    assert mend(mended.text) == Mended(mended.text)


@given(st.text(alphabet="اب\u064e\u200c\u200d\u202b ", max_size=40))
def test_joiners_are_kept_only_where_they_join(raw: str) -> None:
    assert check_text(mend(raw).text) is None


def test_a_line_is_one_line() -> None:
    assert one_line(" a\n\u00a0 b ") == "a b"


@given(st.text(max_size=50) | st.text(alphabet="اب\u200c\u200d \n", max_size=50), st.integers(2, 60))
def test_a_cut_text_is_never_longer_than_it_may_be_and_is_taken(raw: str, most: int) -> None:
    text = cut(mend(raw).text, most)
    assert len(text) <= most
    assert check_text(text) is None
