"""Everything that is wrong with a document that msgspec has refused, in words.

The same type information that msgspec decides by is walked slowly, and every problem is named: where, what
was expected, what came, how to mend it. The walk decides nothing (`schema_walk`).
"""

from __future__ import annotations

import difflib
import json
import operator
import re
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, Final

import msgspec
import msgspec.inspect as kinds

from broker.errors import Problem, shorten
from broker.protocol import limits
from broker.protocol.rules import Rule
from broker.protocol.strictjson import pointer_to


def explain(value: object, type_: type) -> list[Problem]:
    """Give what is wrong with a decoded JSON value: at most `limits.PROBLEMS_ITEMS`, none when it is good."""
    walk = _Walk()
    try:
        walk.visit(kinds.type_info(type_), value, "", _Words())
    except _EnoughError:
        return walk.found  # the rest would only cost time: a hostile document has a problem every few bytes
    return walk.found


class _EnoughError(Exception):
    """The list is full."""


_WRONG: Final = object()
"""In place of a value that has a problem."""


class _Words:
    """What the types say for people about one place: title, example, how to mend a near miss."""

    def __init__(self, title: str = "", example: object = None, mend: Any = None) -> None:
        self.title, self.example, self.mend = title, example, mend

    def with_metadata(self, meta: kinds.Metadata) -> _Words:
        said, extra = meta.extra_json_schema or {}, meta.extra or {}
        return _Words(
            self.title or said.get("title", ""),
            self.example if self.example is not None else (said.get("examples") or [None])[0],
            self.mend or extra.get("mend"),
        )

    def hint(self, value: object) -> str:
        if isinstance(value, str) and self.mend and (advice := self.mend(value)):
            return advice
        return "" if self.example is None else f"for example {json.dumps(self.example, ensure_ascii=False)}"


