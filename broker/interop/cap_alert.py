"""An alert's XML as plain values, by the table: what is there, and everything that is wrong with its form.

A blank element is an absent one: many programs write all of CAP's elements and leave empty what they do not
know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from broker.interop.cap_table import Row, rows_of
from broker.interop.draft import Draft
from broker.interop.markup import without_markup

SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}Signature"


@dataclass(slots=True)
class Part:
    """An `alert`, `info`, `resource` or `area`: where it stands (`/alert/info[2]`) and what stands in it, by
    name.
    """

    at: str
    number: int
    texts: dict[str, list[str]] = field(default_factory=dict)
    pairs: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    parts: dict[str, list[Part]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Give the text of the one element `name`, without space at its ends; "" when it is absent."""
        return next(iter(self.texts.get(name, ())), "")

    def where(self, name: str) -> str:
        """Give where the element `name` of this part stands."""
        return f"{self.at}/{name}"

    @property
    def infos(self) -> list[Part]:
        """The `info` parts of an alert."""
        return self.parts.get("info", [])


def read_part(element: etree._Element, draft: Draft, at: str = "/alert", number: int = 1) -> Part:
    """Give an alert, or a part of one, and note in `draft` what is missing, doubled or unknown."""
    part = Part(at, number)
    rows = rows_of(etree.QName(element).localname)
    for child in _elements(element):
        name = etree.QName(child)
        row = rows.get(name.localname) if name.namespace == etree.QName(element).namespace else None
        if row is not None:
            _take(part, row, child, draft)
        elif name.localname == "password":
            draft.say(f"{part.where('password')}: left out, it is not for others (CAP 1.0 had one)")
        elif child.tag != SIGNATURE:
            _keep_unknown(part, child, draft)
    for row in rows.values():
        if row.required and not part.text(row.name):
            draft.refuse(part.where(row.name), f"the element {row.name}, which CAP requires", "nothing")
    return part


def _take(part: Part, row: Row, child: etree._Element, draft: Draft) -> None:
    match row.form:
        case "part":
            there = part.parts.setdefault(row.name, [])
            number = len(there) + 1
            there.append(read_part(child, draft, f"{part.where(row.name)}[{number}]", number))
        case "pair":
            pair = _pair(child)
            if pair[1]:
                part.pairs.setdefault(row.name, []).append(pair)
            elif pair[0]:
                draft.say(f"{part.where(row.name)}: {pair[0]} has no value and is left out")
        case "text":
            text = _text(child)
            if next(_elements(child), None) is not None:
                text = without_markup(_inner(child)).strip()
                draft.say(f"{part.where(row.name)}: read as text, without the elements in it")
                draft.changed = True
            there = part.texts.setdefault(row.name, [])
            if text and there and not row.many:
                draft.refuse(part.where(row.name), f"one {row.name}", "several", "which of them is meant?")
            if text:
                there.append(text)


def _keep_unknown(part: Part, child: etree._Element, draft: Draft) -> None:
    name = etree.QName(child).localname
    draft.say(f"{part.where(name)}: not an element of CAP there, kept as text")
    draft.keep(f"unknown:{name}", _text(child), part.where(name))
    draft.changed = True


def _pair(element: etree._Element) -> tuple[str, str]:
    """Give valueName and value; CAP 1.0 writes them as one text, `name=value`."""
    named = {etree.QName(child).localname: _text(child) for child in _elements(element)}
    if not named:
        name, _, value = _text(element).partition("=")
        return (name.strip(), value.strip()) if value else ("", name.strip())
    return named.get("valueName", ""), named.get("value", "")


def _elements(element: etree._Element) -> Iterator[etree._Element]:
    return (child for child in element if isinstance(child.tag, str))


def _inner(element: etree._Element) -> str:
    """Give the text in an element with the tags of the elements in it, which may be HTML's."""
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str):
            name = etree.QName(child).localname
            parts.append(f"<{name}>{_inner(child)}</{name}>")
        parts.append(child.tail or "")
    return "".join(parts)


def _text(element: etree._Element) -> str:
    """Give the text in an element: that of comments and instructions in it is not text."""
    if len(element) == 0:
        return (element.text or "").strip()
    return str(element.xpath("string()")).strip()
