"""What a command prints: one line of JSON, or words for people. Everything that is no result goes
to stderr.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import click


def result(found: Mapping[str, Any], words: str | Iterable[str], *, as_json: bool) -> None:
    """Print a result: `found` as one line of JSON, or `words`."""
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo(words if isinstance(words, str) else "\n".join(words))


def remark(words: str, *, as_json: bool = False) -> None:
    """Say on stderr what is no result. Silent with --json: there stderr holds refusals alone."""
    if not as_json:
        click.echo(words, err=True)


def pretty(document: object) -> str:
    """Give a JSON document for people to read and edit."""
    return json.dumps(document, ensure_ascii=False, indent=2)


def grouped(hexadecimal: str, groups: int = 8) -> str:
    """Give the beginning of a digest in groups of four, to be read over the telephone."""
    return " ".join(hexadecimal[n : n + 4] for n in range(0, 4 * groups, 4))
