"""What may stand in a text: Unicode in NFC, without what the eye cannot see (docs, "The bulletin").

A bulletin is read by people who act on it, in two directions of writing. Characters that reorder, hide or
join text can make a name, a plate or an order read otherwise than it is stored (CVE-2021-42574), so they are
refused, with two exceptions that Urdu, Pashto and Sindhi need: ZWNJ and ZWJ between letters of the Arabic
script, and the marks LRM and RLM, which give direction to what stands beside them and cannot reorder more.

Unassigned code points are refused because what NFC makes of them is not settled yet. Which are assigned is a
matter of the Unicode version of Python, 14.0 or newer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from broker.errors import Problem
from broker.protocol.strictjson import pointer_to

PLAIN_CHARACTERS: Final = (
    "\n\x20-\x7e\xa0-\xac\xae-\u0377\u0391-\u03a1\u03a3-\u052f"  # Latin, Greek, Cyrillic
    "\u0606-\u061b\u061d-\u06dc\u06de-\u070d\u0750-\u077f"  # Arabic
    "\u0904-\u0939\u2010-\u2027\u2030-\u205e\u20a0-\u20c0"
)
"""Allowed wherever they stand: a shortcut for what most bulletins are written in, not the rule."""
_PLAIN: Final = re.compile(f"[{PLAIN_CHARACTERS}]*")
_TELLING_ESCAPE: Final = re.compile(r"\\[bfrtu]")

_JOINERS: Final = "\u200c\u200d"
_DIRECTIONS: Final = "\u200e\u200f"
_PREPENDED: Final = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
"""Format characters that are seen, such as the Arabic number sign."""
_ARABIC: Final = re.compile("[\u0620-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")

_WHY: Final = {
    "Cc": "a control character: only LF breaks lines",
    "Cf": "it is invisible and can change how the text reads",
    "Cn": "no character is assigned to it",
    "Co": "private use: it means nothing to the reader",
    "Cs": "a surrogate stands in pairs only",
    "Zl": "only LF breaks lines",
    "Zp": "only LF breaks lines",
}


def normalise(text: str) -> str:
    """Give `text` in NFC."""
    return unicodedata.normalize("NFC", text)


def normalised(value: object) -> object:
    """Give a JSON value with every string in it, names of members too, in NFC: what a client does before it
    signs.
    """
    match value:
        case str():
            return normalise(value)
        case dict():
            return {normalised(name): normalised(member) for name, member in value.items()}
        case list() | tuple():
            return [normalised(member) for member in value]
        case _:
            return value


def check_text(text: str) -> str | None:
    """Tell what is wrong with `text`: code point, column (and line), reason. None when it is good."""
    if text.isascii() and text.isprintable():
        return None
    if _PLAIN.fullmatch(text) is None:
        for n, character in enumerate(text):
            if reason := _reason(text, n, character):
                return f"U+{ord(character):04X} at {_place(text, n)}: {reason}"
    if not unicodedata.is_normalized("NFC", text):
        normal = normalise(text)
        n = next(
            (n for n, pair in enumerate(zip(text, normal, strict=False)) if pair[0] != pair[1]), len(normal)
        )
        return f"U+{ord(text[n]):04X} at {_place(text, n)}: not in NFC"
    return None


def is_good(value: object) -> bool:
    """Tell whether `problems` of a JSON value is empty, sooner than it does."""
    if isinstance(value, str):
        return check_text(value) is None
    if isinstance(value, dict):
        return all(map(is_good, value)) and all(map(is_good, value.values()))
    return not isinstance(value, list) or all(map(is_good, value))


def problems(value: object, at: str = "") -> Iterator[Problem]:
    """Give what is wrong with each string and each member's name of a JSON value."""
    if isinstance(value, str):
        if reason := check_text(value):
            yield _problem(at, reason)
    elif isinstance(value, dict):
        for name, member in value.items():
            here = pointer_to(at, name)
            if reason := check_text(name):
                yield _problem(here, reason)
            yield from problems(member, here)
    elif isinstance(value, list):
        for n, member in enumerate(value):
            yield from problems(member, pointer_to(at, n))


def is_plain(document: str) -> bool:
    """Tell, for a JSON document as it stands, whether `problems` of its value is surely empty (False: perhaps
    not).

    What it lets pass has no escapes but those of quotes, backslashes and LF, so its strings are parts of it,
    and a quotation mark composes with nothing: they are in NFC when it is.
    """
    return (
        _PLAIN.fullmatch(document) is not None
        and _TELLING_ESCAPE.search(document) is None
        and unicodedata.is_normalized("NFC", document)
    )


def _problem(at: str, reason: str) -> Problem:
    hint = "normalise the text to NFC before signing" if reason.endswith("NFC") else "remove the character"
    return Problem(at, "NFC text without hidden characters", reason, hint)


def _place(text: str, n: int) -> str:
    line, column = text.count("\n", 0, n) + 1, n - text.rfind("\n", 0, n)
    return f"column {column}" if "\n" not in text else f"line {line}, column {column}"


def _reason(text: str, n: int, character: str) -> str | None:
    if character in _JOINERS:
        return None if _joins(text, n) else "it may stand between letters of the Arabic script only"
    if character == "\n" or character in _DIRECTIONS or character in _PREPENDED:
        return None
    return _WHY.get(unicodedata.category(character))


def _joins(text: str, n: int) -> bool:
    before = n - 1
    while before > 0 and unicodedata.category(text[before]) == "Mn":  # vowel marks belong to their letter
        before -= 1
    after = n + 1
    return (
        before >= 0
        and after < len(text)
        and _is_arabic_letter(text[before])
        and _is_arabic_letter(text[after])
    )


def _is_arabic_letter(character: str) -> bool:
    return _ARABIC.fullmatch(character) is not None and unicodedata.category(character) in ("Lo", "Lm")
