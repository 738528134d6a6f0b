"""The item check: is one item what it claims to be? Pure; asked at every way in: feed, long poll, fetch,
receipts.

Cheap and public facts come first (reference, stamp, header), then the secrets (pair key, content), then the
statement inside, by the same validator as at the broker. Trust comes from the registry alone: the broker's
framing proves nothing. Every refusal is one `Doubt`; it never carries content, and it never stops a feed.

Two attacks explain most of the rows:
- a recipient re-seals somebody's statement as its own post: hence the sealer is a broker or the author, and
header,
  stamp, signer and document must name one author;
- a thief of a key that was revoked back-dates a stamp: hence the lag between stamps is bounded, and every key
is asked
  for at the stamp's time. Source: schemas/protocol.md, "A bulletin", "Keys for members", "What the broker
  says".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.client.doubts import Doubt, DoubtfulItem
from broker.client.signers import signed_by
from broker.errors import BadSignature, HarkaraError, UnknownKey
from broker.protocol import dsse
from broker.protocol.admission import policy_of
from broker.protocol.answers import RECEIPT_TYPE, Receipt, read_receipt
from broker.protocol.bulletin import PAYLOAD_TYPE, Bulletin, read_bulletin
from broker.protocol.card import Card
from broker.protocol.delivery import BULLETIN, RECEIPT, Body
from broker.protocol.digests import statement_digest
from broker.protocol.limits import SENT_AGE_US, SENT_AHEAD_US, STAMP_LAG_US
from broker.protocol.pairkeys import PAIR_KEY_ID_BYTES, PairKey
from broker.protocol.registry import Registry
from broker.protocol.sealing import (
    BY_BROKER,
    BY_ORIGINATOR,
    BulletinHeader,
    Content,
    Header,
    ReceiptHeader,
    open_sealed,
    read_header,
    verify_seal,
)
from broker.protocol.stamp import STAMP_TYPE, Stamp, read_stamp

_HEADERS = {BULLETIN: BulletinHeader, RECEIPT: ReceiptHeader}
_STATEMENTS = {BULLETIN: PAYLOAD_TYPE, RECEIPT: RECEIPT_TYPE}


@dataclass(frozen=True, slots=True)
class Outside:
    """An item whose stamp and header were verified; its content is still closed."""

    kind: str
    body: Body
    stamp: Stamp
    header: Header

    @property
    def pair_key_id(self) -> bytes:
        """Give the id of the pair key that the wrap is under (unauthenticated until it opens)."""
        return self.body.wrap[:PAIR_KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class VerifiedItem:
    """An item of which every check holds."""

    outside: Outside
    statement: dsse.Envelope
    document: Bulletin | Receipt
    author: Card


def check_outside(
    kind: str, body: Body, registry: Registry, *, digest: bytes | None = None, latest_stamp: int = 0
) -> Outside:
    """Verify stamp and header of an item. `digest` is what the inbox's chain names, None outside of an inbox;
    `latest_stamp` (µs) the latest before it. Raises `DoubtfulItem`.
    """
    if kind not in _HEADERS:
        raise DoubtfulItem(Doubt.KIND)
    sealed = body.sealed.digest()
    if digest is not None and sealed != digest:
        raise DoubtfulItem(Doubt.REFERENCE)
    stamp = _check_stamp(body.stamp, registry)
    if stamp.sealed != sealed:
        raise DoubtfulItem(Doubt.STAMP_SEALED)
    if stamp.taken_at < latest_stamp - STAMP_LAG_US:
        raise DoubtfulItem(Doubt.STAMP_LAG)
    return Outside(kind, body, stamp, _check_header(kind, body, stamp, registry))


def check_stamp(
    envelope: dsse.Envelope, registry: Registry, *, originator: str, item_id: str, stmt: bytes
) -> Stamp:
    """Verify a stamp given for a statement of one's own: the answer to a post. Raises `DoubtfulItem`."""
    stamp = _check_stamp(envelope, registry)
    if (stamp.originator, stamp.id, stamp.stmt) != (originator, item_id, stmt):
        raise DoubtfulItem(Doubt.STATEMENT)
    return stamp


def check_inside(outside: Outside, pair_key: PairKey, registry: Registry, agency: str) -> VerifiedItem:
    """Open an item with the pair key of its wrap and verify what is inside, for `agency`. Raises
    `DoubtfulItem`.
    """
    content = _open(outside, pair_key, registry, agency)
    statement, stamp, header = content.statement, outside.stamp, outside.header
    if statement.payload_type != _STATEMENTS[outside.kind]:
        raise DoubtfulItem(Doubt.STATEMENT_KIND)
    if statement_digest(statement) != stamp.stmt:
        raise DoubtfulItem(Doubt.STATEMENT)
    author = check_author(statement, registry, stamp.taken_at)
    if author.id != header.originator:
        raise DoubtfulItem(Doubt.AUTHOR)
    document = _read(outside.kind, statement)
    if isinstance(document, Bulletin) and isinstance(header, BulletinHeader):
        _check_bulletin(document, header, content.policy_salt, stamp)
    elif isinstance(document, Receipt):
        _check_receipt(document, header, agency)
    else:
        raise DoubtfulItem(Doubt.KIND)
    if document.exchange != registry.exchange.hex():
        raise DoubtfulItem(Doubt.EXCHANGE)
    return VerifiedItem(outside, statement, document, author)


