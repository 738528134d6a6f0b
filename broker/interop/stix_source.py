"""An object of a story while it is mapped: each property is taken by a field, or left to be kept.

The mapping reads and takes properties through `Taking.reads` alone, and so those alone that a row of
`stix_table` names. A property is taken only when a field can hold all of it; what is left at the end is kept
by `stix_keeping`, so nothing can be forgotten between the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from broker.interop.draft import Draft
from broker.interop.stix_document import StixObject
from broker.interop.stix_table import EXTENSION, Step, named
from broker.protocol import limits

_COUNTRY: Final = re.compile(r"[A-Za-z]{2}")


@dataclass(slots=True)
class Taking:
    """One object, what has been taken of it, and the scope under which the rest is kept ("" until it has
    one). `main` is the one that the bulletin is made of; `whole` says that nothing of it is left to keep;
    `noted` is what the note of a protected person keeps.
    """

    thing: StixObject
    at: str
    draft: Draft
    main: bool = False
    taken: set[str] = field(default_factory=set[str])
    noted: frozenset[str] = frozenset()
    whole: bool = False
    scope: str | None = None

    def __post_init__(self) -> None:
        """Take what the form of STIX says of every object."""
        form = self.reads("form")
        form.take(*form.names)

    @property
    def type(self) -> str:
        """The type of the object."""
        return self.thing["type"]

    @property
    def id(self) -> str:
        """The id of the object."""
        return self.thing["id"]

    def reads(self, step: Step) -> Reading:
        """Give the object as a step of the mapping may see it."""
        return Reading(self, named(self.type, step, main=self.main))

    def so_far(self) -> frozenset[str]:
        """Give what has been taken so far, for `back_to`."""
        return frozenset(self.taken)

    def back_to(self, before: frozenset[str]) -> None:
        """Take back what has been taken since then: no field holds it after all."""
        self.taken &= before

    def left(self) -> dict[str, Any]:
        """Give the properties that are to be kept, beside the id."""
        gone = self.taken | self.noted | {"id"}
        return {name: value for name, value in self.thing.items() if name not in gone}


@dataclass(frozen=True, slots=True)
class Reading:
    """An object as far as the rows of one step name its properties: any other is not there, and cannot be
    taken. `names` says of each in order whether it may be taken, or is kept.
    """

    of: Taking
    names: dict[str, bool]

    @property
    def draft(self) -> Draft:
        """The bulletin in the making."""
        return self.of.draft

    @property
    def at(self) -> str:
        """The JSON pointer of the object."""
        return self.of.at

    def get(self, name: str) -> Any:
        """Give a property without taking it; None when it is not there, or no row names it."""
        return self.of.thing.get(name) if name in self.names else None

    def said(self) -> dict[str, Any]:
        """Give all properties that rows name and the object has, in the order of the rows."""
        return {name: self.of.thing[name] for name in self.names if name in self.of.thing}

    def take(self, *names: str) -> None:
        """Take these properties: those of them that a row sends to a field."""
        self.of.taken |= {name for name in names if self.names.get(name)}

    def text(self, *names: str) -> str:
        """Give the first of these properties that is a text, without taking it; "" when none is."""
        return next(
            (value for name in names if isinstance(value := self.get(name), str) and value.strip()), ""
        )

    def line(self, *names: str, most: int = limits.LINE_CHARS) -> str:
        """Take the first of these properties that is a text which a line can hold; "" when none is."""
        return self._take_text(names, most, self.draft.line)

    def prose(self, *names: str, most: int = limits.NOTE_CHARS) -> str:
        """Take the first of these properties that is a text of at most `most` characters; "" when none is."""
        return self._take_text(names, most, self.draft.prose)

    def _take_text(self, names: tuple[str, ...], most: int, mend: Any) -> str:
        for name in names:
            value = self.get(name)
            if (
                isinstance(value, str)
                and 0 < len(value) <= most
                and (text := mend(value, f"{self.at}/{name}"))
            ):
                self.take(name)
                return text
        return ""

    def lines(self, *names: str) -> list[str]:
        """Take the first of these properties that is a text or a list of texts, each fit for a line; [] for
        none.
        """
        for name in names:
            value = self.get(name)
            items = [value] if isinstance(value, str) else value
            if not isinstance(items, list) or not 0 < len(items) <= limits.NAMES_ITEMS:
                continue
            if all(isinstance(item, str) and 0 < len(item) <= limits.LINE_CHARS for item in items):
                texts = [text for item in items if (text := self.draft.line(item, f"{self.at}/{name}"))]
                if texts:
                    self.take(name)
                return list(dict.fromkeys(texts))
        return []

    def matching(self, form: re.Pattern[str], *names: str) -> str:
        """Take the first of these properties whose text has this form, in capital letters; "" when none
        has.
        """
        for name in names:
            value = self.get(name)
            if isinstance(value, str) and form.fullmatch(value.strip().upper()):
                self.take(name)
                return value.strip().upper()
        return ""

    def country(self, *names: str) -> str:
        """Take a two-letter country code; "" when there is none."""
        return self.matching(_COUNTRY, *names)

    def number(self, name: str, least: float, most: float) -> float | None:
        """Give a number within bounds, without taking it."""
        value = self.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            return value
        return None


def own_extension(one: Taking) -> dict[str, Any] | None:
    """Give what an export of ours wrote into our extension of an object, or None."""
    extensions = one.reads("own").get("extensions")
    own = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    return own if isinstance(own, dict) else None


def own_part(one: Taking, name: str) -> dict[str, Any] | None:
    """Give the subject or area that an export of ours wrote whole into our extension, or None."""
    part = (own_extension(one) or {}).get(name)
    return dict(part) if isinstance(part, dict) else None


def take_again(one: Taking, native: dict[str, Any]) -> None:
    """Take the properties that only say again what our extension says: those that are as in `native`, and the
    extension itself.
    """
    own = one.reads("own")
    own.take(*(name for name, value in native.items() if own.get(name) == value))
    if set(own.get("extensions") or ()) == {EXTENSION}:
        own.take("extensions")
