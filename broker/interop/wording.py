"""Text of a source, made fit for a bulletin: what is harmless is mended, what deceives is refused.

Bulletins take NFC text without hidden characters (`broker.protocol.text`). Other programs write CR, tabs,
indentation, byte order marks and zero-width spaces without meaning anything by them, so these are mended.
Controls that reorder text (U+202A–E, U+2066–9) can make a name or an order read otherwise than it is stored
(CVE-2021-42574): nobody can say which reading was meant, so they are refused.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from broker.protocol.text import check_text, normalise

_REORDERS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_BREAKS: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_JOINERS: Final = "\u200c\u200d"
_SEEN: Final = frozenset("\n\u200e\u200f\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
"""Control and format characters that a bulletin takes."""
_MARKS_CHARS: Final = 16
"""How far to look back over vowel marks for their letter: without a bound, joiners behind a long run of marks
would cost the square of its length.
"""
UNKNOWN_LANGUAGE: Final = "und"
_TAG: Final = re.compile(
    r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|[0-9]{3}))?(?:[-_].*)?", re.IGNORECASE | re.ASCII
)
_REPLACED: Final = frozenset({"Cn", "Co", "Cs"})
"""Categories that stand for a letter that cannot be known: U+FFFD shows the place."""


@dataclass(frozen=True, slots=True)
class Mended:
    """A text that a bulletin takes, and the code points that had to go (`U+200B`), each once."""

    text: str
    removed: tuple[str, ...] = ()


def mend(raw: str) -> Mended:
    """Give `raw` as a bulletin takes it: LF, spaces for tabs, NFC, nothing hidden.

    Raises ValueError, which names code point and place, for a control that reorders text.
    """
    text = normalise(_BREAKS.sub("\n", raw).replace("\t", " "))
    if check_text(text) is None:
        return Mended(text)
    if found := _REORDERS.search(text):
        line, column = (
            text.count("\n", 0, found.start()) + 1,
            found.start() - text.rfind("\n", 0, found.start()),
        )
        raise ValueError(
            f"U+{ord(found[0]):04X} at line {line}, column {column} changes the order of reading"
        )
    kept: list[str] = []
    removed: dict[str, None] = {}
    for n, character in enumerate(text):
        category = unicodedata.category(character)
        if category in _REPLACED:
            kept.append("\ufffd")
        elif character in _JOINERS:
            if _joins(kept, character, text[n + 1 : n + 2]):
                kept.append(character)
                continue
        elif character in _SEEN or category not in ("Cc", "Cf"):
            kept.append(character)
            continue
        removed[f"U+{ord(character):04X}"] = None
    mended = normalise("".join(kept))
    if reason := check_text(mended):
        raise ValueError(reason)
    return Mended(mended, tuple(removed))


def one_line(text: str) -> str:
    """Give `text` with each run of white space as one space, and none at its ends."""
    return " ".join(text.split())


def cut(text: str, most: int) -> str:
    """Give `text` in at most `most` characters; an ellipsis shows that there was more."""
    return text if len(text) <= most else normalise(text[: most - 1].rstrip() + "…")


def language_tag(raw: str) -> str:
    """Give the BCP 47 tag of a language in its usual case, language, script and region only; `und` for what
    is none.
    """
    if (found := _TAG.fullmatch(raw)) is None:
        return UNKNOWN_LANGUAGE
    language, script, region = found.groups()
    return "-".join(
        part for part in (language.lower(), (script or "").title(), (region or "").upper()) if part
    )


def _joins(before: list[str], joiner: str, after: str) -> bool:
    """Whether this ZWJ or ZWNJ stands between letters of the Arabic script: in anything else it is hidden."""
    start = len(before) - 1
    while start > max(0, len(before) - _MARKS_CHARS) and unicodedata.category(before[start]) == "Mn":
        start -= 1
    sample = "".join(before[max(start, 0) :])
    return bool(sample and after) and after not in _JOINERS and check_text(sample + joiner + after) is None
