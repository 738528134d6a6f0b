"""Take the examples out of a Markdown page and make a script of them.

In a fenced block marked `console`, a line that begins with `$ ` is a command, a line after one that ends in
a backslash continues it, and everything else is what the command prints. Blocks with other marks are not
run. All commands of a page run in their order in one shell, as a reader would type them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<mark>[^\n`]*)\n(?P<body>.*?)^(?P=fence)[ ]*$", re.MULTILINE | re.DOTALL
)
PROMPT = "$ "
WAIT_TENTHS = 150
"""How long a command in the background may take to be ready, in tenths of a second."""


@dataclass(frozen=True)
class Command:
    """One command of a page and the line it stands in."""

    line: int
    text: str


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
                found[-1] = Command(found[-1].line, f"{found[-1].text}\n{line}")
            continues = (line.startswith(PROMPT) or continues) and line.endswith("\\")
    return found


def script(typed: list[Command], ready: str) -> str:
    """Make a bash script that runs `typed` and ends at the first that fails, naming it and its line.

    After a command in the background, it waits until the command line `ready` succeeds (a server is up), at
    most WAIT_TENTHS. What still runs at the end is stopped.
    """
    parts = ["set -uo pipefail", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    for one in typed:
        failed = f'{{ status=$?; echo "line {one.line} failed with $status"; exit 1; }}'
        if one.text.rstrip().endswith("&"):
            waits = f"for try in {{1..{WAIT_TENTHS}}}; do {ready} && break; sleep 0.1; done; {ready}"
            parts += [one.text, f"{{ {waits}; }} || {failed}"]
        else:
            parts += [f"{{\n{one.text}\n}} || {failed}"]
    return "\n".join(parts) + "\n"
