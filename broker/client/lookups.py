"""Single questions to the broker: one item, one's receipts, the audience of a post, the subscription.

Whatever comes with signatures is verified as in the feed; what is the broker's word alone is named so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from broker.client.arrivals import FloorSeen, PageSource
from broker.client.backoff import Patience
from broker.client.clock import Clock
from broker.client.doubts import Doubt, DoubtfulItem
from broker.client.inbox_check import InboxWalk, Position
from broker.client.item_check import check_stamp
from broker.client.items import (
    Answering,
    Received,
    ReceivedBulletin,
    ReceivedReceipt,
    Unverified,
    received,
    unverified,
)
from broker.client.opening import Opener
from broker.client.own_keys import OwnKeys
from broker.client.subscription_memory import SubscriptionMemory
from broker.client.transport import Transport
from broker.client.trust import Trust
from broker.errors import CursorNotOurs, Malformed, NotAuthentic, NotFound
from broker.protocol import dsse, strictjson, times
from broker.protocol.answers import SUBSCRIPTION_TYPE, Receipt, Subscription, answer_json, read_subscription
from broker.protocol.delivery import BULLETIN, RECEIPT, Entry, Item, read_body_json
from broker.protocol.limits import PAGE_BYTES
from broker.protocol.schema_walk import read_object
from broker.protocol.stamp import Stamp, read_stamp

OVERVIEW_BYTES = 4 * PAGE_BYTES


@dataclass(frozen=True, slots=True)
class Delivered:
    """An agency that has a bulletin in its inbox (`routed`), or will have it: the broker's word."""

    agency: str
    routed: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """What became of a bulletin: who has it (the broker's word), what they said (their own, verified)."""

    delivered: tuple[Delivered, ...]
    receipts: tuple[ReceivedReceipt, ...]
    unverified: int
    """Receipts that the broker gave and that did not verify."""


