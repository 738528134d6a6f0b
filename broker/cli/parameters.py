"""Kinds of values that commands take: agency ids, lists with commas, choices of the vocabularies."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import click

from broker.errors import shorten

ALL: Final = "all"
"""Stands for the whole vocabulary."""
_DIGITS: Final = re.compile(r"[0-9]{1,18}")
_AGENCY: Final = re.compile(r"[a-z]{2,3}\.[a-z0-9-]{2,32}")


class AgencyParameter(click.ParamType):
    """An agency id such as pk.fia."""

    name = "agency"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the id."""
        if _AGENCY.fullmatch(value) is None:
            hint = ", in lower case" if value != value.lower() else ""
            self.fail(f"{value!r} is no agency id: country or int, a dot, a name{hint}: pk.fia", param, ctx)
        return value


class Listed(click.ParamType):
    """Terms of a vocabulary, separated by commas, or `all`."""

    def __init__(self, name: str, terms: Sequence[str]) -> None:
        self.name = name
        self.terms = tuple(terms)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Give the terms, each once, in the vocabulary's order."""
        if isinstance(value, tuple):
            return value
        named = {term.strip() for term in value.split(",") if term.strip()}
        if named == {ALL}:
            return self.terms
        if unknown := sorted(named - set(self.terms)):
            self.fail(f"{unknown[0]!r} is none of {', '.join(self.terms)}, or all", param, ctx)
        return tuple(term for term in self.terms if term in named)


def listed_together(
    ctx: click.Context, param: click.Parameter, given: tuple[tuple[str, ...], ...]
) -> tuple[str, ...] | None:
    """Give the terms of a `Listed` flag that may be repeated, in the vocabulary's order; None when it was not
    given.
    """
    if not given or not isinstance(param.type, Listed):
        return None
    named = {term for terms in given for term in terms}
    return tuple(term for term in param.type.terms if term in named)


class Whole(click.IntRange):
    """A whole number in plain digits, of at least `least` and perhaps at most `most`."""

    name = "number"

    def __init__(self, least: int, most: int | None = None) -> None:
        super().__init__(least, most)
        self.words = f"a whole number of at least {least}" + (f", at most {most}" if most is not None else "")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Give the number."""
        if isinstance(value, int):
            return value
        number = int(value) if _DIGITS.fullmatch(value) is not None else -1
        if number < (self.min or 0) or (self.max is not None and number > self.max):
            self.fail(f"expected {self.words}, got {shorten(value)!r}", param, ctx)
        return number


class Place(click.Path):
    """A path, shown in the help as what is there."""

    def __init__(self, name: str) -> None:
        super().__init__(path_type=Path)
        self.name = name


AGENCY: Final = AgencyParameter()
FILE: Final = Place("file")
DIRECTORY: Final = Place("dir")


def together(given: Iterable[str]) -> list[str]:
    """Give what repeated flags with comma-separated values name, in order, each once."""
    return list(dict.fromkeys(name.strip() for text in given for name in text.split(",") if name.strip()))
