"""No text that reads otherwise than it is stored: NFC, and nothing hidden but what Urdu needs."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.protocol import text


@pytest.mark.parametrize(
    "good",
    [
        pytest.param("", id="nothing"),
        pytest.param("Torkham, 4 March — “sealed”", id="latin-with-dashes-and-quotes"),
        pytest.param("ایک\nدو", id="lines-of-urdu"),
        pytest.param("می\u200cخواهم", id="zwnj-between-arabic-letters"),
        pytest.param("ه\u200dم", id="zwj-between-arabic-letters"),
        pytest.param("مَ\u200cن", id="zwnj-after-a-vowel-mark"),
        pytest.param("FIA\u200e نے", id="a-left-to-right-mark"),
        pytest.param("\u200fOK", id="a-right-to-left-mark"),
        pytest.param("\u0600۱۲", id="the-arabic-number-sign"),
        pytest.param("北京 ქართული 😀 é", id="other-scripts"),
        pytest.param("𠀀", id="a-character-above-the-first-plane"),
    ],
)
def test_text_that_people_write_is_taken(good: str) -> None:
    assert text.check_text(good) is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        *(
            pytest.param(f"ab{chr(code)}c", f"U+{code:04X} at column 3", id=f"U+{code:04X}")
            for code in (
                *range(0x202A, 0x202F),
                *range(0x2066, 0x206A),  # reorder text
                0x200B,
                0x2060,
                0xFEFF,
                0x00AD,
                0x061C,
                0x180E,
                0x2061,
                0x206A,
                0xFFF9,
                0xE0041,  # unseen
                0x0000,
                0x0007,
                0x0009,
                0x000D,
                0x001B,
                0x007F,
                0x0085,
                0x2028,
                0x2029,  # controls, line breaks
                0xD800,
                0xDFFF,
                0xFDD0,
                0xFFFE,
                0x1FFFF,
                0x10FFFF,
                0x0378,
                0xE000,
                0xF0000,  # no characters
            )
        ),
        pytest.param("a\u200cb", "U+200C at column 2", id="zwnj-between-latin-letters"),
        pytest.param("\u200cم", "U+200C at column 1", id="zwnj-at-the-beginning"),
        pytest.param("م\u200c", "U+200C at column 2", id="zwnj-at-the-end"),
        pytest.param("م\u200c\u200cم", "U+200C at column 2", id="zwnj-twice"),
        pytest.param("م\u200c م", "U+200C at column 2", id="zwnj-before-a-space"),
        pytest.param("۱\u200d۲", "U+200D at column 2", id="zwj-between-digits"),
        pytest.param("م\u200dx", "U+200D at column 2", id="zwj-before-a-latin-letter"),
        pytest.param("\u064e\u200cم", "U+200C at column 2", id="zwnj-after-a-mark-without-letter"),
        pytest.param("one\ntwo\u202e", "U+202E at line 2, column 4", id="on-the-second-line"),
        pytest.param("cafe\u0301", "U+0065 at column 4: not in NFC", id="a-decomposed-accent"),
        pytest.param("\u0627\u0653", "U+0627 at column 1: not in NFC", id="a-decomposed-alef-madda"),
        pytest.param("\u212b", "U+212B at column 1: not in NFC", id="the-angstrom-sign"),
        pytest.param("a\u0301\u0323", "U+0061 at column 1: not in NFC", id="marks-out-of-order"),
    ],
)
def test_text_that_hides_something_is_refused_by_code_point_and_column(bad: str, reason: str) -> None:
    assert (text.check_text(bad) or "").startswith(reason)


def test_every_string_and_every_name_of_a_document_is_checked() -> None:
    document = {"a": "\u200b", "b": [{"c\u202e": 1}, "ok", "x\u2060"], "d": {"e/f": "\ufeff"}}
    pointers = [problem.pointer for problem in text.problems(document)]
    assert pointers == ["/a", "/b/0/c\u202e", "/b/2", "/d/e~1f"]
    assert not text.is_good(document)


def test_the_shortcut_lets_nothing_pass_that_the_rule_refuses() -> None:
    plain = re.compile(f"[{text.PLAIN_CHARACTERS}]")
    for code in range(0x110000):
        if plain.fullmatch(chr(code)) and code != 0x0A:
            assert unicodedata.category(chr(code)) not in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"), hex(
                code
            )


@given(st.text() | st.text("aé\u0301\u200cم\u064e \n\u0653ا"))
def test_normalised_text_is_in_nfc_and_good_text_stays_as_it_is(any_text: str) -> None:
    assert "NFC" not in (text.check_text(text.normalise(any_text)) or "")
    if text.check_text(any_text) is None:
        assert text.normalise(any_text) == any_text


@given(st.text('ab"\\nut\u0301é{}:,\u200cم\n\t', max_size=30))
def test_a_document_called_plain_has_no_problem(document: str) -> None:
    if text.is_plain(document):
        assert text.check_text(document) is None


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(r'{"a":"\u202e"}', id="a-hidden-character-as-escape"),
        pytest.param(r'{"a":"cafe\u0301"}', id="a-decomposed-accent-half-as-escape"),
        pytest.param(r'{"a":"\t"}', id="a-tab-as-escape"),
        pytest.param(r'{"\u0000":1}', id="a-zero-in-a-name-as-escape"),
        pytest.param('{"a":"\u202e"}', id="a-hidden-character-as-it-is"),
        pytest.param('{"a":"cafe\u0301"}', id="a-decomposed-accent-as-it-is"),
    ],
)
def test_no_spelling_of_a_document_hides_what_its_text_is(document: str) -> None:
    value = json.loads(document)
    assert not text.is_plain(document)
    assert not text.is_good(value)
    assert len(list(text.problems(value))) == 1


def test_normalising_a_document_reaches_names_and_lists() -> None:
    decomposed, composed = "cafe\u0301", "caf\u00e9"
    assert text.normalised({decomposed: [decomposed, {"n": (decomposed, 1)}]}) == {
        composed: [composed, {"n": [composed, 1]}]
    }
