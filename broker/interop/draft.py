"""A bulletin in the making: fields, what is kept beside them, and what there is to say about it.

Shared by all imports. Every text of a source passes through `line`, `prose` or `keep`, which mend it, bound
it and say so; what is cut is kept whole in `rest`, which becomes an attachment (`bounds`). Characters that
had to go are told once for the whole document, with the places where they stood.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from broker.errors import Problem, shorten
from broker.interop.layout import paragraphs
from broker.interop.wording import Loss, cut, mend, one_line
from broker.protocol import limits

_LOSSES: Final[dict[Loss, str]] = {
    "override": (
        "BEWARE, read this one again: {}, which shows text in another order than it is written, "
        "was taken out of {}"
    ),
    "direction": "took out {}, which turn the direction of text (each text is shown in its own), from {}",
    "hidden": "took out {}, which no reader sees, from {}",
    "unknown": "put U+FFFD for {}, which stand for no known letter, in {}",
}
"""What is said of characters that had to go: which, and where they stood."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to attach."""

    name: str
    media_type: str
    content: bytes


@dataclass(slots=True)
class Draft:
    """What an import has made so far of one source.

    `system` names whose the correlations are (`cap`, `stix`); `changed` says that the fields no longer hold
    all that the source says, so that its `original` should travel along. `files` go along while there is
    room, `needed` ones always.
    """

    system: str
    fields: dict[str, Any] = field(default_factory=dict)
    correlations: dict[tuple[str, str], None] = field(default_factory=dict)
    rest: list[tuple[str, str]] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    needed: list[File] = field(default_factory=list)
    original: File | None = None
    changed: bool = False
    announced: dict[str, None] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    lost: dict[Loss, tuple[dict[str, None], dict[str, None]]] = field(default_factory=dict)

    def say(self, sentence: str) -> None:
        """Announce something, once."""
        self.announced[sentence] = None

    def refuse(self, at: str, expected: str, got: object, hint: str = "") -> None:
        """Note why the source cannot be imported; the import goes on, to find everything that is wrong."""
        problem = Problem(at, expected, shorten(got), hint)
        if problem not in self.problems:
            self.problems.append(problem)

    def line(self, raw: str, at: str, most: int = limits.LINE_CHARS, key: str = "") -> str:
        """Give `raw`, which stands at `at`, as one line of at most `most` characters; "" when it is blank.

        A longer one is cut, and kept whole as correlation `key`.
        """
        whole = one_line(self._mended(raw, at))
        if len(whole) > most:
            self.say(f"{at}: cut to {most} of {len(whole)} characters, kept whole as {key or at}")
            self.keep(key or at, whole, at)
        return cut(whole, most)

    def prose(self, raw: str, at: str, most: int = limits.PROSE_CHARS) -> str:
        """Give `raw`, which stands at `at`, as text of at most `most` characters; "" when it is blank.

        A longer one is cut, and the whole is left in `rest`.
        """
        whole = paragraphs(self._mended(raw, at))
        if len(whole) > most:
            self.say(f"{at}: cut to {most} of {len(whole)} characters, whole in the attachment")
            self.rest.append((at, whole))
        return cut(whole, most)

    def keep(self, key: str, raw: str, at: str) -> None:
        """Keep `raw`, which stands at `at` and has no field, as correlation `key`. A blank one is nothing."""
        value = paragraphs(self._mended(raw, at))
        if not value:
            return
        if len(key) > limits.LINE_CHARS:
            self.rest.append((key, value))
        name = cut(one_line(self._mended(key, at)), limits.LINE_CHARS)
        if len(value) > limits.NOTE_CHARS:
            self.say(f"{at}: cut to {limits.NOTE_CHARS} of {len(value)} characters, whole in the attachment")
            self.rest.append((name, value))
        self.correlations[name, cut(value, limits.NOTE_CHARS)] = None

    def _mended(self, raw: str, at: str) -> str:
        mended = mend(raw)
        for character, loss in mended.lost:
            characters, places = self.lost.setdefault(loss, ({}, {}))
            characters[f"U+{ord(character):04X}"] = None
            places[at] = None
            self.changed = True
        return mended.text

    def losses(self) -> tuple[list[str], list[str]]:
        """Give sentences on the characters that had to go, once for the document: alarms, then others."""
        alarms: list[str] = []
        others: list[str] = []
        for loss, (characters, places) in self.lost.items():
            said = _LOSSES[loss].format(", ".join(characters), ", ".join(places))
            (alarms if loss == "override" else others).append(said)
        return alarms, others