class Lookups:
    """Asks for one agency."""

    def __init__(
        self,
        keys: OwnKeys,
        trust: Trust,
        transport: Transport,
        opener: Opener,
        answering: Answering,
        subscriptions: SubscriptionMemory,
        clock: Clock,
        patience: Patience,
    ) -> None:
        self._keys = keys
        self._trust = trust
        self._transport = transport
        self._opener = opener
        self._answering = answering
        self._subscriptions = subscriptions
        self._clock = clock
        self._patience = patience

    async def fetch(self, originator: str, item_id: str) -> ReceivedBulletin:
        """Give one bulletin that this agency posted or received. Raises `NotFound`, or `NotAuthentic`."""
        fields = await self._get(f"/v1/bulletins/{quote(originator, safe='')}/{quote(item_id, safe='')}")
        number = fields.get("number")
        try:
            verified = await self._opener.open(BULLETIN, read_body_json(fields))
        except DoubtfulItem as error:
            raise NotAuthentic(f"the bulletin does not verify: {error.words}") from None
        found = received(
            verified,
            number if type(number) is int else 0,
            redelivered=False,
            answering=self._answering,
        )
        if not isinstance(found, ReceivedBulletin) or (found.originator, found.id) != (originator, item_id):
            raise NotAuthentic("the broker gave another bulletin than the one asked for")
        return found

    async def item(self, number: int) -> Received | Unverified:
        """Give the item of a number of this agency's inbox, without moving any place. Raises `NotFound`."""
        position = Position.looking(self._trust.registry.epoch, number - 1)
        walk, source = (
            InboxWalk(self._keys.identity.id, position),
            PageSource(self._transport, self._keys.identity.id),
        )

        async def find() -> Item:
            await source.reset()
            while (arrival := await source.next(position, 0.0)) is not None:
                if isinstance(arrival, FloorSeen):
                    raise NotFound(f"item {number} of the inbox has expired")
                if isinstance(arrival, Entry):
                    walk.enter(arrival)
                elif isinstance(arrival, Item):
                    return arrival
                elif isinstance(arrival, dsse.Envelope):
                    break
            raise NotFound(f"the inbox has no item {number}")

        if number < 1:
            raise NotFound("an inbox is numbered from 1")
        try:
            item = await self._patience.call(find)
        except CursorNotOurs:  # the broker's word for a number beyond the end: no chain was named
            raise NotFound(f"the inbox has no item {number}") from None
        kind, digest = walk.expect(item)
        try:
            if item.body is None:
                raise DoubtfulItem(Doubt.WITHHELD, f"{Doubt.WITHHELD.value}: {item.withheld}")
            verified = await self._opener.open(kind, item.body, digest=digest)
        except DoubtfulItem as error:
            return unverified(number, kind, error, redelivered=False)
        return received(verified, number, redelivered=False, answering=self._answering)

    async def receipts(self, item_id: str) -> Overview:
        """Give what became of a bulletin of this agency. Raises `NotFound`, or `NotAuthentic`."""
        agency = self._keys.identity.id
        fields = await self._get(f"/v1/bulletins/{agency}/{quote(item_id, safe='')}/receipts", OVERVIEW_BYTES)
        own = await self._own_stamp(fields.get("stamp"), agency, item_id)
        found: list[ReceivedReceipt] = []
        listed = _objects(fields.get("receipts"))
        for one in listed:
            if (receipt := await self._receipt(one, own)) is not None:
                found.append(receipt)
        delivered = tuple(
            Delivered(str(row.get("agency", "")), row.get("routed") is not False)
            for row in _objects(fields.get("delivered"))
        )
        found.sort(key=lambda receipt: receipt.taken_at)
        return Overview(delivered, tuple(found), len(listed) - len(found))

    async def subscription(self) -> Subscription | None:
        """Give what this agency has asked to hear, None when it hears everything. Raises `NotAuthentic`."""
        fields = await self._get("/v1/subscription")
        if "statement" not in fields:
            return None
        statement = dsse.from_json(fields["statement"], "/statement")
        said = read_subscription(statement.payload)
        own = {key.kid: key for key in self._keys.identity.signing_keys()}
        ours = own.get(statement.signature.kid)
        if ours is None or ours.sign(SUBSCRIPTION_TYPE, statement.payload) != statement:
            raise NotAuthentic("the subscription that the broker has was not signed by this identity")
        return said

    async def subscribe(self, **wanted: Any) -> Subscription:
        """Say what this agency wants to hear, replacing what it said before: `categories`, `areas` (ISO
        3166-2), `severity` (the least). Without any it hears everything. Raises `SchemaError`.
        """
        before = (await self._get("/v1/subscription")).get("version", 0)
        now = self._clock()
        fields: dict[str, Any] = {
            "exchange": self._trust.registry.exchange.hex(),
            "registry": self._trust.registry.version,
            "agency": self._keys.identity.id,
            "version": before + 1 if type(before) is int else 1,
            "at": times.format(now),
        } | {name: value for name, value in wanted.items() if value}
        said = read_object(fields, Subscription)
        signed = self._keys.signing_key(now).sign(SUBSCRIPTION_TYPE, answer_json(said))
        body = msgspec.json.encode(dsse.to_json(signed))
        await self._patience.call(lambda: self._transport.send("PUT", "/v1/subscription", body))
        await asyncio.to_thread(self._subscriptions.remember, said.version, now)
        return said

    async def _own_stamp(self, given: object, agency: str, item_id: str) -> Stamp:
        envelope = dsse.from_json(given, "/stamp")
        claimed = read_stamp(envelope.payload)
        registry = await self._trust.at_least(claimed.registry_version)
        try:
            return check_stamp(envelope, registry, originator=agency, item_id=item_id, stmt=claimed.stmt)
        except DoubtfulItem as error:
            raise NotAuthentic(f"the bulletin's stamp does not verify: {error.words}") from None

    async def _receipt(self, fields: dict[str, Any], own: Stamp) -> ReceivedReceipt | None:
        try:
            verified = await self._opener.open(RECEIPT, read_body_json(fields))
        except (DoubtfulItem, Malformed):
            return None
        found = received(verified, 0, redelivered=False, answering=None)
        return found if isinstance(found, ReceivedReceipt) and _is_about(found.receipt, own) else None

    async def _get(self, path: str, most_bytes: int = OVERVIEW_BYTES) -> dict[str, Any]:
        answer = await self._patience.call(lambda: self._transport.get(path, most_bytes=most_bytes))
        return _object(answer.body, most_bytes)


def _is_about(receipt: Receipt, own: Stamp) -> bool:
    said = (receipt.originator, receipt.bulletin, receipt.stmt, receipt.sealed)
    return said == (own.originator, own.id, own.stmt.hex(), own.sealed.hex())


def _object(body: bytes, most_bytes: int = OVERVIEW_BYTES) -> dict[str, Any]:
    value = strictjson.decode(body, max_bytes=most_bytes)
    if not isinstance(value, dict):
        raise Malformed("the broker's answer is not an object")
    return value


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
