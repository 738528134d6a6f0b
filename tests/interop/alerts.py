"""CAP alerts for tests, written as text so that a test can say anything, right or wrong."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from broker.interop.cap import read_cap
from broker.interop.imported import ImportDefaults, Imported, Refused
from broker.protocol import limits, times

CAP = "urn:oasis:names:tc:emergency:cap:1.2"
NOW = times.parse("2026-03-01T12:00:00+05:00")
ORIGINATOR = "pk.fia"
TOLD = ImportDefaults(category="other", expires_at=NOW + limits.DAY_US)
SENDER, IDENTIFIER, SENT = "desk@fia.example.pk", "FIA-1", "2026-03-01T11:00:00+05:00"


def element(name: str, content: str | None) -> str:
    return "" if content is None else f"<{name}>{escape(content)}</{name}>"


def pair(name: str, value_name: str, value: str) -> str:
    return f"<{name}>{element('valueName', value_name)}{element('value', value)}</{name}>"


def area(desc: str | None = "Torkham", *more: str) -> str:
    return f"<area>{element('areaDesc', desc)}{''.join(more)}</area>"


def info(*more: str, **changed: str | None) -> str:
    """An info with what CAP requires; `changed` replaces an element's text or, with None, leaves it out."""
    said: dict[str, str | None] = {
        "language": "en",
        "category": "Security",
        "event": "Smuggling",
        "urgency": "Immediate",
        "severity": "Severe",
        "certainty": "Likely",
        "headline": "A van without plates",
    }
    body = "".join(element(name, text) for name, text in (said | changed).items())
    return f"<info>{body}{''.join(more)}</info>"


def alert(*more: str, namespace: str = CAP, **changed: Any) -> str:
    """An alert with what CAP requires; without `more` it has one info."""
    said: dict[str, str | None] = {
        "identifier": IDENTIFIER,
        "sender": SENDER,
        "sent": SENT,
        "status": "Actual",
        "msgType": "Alert",
        "scope": "Public",
    }
    body = "".join(element(name, text) for name, text in (said | changed).items())
    return f'<alert xmlns="{namespace}">{body}{"".join(more or (info(),))}</alert>'


def read(source: str | bytes, defaults: ImportDefaults = TOLD) -> list[Imported | Refused]:
    raw = source.encode() if isinstance(source, str) else source
    return read_cap(raw, originator=ORIGINATOR, defaults=defaults, now=NOW)


def imported(source: str | bytes, defaults: ImportDefaults = TOLD) -> Imported:
    (one,) = read(source, defaults)
    assert isinstance(one, Imported), one
    return one


def refused(source: str | bytes, defaults: ImportDefaults = TOLD) -> Refused:
    (one,) = read(source, defaults)
    assert isinstance(one, Refused), one
    return one


def document(source: str | bytes, defaults: ImportDefaults = TOLD) -> dict[str, Any]:
    return imported(source, defaults).document


def kept(source: str | bytes, key: str, defaults: ImportDefaults = TOLD) -> list[str]:
    """The values of the correlations `key`."""
    return [one["value"] for one in document(source, defaults).get("correlations", ()) if one["key"] == key]
