"""Trimming: what has expired leaves the store, in three steps that know nothing of one another.

SWEEP takes the content of what has expired, TRIM of the log its entry, TRIM of an inbox the references to
it. Each is one script, works in bounded steps, and may be run by several brokers at once: what is gone
already is passed over. By expiry only, never because somebody acknowledged: a second consumer of the same
agency may not have it. What is erased leaves the append-only file when the server rewrites that. When
something expires is decided by the caller. All three work when memory is full.
"""

from __future__ import annotations

from redis.exceptions import ResponseError

from broker.store import names
from broker.store.connection import Connections
from broker.store.head import pack_head
from broker.store.records import Head, Swept
from broker.store.refusals import writing
from broker.store.script_call import Script


class Trimming:
    """Removes what has expired. Every method raises `StoreUnavailable` and `OutcomeUnknown`, and may simply
    be called again.
    """

    def __init__(self, connections: Connections) -> None:
        self._client = connections.writing
        self._sweep, self._trim_log, self._trim_inbox = (
            Script("sweep"),
            Script("trim_log"),
            Script("trim_inbox"),
        )

    async def sweep(self, after: str, count: int, now: int) -> Swept:
        """Replace the bodies of what has expired at `now` (µs) by tombstones, among the next `count` routed
        entries after a position.
        """
        prefixes = [names.BODY_PREFIX, names.OPENING_PREFIX]
        with writing():
            position, erased = await self._sweep(
                self._client, [names.LOG, names.STATE], [after, count, now, *prefixes]
            )
        return Swept(position.decode() or None, int(erased))

    async def rewrite(self) -> None:
        """Have the server rewrite its append-only file, in the background: what was erased leaves the disk.
        One that is rewriting already is let be.
        """
        with writing():
            try:
                await self._client.bgrewriteaof()
            except ResponseError as error:
                if "in progress" not in str(error):
                    raise

    async def trim_log(self, count: int, now: int) -> int:
        """Remove at most `count` entries from the beginning of the log, up to the first that has not expired
        at `now` (µs) and never at or beyond the routed position. Gives how many.
        """
        prefixes = [
            names.BODY_PREFIX,
            names.OPENING_PREFIX,
            names.RECIPIENTS_PREFIX,
            names.RECEIPTS_PREFIX,
            names.DECISION_PREFIX,
        ]
        with writing():
            return int(await self._trim_log(self._client, [names.LOG, names.STATE], [count, now, *prefixes]))

    async def trim_inbox(self, agency: str, expected: Head, head: Head) -> bool:
        """Remove the entries of an inbox up to the floor of `head`, and write that head in the place of
        `expected`. Gives False when the inbox has another head by now: nothing was written.
        """
        if not expected.floor_number < head.floor_number < head.number:
            raise ValueError("a floor rises, and stays below the end")
        keys = [names.heads(names.partition_of(agency)), names.inbox(agency)]
        arguments = [agency, pack_head(expected), pack_head(head), head.floor_number + 1]
        with writing():
            return bool(await self._trim_inbox(self._client, keys, arguments))
