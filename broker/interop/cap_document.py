"""XML from outside, read without giving it any power, and the CAP alerts in it.

Liberal about the wrapping: one alert, any element around one or many (a feed, an envelope), alerts behind one
another, alerts as escaped text in an Atom entry. Strict about XML:

- no DTD, hence no entities: a document type declaration is refused before the parser sees it (billion laughs,
  external entities: CWE-776, CWE-611);
- no XInclude, no schema locations followed, no network; processing instructions are ignored;
- the encoding is decoded here, strictly, from a list: the parser is only ever given UTF-8;
- size, depth (256 elements) and text (10 MB, libxml2's own) are bounded.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from broker.errors import Malformed, TooLarge, shorten
from broker.interop.imported import IMPORT_SOURCE_BYTES, Refused

CAP_NAMESPACES: Final = {
    "urn:oasis:names:tc:emergency:cap:1.2": "1.2",
    "urn:oasis:names:tc:emergency:cap:1.1": "1.1",
    "urn:oasis:names:tc:emergency:cap:1.0": "1.0",
    "http://www.incident.com/cap/1.0": "1.0",
}
"""Versions 1.0 and 1.1 differ from 1.2 in what they lack, and in how 1.0 writes pairs."""
_ATOM: Final = "{http://www.w3.org/2005/Atom}"
_ENTRIES: Final = frozenset({_ATOM + "entry", "item", "{http://purl.org/rss/1.0/}item"})
"""What a feed lists: of Atom, RSS 2.0 and RSS 1.0."""
_ALERT_TAG: Final = re.compile(r"<(?:[\w.-]+:)?alert[\s>]")
_CAP_MEDIA_TYPE: Final = "application/cap+xml"
_WORDS_ONLY: Final = "the entry holds no alert, only words about one: fetch {} and post that"
_XINCLUDE: Final = "{http://www.w3.org/2001/XInclude}"

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ENCODINGS: Final = frozenset(
    {"utf-8", "us-ascii", "windows-874", "koi8-r", "gb2312", "gbk", "gb18030", "big5"}
    | {"shift_jis", "euc-jp", "euc-kr"}
    | {f"iso-8859-{n}" for n in (1, 2, 5, 6, 7, 8, 9, 13, 15)}
    | {f"windows-{n}" for n in range(1250, 1259)}
)
_WINDOWS_LATIN: Final = frozenset({"iso-8859-1", "us-ascii"})
"""With bytes from 80 to 9F these are windows-1252 (WHATWG Encoding): nobody writes controls there, but
quotation marks and dashes.
"""
_C1: Final = re.compile(rb"[\x80-\x9f]")
_DECLARATION: Final = re.compile(r"\A\s*<\?xml\s[^?]{0,200}\?>")
_ENCODING: Final = re.compile(rb"""^\s*<\?xml[^?]{0,200}?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_BEFORE_ROOT: Final = re.compile(r"\s+|<!--.*?-->|<\?.*?\?>", re.DOTALL)
_NEXT_DOCUMENT: Final = re.compile(r"(?<=>)(?=\s*<\?xml\s)|(?<=</alert>)|(?<=:alert>)(?=\s*<(?!/))")


@dataclass(frozen=True, slots=True)
class Found:
    """An alert, and its bytes: those of the source where it is the whole of it, else its part written
    anew.
    """

    element: etree._Element
    version: str
    source: bytes


def find_alerts(source: bytes) -> list[Found | Refused]:
    """Give each alert of an XML document, in order, and what stands in an alert's place without being one.

    Raises TooLarge above IMPORT_SOURCE_BYTES, and Malformed for what is not XML, has a DTD, or has no alert
    in it.
    """
    if len(source) > IMPORT_SOURCE_BYTES:
        raise TooLarge(f"the file has {len(source)} bytes: at most {IMPORT_SOURCE_BYTES} are read")
    text = _decode(source)
    try:
        found = list(_alerts_in(_parse(text), source))
    except Malformed:
        found = _one_by_one(text)
        if not found:
            raise
    if not found:
        raise Malformed("no CAP alert was found: alerts are {urn:oasis:names:tc:emergency:cap:1.2}alert")
    return found


def _one_by_one(text: str) -> list[Found | Refused]:
    """Read documents that stand behind one another; [] when there is only one. A bad one harms no other."""
    parts = [part for part in _NEXT_DOCUMENT.split(text) if part.strip()]
    if len(parts) < 2 or not all(_opens_with_alert(part) for part in parts):
        return []
    found: list[Found | Refused] = []
    for n, part in enumerate(parts, 1):
        try:
            found += _alerts_in(_parse(part), _DECLARATION.sub("", part, count=1).strip().encode())
        except Malformed as why:
            found.append(Refused(f"document {n}", why.detail))
    return found


