"""Reads of inboxes: heads, entries from a number on, the chain at a number.

An inbox is a stream whose ids are `<last number>-0`, so that a number is found by its id: the entry that
holds number n is the first one at or after `n-0`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from broker.store import names
from broker.store.connection import Connections
from broker.store.head import unpack_head
from broker.store.records import Head, InboxEntry
from broker.store.refusals import reading
from broker.store.script_call import Script


def unpack_inbox_entry(entry_id: bytes, fields: dict[bytes, bytes]) -> InboxEntry:
    """Give one entry of an inbox from the server's reply.

    An entry of another form has what it lacks left empty, so that its MAC cannot be right: whoever checks it
    learns that this inbox is broken, and a read of several inboxes goes on.
    """
    first = fields.get(b"f", b"")
    return InboxEntry(
        int(first) if first.isdigit() else 0,
        int(entry_id.partition(b"-")[0]),
        fields.get(b"c", b""),
        fields.get(b"m", b""),
        fields.get(b"r", b""),
    )


class Inboxes:
    """All inboxes, read only. Every method raises `StoreUnavailable` when the store does not answer."""

    def __init__(self, connections: Connections) -> None:
        self._reading = connections.reading
        self._window = Script("window")

    async def head(self, agency: str) -> Head | None:
        """Give the head of one inbox, None for one that never had an item."""
        return (await self.heads([agency]))[agency]

    async def heads(self, agencies: Iterable[str]) -> dict[str, Head | None]:
        """Give the head of each inbox asked for. Raises `NotAuthentic` when one cannot be read."""
        return {agency: unpack_head(packed) for agency, packed in (await self.packed_heads(agencies)).items()}

    async def packed_heads(self, agencies: Iterable[str]) -> dict[str, bytes | None]:
        """Give the bytes of the head of each inbox asked for, to be compared, or read one by one."""
        wanted: defaultdict[int, list[str]] = defaultdict(list)
        for agency in agencies:
            wanted[names.partition_of(agency)].append(agency)
        with reading():
            async with self._reading.pipeline(transaction=False) as pipeline:
                for partition, asked in wanted.items():
                    pipeline.hmget(names.heads(partition), asked)
                replies: list[Sequence[bytes | None]] = await pipeline.execute()
        found: dict[str, bytes | None] = {}
        for asked, packed in zip(wanted.values(), replies, strict=True):
            found |= dict(zip(asked, packed, strict=True))
        return found

    async def agencies(self) -> set[str]:
        """Give every agency whose inbox has a head, readable or not."""
        with reading():
            async with self._reading.pipeline(transaction=False) as pipeline:
                for partition in range(names.PARTITIONS):
                    pipeline.hkeys(names.heads(partition))
                replies: list[list[bytes]] = await pipeline.execute()
        return {agency.decode("utf-8", "replace") for reply in replies for agency in reply}

    async def window(self, agency: str, after: int, limit: int) -> tuple[Head | None, list[InboxEntry]]:
        """Give the head and, as of the same moment, at most `limit` entries from number `after + 1` on."""
        keys = [names.heads(names.partition_of(agency)), names.inbox(agency)]
        with reading():
            packed, reply = await self._window(self._reading, keys, [agency, f"{after + 1}-0", limit])
        entries = [
            unpack_inbox_entry(entry_id, dict(zip(fields[::2], fields[1::2], strict=False)))
            for entry_id, fields in reply
        ]
        return unpack_head(packed), entries

    async def entries(self, agency: str, after: int, limit: int) -> list[InboxEntry]:
        """Give at most `limit` entries, from the one that holds number `after + 1` on."""
        with reading():
            reply = await self._reading.xrange(names.inbox(agency), f"{after + 1}-0", "+", count=limit)
        return [unpack_inbox_entry(entry_id, fields) for entry_id, fields in reply]

    async def entries_before(self, agency: str, number: int, limit: int) -> list[InboxEntry]:
        """Give at most `limit` entries that end at or before `number`, the newest first."""
        with reading():
            reply = await self._reading.xrevrange(names.inbox(agency), f"{number}-0", "-", count=limit)
        return [unpack_inbox_entry(entry_id, fields) for entry_id, fields in reply]

    async def ends(self, numbers: Mapping[str, int]) -> dict[str, list[InboxEntry]]:
        """Give for each agency the two newest entries that end at or before its number, the newest first."""
        with reading():
            async with self._reading.pipeline(transaction=False) as pipeline:
                for agency, number in numbers.items():
                    pipeline.xrevrange(names.inbox(agency), f"{number}-0", "-", count=2)
                replies = await pipeline.execute()
        return {
            agency: [unpack_inbox_entry(entry_id, fields) for entry_id, fields in reply]
            for agency, reply in zip(numbers, replies, strict=True)
        }

    async def entry_ending_at(self, agency: str, number: int) -> InboxEntry | None:
        """Give the entry whose last number is `number`, None when no entry ends there."""
        with reading():
            reply = await self._reading.xrange(names.inbox(agency), f"{number}-0", f"{number}-0")
        return unpack_inbox_entry(*reply[0]) if reply else None
