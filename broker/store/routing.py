"""What the router reads and writes: one view of the log, appends to inboxes by partition, the routed
position.

Each step is one script and safe to run by several routers at once, to repeat and to lose. READ sees
everything at one moment; ROUTE compares whole heads; ADVANCE compares the routed position and the log's
digest there. What to append is decided by the service.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from broker.store import names
from broker.store.connection import BLOCK_MS, Connections
from broker.store.head import pack_head
from broker.store.log import unpack_entry
from broker.store.records import BEGINNING, Lag, LogEntry, Move, Place, RoutedItem, RoutingView
from broker.store.refusals import reading, writing
from broker.store.script_call import Argument, Script
from broker.store.ticks import TICKS_KEPT

WAIT_MS = 2_000
"""How long the router waits for replicas to have what it read."""


class Advance(Enum):
    """What ADVANCE did."""

    DONE = 1
    OVERTAKEN = 0
    """Another router advanced first: read again."""
    STALE = -1
    """The log no longer has what was read (it lost its tail): read again."""


def pack_place(place: Place) -> bytes:
    """Give the bytes of a place as `routed_to` keeps them: `position|digest`."""
    return place.position.encode() + b"|" + place.digest


def unpack_place(packed: bytes) -> Place:
    """Give the place in `packed`; one of another form equals no place of the log."""
    position, _, digest = packed.partition(b"|")
    if not re.fullmatch(rb"[0-9]+-[0-9]+", position):
        return Place(BEGINNING, b"")
    return Place(position.decode(), digest)


class Routing:
    """The router's side of the store. `replicas` is how many must have an entry before it is routed."""

    def __init__(self, connections: Connections, *, replicas: int = 0) -> None:
        self._connections = connections
        self._replicas = replicas
        self._read, self._route, self._advance = Script("read"), Script("route"), Script("advance")
        self._holds, self._lag, self._lease = Script("holds"), Script("lag"), Script("lease")

    async def read(self, count: int) -> RoutingView:
        """Give, as of one moment, the routed position, the last item routed to each agency, and the next
        entries.

        With replicas, the entries are held by as many of them as asked for. Raises `StoreUnavailable`.
        """
        with reading():
            view = _view(await self._read(self._connections.routing, *self._read_call(count, "")))
            if self._replicas and view.entries:
                # WAIT answers for all that was written before its own connection wrote last: sent together,
                # both go by the same.
                async with self._connections.routing.pipeline(transaction=False) as pipeline:
                    pipeline.hincrby(names.STATE, "read", 1)
                    pipeline.execute_command("WAIT", self._replicas, WAIT_MS)
                    _, reached = await pipeline.execute()
                if int(reached) < self._replicas:
                    return RoutingView(view.routed, view.routed_to, ())
        return view

    async def entries_after(self, position: str, count: int) -> tuple[LogEntry, ...]:
        """Give at most `count` entries after `position`, routed or not. Raises `StoreUnavailable`."""
        with reading():
            return _view(
                await self._read(self._connections.routing, *self._read_call(count, position))
            ).entries

    async def route(self, moves: Iterable[Move]) -> set[str]:
        """Append to inboxes, one script for each partition concerned.

        Gives all agencies of those partitions where any head was not the expected one: nothing was written
        there. Empty when all was written. Repeating it after a lost reply is harmless. Raises
        `StoreUnavailable` and `OutcomeUnknown`.
        """
        by_partition: defaultdict[int, list[Move]] = defaultdict(list)
        for move in moves:
            by_partition[names.partition_of(move.agency)].append(move)
        calls = [_route_call(partition, group) for partition, group in by_partition.items()]
        with writing():
            if len(calls) == 1:
                replies = [await self._route(self._connections.routing, *calls[0])]
            else:
                replies = await self._route.together(self._connections.routing, calls)
        changed: set[str] = set()
        for group, reply in zip(by_partition.values(), replies, strict=True):
            if not reply:
                changed |= {move.agency for move in group}
        return changed

    async def advance(
        self,
        old: str,
        new: Place,
        routed_to: Mapping[str, Place],
        items: Sequence[RoutedItem],
        changed: Iterable[str],
        *,
        entries: int,
    ) -> Advance:
        """Move the routed position from `old` to `new`, after every partition has succeeded.

        `routed_to` is the last item of each agency up to `new`, `items` what was routed, `changed` the
        agencies to tell of news. Raises `StoreUnavailable` and `OutcomeUnknown`.
        """
        keys = [names.LOG, names.STATE, names.ROUTED_TO, names.TICKS]
        arguments: list[Argument] = [old, new.position, new.digest, " ".join(sorted(changed)), TICKS_KEPT]
        arguments += [len(items), len(routed_to), entries]
        for each in items:
            keys += [names.recipients(each.item), names.decision(each.item)]
            arguments.append(each.recipients)
        for agency, place in routed_to.items():
            arguments += [agency, pack_place(place)]
        with writing():
            return Advance(await self._advance(self._connections.routing, keys, arguments))

    async def announce(self, agencies: Iterable[str]) -> None:
        """Tell every reader that these agencies have news, without moving the routed position."""
        with writing():
            await self._connections.routing.xadd(
                names.TICKS, {"a": " ".join(sorted(agencies))}, maxlen=TICKS_KEPT, approximate=True
            )

    async def holds(self, places: Sequence[Place]) -> list[bool]:
        """Tell for each place whether the log holds it; one before the log's first entry counts as held."""
        if not places:
            return []
        arguments: list[Argument] = []
        for place in places:
            arguments += [place.position, place.digest]
        with reading():
            return [
                bool(held) for held in await self._holds(self._connections.routing, [names.LOG], arguments)
            ]

    async def wait_for_entries(self, position: str, block_ms: int = BLOCK_MS) -> bool:
        """Wait until the log has an entry after `position`, at most `block_ms`. Raises `StoreUnavailable`."""
        with reading():
            return bool(
                await self._connections.following.xread({names.LOG: position}, count=1, block=block_ms)
            )

    async def hold_lease(self, holder: str, duration_ms: int) -> bool:
        """Take or renew the router's lease. It saves work; correctness does not rest on it."""
        with writing():
            return bool(await self._lease(self._connections.writing, [names.LEASE], [holder, duration_ms]))

    async def give_back_lease(self, holder: str) -> None:
        """Give the lease back, when `holder` has it."""
        with writing():
            await self._lease(self._connections.writing, [names.LEASE], [holder, 0])

    async def lag(self) -> Lag:
        """Give how far the router is behind, by the server's own clock. Raises `StoreUnavailable`."""
        with reading():
            entries, age_ms = await self._lag(self._connections.reading, [names.LOG, names.STATE], [])
        return Lag(int(entries), int(age_ms) * 1000)

    @staticmethod
    def _read_call(count: int, after: str) -> tuple[list[str], list[Argument]]:
        keys = [names.LOG, names.STATE, names.ROUTED_TO]
        return keys, [count, names.DECISION_PREFIX, names.RECIPIENTS_PREFIX, after]


def _view(reply: Sequence) -> RoutingView:
    routed, flat, entries = reply
    routed_to = {
        agency.decode("utf-8", "replace"): unpack_place(place)
        for agency, place in zip(flat[::2], flat[1::2], strict=True)
    }
    return RoutingView(routed.decode(), routed_to, tuple(unpack_entry(*entry) for entry in entries))


def _route_call(partition: int, moves: Sequence[Move]) -> tuple[list[str], list[Argument]]:
    keys = [names.heads(partition), *(names.inbox(move.agency) for move in moves)]
    arguments: list[Argument] = [len(moves)]
    for move in moves:
        arguments += [move.agency, pack_head(move.expected), pack_head(move.head), len(move.entries)]
    for move in moves:
        for entry in move.entries:
            arguments += [entry.last, entry.first, entry.chain, entry.mac, entry.references]
    return keys, arguments
