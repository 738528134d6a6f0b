"""Vectors of answers: receipt and its header, acknowledgement, subscription."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from broker.protocol import dsse
from broker.protocol.answers import ACKNOWLEDGEMENT_TYPE, RECEIPT_TYPE, SUBSCRIPTION_TYPE
from broker.protocol.digests import statement_digest
from broker.protocol.encoding import pack
from broker.protocol.sealing import BY_BROKER, Content, ReceiptHeader, seal
from tests.exchange_fixtures import (
    BROKER,
    FIA,
    MOI,
    fixed,
    sign_acknowledgement,
    sign_receipt,
    sign_subscription,
)
from tests.vectors.vector import Refusal, Vector
from tests.vectors.world import EXCHANGE, SEALED, SEALER, STATEMENT, envelope

SIGNER = EXCHANGE.signing(MOI)
RECEIPT = sign_receipt(
    EXCHANGE,
    MOI,
    STATEMENT,
    SEALED.digest(),
    kind="confirmed",
    note="The van is in our files.",
    actor="Desk 4",
)
HEADER = ReceiptHeader(
    exchange=EXCHANGE.id,
    mode=BY_BROKER,
    sealer=BROKER,
    sealer_kid=SEALER.kid,
    agency=MOI,
    id=json.loads(RECEIPT.payload)["id"],
    stmt=statement_digest(RECEIPT),
    registry_version=1,
)


def vectors() -> list[Vector]:
    """Give them all."""
    return [receipt(), receipt_header(), acknowledgement(), subscription()]


def _inputs(signed: dsse.Envelope) -> dict[str, Any]:
    return {
        "envelope": dsse.to_json(signed),
        "signer": MOI,
        "signer_public": SIGNER.public.hex(),
        "exchange": EXCHANGE.id.hex(),
    }


def receipt() -> Vector:
    """Receipt and receipt id."""
    document = json.loads(RECEIPT.payload)

    def refused(name: str, why: str, error: str, **changes: Any) -> Refusal:
        return Refusal(name, why, error, {"envelope": envelope(document | changes, RECEIPT_TYPE, SIGNER)})

    def derived(**changes: Any) -> dict[str, Any]:
        signed = sign_receipt(EXCHANGE, MOI, STATEMENT, SEALED.digest(), **changes)
        return {"envelope": dsse.to_json(signed)}

    return Vector(
        "receipt",
        "Answers",
        "A signed receipt. Its id is the UUID v5 of stmt, agency, kind and at, as they stand in it, joined by"
        " single spaces, in the namespace f99c8134-8cae-5764-bc31-0c1238685103.",
        "verify a receipt",
        _inputs(RECEIPT),
        [
            refused("id of another kind", "the id follows from the facts", "schema", kind="denied"),
            refused(
                "id of another time",
                "the id follows from the facts, as they are spelled",
                "schema",
                at="2026-03-01T14:30:00+05:00",
            ),
            Refusal("later without until", "who answers later says when", "schema", derived(kind="later")),
            Refusal("unknown kind", "the vocabulary is closed", "schema", derived(kind="seen")),
            Refusal(
                "other agency",
                "the document names another than its signer",
                "author-mismatch",
                derived(agency=FIA),
            ),
            Refusal(
                "other exchange", "made for another exchange", "wrong-exchange", derived(exchange="00" * 32)
            ),
            Refusal(
                "signed as a bulletin",
                "a signature covers the type",
                "bad-signature",
                {"envelope": envelope(document, "application/vnd.harkara.bulletin+json", SIGNER)},
            ),
        ],
        {"signer_seed": SIGNER.seed.hex()},
    )


def receipt_header() -> Vector:
    """Header of a receipt."""
    sealed, _ = seal(HEADER, Content(RECEIPT, None), fixed("vectors receipt entropy"))
    commitment = sealed.header[-32:]

    def refused(name: str, why: str, h0: bytes) -> Refusal:
        return Refusal(name, why, "malformed", {"sealed_header": pack("sealed header", h0, commitment).hex()})

    h0 = HEADER.pack()
    return Vector(
        "receipt-header",
        "Answers",
        'F("harkara/1 receipt header", X, mode, sealer, sealer kid, agency, id, stmt, registry version)'
        ' inside F("harkara/1 sealed header", H0, commitment).',
        "read a sealed header",
        {"sealed_header": sealed.header.hex()},
        [
            refused(
                "label of bulletins",
                "a bulletin's header has ten fields",
                h0.replace(b"\xb8harkara/1 receipt header", b"\xb0harkara/1 header"),
            ),
            refused("short stmt", "stmt has 32 bytes", replace(HEADER, stmt=bytes(31)).pack()),
            refused("unknown mode", "broker or originator", replace(HEADER, mode="agency").pack()),
            refused("version in text", "an integer", h0[:-1] + b"\xa11"),
        ],
    )


def acknowledgement() -> Vector:
    """Acknowledgement."""
    signed = sign_acknowledgement(EXCHANGE, MOI, 4, fixed("vectors chain"))
    document = json.loads(signed.payload)

    def refused(name: str, why: str, error: str, **changes: Any) -> Refusal:
        return Refusal(
            name, why, error, {"envelope": envelope(document | changes, ACKNOWLEDGEMENT_TYPE, SIGNER)}
        )

    return Vector(
        "acknowledgement",
        "Answers",
        "An agency's signed word that it holds everything up to a number, and the chain there.",
        "verify an acknowledgement",
        _inputs(signed),
        [
            refused("negative number", "numbers begin with 0", "schema", number=-1),
            refused("number in text", "a number", "schema", number="4"),
            refused("short epoch", "an epoch has 16 bytes", "schema", epoch="00" * 15),
            refused(
                "other agency", "the document names another than its signer", "author-mismatch", agency=FIA
            ),
            refused("other exchange", "made for another exchange", "wrong-exchange", exchange="00" * 32),
        ],
        {"signer_seed": SIGNER.seed.hex()},
    )


def subscription() -> Vector:
    """Subscription."""
    signed = sign_subscription(
        EXCHANGE, MOI, 3, categories=["terrorism", "arms-smuggling"], areas=["PK-IS"], severity="Severe"
    )
    document = json.loads(signed.payload)

    def refused(name: str, why: str, error: str, **changes: Any) -> Refusal:
        return Refusal(
            name, why, error, {"envelope": envelope(document | changes, SUBSCRIPTION_TYPE, SIGNER)}
        )

    return Vector(
        "subscription",
        "Answers",
        "What an agency wants to hear. Its version must grow, and stands in the head.",
        "verify a subscription",
        _inputs(signed),
        [
            refused("version 0", "versions begin with 1", "schema", version=0),
            refused("unknown category", "the vocabulary is closed", "schema", categories=["piracy"]),
            refused("severity Unknown", "no threshold", "schema", severity="Unknown"),
            refused("empty list", "a field that does not narrow is left out", "schema", areas=[]),
            refused(
                "other agency", "the document names another than its signer", "author-mismatch", agency=FIA
            ),
            refused("other exchange", "made for another exchange", "wrong-exchange", exchange="00" * 32),
        ],
        {"signer_seed": SIGNER.seed.hex()},
    )
