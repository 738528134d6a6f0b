"""HTML that stood in a text which should have none, as the text that a browser would have shown.

CAP's texts are plain (CAP 1.2, section 3.2.2), but many publishers write HTML into them. Only elements that
HTML has are taken for markup: `wind < 50 km/h` stays what it is. Each pattern stops at the next `<`, so that
the cost is linear whatever the text is.
"""

from __future__ import annotations

import html
import re
from itertools import groupby
from typing import Final

_UNSEEN: Final = re.compile(r"<(script|style)(?:\s[^<>]*)?>[^<]*</\1\s*>|<!--[^<>]*-->", re.IGNORECASE)
_LINES: Final = ("br", "hr", "tr", "ul", "ol", "table", "div")
_PARAGRAPHS: Final = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre")
_PLAIN: Final = (
    "b", "big", "body", "center", "em", "font", "html", "i", "img", "li", "small", "span", "strong",
    "sub", "sup", "tbody", "td", "th", "thead", "u",
)  # fmt: skip
_TAG: Final = re.compile(
    rf"<(/?)({'|'.join([*_LINES, *_PARAGRAPHS, *_PLAIN])})(?:\s[^<>]*)?/?>", re.IGNORECASE
)
_LINK: Final = re.compile(
    r"""<a\s(?:[^<>]*\s)?href\s*=\s*["']?([^"'<>\s]+)[^<>]*>([^<]*)</a\s*>""", re.IGNORECASE
)
_ANCHOR: Final = re.compile(r"</?a(?:\s[^<>]*)?>", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,30}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});")


def without_markup(text: str) -> str:
    """Give `text` as a reader of the HTML in it would see it; unchanged when there is none.

    A link keeps its address behind it. Entities that were escaped twice are read.
    """
    if "<" in text:
        shown = _ANCHOR.sub("", _LINK.sub(_link, _TAG.sub(_shown, _UNSEEN.sub("", text))))
        text = text if shown == text else _lines(shown)
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def _shown(tag: re.Match[str]) -> str:
    closing, name = tag[1], tag[2].lower()
    if name in ("li", "tr"):
        return "" if closing else "\n- " if name == "li" else "\n"
    if name in ("td", "th"):
        return " " if closing else ""
    return "\n" * (name in _LINES) + "\n\n" * (name in _PARAGRAPHS)


def _link(found: re.Match[str]) -> str:
    address, words = found[1], found[2]
    bare = html.unescape(address).removeprefix("mailto:").removeprefix("tel:")
    return words if bare in html.unescape(words) else f"{words} ({address})"


def _lines(text: str) -> str:
    """Give `text` without space at the ends of its lines, and never two blank lines behind one another."""
    lines = [line.strip() for line in text.split("\n")]
    return "\n".join(
        line for filled, run in groupby(lines, key=bool) for line in (run if filled else [""])
    ).strip()