def _opens_with_alert(text: str) -> bool:
    at = _root_at(text)
    return re.match(r"<(?:[\w.-]+:)?alert[\s>/]", text[at : at + 100]) is not None or text.startswith(
        "<!", at
    )


def _alerts_in(root: etree._Element, source: bytes) -> Iterator[Found | Refused]:
    pending = [root]
    while pending:
        element = pending.pop()
        if not isinstance(element.tag, str):
            continue
        name = etree.QName(element)
        if name.localname == "alert" and (version := CAP_NAMESPACES.get(name.namespace or "")):
            whole = source if element is root else etree.tostring(element, encoding="utf-8", with_tail=False)
            yield Found(element, version, whole)
        elif name.localname == "alert" and (name.namespace is None or ":cap:" in name.namespace):
            where = f"namespace {shorten(name.namespace)}" if name.namespace else "no namespace"
            yield Refused(
                f"alert in {where}", f"an alert of CAP 1.2, 1.1 or 1.0 was expected: this one is in {where}"
            )
        elif element.tag in _ENTRIES:
            yield from _alerts_of_entry(element)
        else:
            pending += reversed(element)


def _alerts_of_entry(entry: etree._Element) -> Iterator[Found | Refused]:
    """Give the alerts in an entry of a feed, as elements or as escaped text; else what to do about it."""
    label = next((text for name in ("id", "guid", "title") if (text := _said(entry, name))), "")
    label = label or "an entry of the feed"
    found: list[Found | Refused] = []
    for child in entry:
        escaped = (child.text or "").strip() if isinstance(child.tag, str) and len(child) == 0 else ""
        if not escaped.startswith("<") or _ALERT_TAG.search(escaped) is None:
            found += _alerts_in(child, b"")
            continue
        try:
            found += _alerts_in(_parse(escaped), _DECLARATION.sub("", escaped, count=1).strip().encode())
        except Malformed as why:
            found.append(Refused(label, f"the alert in the entry is no XML: {why.detail}"))
    if found or entry.tag == _ATOM + "entry" or _said(entry, "title") or _link_of(entry):
        found = found or [Refused(label, _WORDS_ONLY.format(_link_of(entry) or "the alert that it is about"))]
    yield from found


def _said(entry: etree._Element, name: str) -> str:
    """Give the text of a child of an entry, in the entry's own namespace."""
    namespace = etree.QName(entry).namespace
    return str(entry.findtext(f"{{{namespace}}}{name}" if namespace else name) or "").strip()


def _link_of(entry: etree._Element) -> str:
    links = [link for link in entry.findall(_ATOM + "link") if link.get("href")]
    links.sort(key=lambda link: link.get("type") != _CAP_MEDIA_TYPE)  # the alert itself first, if one is it
    found = links[0].get("href") if links else _said(entry, "link")
    return shorten(found) if found else ""


def _decode(source: bytes) -> str:
    """Give the text of the document: by its byte order mark, else by its declaration, else UTF-8."""
    if marked := next((pair for pair in _BOMS if source.startswith(pair[0])), None):
        mark, encoding = marked
        source = source.removeprefix(mark)
    else:
        if source[:2] in (b"<\0", b"\0<"):
            encoding = "utf-16-le" if source[0] else "utf-16-be"
        else:
            declared = _ENCODING.match(source[:300])
            encoding = declared[1].decode().lower() if declared else "utf-8"
            encoding = {"utf8": "utf-8", "ascii": "us-ascii", "utf-16": "utf-8"}.get(encoding, encoding)
            if encoding not in _ENCODINGS:
                raise Malformed(
                    f"the document is encoded in {shorten(encoding)}, which is not read: use UTF-8"
                )
    try:
        if encoding in _WINDOWS_LATIN and _C1.search(source):
            encoding = "windows-1252"
        return source.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        raise Malformed(f"the document says that it is {encoding}, and is not") from None


def _root_at(text: str) -> int:
    """Give where the first thing stands that is neither space, comment nor processing instruction."""
    at = 0
    while found := _BEFORE_ROOT.match(text, at):
        at = found.end()
    return at


def _parse(text: str) -> etree._Element:
    if text.startswith("<!DOCTYPE", _root_at(text)):
        raise Malformed("the document has a DTD (<!DOCTYPE …>), which could define entities: remove it")
    parser = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(_DECLARATION.sub("", text, count=1).strip().encode(), parser)
    except etree.XMLSyntaxError as why:
        if "depth" in (why.msg or ""):
            raise Malformed("the document is nested too deep: at most 256 elements") from None
        raise Malformed(f"not well-formed XML: {shorten(why.msg or 'no document')}") from None
    except UnicodeEncodeError:
        raise Malformed("not well-formed XML: a surrogate stands alone") from None
    if next(root.iter(_XINCLUDE + "*"), None) is not None:
        raise Malformed("the document includes others (XInclude), which is not followed: remove it")
    return root
