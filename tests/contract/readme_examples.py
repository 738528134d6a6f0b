"""Take the examples out of a Markdown page, make a script of them, and hold what it prints to the page.

In a fenced block marked `console`, a line that begins with `$ ` is a command, a line after one that ends in
a backslash continues it, and everything else is what the command prints: these lines, in this order, others
may stand between them, and `…` stands for anything. Blocks with other marks are not run. All commands of a
page run in their order in one shell, as a reader would type them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<mark>[^\n`]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL
)
PROMPT = "$ "
UNSEEN = re.compile("[\u2066-\u2069]")
"""The direction of a text, which a terminal takes and does not show."""
MARK = "--- line "
"""What the script prints before each command, with the line of the command."""
WAIT_TENTHS = 600
"""How long a command in the background may take to be ready, in tenths of a second."""


@dataclass(frozen=True)
class Command:
    """One command of a page, the line it stands in, and the lines that it prints."""

    line: int
    text: str
    prints: tuple[str, ...] = ()


def blocks(page: str, mark: str) -> list[tuple[int, str]]:
    """Give the fenced blocks whose first word is `mark`: the line of their first line, and their text."""
    return [
        (page.count("\n", 0, found.start("body")) + 1, found["body"])
        for found in FENCE.finditer(page)
        if found["mark"].split()[:1] == [mark]
    ]


def commands(page: str) -> list[Command]:
    """Give the commands of all `console` blocks, in order."""
    found: list[Command] = []
    for first, body in blocks(page, "console"):
        continues = False
        for number, line in enumerate(body.splitlines(), first):
            if line.startswith(PROMPT):
                found.append(Command(number, line.removeprefix(PROMPT)))
            elif continues:
                found[-1] = replace(found[-1], text=f"{found[-1].text}\n{line}")
            elif line.strip() and found:
                found[-1] = replace(found[-1], prints=(*found[-1].prints, line.rstrip()))
            continues = (line.startswith(PROMPT) or continues) and line.endswith("\\")
    return found


def script(typed: list[Command], ready: str) -> str:
    """Make a bash script that runs `typed` and ends at the first that fails, naming it and its line.

    After a command in the background, it waits until the command line `ready` succeeds (a server is up), at
    most WAIT_TENTHS. What still runs at the end is stopped.
    """
    parts = ["set -uo pipefail", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    for one in typed:
        parts.append(f"echo '{MARK}{one.line}'")
        failed = f'{{ status=$?; echo "line {one.line} failed with $status"; exit 1; }}'
        if one.text.rstrip().endswith("&"):
            waits = f"for try in {{1..{WAIT_TENTHS}}}; do {ready} && break; sleep 0.1; done; {ready}"
            parts += [one.text, f"{{ {waits}; }} || {failed}"]
        else:
            parts += [f"{{\n{one.text}\n}} || {failed}"]
    return "\n".join(parts) + "\n"


def not_printed(typed: list[Command], output: str) -> list[str]:
    """Give what a page says that its commands print, and that is not in the output of the script."""
    printed: dict[int, list[str]] = {}
    line = 0
    for text in output.splitlines():
        if text.startswith(MARK):
            line = int(text.removeprefix(MARK))
        printed.setdefault(line, []).append(UNSEEN.sub("", text).rstrip())
    missing: list[str] = []
    for one in typed:
        left = iter(printed.get(one.line, []))
        missing += [
            f"line {one.line} does not print {expected!r}"
            for expected in one.prints
            if not any(_pattern(expected).fullmatch(text) for text in left)
        ]
    return missing


def _pattern(expected: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, expected.split("…"))))
