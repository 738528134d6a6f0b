"""A broker that is about to stop: who waits is told, and requests in hand are finished."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from broker.store.cancelling import end


class Closing:
    """Whether the broker is stopping, and how many requests are in hand."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._in_hand = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def in_hand(self) -> Iterator[None]:
        """Count a request while it is served."""
        self._in_hand += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._in_hand -= 1
            if not self._in_hand:
                self._idle.set()

    async def finish(self, seconds: float) -> bool:
        """Tell everybody who waits, and give requests in hand so many seconds. Tells whether all were
        served.
        """
        self.begun.set()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True


async def first_of(events: list[asyncio.Event], work: asyncio.Task[None]) -> None:
    """Return when `work` is done or one of `events` is set; `work` is ended then. Raises what it raised."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait([work, *waits], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end([work, *waits])
    if not work.cancelled():
        work.result()
