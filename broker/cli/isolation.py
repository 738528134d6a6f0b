"""Direction of text on a terminal: what is written from right to left must not reorder what stands
beside it.

Bulletins hold no direction controls (they are refused on entry), so the commands put them around
texts on output only: FSI … PDI around a text inside a line, RLI … PDI around each line of a text
that begins from right to left (Unicode Standard Annex #9, section 2.4).
"""

from __future__ import annotations

import unicodedata
from typing import Final

FSI: Final = "\u2068"
RLI: Final = "\u2067"
PDI: Final = "\u2069"
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})


def isolated(text: str) -> str:
    """Give a text that may stand beside others in a line."""
    return text if _is_plain(text) else f"{FSI}{text}{PDI}"


def isolated_line(text: str, *, from_right: bool) -> str:
    """Give one whole line of a text; `from_right` says in which direction the text as a whole reads."""
    if _is_plain(text):
        return text
    return f"{RLI if from_right else FSI}{text}{PDI}"


def reads_from_right(text: str) -> bool:
    """Tell in which direction a text reads: that of its first letter with one."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction == "L":
            return False
        if direction in _RIGHT_TO_LEFT:
            return True
    return False


def _is_plain(text: str) -> bool:
    return text.isascii() or not any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text)
