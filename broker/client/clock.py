"""The clock of the client: µs since the epoch, UTC. The one place of the client that reads it."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Gives now in µs since the epoch."""


def now() -> int:
    """Give the time of this machine in µs since the epoch."""
    return time.time_ns() // 1000
