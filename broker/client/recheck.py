"""The second look at one's own posts: a minute after a stamp, is the post still there?

A store may lose its un-replicated tail when a primary dies for good, and with it posts that were stamped. The
log is one sequence, and what is lost is its end: so when the newest post is there, all before it are. When it
is not, it is posted again, the same bytes, and the one before it is looked for. Source: schemas/protocol.md,
"Rollback".
"""

from __future__ import annotations

import asyncio
import logging

from broker.client.clock import Clock
from broker.client.outbox import Kept, Outbox
from broker.client.posting import BULLETINS, Posting
from broker.client.transport import Transport
from broker.errors import HarkaraError, NotFound
from broker.protocol.bulletin import read_bulletin
from broker.protocol.limits import MINUTE_US, SENT_AGE_US
from broker.protocol.stamp import read_stamp

log = logging.getLogger("harkara.client")
AFTER_US = MINUTE_US


class Recheck:
    """Looks for the posts of one agency."""

    def __init__(
        self, agency: str, transport: Transport, outbox: Outbox, posting: Posting, clock: Clock
    ) -> None:
        self._agency = agency
        self._transport = transport
        self._outbox = outbox
        self._posting = posting
        self._clock = clock

    async def run(self) -> list[str]:
        """Look once. Gives the ids of what was posted again. Raises when the broker cannot be asked."""
        due = await asyncio.to_thread(self._due)
        lost: list[Kept] = []
        for kept in due:
            if await self._is_there(kept):
                break
            lost.append(kept)
        for kept in reversed(lost):
            await self._posting.send(kept)
        await asyncio.to_thread(self._confirm, due[len(lost) :])
        return [kept.id for kept in lost]

    def _due(self) -> list[Kept]:
        """Give the stamped posts not looked for yet, the newest first: a minute old, and still to be
        accepted.
        """
        now = self._clock()
        found: list[tuple[int, Kept]] = []
        for kept in self._outbox.unconfirmed():
            if kept.stamp is None or kept.path != BULLETINS:
                continue
            if read_bulletin(kept.statement.payload).expires_at <= now + MINUTE_US:
                continue  # that it is not there (any more) would say nothing
            taken_at = read_stamp(kept.stamp.payload).taken_at
            if AFTER_US <= now - taken_at < SENT_AGE_US:
                found.append((taken_at, kept))
        return [kept for _, kept in sorted(found, key=lambda row: row[0], reverse=True)]

    async def _is_there(self, kept: Kept) -> bool:
        try:
            await self._transport.get(f"{BULLETINS}/{self._agency}/{kept.id}")
        except NotFound:
            return False
        return True

    def _confirm(self, found: list[Kept]) -> None:
        for kept in found:
            self._outbox.confirm(kept)


async def recheck_later(recheck: Recheck) -> None:
    """Look a minute from now; what goes wrong waits for the next time."""
    await asyncio.sleep(AFTER_US / 1_000_000)
    try:
        for lost in await recheck.run():
            log.warning("the broker had lost %s: it was posted again", lost)
    except HarkaraError as error:
        log.info("posts could not be looked for again: %s", error.code)
