"""Text of a source, made fit for a bulletin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.interop.wording import Mended, cut, mend, one_line
from broker.protocol.text import check_text

MENDED = [
    pytest.param("a\r\nb\rc", "a\nb\nc", (), id="line-ends"),
    pytest.param("a\u2028b\u2029c\x85d", "a\nb\nc\nd", (), id="other-line-ends"),
    pytest.param("a\tb", "a b", (), id="tab"),
    pytest.param("e\u0301", "é", (), id="nfc"),
    pytest.param("\ufeffa\u200bb\u2060c", "abc", ("U+FEFF", "U+200B", "U+2060"), id="zero-width"),
    pytest.param("a\u00adb", "ab", ("U+00AD",), id="soft-hyphen"),
    pytest.param("a\x07b", "ab", ("U+0007",), id="control"),
    pytest.param("a\x9fb", "ab", ("U+009F",), id="c1-control"),
    pytest.param("a\ue000b", "a\ufffdb", ("U+E000",), id="private-use-leaves-a-mark"),
    pytest.param("a\u0378b", "a\ufffdb", ("U+0378",), id="unassigned-leaves-a-mark"),
    pytest.param("می\u200cخواهم", "می\u200cخواهم", (), id="zwnj-between-arabic-letters-stays"),
    pytest.param("می\u064e\u200cخ", "می\u064e\u200cخ", (), id="zwnj-behind-a-vowel-mark-stays"),
    pytest.param("می\u200c خ", "می خ", ("U+200C",), id="zwnj-before-a-space-goes"),
    pytest.param("می\u200c\u200cخ", "می\u200cخ", ("U+200C",), id="one-of-two-zwnj-goes"),
    pytest.param("क\u094d\u200dष", "क\u094dष", ("U+200D",), id="zwj-of-another-script-goes"),
    pytest.param("e\u200b\u0301", "é", ("U+200B",), id="what-was-parted-is-composed"),
    pytest.param("ا\u200fب", "ا\u200fب", (), id="direction-marks-stay"),
]


@pytest.mark.parametrize(("raw", "text", "removed"), MENDED)
def test_what_is_harmless_is_mended(raw: str, text: str, removed: tuple[str, ...]) -> None:
    assert mend(raw) == Mended(text, removed)


@pytest.mark.parametrize(
    "code", [*range(0x202A, 0x202F), *range(0x2066, 0x206A)], ids=lambda code: f"U+{code:04X}"
)
def test_what_reorders_is_refused_with_its_place(code: int) -> None:
    with pytest.raises(ValueError, match=f"U\\+{code:04X} at line 2, column 3"):
        mend(f"a\nbc{chr(code)}")


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_what_is_mended_is_taken(raw: str) -> None:
    try:
        mended = mend(raw)
    except ValueError as why:
        assert "order of reading" in str(why)  # noqa: PT017
    else:
        assert check_text(mended.text) is None
        assert mend(mended.text) == Mended(mended.text)


@given(st.text(alphabet="اب\u064e\u200c\u200d ", max_size=40))
def test_joiners_are_kept_only_where_they_join(raw: str) -> None:
    assert check_text(mend(raw).text) is None


def test_a_line_is_one_line() -> None:
    assert one_line(" a\n\u00a0 b ") == "a b"


@given(st.text(max_size=50), st.integers(2, 60))
def test_a_cut_text_is_never_longer_than_it_may_be(raw: str, most: int) -> None:
    text = (
        mend(raw).text if not set(raw) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") else ""
    )
    assert len(cut(text, most)) <= most
    assert check_text(cut(text, most)) is None or "\u200c" in text or "\u200d" in text