def check_author(statement: dsse.Envelope, registry: Registry, at: int) -> Card:
    """Give whose statement it is, by a key in force at `at` (µs). Raises `DoubtfulItem`."""
    try:
        return signed_by(statement, registry, at=at, role="agency", kind=statement.payload_type)
    except UnknownKey:
        raise DoubtfulItem(Doubt.AUTHOR_KEY) from None
    except BadSignature:
        raise DoubtfulItem(Doubt.AUTHOR_SIGNATURE) from None
    except HarkaraError:
        raise DoubtfulItem(Doubt.AUTHOR_KEY_NOT_IN_FORCE) from None


def _check_stamp(envelope: dsse.Envelope, registry: Registry) -> Stamp:
    try:
        stamp = read_stamp(envelope.payload)
        kid = envelope.signature.kid
    except HarkaraError:
        raise DoubtfulItem(Doubt.STAMP_FORM) from None
    try:
        if kid != stamp.broker_kid:
            raise DoubtfulItem(Doubt.STAMP_KEY)
        signed_by(envelope, registry, at=stamp.taken_at, role="broker", kind=STAMP_TYPE)
    except UnknownKey:
        raise DoubtfulItem(Doubt.STAMP_KEY) from None
    except BadSignature:
        raise DoubtfulItem(Doubt.STAMP_SIGNATURE) from None
    except HarkaraError:
        raise DoubtfulItem(Doubt.STAMP_KEY_NOT_IN_FORCE) from None
    if stamp.exchange != registry.exchange:
        raise DoubtfulItem(Doubt.STAMP_EXCHANGE)
    return stamp


def _check_header(kind: str, body: Body, stamp: Stamp, registry: Registry) -> Header:
    try:
        header = read_header(body.sealed.header)
    except HarkaraError:
        raise DoubtfulItem(Doubt.HEADER_FORM) from None
    if not isinstance(header, _HEADERS[kind]):
        raise DoubtfulItem(Doubt.KIND)
    if header.exchange != registry.exchange:
        raise DoubtfulItem(Doubt.HEADER_EXCHANGE)
    if (header.originator, header.id, header.stmt) != (stamp.originator, stamp.id, stamp.stmt):
        raise DoubtfulItem(Doubt.HEADER_STAMP)
    if header.mode == BY_BROKER:
        # The broker's stamp is its seal too: one key signed both.
        role, right = "broker", header.sealer_kid == stamp.broker_kid
    else:
        role, right = "agency", header.sealer == header.originator
    try:
        sealer, key = registry.signer(header.sealer_kid, stamp.taken_at, role=role)
        if header.mode == BY_ORIGINATOR:
            verify_seal(body.sealed, header, cast(Ed25519PublicKey, key.signing))
    except HarkaraError:
        raise DoubtfulItem(Doubt.SEALER) from None
    if not right or sealer.id != header.sealer:
        raise DoubtfulItem(Doubt.SEALER)
    return header


def _open(outside: Outside, pair_key: PairKey, registry: Registry, agency: str) -> Content:
    bound, header, taken_at = pair_key.binding, outside.header, outside.stamp.taken_at
    named = (bound.exchange, bound.sealer, bound.sealer_kid, bound.member)
    if named != (registry.exchange, header.sealer, header.sealer_kid, agency):
        raise DoubtfulItem(Doubt.PAIR_KEY)
    if bound.pkid != outside.pair_key_id or not bound.not_before <= taken_at <= bound.not_after:
        raise DoubtfulItem(Doubt.PAIR_KEY)
    try:
        content_key = pair_key.unwrap(outside.body.wrap, outside.stamp.sealed)
        return open_sealed(outside.body.sealed, content_key)
    except HarkaraError:
        raise DoubtfulItem(Doubt.CONTENT) from None


def _read(kind: str, statement: dsse.Envelope) -> Bulletin | Receipt:
    try:
        return read_bulletin(statement.payload) if kind == BULLETIN else read_receipt(statement.payload)
    except HarkaraError:
        raise DoubtfulItem(Doubt.SCHEMA) from None


def _check_bulletin(bulletin: Bulletin, header: BulletinHeader, salt: bytes | None, stamp: Stamp) -> None:
    if bulletin.originator != header.originator:
        raise DoubtfulItem(Doubt.AUTHOR)
    if bulletin.id != header.id:
        raise DoubtfulItem(Doubt.ID)
    if salt is None or policy_of(bulletin).digest(salt) != header.policy:
        raise DoubtfulItem(Doubt.POLICY)
    if (None if header.address_digest is None else header.address_digest.hex()) != bulletin.address_digest:
        raise DoubtfulItem(Doubt.ADDRESS)
    # The broker asks this of its clock a moment before it stamps, and may stamp again a moment later.
    lag = stamp.taken_at - bulletin.sent_at
    if not -SENT_AHEAD_US - STAMP_LAG_US <= lag <= SENT_AGE_US + STAMP_LAG_US:
        raise DoubtfulItem(Doubt.SENT)


def _check_receipt(receipt: Receipt, header: Header, agency: str) -> None:
    if receipt.agency != header.originator:
        raise DoubtfulItem(Doubt.AUTHOR)
    if receipt.id != header.id:
        raise DoubtfulItem(Doubt.ID)
    if agency not in (receipt.originator, receipt.agency):
        raise DoubtfulItem(Doubt.NOT_FOR_US)
