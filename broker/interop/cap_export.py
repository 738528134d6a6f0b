"""CAP 1.2 out: a bulletin becomes an alert that is valid by the schema of CAP, by the same table as the way
in.

What an import kept goes back to where it came from; a kept text that CAP's schema would not take there, or
whose info is no more, goes along as parameter `harkara:kept:<key>`, and comes back as what it was. What CAP
has no element for (`cap_table.OWN_FIELDS`) are parameters `harkara:…`, which an import reads.
Protected persons are withheld.

An alert is Public only when its bulletin is TLP:CLEAR, whatever its source once said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

from broker.interop.cap_alert import Part
from broker.interop.cap_export_areas import area_parts
from broker.interop.cap_export_resources import resource_parts
from broker.interop.cap_export_rest import with_rest
from broker.interop.cap_table import (
    KEPT_PARAMETER,
    OWN_FIELDS,
    REFERENCE,
    rows_of,
    scope_of,
)
from broker.interop.export_kept import Kept
from broker.interop.source_times import read_time
from broker.interop.withheld import withheld
from broker.interop.wording import language_tag
from broker.protocol import times
from broker.protocol.bulletin import Bulletin, TextBlock
from broker.protocol.vocabulary import BULLETIN_TYPES

_INFOS_ITEMS: Final = 64
"""How far infos are looked through for a language."""
_NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
_CAP_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d", re.ASCII)
_WORDS: Final = {
    "category": frozenset(
        [
            "Geo",
            "Met",
            "Safety",
            "Security",
            "Rescue",
            "Fire",
            "Health",
            "Env",
            "Transport",
            "Infra",
            "CBRNE",
            "Other",
        ]
    ),
    "responseType": frozenset(
        ["Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"]
    ),
}
_FORMS: Final[dict[str, Callable[[str], bool]]] = {
    "category": _WORDS["category"].__contains__,
    "responseType": _WORDS["responseType"].__contains__,
    "effective": lambda text: _CAP_TIME.fullmatch(text) is not None and _is_time(text),
    "web": lambda text: (
        re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9._~/?#@!$&'()*+,;=:%-]+", text) is not None
    ),
    "altitude": lambda text: re.fullmatch(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?", text) is not None,
    "size": lambda text: re.fullmatch(r"[0-9]{1,18}", text) is not None,
}
"""Elements that the schema of CAP holds to a form, and whether a kept text has it."""


def to_cap(bulletin: Bulletin) -> bytes:
    """Give the CAP 1.2 document of a bulletin: UTF-8, with declaration, valid by CAP-v1.2.xsd."""
    bulletin = with_rest(bulletin)
    kept = Kept("cap", bulletin.correlations, _FORMS | {"ceiling": _FORMS["altitude"]})
    alert = Part("/alert", 1)
    _fill_alert(alert, bulletin, kept)
    blocks = {} if _is_note_only(bulletin, kept) else dict(bulletin.text or {})
    alert.parts["info"] = [
        _info(number, tag, block, bulletin, kept) for number, (tag, block) in enumerate(blocks.items(), 1)
    ]
    if alert.infos:
        alert.infos[0].parts["resource"] = list(resource_parts(bulletin, kept))
    own = _own_parameters(bulletin, kept)
    own += [(KEPT_PARAMETER + key, value) for key, value in kept.left() if key != "rest"]
    if alert.infos:
        alert.infos[0].pairs["parameter"] += own
    else:
        alert.texts["code"] += [f"{name}={value}" for name, value in own]
    root = etree.Element(f"{{{_NAMESPACE}}}alert", nsmap={None: _NAMESPACE})
    _write(root, alert, "alert")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def cap_time(at: int) -> str:
    """Give CAP's spelling of µs since the epoch: whole seconds, UTC as -00:00 (CAP 1.2, section 3.3.2)."""
    return times.format(at // 1_000_000 * 1_000_000).replace("Z", "-00:00")


def _is_time(text: str) -> bool:
    try:
        read_time(text)
    except ValueError:
        return False
    return True


def _as_cap_time(written: str) -> str:
    return written if _CAP_TIME.fullmatch(written) else cap_time(read_time(written))


def _is_note_only(bulletin: Bulletin, kept: Kept) -> bool:
    """Whether the text is the note of an alert that had no info: then it goes back as the note alone."""
    return set(bulletin.text or {}) == {"und"} and kept.has("note") and not kept.has("event")


def _fill_alert(alert: Part, bulletin: Bulletin, kept: Kept) -> None:
    public = bulletin.marking == "TLP:CLEAR"
    scope = kept.one(
        "scope", "", lambda text: text in ("Restricted", "Private") or (text == "Public" and public)
    )
    scope = scope or ("Public" if public else "Restricted")
    marked = scope == "Public" or bulletin.marking in kept.peek("restriction").upper()
    restriction = kept.one("restriction", "") if marked else bulletin.marking
    said: dict[str, Iterable[str]] = {
        "identifier": [kept.one("identifier", bulletin.id)],
        "sender": [kept.one("sender", bulletin.originator)],
        "sent": [_as_cap_time(_sent(bulletin, kept))],
        "status": [bulletin.status],
        "msgType": [kept.one("msgType", bulletin.type, BULLETIN_TYPES.__contains__)],
        "scope": [scope],
        "restriction": [restriction],
        "code": kept.all("code"),
    }
    said |= {
        name: [kept.one(name, "")] for name in ("source", "addresses", "note", "references", "incidents")
    }
    for name, texts in said.items():
        alert.texts[name] = [text for text in texts if text]


def _info(number: int, tag: str, block: TextBlock, bulletin: Bulletin, kept: Kept) -> Part:
    info = Part(f"/alert/info[{number}]", number)
    source = _source_of(number, tag, kept)
    scope = scope_of("info", source)
    for row in rows_of("info").values():
        if not row.key or row.form == "part":
            continue
        if row.form == "pair":
            own = kept.pairs(scope, row.name)
            first = kept.pairs("", row.name) if scope else []
            info.pairs[row.name] = [*first, *(pair for pair in own if pair not in first)]
        elif row.many:
            first = kept.all(row.key) if scope else []
            info.texts[row.name] = list(dict.fromkeys([*first, *kept.all(scope + row.key)]))
        else:
            info.texts[row.name] = (
                [text] if (text := kept.one(scope + row.key, "") or kept.one(row.key, "")) else []
            )
    info.texts["language"] = [tag]
    info.texts["category"] = info.texts["category"] or ["Security"]
    info.texts["event"] = info.texts["event"] or [bulletin.category.replace("-", " ")]
    for name in ("urgency", "severity", "certainty"):
        info.texts[name] = [getattr(bulletin, name) or "Unknown"]
    for name in ("onset", "expires"):
        info.texts[name] = [_as_cap_time(text)] if (text := getattr(bulletin, name)) else []
    for name in ("headline", "description", "instruction"):
        info.texts[name] = [text] if (text := getattr(block, name)) else []
    if not info.texts["contact"] and (contact := bulletin.contact) is not None:
        info.texts["contact"] = [
            ", ".join(part for part in (contact.desk, contact.phone, contact.hours) if part)
        ]
    info.parts["area"] = area_parts(bulletin.areas, source, kept)
    return info


def _source_of(number: int, tag: str, kept: Kept) -> int:
    """Give which info of the source the block in this language was: an import that put infos together kept
    it.
    """
    for source in range(1, _INFOS_ITEMS):
        key = f"{scope_of('info', source)}language"
        if (raw := kept.peek(key)) and language_tag(raw) == tag:
            kept.one(key, "", lambda text: text == tag)
            return source
    return number


def _sent(bulletin: Bulletin, kept: Kept) -> str:
    """Give when the alert was sent. A kept one that CAP would write otherwise is left over, to go along."""
    exact = kept.one("sent", "", lambda text: _CAP_TIME.fullmatch(text) is not None)
    return exact or kept.peek("sent") or bulletin.issued or bulletin.sent


def _own_parameters(bulletin: Bulletin, kept: Kept) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    document = msgspec.to_builtins(bulletin)
    for own in OWN_FIELDS:
        value = document.get(own.field)
        if value is None or (own is REFERENCE and kept.has("references")):
            continue
        for one in value if own.many else [value]:
            text = one if own.form == "text" else msgspec.json.encode(withheld(one)).decode()
            found.append((own.parameter, text))
    written = bulletin.issued or bulletin.sent
    if not kept.has("sent") and read_time(_as_cap_time(written)) != read_time(written):
        found.append((KEPT_PARAMETER + "sent", written))
    return found


def _write(parent: Any, part: Part, kind: str) -> None:
    """Write the elements of a part in the order of the table, which is that of the schema."""
    for row in rows_of(kind).values():
        for text in part.texts.get(row.name, ()):
            _element(parent, row.name).text = text
        for value_name, value in part.pairs.get(row.name, ()):
            pair = _element(parent, row.name)
            _element(pair, "valueName").text = value_name
            _element(pair, "value").text = value
        for inner in part.parts.get(row.name, ()):
            _write(_element(parent, row.name), inner, row.name)


def _element(parent: Any, name: str) -> Any:
    return etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
