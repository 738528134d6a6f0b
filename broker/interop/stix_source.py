"""An object of a story while it is mapped: each property is taken by a field, or left to be kept.

A property is taken only when a field can hold all of it; what is left at the end is kept by `stix_keeping`,
so nothing can be forgotten between the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from broker.interop.draft import Draft
from broker.interop.stix_document import StixObject
from broker.protocol import limits

_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")


@dataclass(slots=True)
class Taking:
    """One object, what has been taken of it, and the scope under which the rest is kept ("" until it has
    one).
    """

    thing: StixObject
    at: str
    draft: Draft
    taken: set[str] = field(default_factory=lambda: {"type", "id", "spec_version"})
    scope: str | None = None

    @property
    def type(self) -> str:
        """The type of the object."""
        return self.thing["type"]

    @property
    def id(self) -> str:
        """The id of the object."""
        return self.thing["id"]

    def text(self, *names: str) -> str:
        """Give the first of these properties that is a text, without taking it; "" when none is."""
        return next(
            (value for name in names if isinstance(value := self.thing.get(name), str) and value.strip()), ""
        )

    def line(self, *names: str, most: int = limits.LINE_CHARS) -> str:
        """Take the first of these properties that is a text which a line can hold; "" when none is."""
        return self._take(names, most, self.draft.line)

    def prose(self, *names: str, most: int = limits.NOTE_CHARS) -> str:
        """Take the first of these properties that is a text of at most `most` characters; "" when none is."""
        return self._take(names, most, self.draft.prose)

    def _take(self, names: tuple[str, ...], most: int, mend: Any) -> str:
        for name in names:
            value = self.thing.get(name)
            if (
                isinstance(value, str)
                and 0 < len(value) <= most
                and (text := mend(value, f"{self.at}/{name}"))
            ):
                self.taken.add(name)
                return text
        return ""

    def lines(self, *names: str) -> list[str]:
        """Take the first of these properties that is a text or a list of texts, each fit for a line; [] for
        none.
        """
        for name in names:
            value = self.thing.get(name)
            items = [value] if isinstance(value, str) else value
            if not isinstance(items, list) or not 0 < len(items) <= limits.NAMES_ITEMS:
                continue
            if all(isinstance(item, str) and 0 < len(item) <= limits.LINE_CHARS for item in items):
                texts = [text for item in items if (text := self.draft.line(item, f"{self.at}/{name}"))]
                if texts:
                    self.taken.add(name)
                return list(dict.fromkeys(texts))
        return []

    def matching(self, form: re.Pattern[str], *names: str) -> str:
        """Take the first of these properties whose text has this form, in capital letters; "" when none
        has.
        """
        for name in names:
            value = self.thing.get(name)
            if isinstance(value, str) and form.fullmatch(value.strip().upper()):
                self.taken.add(name)
                return value.strip().upper()
        return ""

    def country(self, *names: str) -> str:
        """Take a two-letter country code; "" when there is none."""
        return self.matching(_COUNTRY, *names)

    def number(self, name: str, least: float, most: float) -> float | None:
        """Give a number within bounds, without taking it."""
        value = self.thing.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            return value
        return None
