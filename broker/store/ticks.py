"""The one blocking reader of a process: learns which inboxes have news, and of new registries.

It blocks on the stream of ticks alone, whatever number of feeds the process serves; feeds join and leave
without a command to the server. (A blocking read over 1,000 inboxes costs 8 ms a wake and fails in a
cluster.) A tick is a hint: heads and the registry's version are read again every 5 s, and at once when the
reader's place in the stream was trimmed or the connection was lost, so a lost tick delays a feed by 5 s at
most.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable

from broker.errors import StoreUnavailable
from broker.store import names
from broker.store.cancelling import end
from broker.store.connection import BLOCK_MS, Connections
from broker.store.inboxes import Inboxes
from broker.store.refusals import reading

TICKS_KEPT = 1_000
"""How long the stream of ticks is, about."""
VERSION_DIGITS = 16
"""Of the largest version of a registry; what has more is not ours."""
TICKS_READ = 250
"""How many ticks one read takes."""
HEADS_EVERY_S = 5.0
RETRY_S = 0.25
"""Pause before the reader asks a store that did not answer."""


class Watch:
    """One feed's wait for news of one inbox. Read the inbox first, then wait: what arrives in between is not
    lost.
    """

    def __init__(self, agency: str, ticks: Ticks) -> None:
        self.agency = agency
        self._ticks = ticks
        self._news = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait at most `seconds` for news since the last wait. Gives whether there may be any."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    def wake(self) -> None:
        """Say that there may be news."""
        self._news.set()

    def close(self) -> None:
        """Stop watching."""
        self._ticks.forget(self)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Ticks:
    """The blocking reader. `start` it once a process; it goes on by itself when the store is lost and
    returns.
    """

    def __init__(self, connections: Connections, inboxes: Inboxes) -> None:
        self._client = connections.ticking
        self._inboxes = inboxes
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._heads: dict[str, bytes | None] = {}
        self._registry_callbacks: list[Callable[[int], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._place = ""
        self._registry = 0

    def start(self) -> asyncio.Task[None]:
        """Start the reader, in the running loop. It ends with `close` alone."""
        self._task = asyncio.create_task(self._run(), name="harkara-ticks")
        return self._task

    async def close(self) -> None:
        """Stop the reader. Watches stay silent from then on."""
        if self._task is not None:
            await end([self._task])
            self._task = None

    def watch(self, agency: str) -> Watch:
        """Watch one inbox. Sends nothing to the server."""
        watch = Watch(agency, self)
        self._watches[agency].add(watch)
        return watch

    def forget(self, watch: Watch) -> None:
        """Stop a watch (see `Watch.close`)."""
        watches = self._watches.get(watch.agency)
        if watches is not None:
            watches.discard(watch)
            if not watches:
                del self._watches[watch.agency]
                self._heads.pop(watch.agency, None)

    def on_registry(self, callback: Callable[[int], None]) -> None:
        """Have `callback` called with the version of each registry that comes into force. Must not block."""
        self._registry_callbacks.append(callback)

    def wake(self, agencies: Iterable[str]) -> None:
        """Wake the feeds of these agencies now: what this process itself routed need not go round by the
        server.
        """
        for agency in agencies:
            for watch in self._watches.get(agency, ()):
                watch.wake()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        connected, heads_read_at = False, 0.0
        while True:
            try:
                if not connected:
                    await self._find_place()
                    await self._read_heads()
                    connected, heads_read_at = True, loop.time()
                remaining = HEADS_EVERY_S - (loop.time() - heads_read_at)
                if remaining <= 0 or not await self._read_ticks(remaining):
                    await self._read_heads()
                    heads_read_at = loop.time()
            except StoreUnavailable:
                connected = False
                await asyncio.sleep(RETRY_S)

    async def _find_place(self) -> None:
        # The place first, then the heads: the other way round a tick in between would be missed.
        with reading():
            last = await self._client.xrevrange(names.TICKS, "+", "-", count=1)
        self._place = last[0][0].decode() if last else "0-0"

    async def _read_ticks(self, at_most: float) -> bool:
        """Read ticks, waiting `at_most` seconds. Gives False when the place was trimmed: some are missed."""
        block = max(1, min(BLOCK_MS, int(at_most * 1000)))
        with reading():
            reply = await self._client.xread({names.TICKS: self._place}, count=TICKS_READ, block=block)
            if not reply:
                return True
            _, entries = reply[0]
            kept = True
            if len(entries) == TICKS_READ and self._place != "0-0":
                # Only a reader that fell far behind can have lost its place.
                kept = bool(await self._client.xrange(names.TICKS, self._place, self._place))
        self._place = entries[-1][0].decode()
        for _, fields in entries:
            self._tell(fields)
        return kept

    def _tell(self, fields: dict[bytes, bytes]) -> None:
        self.wake(fields.get(b"a", b"").decode("utf-8", "replace").split())
        self._tell_registry(fields.get(b"v"))

    def _tell_registry(self, version: bytes | None) -> None:
        if version is None or not version.isdigit() or len(version) > VERSION_DIGITS:
            return
        if int(version) > self._registry:
            self._registry = int(version)
            for callback in self._registry_callbacks:
                callback(self._registry)

    async def _read_heads(self) -> None:
        with reading():
            self._tell_registry(await self._client.hget(names.STATE, "registry"))
        watched = list(self._watches)
        if not watched:
            return
        for agency, head in (await self._inboxes.packed_heads(watched)).items():
            if agency in self._watches and self._heads.get(agency) != head:
                self._heads[agency] = head
                self.wake([agency])