class _Walk:
    """One walk through a refused value. `visit` gives what stands there, converted, or `_WRONG`."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def visit(self, kind: kinds.Type, value: Any, at: str, words: _Words) -> Any:
        while isinstance(kind, kinds.Metadata):
            kind, words = kind.type, words.with_metadata(kind)
        match kind:
            case kinds.UnionType():
                return self._union(kind, value, at, words)
            case kinds.StructType():
                return self._struct(kind, value, at, words)
            case kinds.DictType():
                return self._dict(kind, value, at, words)
            case kinds.ListType() | kinds.VarTupleType():
                return self._list(kind, value, at, words)
            case kinds.TupleType():
                return self._tuple(kind, value, at, words)
            case kinds.LiteralType():
                return self._choice(kind.values, value, at, words)
            case kinds.EnumType():
                return self._choice([member.value for member in kind.cls], value, at, words)
            case kinds.StrType():
                return self._string(kind, value, at, words)
            case kinds.IntType() | kinds.FloatType():
                return self._number(kind, value, at, words)
            case kinds.BoolType():
                return value if type(value) is bool else self._wrong(at, "true or false", value, words)
            case _:
                return value

    def _say(self, problem: Problem) -> None:
        if problem not in self.found:
            self.found.append(problem)
        if len(self.found) >= limits.PROBLEMS_ITEMS:
            raise _EnoughError

    def _wrong(self, at: str, expected: str, value: Any, words: _Words, hint: str | None = None) -> Any:
        self._say(Problem(at, expected, describe(value), words.hint(value) if hint is None else hint))
        return _WRONG

    def _string(self, kind: kinds.StrType, value: Any, at: str, words: _Words) -> Any:
        if type(value) is not str:
            return self._wrong(at, words.title or "text", value, words)
        if kind.max_length is not None and len(value) > kind.max_length:
            longest = f"at most {kind.max_length} characters"
            self._say(Problem(at, longest, f"{len(value)} characters", words.hint("")))
        elif kind.min_length is not None and len(value) < kind.min_length:
            return self._wrong(at, words.title or f"at least {kind.min_length} characters", value, words)
        elif kind.pattern is not None and re.search(kind.pattern, value) is None:
            return self._wrong(at, words.title or f"text of the form {kind.pattern}", value, words)
        else:
            return value
        return _WRONG

    def _number(self, kind: kinds.IntType | kinds.FloatType, value: Any, at: str, words: _Words) -> Any:
        whole = isinstance(kind, kinds.IntType)
        if type(value) is not int and (whole or type(value) is not float):
            return self._wrong(at, words.title or ("a whole number" if whole else "a number"), value, words)
        for bound, say, holds in (
            (kind.ge, "at least", operator.ge),
            (kind.gt, "more than", operator.gt),
            (kind.le, "at most", operator.le),
            (kind.lt, "less than", operator.lt),
        ):
            if bound is not None and not holds(value, bound):
                title = f"{words.title}, " if words.title else ""
                return self._wrong(at, f"{title}{say} {bound}", value, words)
        return value if whole else float(value)

    def _choice(self, choices: Iterable[Any], value: Any, at: str, words: _Words) -> Any:
        terms = list(choices)
        if any(type(value) is type(term) and value == term for term in terms):
            return value
        expected = f"one of {', '.join(map(str, terms))}"
        return self._wrong(
            at, expected, value, words, _nearest(value, [t for t in terms if isinstance(t, str)])
        )

    def _union(self, kind: kinds.UnionType, value: Any, at: str, words: _Words) -> Any:
        if value is None and kind.includes_none:
            return None
        members = [member for member in kind.types if not isinstance(member, kinds.NoneType)]
        if len(members) == 1:
            return self.visit(members[0], value, at, words)
        tagged = {member.tag: member for member in members if isinstance(member, kinds.StructType)}
        if len(tagged) != len(members):
            return value  # no document has a union of other kinds
        name = next(iter(tagged.values())).tag_field or "type"
        if type(value) is not dict:
            return self._wrong(at, words.title or f"an object with {name}", value, words)
        if name not in value:
            self._say(Problem(pointer_to(at, name), f"one of {', '.join(map(str, tagged))}", "nothing"))
            return _WRONG
        if self._choice(tagged, value[name], pointer_to(at, name), _Words()) is _WRONG:
            return _WRONG
        return self.visit(tagged[value[name]], value, at, words)

    def _sized(self, kind: Any, value: Any, at: str, what: str) -> bool:
        if kind.max_length is not None and len(value) > kind.max_length:
            self._say(Problem(at, f"at most {kind.max_length} {what}", f"{len(value)}"))
        elif kind.min_length is not None and len(value) < kind.min_length:
            hint = "" if value else "leave the field out"
            self._say(Problem(at, f"at least {kind.min_length} {what}", f"{len(value)}", hint))
        else:
            return True
        return False

    def _list(self, kind: kinds.CollectionType, value: Any, at: str, words: _Words) -> Any:
        if type(value) is not list:
            return self._wrong(at, words.title or "a list", value, words)
        good = self._sized(kind, value, at, "items")
        members = tuple(
            self.visit(kind.item_type, it, pointer_to(at, n), _Words()) for n, it in enumerate(value)
        )
        return members if good and _WRONG not in members else _WRONG

    def _tuple(self, kind: kinds.TupleType, value: Any, at: str, words: _Words) -> Any:
        if type(value) is not list or len(value) != len(kind.item_types):
            return self._wrong(at, words.title or f"a list of {len(kind.item_types)}", value, words)
        pairs = enumerate(zip(kind.item_types, value, strict=True))
        members = tuple(self.visit(member, it, pointer_to(at, n), _Words()) for n, (member, it) in pairs)
        return members if _WRONG not in members else _WRONG

    def _dict(self, kind: kinds.DictType, value: Any, at: str, words: _Words) -> Any:
        if type(value) is not dict:
            return self._wrong(at, words.title or "an object", value, words)
        good = self._sized(kind, value, at, "members")
        for name, member in value.items():
            here = pointer_to(at, name)
            good &= self.visit(kind.key_type, name, here, _Words()) is not _WRONG
            good &= self.visit(kind.value_type, member, here, _Words()) is not _WRONG
        return value if good else _WRONG

    def _struct(self, kind: kinds.StructType, value: Any, at: str, words: _Words) -> Any:
        if type(value) is not dict:
            return self._wrong(at, words.title or "an object", value, words)
        before = len(self.found)
        names = {field.encode_name: field for field in kind.fields}
        for name in value:
            if name not in names and name != kind.tag_field and kind.forbid_unknown_fields:
                self._unknown(name, value, list(names), at)
        view: dict[str, Any] = {}
        for name, field in names.items():
            if name in value:
                view[field.name] = self.visit(field.type, value[name], pointer_to(at, name), _Words())
            elif field.required:
                view[field.name] = self._missing(field, pointer_to(at, name))
            else:
                view[field.name] = None if field.default is msgspec.NODEFAULT else field.default
        if kind.tag_field in value and value[kind.tag_field] != kind.tag:
            self._choice([kind.tag], value[kind.tag_field], pointer_to(at, str(kind.tag_field)), _Words())
        self._keep_rules(getattr(kind.cls, "RULES", ()), view, at)
        return kind.cls(**view) if len(self.found) == before else _WRONG

    def _unknown(self, name: str, value: Mapping[str, Any], names: list[str], at: str) -> None:
        hint = _nearest(name, [other for other in names if other not in value])
        self._say(Problem(pointer_to(at, name), "no field of this name", describe(value[name]), hint))

    def _missing(self, field: kinds.Field, at: str) -> Any:
        words, kind = _Words(), field.type
        while isinstance(kind, kinds.Metadata):
            kind, words = kind.type, words.with_metadata(kind)
        expected = words.title
        if isinstance(kind, kinds.LiteralType):
            expected = f"one of {', '.join(map(str, kind.values))}"
        self._say(Problem(at, expected or f"the field {field.encode_name}", "nothing", words.hint(None)))
        return _WRONG

    def _keep_rules(self, rules: Iterable[Rule], view: dict[str, Any], at: str) -> None:
        record = SimpleNamespace(**view)
        for rule in rules:
            if all(view[name] is not _WRONG for name in rule.reads):
                for broken in rule.check(record):
                    self._say(Problem(at + broken.pointer, broken.expected, broken.got, broken.hint))


def describe(value: object) -> str:
    """Give a refused JSON value in a few words."""
    match value:
        case dict():
            return "an object"
        case list():
            return f"a list of {len(value)}"
        case str():
            return shorten(value) or "empty text"
        case _:
            return shorten(json.dumps(value))


def _nearest(value: object, terms: list[str]) -> str:
    if not isinstance(value, str) or len(value) > limits.CODE_CHARS:
        return ""
    by_case = {term.casefold(): term for term in terms}
    found = difflib.get_close_matches(value.casefold(), by_case, n=1, cutoff=0.6)
    return f"did you mean {by_case[found[0]]}?" if found else ""
