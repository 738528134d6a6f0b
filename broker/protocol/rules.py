"""What a document must keep beyond the type of each field: rules between fields, held in tables.

A `Record` is a frozen struct that refuses to exist while one of its `RULES` is broken: msgspec builds it only
after every field has its type, and then the rules run. `schema_walk` runs the same rules, one by one, on a
document that was refused, so that all of its problems are named; it skips a rule when a field that it reads
is itself wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from broker.errors import Problem, shorten


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a record.

    `check` is given the record (or what is right of it, with the same attribute names) and yields a problem
    for each breach, its pointer relative to the record. `reads` names the fields that it looks at. `schema`
    is the same rule in JSON Schema, where that can say it.
    """

    reads: tuple[str, ...]
    check: Callable[[Any], Iterable[Problem]]
    schema: dict[str, Any] = field(default_factory=dict)


class RuleError(ValueError):
    """A record breaks a rule. msgspec turns it into its ValidationError."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of every document and of every part of one."""

    RULES: ClassVar[tuple[Rule, ...]] = ()

    def __post_init__(self) -> None:
        for rule in self.RULES:
            for problem in rule.check(self):
                raise RuleError(f"{problem.pointer}: expected {problem.expected}, got {problem.got}")


def one_of(*names: str) -> Rule:
    """Give the rule that at least one of these fields is there."""

    def check(record: Any) -> Iterable[Problem]:
        if not any(getattr(record, name) for name in names):
            yield Problem("", f"at least one of {', '.join(names)}", "none of them")

    return Rule(names, check, {"anyOf": [{"required": [name]} for name in names]})


def together(first: str, second: str) -> Rule:
    """Give the rule that of two fields there are both or none."""

    def check(record: Any) -> Iterable[Problem]:
        there, missing = (first, second) if getattr(record, second) is None else (second, first)
        if getattr(record, there) is not None and getattr(record, missing) is None:
            yield Problem(f"/{missing}", f"{missing}, because there is {there}", "nothing")

    return Rule((first, second), check, {"dependentRequired": {first: [second], second: [first]}})


def readable(name: str, read: Callable[[str], object], expected: str) -> Rule:
    """Give the rule that `read` can read the text in a field: it raises ValueError, in words, for what it
    cannot.
    """

    def check(record: Any) -> Iterable[Problem]:
        if (text := getattr(record, name)) is not None:
            try:
                read(text)
            except ValueError as why:
                yield Problem(f"/{name}", expected, shorten(text), str(why))

    return Rule((name,), check)
