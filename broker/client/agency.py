"""The agency: everything that a member does with its exchange, behind one connection.

    async with Agency.connect(url, identity="keys/pk.fia.key", registry="keys/registry.json") as fia:
        await fia.post(bulletin, to=["pk.islamabad-police"])
        async for item in fia.feed():
            ...

This file joins the parts and says what is public; each part has a file of its own. Connecting asks the broker
nothing, unless there is no registry yet, or it has expired or lacks a key of this identity, so that a post
made during an outage is signed and kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from weakref import WeakSet

from broker.client import clock as clocks
from broker.client.assembly import Assembly, load_trust
from broker.client.backoff import Patience, may_succeed_later
from broker.client.clock import Clock
from broker.client.feed import Feed, Wanted
from broker.client.items import FeedItem, Posted, Received, ReceivedBulletin, Unverified
from broker.client.lookups import Overview
from broker.client.own_keys import OwnKeys
from broker.client.place import PlaceFile
from broker.client.posting import Document
from broker.client.reach import Reach
from broker.client.recheck import recheck_later
from broker.client.state import State, check_consumer
from broker.client.transport import Answer, Transport
from broker.client.trust import Trust
from broker.client.trust_files import load_identity
from broker.errors import HarkaraError, NotFound
from broker.protocol.answers import ReceiptKind, Subscription
from broker.protocol.identity import Identity
from broker.protocol.registry import Registry

log = logging.getLogger("harkara.client")
PATIENCE_SECONDS = 30.0


class Agency:
    """One member, connected to one broker. Made by `connect`."""

    def __init__(
        self,
        keys: OwnKeys,
        trust: Trust,
        transport: Transport,
        state: State,
        consumer: str,
        parts: Assembly,
    ) -> None:
        self._keys = keys
        self._trust = trust
        self._transport = transport
        self._state = state
        self._consumer = check_consumer(consumer)
        self._made = parts
        self._feeds: WeakSet[AsyncIterator[FeedItem]] = WeakSet()
        self._rechecking: asyncio.Task[None] | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls,
        url: str,
        *,
        identity: str | Path | Identity,
        registry: str | Path | Registry | None = None,
        exchange: str | Path | None = None,
        state: str | Path | None = None,
        consumer: str = "default",
        tls: ssl.SSLContext | None = None,
        plain_http: bool = False,
        patience: float = PATIENCE_SECONDS,
        clock: Clock = clocks.now,
    ) -> AsyncIterator[Agency]:
        """Connect a member to its broker.

        `registry` is the signed registry; a newer one is followed and kept. `exchange` is exchange.json,
        looked for beside the registry and the identity when not named. `state` is where signed posts and
        places are kept (the user's own state directory), `consumer` whose place a feed moves. `tls` is for a
        private certificate authority; `plain_http` allows http to another machine: the way must then be
        encrypted by something else. `patience`: for how many seconds an unanswered request is sent again.

        Raises `UnsafeConfiguration`, `NotFound`, `WrongExchange`, and what is wrong with a file.
        """
        own = (
            identity
            if isinstance(identity, Identity)
            else await asyncio.to_thread(load_identity, Path(identity))
        )
        kept = State.of(Path(state) if state is not None else None, own.exchange, own.id)
        reread = None if isinstance(identity, Identity) else partial(load_identity, Path(identity))
        keys = OwnKeys(own, clock, reread)
        transport = Transport(
            url,
            key=keys.reading_key,
            now=clock,
            tls=tls,
            plain_http=plain_http,
            refused=keys.refused,
        )
        try:
            trust = await asyncio.to_thread(
                load_trust, own, identity, registry, exchange, kept, transport, clock
            )
            keys.known_by(lambda: trust.registry if trust.is_open else None)
            agency = cls(
                keys,
                trust,
                transport,
                kept,
                consumer,
                Assembly(keys, trust, transport, kept, Patience(patience), clock),
            )
            await agency._begin()
            try:
                yield agency
            finally:
                await agency._end()
        finally:
            await transport.close()

    @property
    def id(self) -> str:
        """Give the agency's id."""
        return self._keys.identity.id

    def registry(self) -> Registry:
        """Give the registry in force here."""
        return self._trust.registry

    async def refresh_registry(self) -> Registry:
        """Follow the broker's newest registry, and give it."""
        return await self._trust.refresh()

    # --- saying -----------------------------------------------------------------------------------

    async def post(
        self,
        bulletin: Document,
        *,
        to: Sequence[str] = (),
        except_: Sequence[str] = (),
        anew: bool = False,
        blind: bool = False,
    ) -> Posted:
        """Post a bulletin (a dict, or a `Bulletin`), to those named or to all who are entitled and
        subscribed.

        Fills in id, originator, exchange, registry and sent. The same document and address posted again are
        the same post, unless `anew`. `blind`: sealed here for its audience, so that the broker routes it
        and cannot read it. Raises `SchemaError` with all problems, the broker's refusal, `Unreachable` (the
        post is kept: post the same again), or `NotAuthentic` when the stamp does not verify.
        """
        posted = await self._made.posting.post(bulletin, to, except_, anew=anew, blind=blind)
        self._recheck_soon()
        return posted

    async def post_many(
        self,
        bulletins: Sequence[Document],
        *,
        to: Sequence[str] = (),
        except_: Sequence[str] = (),
        blind: bool = False,
    ) -> list[Posted | HarkaraError]:
        """Post many at once. Gives for each, in order, what was accepted or why it was not."""
        results = await self._made.posting.post_many(bulletins, to, except_, blind=blind)
        self._recheck_soon()
        return results

    def sign(self, bulletin: Document, *, to: Sequence[str] = (), except_: Sequence[str] = ()) -> bytes:
        """Give the body of a post, signed, without sending or keeping it."""
        return self._made.posting.sign_draft(bulletin, to, except_)

    async def send_signed(self, body: bytes) -> Posted:
        """Send the body of a post that `sign` made, unchanged."""
        posted = await self._made.posting.post_signed(body)
        self._recheck_soon()
        return posted

    async def audience(
        self,
        bulletin: Document,
        *,
        to: Sequence[str] = (),
        except_: Sequence[str] = (),
        blind: bool = False,
    ) -> tuple[Reach, ...]:
        """Tell who would receive a bulletin and why. Nothing is sent to them; asked `blind`, the broker does
        not see it either.
        """
        return await self._made.posting.audience(bulletin, to, except_, blind=blind)

    # --- hearing ----------------------------------------------------------------------------------

    def feed(
        self,
        *,
        follow: bool = True,
        after: int | None = None,
        count: int | None = None,
        timeout: float | None = None,
        consumer: str | None = None,
    ) -> AsyncIterator[FeedItem]:
        """Give the items of the inbox from this consumer's place on, each once, and (by default) those to
        come.

        The place moves when the loop asks for the next item; after a crash the item in hand comes again with
        `redelivered`. `follow=False` ends at the end of the inbox; `timeout` ends after so many seconds
        without an item, `count` after so many items. `after` looks from a number and leaves the place alone.

        Raises, while it is read, `InboxBroken` for a gap, a fork or a rollback, and `NotAuthentic` for a
        freeze.
        """
        wanted = Wanted(consumer or self._consumer, follow, after, count, timeout)
        items = Feed(self._made.feed_parts, wanted).items()
        self._feeds.add(items)
        return items

    async def inbox(self, *, after: int = 0, count: int | None = None) -> list[FeedItem]:
        """Give what the inbox has from a number on (at most `count`), without moving any place. Raises as
        `feed`.
        """
        return [item async for item in self.feed(follow=False, after=after, count=count)]

    async def acknowledge(
        self, number: int, kind: ReceiptKind = "opened", *, note: str | None = None, actor: str | None = None
    ) -> Posted:
        """Send the originator of a numbered bulletin a receipt: `opened`, `actioned` or `refused`. Raises
        `NotFound` when there is no bulletin of this number, and what a post raises.
        """
        return await (await self._bulletin(number)).acknowledge(kind, note=note, actor=actor)

    async def answer(
        self,
        number: int,
        kind: ReceiptKind,
        *,
        note: str | None = None,
        until: str | None = None,
        actor: str | None = None,
    ) -> Posted:
        """Answer what a numbered bulletin asks: `confirmed`, `denied`, or `later` with `until` (RFC 3339).
        Raises as `acknowledge`.
        """
        return await (await self._bulletin(number)).answer(kind, note=note, until=until, actor=actor)

    async def item(self, number: int) -> Received | Unverified:
        """Give one item of the inbox by its number. Raises `NotFound`."""
        return await self._made.lookups.item(number)

    async def fetch(self, originator: str, item_id: str) -> ReceivedBulletin:
        """Give one bulletin that this agency posted or received. Raises `NotFound` or `NotAuthentic`."""
        return await self._made.lookups.fetch(originator, item_id)

    async def receipts(self, item_id: str) -> Overview:
        """Give what became of a bulletin of this agency. Raises `NotFound` or `NotAuthentic`."""
        return await self._made.lookups.receipts(item_id)

    async def subscription(self) -> Subscription | None:
        """Give what this agency has asked to hear; None: everything."""
        return await self._made.lookups.subscription()

    async def subscribe(
        self, *, categories: Sequence[str] = (), areas: Sequence[str] = (), severity: str | None = None
    ) -> Subscription:
        """Say what this agency wants to hear; nothing said narrows nothing. Raises `SchemaError`."""
        return await self._made.lookups.subscribe(
            categories=list(categories), areas=list(areas), severity=severity
        )

    async def forget_place(self, consumer: str | None = None) -> None:
        """Forget a consumer's place: its next feed begins at the first item, and none is marked as
        redelivered.

        For after an `InboxBroken`, when the operator has said what happened: know what you hold by originator
        and id.
        """
        file = PlaceFile(self._state.places, check_consumer(consumer or self._consumer))
        await asyncio.to_thread(file.open)
        try:
            await asyncio.to_thread(file.forget, self._trust.registry.epoch)
        finally:
            file.close()

    # --- the rest ---------------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make any signed request, with `headers` in place of ours, and give the answer, whatever its
        status.
        """
        return await self._transport.exchange(
            method.upper(), target, body, media_type=media_type, headers=headers
        )

    async def recheck(self) -> list[str]:
        """Look whether one's stamped posts are still there, and post again what is not. Gives the ids of
        those.
        """
        return await self._made.recheck.run()

    async def _bulletin(self, number: int) -> ReceivedBulletin:
        item = await self.item(number)
        if not isinstance(item, ReceivedBulletin):
            raise NotFound(f"item {number} of the inbox is no bulletin that verifies")
        return item

    async def _begin(self) -> None:
        await asyncio.to_thread(self._made.outbox.tidy, self._made.clock())
        self._recheck_soon()
        # A key that the registry does not have: enrolment may be done by now.
        if not (self._trust.needs_refresh() or self._keys.has_news()):
            return
        try:
            await self._trust.refresh()
        except HarkaraError as error:
            if not may_succeed_later(error) or not self._trust.is_open:
                raise
        if self._trust.needs_refresh():
            log.warning("the registry has expired, and the broker has no newer one: tell the operator")

    def _recheck_soon(self) -> None:
        if self._rechecking is None or self._rechecking.done():
            self._rechecking = asyncio.create_task(recheck_later(self._made.recheck), name="harkara-recheck")

    async def _end(self) -> None:
        if self._rechecking is not None:
            self._rechecking.cancel()
            await asyncio.gather(self._rechecking, return_exceptions=True)
        for items in list(self._feeds):
            # A feed whose loop was left by `break` still holds its lock and connection.
            with contextlib.suppress(RuntimeError):
                await items.aclose()  # type: ignore[attr-defined]
