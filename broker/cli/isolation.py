"""Direction of text on a terminal: what is written from right to left must not reorder what stands
beside it.

Bulletins hold no direction controls (they are refused on entry), so the commands put them around
texts on output only: FSI … PDI around a text inside a line, RLI … PDI around each line of a text
that begins from right to left (Unicode Standard Annex #9, section 2.4). Inside such a text LRI …
PDI around each number with signs in it: else 2026-05-14 after Urdu letters is shown as 14-05-2026,
and a telephone number with its plus sign at the end.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

LRI: Final = "\u2066"
FSI: Final = "\u2068"
RLI: Final = "\u2067"
PDI: Final = "\u2069"
_OPENING: Final = {LRI, RLI, FSI}
_HELD: Final = "\ue000"
"""Of the private use area: a space that no line is broken at. It is as wide as one."""
_SIGNED: Final = re.compile(
    # Telephone numbers, with their plus sign and spaces; dates, plates, CNIC, ids: parts joined by signs.
    r"(?<![\u2066\w+])(?:\+\d+(?:[- ]?\d+)*|[A-Za-z\d]+(?:[-./:+][A-Za-z\d]+)+)"
)
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})


def isolated(text: str) -> str:
    """Give a text that may stand beside others in a line."""
    return text if _is_plain(text) else f"{FSI}{_readable(text)}{PDI}"


def isolated_line(text: str, *, from_right: bool) -> str:
    """Give one whole line of a text; `from_right` says in which direction the text as a whole reads."""
    if _is_plain(text):
        return text
    return f"{RLI if from_right else FSI}{_readable(text)}{PDI}"


def reads_from_right(text: str) -> bool:
    """Tell in which direction a text reads: that of its first letter with one, outside of isolates."""
    depth = 0
    for character in text:
        depth += (character in _OPENING) - (character == PDI)
        if depth > 0:
            continue
        direction = unicodedata.bidirectional(character)
        if direction == "L":
            return False
        if direction in _RIGHT_TO_LEFT:
            return True
    return False


def held_together(text: str) -> str:
    """Give a text in which a telephone number is one word, for breaking it into lines; `let_go` undoes it."""
    return _SIGNED.sub(lambda found: found[0].replace(" ", _HELD), text) if _HELD not in text else text


def let_go(line: str, text: str) -> str:
    """Give a line of what `held_together` made of `text` as it is written."""
    return line.replace(_HELD, " ") if _HELD not in text else line


def balanced(lines: Iterable[str]) -> Iterator[str]:
    """Give the lines of a text that was broken, so that each isolate ends in its line and goes on in
    the next.
    """
    opened: list[str] = []
    for line in lines:
        lead = "".join(opened)
        for character in line:
            if character in _OPENING:
                opened.append(character)
            elif character == PDI and opened:
                opened.pop()
        yield f"{lead}{line}{PDI * len(opened)}"


def _readable(text: str) -> str:
    return _SIGNED.sub(lambda found: f"{LRI}{found[0]}{PDI}", text)


def _is_plain(text: str) -> bool:
    return text.isascii() or not any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text)
