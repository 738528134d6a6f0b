"""Reads of the log and of what belongs to its items: bodies, openings, recipients, receipts.

Bodies are string keys, fetched by MGET (3–4.5 µs each; 15–29 µs as fields of a stream). A body is
`position|form stmt(32) u32 length-of-stamp stamp rest`; the form is `B` with the sealed bytes as rest, or `T`
with a tombstone.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from broker.errors import NotAuthentic
from broker.store import names
from broker.store.connection import Connections
from broker.store.records import BEGINNING, Body, Known, LogEntry
from broker.store.refusals import reading

STAMP_LIMIT_BYTES = 1_500
"""The longest stamp that is stored."""
START_BYTES = STAMP_LIMIT_BYTES + 100
"""How much of a body is read to learn of it: its start with any stamp."""

_BODY, _TOMBSTONE = b"B", b"T"


def unpack_body(packed: bytes) -> Body:
    """Give the body in the bytes of its key. Raises `NotAuthentic` for bytes of another form."""
    position, bar, rest = packed.partition(b"|")
    form = rest[:1]
    if not bar or form not in (_BODY, _TOMBSTONE) or len(rest) < 37:
        raise NotAuthentic("the store holds a body of an unknown form")
    (length,) = struct.unpack_from(">I", rest, 33)
    stamp_end = 37 + length
    if stamp_end > len(rest):
        raise NotAuthentic("the store holds a body that is cut short")
    return Body(
        position.decode("ascii", "replace"),
        rest[1:33],
        rest[37:stamp_end],
        rest[stamp_end:],
        form == _TOMBSTONE,
    )


def unpack_entry(
    position: bytes, fields: Sequence[bytes], decision: bytes | None, recipients: bytes | None
) -> LogEntry:
    """Give one entry of the log from the server's reply. One of another form has no name and no decision."""
    named = dict(zip(fields[::2], fields[1::2], strict=False))
    digest = named.get(b"d", b"")
    try:
        return LogEntry(
            position.decode(),
            named[b"i"].decode(),
            named[b"k"].decode(),
            digest,
            int(named[b"x"]),
            decision,
            recipients,
        )
    except (KeyError, ValueError):
        return LogEntry(position.decode(), "", "", digest, 0, None, None)


class Log:
    """The accepted items, by name. Every method raises `StoreUnavailable` when the store does not answer."""

    def __init__(self, connections: Connections) -> None:
        self._reading = connections.reading

    async def known(self, items: Sequence[str]) -> list[Known | None]:
        """Tell for each item whether it was accepted, with its statement digest and first stamp.

        Where the store holds something that cannot be read, the statement digest is empty and so equals no
        other.
        """
        if not items:
            return []
        with reading():
            async with self._reading.pipeline(transaction=False) as pipeline:
                for item in items:
                    pipeline.getrange(names.body(item), 0, START_BYTES - 1)
                starts = await pipeline.execute()
        found: list[Known | None] = []
        for start in starts:
            if not start:
                found.append(None)
                continue
            try:
                body = unpack_body(start)
                found.append(Known(body.position, body.stmt, body.stamp, body.erased))
            except NotAuthentic:
                found.append(Known(BEGINNING, b"", b"", True))
        return found

    async def bodies(self, items: Sequence[str]) -> list[Body | None]:
        """Give the body of each item, None where the store has none that can be read.

        Before the item's expiry that is an alarm. It concerns that item alone: the others are given.
        """
        packed = await self._values([names.body(item) for item in items])
        found: list[Body | None] = []
        for each in packed:
            try:
                found.append(None if each is None else unpack_body(each))
            except NotAuthentic:
                found.append(None)
        return found

    async def openings(self, items: Sequence[str]) -> list[bytes | None]:
        """Give the encrypted policy opening of each item."""
        return await self._values([names.opening(item) for item in items])

    async def decisions(self, items: Sequence[str]) -> list[bytes | None]:
        """Give the frozen routing decision of each item, None once it is routed."""
        return await self._values([names.decision(item) for item in items])

    async def recipients(self, items: Sequence[str]) -> list[bytes | None]:
        """Give the record of recipients of each item, None before it is routed and after it was trimmed."""
        return await self._values([names.recipients(item) for item in items])

    async def receipts(self, item: str) -> list[str]:
        """Give the names (`<agency>/<id>`) of the receipts for a bulletin, sorted."""
        with reading():
            members = await self._reading.smembers(names.receipts(item))
        return sorted(member.decode() for member in members)

    async def _values(self, keys: Sequence[str]) -> list[bytes | None]:
        if not keys:
            return []
        with reading():
            return await self._reading.mget(keys)
