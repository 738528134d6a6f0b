"""Text that stood in an indented document, without the layout that the document gave it.

Programs that print XML or JSON prettily break and indent the text in it as well. A person who reads the
bulletin shall find sentences, and lists and tables where somebody wrote lists and tables.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Final

_STANDS_ALONE: Final = re.compile(r"[*•·▪–—-]\s|\(?\w{1,3}[.)]\s|[A-Z][A-Z0-9 ()/&'-]{1,30}:|\S.* {3}")
"""A line of a list, a form or a table: no sentence of the line before goes on in it."""


def paragraphs(text: str) -> str:
    """Give `text` without the indentation that its source's layout gave it, and without space at ends of
    lines.

    Where all further lines of a paragraph are indented, and all alike, the layout has broken it: it becomes
    one line. All other line breaks, blank lines, and indentation beyond what all lines but the first share
    mean something and stay. What was given once comes back the same when it is given again.
    """
    if "\n" not in text:
        return text.strip()
    lines = [line.rstrip() for line in text.strip().split("\n")]
    blocks = [list(block) for _, block in groupby(lines, key=bool)]
    broken = [_broken_by_layout(block) for block in blocks]
    standing = [
        line for block, is_broken in zip(blocks, broken, strict=True) if not is_broken for line in block
    ]
    first = 0 if broken[0] else 1  # strip() took the indentation of the very first line
    margin = min((_indent(line) for line in standing[first:] if line), default=0)
    found: list[str] = []
    for n, (block, is_broken) in enumerate(zip(blocks, broken, strict=True)):
        if is_broken:
            found.append(" ".join(line.strip() for line in block))
        else:
            found += [line if n == at == 0 else line[margin:] for at, line in enumerate(block)]
    return "\n".join(found)


def _broken_by_layout(block: list[str]) -> bool:
    margins = {_indent(line) for line in block[1:]}
    return (
        len(margins) == 1
        and margins != {0}
        and not block[0].endswith(":")
        and not any(_STANDS_ALONE.match(line.strip()) for line in block[1:])
    )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
