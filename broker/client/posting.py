"""Posting: what an agency says is signed, kept, sent until it is answered, and its stamp verified and filed.

The order is the promise: nothing is sent that is not on disk, and nothing counts as accepted whose stamp does
not verify. The same asked for again sends the same bytes again.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from broker.client import drafting, receipt_draft
from broker.client.backoff import Patience, may_succeed_later
from broker.client.batches import lines_of, split
from broker.client.blind_posting import BlindPosting, Sent
from broker.client.clock import Clock
from broker.client.doubts import DoubtfulItem
from broker.client.item_check import check_stamp
from broker.client.items import Posted, ReceivedBulletin
from broker.client.outbox import Kept, Outbox, name_of
from broker.client.own_keys import OwnKeys
from broker.client.problems import read_problem
from broker.client.reach import Reach, read_reach
from broker.client.transport import Transport
from broker.client.trust import Trust
from broker.errors import HarkaraError, Malformed, NotAuthentic, OutOfWindow, Unavailable, Unreachable
from broker.protocol import admission, dsse, strictjson
from broker.protocol.answers import ReceiptKind
from broker.protocol.bulletin import Bulletin, read_bulletin
from broker.protocol.digests import SALT_BYTES, Address, statement_digest
from broker.protocol.limits import BATCH_BYTES
from broker.protocol.stamp import read_stamp

BULLETINS = "/v1/bulletins"
RECEIPTS = "/v1/receipts"
NDJSON = "application/x-ndjson"
BATCH_SECONDS = 60.0
Document = Mapping[str, Any] | Bulletin
Completed = tuple[Bulletin, Address | None]


class Posting:
    """Posts for one agency. `patience`: for how long an unanswered post is sent again."""

    def __init__(
        self,
        keys: OwnKeys,
        trust: Trust,
        transport: Transport,
        outbox: Outbox,
        clock: Clock,
        patience: Patience,
        blind: BlindPosting,
    ) -> None:
        self._keys = keys
        self._blind = blind
        self._trust = trust
        self._transport = transport
        self._outbox = outbox
        self._clock = clock
        self._patience = patience

    async def post(
        self,
        document: Document,
        to: Sequence[str],
        excepted: Sequence[str],
        *,
        anew: bool = False,
        blind: bool = False,
    ) -> Posted:
        """Post one bulletin; with `anew` as something new even if the same was asked for before, `blind`
        sealed here. What was posted otherwise is another post.
        """
        draft = drafting.draft_of(document, to, excepted)
        (kept,) = await self._keep([(draft, None)], anew=anew, blind=blind)
        try:
            return await self.send(kept)
        except OutOfWindow:
            if not kept.again or kept.stamp is not None:
                raise
        # It lay too long and was never accepted (the broker looks for repeats first): it is signed with a new
        # time.
        (kept,) = await self._keep([(draft, None)], blind=blind)
        return await self.send(kept)

    async def post_many(
        self,
        documents: Sequence[Document],
        to: Sequence[str],
        excepted: Sequence[str],
        *,
        blind: bool = False,
    ) -> list[Posted | HarkaraError]:
        """Post many, with one answer for each in their order: what was accepted, or why it was not. Those
        that are sealed here are sent one after the other.
        """
        if blind:
            return [await self._one_of_many(document, to, excepted) for document in documents]
        results: dict[int, Posted | HarkaraError] = {}
        ready: dict[int, tuple[drafting.Draft, Completed | None]] = {}
        for place, document in enumerate(documents):
            try:
                draft = drafting.draft_of(document, to, excepted)
                known = await asyncio.to_thread(self._outbox.holds, _name(draft))
                ready[place] = draft, None if known else self._complete(draft)
            except HarkaraError as error:
                results[place] = error
        kept = await self._keep(list(ready.values()))
        waiting = dict(zip(ready, kept, strict=True))

        async def attempt() -> None:
            for places in split(waiting):
                answered = await self._send_lines([waiting[place] for place in places])
                results.update(zip(places, answered, strict=True))
            for place, result in results.items():
                if isinstance(result, Posted) or not may_succeed_later(result):
                    waiting.pop(place, None)
            if waiting:
                raise next(error for place in waiting if isinstance(error := results[place], HarkaraError))

        try:
            await self._patience.call(attempt)
        except HarkaraError as error:
            for place in waiting:
                results.setdefault(place, error)
        return [results[place] for place in range(len(documents))]

    async def _one_of_many(
        self, document: Document, to: Sequence[str], excepted: Sequence[str]
    ) -> Posted | HarkaraError:
        try:
            return await self.post(document, to, excepted, blind=True)
        except HarkaraError as error:
            return error

    async def audience(
        self, document: Document, to: Sequence[str], excepted: Sequence[str], *, blind: bool
    ) -> tuple[Reach, ...]:
        """Tell who would receive a bulletin and why; asked `blind`, without showing it to the broker."""
        if blind:
            bulletin, address = self._complete(drafting.draft_of(document, to, excepted))
            return await self._patience.call(lambda: self._blind.audience(bulletin, address))
        body = self.sign_draft(document, to, excepted)
        answer = await self._patience.call(
            lambda: self._transport.send("POST", "/v1/audience", body, signed=True)
        )
        return read_reach(answer.body)

    async def send_receipt(
        self,
        about: ReceivedBulletin,
        kind: ReceiptKind,
        *,
        note: str | None,
        until: str | None,
        actor: str | None,
    ) -> Posted:
        """Sign and send one receipt; the same answer given again is the same receipt."""
        name = name_of("receipt", about.stamp.stmt.hex(), kind, note, until, actor)

        def make() -> Kept:
            now = self._clock()
            receipt = receipt_draft.receipt_of(
                about, kind, self._author(), now=now, note=note, until=until, actor=actor
            )
            statement, body = receipt_draft.sign(receipt, self._keys.signing_key(now))
            return Kept(name, RECEIPTS, receipt.id, body, statement, now)

        (kept,) = await asyncio.to_thread(self._outbox.keep, [(name, make)])
        return await self.send(kept)

    async def send(self, kept: Kept) -> Posted:
        """Send a kept statement until it is answered, and file its stamp."""
        in_doubt = kept.again

        async def attempt() -> Sent:
            nonlocal in_doubt
            try:
                if kept.blind:
                    return await self._blind.send(kept.path, admission.read_post(kept.body))
                answer = await self._transport.send("POST", kept.path, kept.body)
                return Sent(answer.body, ())
            except (Unreachable, Unavailable):
                in_doubt = True
                raise

        try:
            sent = await self._patience.call(attempt)
            answer = strictjson.decode(sent.answer)
        except HarkaraError as error:
            await asyncio.to_thread(self._outbox.refused, kept, error, in_doubt=in_doubt)
            raise
        posted = await self._accepted(kept, answer)
        # What was accepted before was sealed then, for whom was to have it then.
        return posted if posted.repeated else replace(posted, sealed_for=sent.sealed_for)

    async def post_signed(self, body: bytes) -> Posted:
        """Keep and send the body of a post that `sign_draft` made, unchanged. Raises `Malformed`, or as
        `post`.
        """
        post = admission.read_post(body)
        bulletin = read_bulletin(post.statement.payload)
        name = name_of("signed", statement_digest(post.statement).hex())

        def make() -> Kept:
            return Kept(name, BULLETINS, bulletin.id, body, post.statement, self._clock())

        (kept,) = await asyncio.to_thread(self._outbox.keep, [(name, make)])
        return await self.send(kept)

    def sign_draft(self, document: Document, to: Sequence[str], excepted: Sequence[str]) -> bytes:
        """Give the body of a post without keeping or sending it: to ask who would receive it, or to look at
        it.
        """
        now = self._clock()
        bulletin, address = self._complete(drafting.draft_of(document, to, excepted))
        return drafting.sign(bulletin, address, self._keys.signing_key(now))[1]

    async def _keep(
        self,
        ready: Sequence[tuple[drafting.Draft, Completed | None]],
        *,
        anew: bool = False,
        blind: bool = False,
    ) -> list[Kept]:
        """Give what was asked for from the outbox, or filled in (unless it is already), signed and kept.
        What is kept is not looked at again: its time may be over, and the broker has the answer.
        """
        name = partial(_name, blind=blind)

        def sign(draft: drafting.Draft, completed: Completed | None) -> Kept:
            now = self._clock()
            bulletin, address = completed or self._complete(draft)
            statement, body = drafting.sign(bulletin, address, self._keys.signing_key(now))
            return Kept(name(draft), BULLETINS, bulletin.id, body, statement, now, blind=blind)

        makers = [(name(draft), partial(sign, draft, completed)) for draft, completed in ready]
        return await asyncio.to_thread(self._outbox.keep, makers, anew=anew)

    def _complete(self, draft: drafting.Draft) -> Completed:
        new_id, salt = str(uuid.uuid4()), os.urandom(SALT_BYTES)
        return drafting.complete(draft, self._author(), now=self._clock(), new_id=new_id, salt=salt)

    def _author(self) -> drafting.Author:
        registry = self._trust.registry
        return drafting.Author(self._keys.identity.id, registry.exchange, registry.version)

    async def _send_lines(self, batch: list[Kept]) -> list[Posted | HarkaraError]:
        body = b"".join(kept.body + b"\n" for kept in batch)
        answer = await self._transport.send(
            "POST", BULLETINS, body, media_type=NDJSON, most_bytes=BATCH_BYTES, seconds=BATCH_SECONDS
        )
        results: list[Posted | HarkaraError] = []
        for kept, line in zip(batch, lines_of(answer.body, len(batch)), strict=True):
            try:
                results.append(await self._line(kept, line))
            except HarkaraError as error:
                results.append(error)
        return results

    async def _line(self, kept: Kept, line: bytes) -> Posted:
        fields = strictjson.decode(line)
        if isinstance(fields, dict) and isinstance(problem := fields.get("problem"), dict):
            error = read_problem(problem)
            # An earlier attempt of this call may have got through without an answer: dropped on certainty
            # only.
            await asyncio.to_thread(self._outbox.refused, kept, error, in_doubt=True)
            raise error
        return await self._accepted(kept, fields)

    async def _accepted(self, kept: Kept, answer: object) -> Posted:
        """Verify the stamp of an answer, and file it."""
        fields = answer if isinstance(answer, dict) else {}
        try:
            stamp = dsse.from_json(fields.get("stamp"), "/stamp")
            registry = await self._trust.at_least(read_stamp(stamp.payload).registry_version)
            read = check_stamp(
                stamp, registry, originator=self._keys.identity.id, item_id=kept.id, stmt=kept.stmt
            )
        except DoubtfulItem as error:
            raise NotAuthentic(f"the broker's stamp does not verify: {error.words}") from None
        except Malformed as error:
            raise NotAuthentic(f"the broker's answer holds no stamp: {error.detail}") from None
        await asyncio.to_thread(self._outbox.file, kept, stamp)
        reached = fields.get("recipients")
        return Posted(
            self._keys.identity.id,
            kept.id,
            read,
            stamp,
            repeated=fields.get("repeated") is True,
            recipients=reached if type(reached) is int else None,
        )


def _name(draft: drafting.Draft, *, blind: bool = False) -> str:
    return name_of("blind" if blind else "bulletin", draft.fields, sorted(draft.to), sorted(draft.excepted))
