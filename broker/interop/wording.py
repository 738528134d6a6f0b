"""Text of a source, made fit for a bulletin: what it may not carry is taken out, by name.

Bulletins take NFC text without hidden characters (`broker.protocol.text`). Other programs write CR, tabs,
indentation, byte order marks and zero-width spaces without meaning anything by them. Programs for Urdu,
Arabic and Hebrew put whole texts between controls of direction (U+202A–C, U+2066–9); whoever shows a bulletin
gives each text its own direction, so nothing is lost with them. Overrides (U+202D, U+202E) are rare, and with
them a text reads otherwise than it is written (CVE-2021-42574): they go too, and the poster is told to look.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from broker.protocol.text import check_text, normalise

_BREAKS: Final = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_JOINERS: Final = "\u200c\u200d"
_SEEN: Final = frozenset("\n\u200e\u200f\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
"""Control and format characters that a bulletin takes."""
_MARKS_CHARS: Final = 16
"""How far to look back over vowel marks for their letter: without a bound, joiners behind a long run of marks
would cost the square of its length.
"""
_LOOSE_ENDS: Final = f" \n\u00a0{_JOINERS}"
"""At the end of a cut text: a joiner that joins nothing any more is refused."""
UNKNOWN_LANGUAGE: Final = "und"
_TAG: Final = re.compile(
    r"([a-z]{2,3})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|[0-9]{3}))?(?:[-_].*)?", re.IGNORECASE | re.ASCII
)
_REPLACED: Final = frozenset({"Cn", "Co", "Cs"})
"""Categories that stand for a letter that cannot be known: U+FFFD shows the place."""
Loss: TypeAlias = Literal["override", "direction", "hidden", "unknown"]
"""What a character that had to go did: put letters in another order, gave text a direction, was not seen, or
stood for a letter that nobody knows.
"""
_OVERRIDES: Final = "\u202d\u202e"
_DIRECTIONS: Final = "\u202a\u202b\u202c\u2066\u2067\u2068\u2069\u061c"


@dataclass(frozen=True, slots=True)
class Mended:
    """A text that a bulletin takes, and the characters that had to go, each once, with what each did."""

    text: str
    lost: tuple[tuple[str, Loss], ...] = ()


def mend(raw: str) -> Mended:
    """Give `raw` as a bulletin takes it: LF, spaces for tabs, NFC, nothing hidden."""
    text = normalise(_BREAKS.sub("\n", raw).replace("\t", " "))
    if check_text(text) is None:
        return Mended(text)
    lost: dict[str, Loss] = {}
    seen: list[str] = []
    for character in text:
        category = unicodedata.category(character)
        if category in _REPLACED:
            seen.append("\ufffd")
            lost[character] = "unknown"
        elif character in _SEEN or character in _JOINERS or category not in ("Cc", "Cf"):
            seen.append(character)
        else:
            lost[character] = _loss(character)
    # Joiners last: whether one joins is a matter of what stands beside it once the rest has gone.
    kept: list[str] = []
    for n, character in enumerate(seen):
        if character in _JOINERS and not _joins(kept, character, "".join(seen[n + 1 : n + 2])):
            lost[character] = "hidden"
        else:
            kept.append(character)
    return Mended(normalise("".join(kept)), tuple(lost.items()))


def _loss(character: str) -> Loss:
    if character in _OVERRIDES:
        return "override"
    return "direction" if character in _DIRECTIONS else "hidden"


def one_line(text: str) -> str:
    """Give `text` with each run of white space as one space, and none at its ends."""
    return " ".join(text.split())


def cut(text: str, most: int) -> str:
    """Give `text` in at most `most` characters; an ellipsis shows that there was more."""
    return text if len(text) <= most else normalise(text[: most - 1].rstrip(_LOOSE_ENDS) + "…")


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
