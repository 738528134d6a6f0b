"""How tests wait: until something holds, within a limit that only guards against a hang.

A loaded machine takes seconds for what takes milliseconds elsewhere, so no limit here says how fast anything
is: that is for `bench/`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from inspect import isawaitable

HANG_S = 45.0
"""Whoever waits longer than this for one thing waits for ever. Below the time limit of a test."""


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until `holds()`, which may have to be awaited, is true. Raises TimeoutError when it does not come
    to hold.
    """
    async with asyncio.timeout(HANG_S):
        while True:
            found = holds()
            if (await found) if isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)


@contextmanager
def comes_to_an_end() -> Iterator[None]:
    """Hold what the block does with a hostile input to an end, in processor time: it takes a second at most,
    and what grows with the square of the input takes minutes or hours.
    """
    began = time.process_time()
    yield
    assert time.process_time() - began < HANG_S
