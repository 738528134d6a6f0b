"""HTML in a text that should have none."""

from __future__ import annotations

import pytest

from broker.interop.markup import without_markup
from tests.waiting import comes_to_an_end

SHOWN = [
    pytest.param("<p>Road <b>closed</b></p><p>Use N-5</p>", "Road closed\n\nUse N-5", id="paragraphs"),
    pytest.param("a<br>b<BR/>c<br />d", "a\nb\nc\nd", id="line-breaks"),
    pytest.param("a <br/>   b", "a\nb", id="no-space-is-left-at-a-break"),
    pytest.param("<ul><li>x</li><li>y</li></ul>", "- x\n- y", id="a-list"),
    pytest.param("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc", id="a-table"),
    pytest.param("<p style='color:red'>a</p>", "a", id="attributes"),
    pytest.param(
        "see <a href='https://x.example/1'>here</a>.", "see here (https://x.example/1).", id="a-link"
    ),
    pytest.param('<a class="b" href="https://x">https://x</a>', "https://x", id="a-link-that-says-itself"),
    pytest.param("<a href='mailto:d@x'>d@x</a>", "d@x", id="an-address-that-says-itself"),
    pytest.param("<script>steal()</script>ok<!-- no -->", "ok", id="what-no-reader-sees"),
    pytest.param("a&nbsp;&amp;&#233;&quot;", 'a\u00a0&é"', id="entities-escaped-twice"),
]
LEFT = [
    "",
    "wind < 50 km/h and > 20",
    "a <unknown> b",
    "<Torkham>",
    "R&D, A&B; 3 &c",
    "&unknownentity;",
    "a\n\n\nb",
    "if x<b then",
]


@pytest.mark.parametrize(("raw", "text"), SHOWN)
def test_markup_becomes_what_a_browser_shows(raw: str, text: str) -> None:
    assert without_markup(raw) == text


@pytest.mark.parametrize("text", LEFT)
def test_what_is_no_markup_stays_as_it_is(text: str) -> None:
    assert without_markup(text) == text


@pytest.mark.parametrize("part", ["<a href=x>", "<!--", "<script>", "<a ", "<p ", "&", '<a href="', "\n"])
def test_hostile_markup_comes_to_an_end(part: str) -> None:
    with comes_to_an_end():
        without_markup(part * (500_000 // len(part)) + "<p>")
