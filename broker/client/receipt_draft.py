"""From an answer of an agency to a signed receipt. Pure: the time is handed in.

The id of a receipt is derived from its facts, so that a repeat of the same bytes is the same receipt.
Source: schemas/protocol.md, "Answers".
"""

from __future__ import annotations

from typing import Any

import msgspec

from broker.client.drafting import Author
from broker.client.items import ReceivedBulletin
from broker.protocol import dsse, times
from broker.protocol.answers import RECEIPT_TYPE, Receipt, ReceiptKind, answer_json, receipt_id
from broker.protocol.keys import SigningKey
from broker.protocol.schema_walk import read_object
from broker.protocol.text import normalised


def receipt_of(
    about: ReceivedBulletin,
    kind: ReceiptKind,
    author: Author,
    *,
    now: int,
    note: str | None,
    until: str | None,
    actor: str | None,
) -> Receipt:
    """Give a receipt for a bulletin, at `now` (µs). Raises `SchemaError` with all its problems."""
    stmt, at = about.stamp.stmt.hex(), times.format(now)
    said = {"note": note, "until": until, "actor": actor}
    fields: dict[str, Any] = {
        "exchange": author.exchange.hex(),
        "registry": author.registry_version,
        "id": receipt_id(stmt, author.agency, kind, at),
        "agency": author.agency,
        "originator": about.originator,
        "bulletin": about.id,
        "stmt": stmt,
        "sealed": about.stamp.sealed.hex(),
        "kind": kind,
        "at": at,
    } | {name: normalised(value) for name, value in said.items() if value is not None}
    return read_object(fields, Receipt)


def sign(receipt: Receipt, key: SigningKey) -> tuple[dsse.Envelope, bytes]:
    """Sign a receipt. Gives the statement, and the body that is sent."""
    statement = key.sign(RECEIPT_TYPE, answer_json(receipt))
    return statement, msgspec.json.encode(dsse.to_json(statement))
