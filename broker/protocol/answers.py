"""What agencies answer: receipts to the originator, acknowledgements and subscriptions to the broker.

Payloads of signed statements (`schemas/protocol.md`, "Answers"). Like a bulletin, one that exists is valid in
itself; who signed it, for which exchange and when is held by `admission`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from broker.errors import Problem
from broker.protocol import limits, schema_walk, times
from broker.protocol.fields import AgencyId, AreaCode, Count, Digest, Id, Line, Note, Time, Version, words
from broker.protocol.rules import Record, Rule, readable
from broker.protocol.vocabulary import Category

RECEIPT_TYPE: Final = "application/vnd.harkara.receipt+json"
ACKNOWLEDGEMENT_TYPE: Final = "application/vnd.harkara.acknowledgement+json"
SUBSCRIPTION_TYPE: Final = "application/vnd.harkara.subscription+json"

ReceiptKind: TypeAlias = Literal["opened", "actioned", "refused", "confirmed", "denied", "later"]
ANSWERS: Final = frozenset({"confirmed", "denied", "later"})
"""Kinds of receipt that answer the `request` of a bulletin."""
LeastSeverity: TypeAlias = Literal["Extreme", "Severe", "Moderate", "Minor"]

_RECEIPTS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:harkara:receipt")
_AT: Final = readable("at", times.parse, "a time")


def receipt_id(stmt: str, agency: str, kind: str, at: str) -> str:
    """Give the id of a receipt: UUID v5 of its facts, so that a repeat of the same answer is the same
    receipt.

    The name is the four fields as they stand in the receipt, joined by single spaces, in the namespace that
    is the v5 of `urn:harkara:receipt` in the namespace of URLs.
    """
    return str(uuid.uuid5(_RECEIPTS, f"{stmt} {agency} {kind} {at}"))


def _own_id(it: Any) -> Iterable[Problem]:
    if it.id != (own := receipt_id(it.stmt, it.agency, it.kind, it.at)):
        yield Problem("/id", f"{own}, the UUID v5 of stmt, agency, kind and at", it.id)


def _until(it: Any) -> Iterable[Problem]:
    if it.kind == "later" and it.until is None:
        yield Problem("/until", "the time of the answer, because the kind is later", "nothing")
    if it.kind != "later" and it.until is not None:
        yield Problem("/until", f"nothing, because the kind is {it.kind}", it.until, "leave the field out")


def _until_after(it: Any) -> Iterable[Problem]:
    if it.until is None:
        return
    try:
        past = times.parse(it.until) <= times.parse(it.at)
    except ValueError:
        return  # said by the rule on that field
    if past:
        yield Problem("/until", f"a time after at, {it.at}", it.until)


class Receipt(Record, frozen=True, kw_only=True):
    """An agency's signed word to the originator of a bulletin."""

    exchange: Annotated[Digest, words("Id of the exchange.")]
    registry: Annotated[Version, words("The registry version that the author knew.")]
    id: Annotated[Id, words("UUID v5 of stmt, agency, kind and at.")]
    agency: Annotated[AgencyId, words("Who says this: the signer.")]
    originator: Annotated[AgencyId, words("Whose bulletin it is about.")]
    bulletin: Annotated[Id, words("The bulletin's id.")]
    stmt: Annotated[Digest, words("Digest of the bulletin's statement.")]
    sealed: Annotated[Digest, words("Digest of the sealed bulletin, as in its stamp.")]
    kind: ReceiptKind
    at: Annotated[Time, words("When it was given.")]
    actor: Annotated[
        Line | None, words("Desk or officer within the agency.", examples=["duty officer 2"])
    ] = None
    note: Note | None = None
    until: Annotated[Time | None, words("By when the answer comes; with `later` only.")] = None

    RULES = (
        _AT,
        readable("until", times.parse, "a time"),
        Rule(("id", "stmt", "agency", "kind", "at"), _own_id),
        Rule(
            ("kind", "until"),
            _until,
            {
                "if": {"properties": {"kind": {"const": "later"}}},
                "then": {"required": ["until"]},
                "else": {"not": {"required": ["until"]}},
            },
        ),
        Rule(("at", "until"), _until_after),
    )


class Acknowledgement(Record, frozen=True, kw_only=True):
    """An agency's signed word to the broker: I have everything up to this number, with this chain."""

    exchange: Annotated[Digest, words("Id of the exchange.")]
    registry: Annotated[Version, words("The registry version that the agency knows.")]
    agency: Annotated[AgencyId, words("Whose inbox: the signer.")]
    epoch: Annotated[
        str,
        Meta(
            title="16 bytes in lower-case hex",
            pattern=r"^[0-9a-f]{32}\Z",
            examples=["9f86d081884c7d659a2feaa0c55ad015"],
        ),
        words("Epoch of the store, from the registry."),
    ]
    number: Annotated[Count, words("Everything up to this number of the inbox is held.")]
    chain: Annotated[Digest, words("Chain of the inbox at that number.")]
    at: Annotated[Time, words("When it was given.")]

    RULES = (_AT,)


class Subscription(Record, frozen=True, kw_only=True):
    """What an agency wants to hear. What it leaves out does not narrow: without any field it hears
    everything.
    """

    exchange: Annotated[Digest, words("Id of the exchange.")]
    registry: Annotated[Version, words("The registry version that the agency knows.")]
    agency: Annotated[AgencyId, words("Who subscribes: the signer.")]
    version: Annotated[Version, words("Grows with each subscription of the agency.")]
    at: Annotated[Time, words("When it was made.")]
    categories: Annotated[
        tuple[Category, ...],
        Meta(min_length=1, max_length=limits.CATEGORIES_ITEMS),
        words("Only these categories."),
    ] = ()
    areas: Annotated[
        tuple[AreaCode, ...],
        Meta(min_length=1, max_length=limits.AREAS_ITEMS),
        words("Only bulletins about these areas, or about none."),
    ] = ()
    severity: Annotated[LeastSeverity | None, words("The least severity to be heard.")] = None

    RULES = (_AT,)


def read_receipt(payload: bytes) -> Receipt:
    """Give the receipt whose JSON `payload` is. Raises TooLarge, Malformed or SchemaError."""
    return schema_walk.read(payload, Receipt)


def read_acknowledgement(payload: bytes) -> Acknowledgement:
    """Give the acknowledgement whose JSON `payload` is. Raises TooLarge, Malformed or SchemaError."""
    return schema_walk.read(payload, Acknowledgement, max_bytes=limits.STANDING_BYTES)


def read_subscription(payload: bytes) -> Subscription:
    """Give the subscription whose JSON `payload` is. Raises TooLarge, Malformed or SchemaError."""
    return schema_walk.read(payload, Subscription, max_bytes=limits.STANDING_BYTES)


def answer_json(answer: Receipt | Acknowledgement | Subscription) -> bytes:
    """Give the JSON of an answer, to be signed: UTF-8, fields in the order above, absent ones left out."""
    return msgspec.json.encode(answer)
