"""Ending tasks that talk to a store.

redis-py sends each command through `asyncio.wait_for`, which before Python 3.12 loses a cancellation that
arrives together with the result (cpython #86296): the task goes on as if nothing had been said, and whoever
waits for its end waits for ever. So a task is told again until it has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

TOLD_AGAIN_S = 0.02


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and return when all have ended, however they did. What they raised stays in them."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=TOLD_AGAIN_S)
