"""Items of a feed as the client hands them out, made without a broker: for what is only shown."""

from __future__ import annotations

from typing import Any

from broker.client.items import Evidence, ReceivedBulletin, ReceivedReceipt, Unverified
from broker.protocol import dsse
from broker.protocol.answers import Receipt, receipt_id
from broker.protocol.bulletin import Bulletin, read_bulletin_object
from broker.protocol.stamp import Stamp
from broker.protocol.times import parse

TAKEN_AT = parse("2026-03-01T04:30:00Z")
NOWHERE = dsse.Envelope("", b"", ())
EVIDENCE = Evidence(NOWHERE, NOWHERE, b"", b"")
ID = "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64"
STMT = "ab" * 32


def stamp() -> Stamp:
    return Stamp(bytes(32), bytes(32), "pk.fia", ID, bytes.fromhex(STMT), bytes(32), TAKEN_AT, 2)


def bulletin(**fields: Any) -> Bulletin:
    least = {
        "id": ID,
        "originator": "pk.fia",
        "exchange": "cd" * 32,
        "registry": 2,
        "status": "Actual",
        "type": "Alert",
        "category": "human-smuggling",
        "sent": "2026-03-01T09:30:00+05:00",
        "expires": "2026-03-08T09:30:00+05:00",
        "marking": "TLP:AMBER",
        "urgency": "Expected",
        "severity": "Severe",
        "certainty": "Likely",
        "text": {"en": {"headline": "Boat expected off Gwadar"}},
    }
    given = {name: value for name, value in (least | fields).items() if value is not None}
    return read_bulletin_object(given)


def received(number: int = 42, *, redelivered: bool = False, **fields: Any) -> ReceivedBulletin:
    return ReceivedBulletin(number, bulletin(**fields), stamp(), EVIDENCE, redelivered)


def receipt(**fields: Any) -> ReceivedReceipt:
    at, kind = "2026-03-01T05:00:00Z", fields.get("kind", "opened")
    document = Receipt(
        **{
            "exchange": "cd" * 32,
            "registry": 2,
            "id": receipt_id(STMT, "pk.anf", kind, at),
            "agency": "pk.anf",
            "originator": "pk.fia",
            "bulletin": ID,
            "stmt": STMT,
            "sealed": "ef" * 32,
            "kind": kind,
            "at": at,
            **fields,
        }
    )
    return ReceivedReceipt(43, document, stamp(), EVIDENCE)


def unverified(reason: str = "the signature does not verify") -> Unverified:
    return Unverified(44, "bulletin", "bad-signature", reason)
