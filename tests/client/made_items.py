"""Items made by hand, each layer of which can be made wrong: what a liar at the broker, at the store or among
the recipients could send.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from broker.client.item_check import VerifiedItem, check_inside, check_outside
from broker.protocol import admission, dsse, pairkeys, sealing
from broker.protocol.answers import read_receipt
from broker.protocol.bulletin import read_bulletin
from broker.protocol.delivery import BULLETIN, RECEIPT, Body
from broker.protocol.digests import statement_digest
from broker.protocol.keys import SigningKey
from broker.protocol.limits import HOUR_US
from broker.protocol.pairkeys import PairKey, PairKeyBinding, pair_key_id
from broker.protocol.sealing import BulletinHeader, Content, ReceiptHeader, Sealed
from broker.protocol.stamp import STAMP_TYPE, Stamp
from tests.exchange_fixtures import BROKER, FIA, ISLAMABAD, TestExchange, fixed, sign_bulletin, sign_receipt

Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Recipe:
    """How an item is made. Each mapping replaces fields of its layer before it is signed or sealed."""

    kind: str = BULLETIN
    author: str = FIA
    reader: str = ISLAMABAD
    bulletin: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)
    stamp: Mapping[str, Any] = field(default_factory=dict)
    binding: Mapping[str, Any] = field(default_factory=dict)
    statement: Change | None = None
    """Changes the signed statement that is sealed."""
    stamped_by: str = BROKER
    seal_by: str | None = None
    """Whose key signs the seal; None for no seal."""
    to: tuple[str, ...] = ()


@dataclass(frozen=True)
class MadeItem:
    """An item, what its chain would name, and the pair key that its wrap is under."""

    kind: str
    body: Body
    digest: bytes
    pair_key: PairKey


def make_item(exchange: TestExchange, recipe: Recipe | None = None, **changes: Any) -> MadeItem:
    """Make an item as a broker would, with the recipe's changes."""
    recipe = replace(recipe or Recipe(), **changes)
    statement, address = sign_bulletin(exchange, recipe.author, to=list(recipe.to), **recipe.bulletin)
    if recipe.kind == RECEIPT:
        statement = sign_receipt(exchange, recipe.author, statement, fixed("sealed"), **recipe.bulletin)
    sealed_statement = recipe.statement(statement) if recipe.statement else statement
    salt = fixed("policy salt")
    signer = exchange.signing(recipe.stamped_by)
    header = _header(exchange, recipe, statement, salt)
    if address is not None and isinstance(header, BulletinHeader) and "address_digest" not in recipe.header:
        header = replace(header, address_digest=address.digest())
    content = Content(sealed_statement, salt if recipe.kind == BULLETIN else None)
    sealed, content_key = sealing.seal(header, replace(content, **recipe.content), fixed("entropy"))
    if recipe.seal_by is not None:
        signed = exchange.signing(recipe.seal_by).sign(sealing.SEAL_TYPE, sealed.seal_record())
        sealed = replace(sealed, seal=signed.signature.value)
    stamp = Stamp(
        exchange=exchange.id,
        broker_kid=signer.kid,
        originator=header.originator,
        id=header.id,
        stmt=header.stmt,
        sealed=sealed.digest(),
        taken_at=exchange.now,
        registry_version=exchange.registry.version,
    )
    stamped = signer.sign(STAMP_TYPE, replace(stamp, **recipe.stamp).pack())
    pair = make_pair_key(exchange, recipe.reader, **recipe.binding)
    digest = sealed.digest()
    return MadeItem(recipe.kind, Body(sealed, pair.wrap(content_key, digest), stamped), digest, pair)


def make_pair_key(exchange: TestExchange, member: str, /, **changes: Any) -> PairKey:
    """Make a pair key between the broker and a member."""
    secret = fixed(f"pair key {member}")
    binding = PairKeyBinding(
        exchange=exchange.id,
        pkid=pair_key_id(secret),
        sealer=BROKER,
        sealer_kid=exchange.signing(BROKER).kid,
        member=member,
        member_kid=exchange.sealing(member).kid,
        registry_version=exchange.registry.version,
        not_before=exchange.now - HOUR_US,
        not_after=exchange.now + HOUR_US,
    )
    return pairkeys.PairKey.of(replace(binding, **changes), secret)


def check(
    item: MadeItem,
    exchange: TestExchange,
    *,
    reader: str = ISLAMABAD,
    digest: bytes | None = None,
    latest_stamp: int = 0,
    pair_key: PairKey | None = None,
) -> VerifiedItem:
    """Check an item as a reader does."""
    outside = check_outside(
        item.kind,
        item.body,
        exchange.registry,
        digest=digest if digest is not None else item.digest,
        latest_stamp=latest_stamp,
    )
    return check_inside(outside, pair_key or item.pair_key, exchange.registry, reader)


def with_sealed(item: MadeItem, sealed: Sealed) -> MadeItem:
    """Put another sealed part under the same stamp and wrap."""
    return replace(item, body=replace(item.body, sealed=sealed))


def resigned(exchange: TestExchange, member: str) -> Change:
    """Give a change that has a statement signed by somebody else, over the same bytes."""
    return lambda statement: exchange.signing(member).sign(statement.payload_type, statement.payload)


def signed_as(signer: SigningKey, kind: str) -> Change:
    """Give a change that signs the same bytes as another kind of document."""
    return lambda statement: signer.sign(kind, statement.payload)


def _header(
    exchange: TestExchange, recipe: Recipe, statement: dsse.Envelope, salt: bytes
) -> BulletinHeader | ReceiptHeader:
    common: dict[str, Any] = {
        "exchange": exchange.id,
        "mode": sealing.BY_BROKER,
        "sealer": BROKER,
        "sealer_kid": exchange.signing(recipe.stamped_by).kid,
        "stmt": statement_digest(statement),
        "registry_version": exchange.registry.version,
    }
    if recipe.kind == RECEIPT:
        receipt = read_receipt(statement.payload)
        mine: dict[str, Any] = {"agency": receipt.agency, "id": receipt.id}
        return ReceiptHeader(**(common | mine | dict(recipe.header)))
    bulletin = read_bulletin(statement.payload)
    own: dict[str, Any] = {
        "originator": bulletin.originator,
        "id": bulletin.id,
        "policy": admission.policy_of(bulletin).digest(salt),
        "address_digest": None,
    }
    return BulletinHeader(**(common | own | dict(recipe.header)))
