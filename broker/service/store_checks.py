"""Checks of the store and of the disk and clock beneath it.

Each gives what was observed and, when that is not fine, how to mend it. None raises anything but what the
store raises when it does not answer.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path

from broker.errors import HarkaraError, UnsafeConfiguration
from broker.protocol.limits import SECOND_US
from broker.protocol.verdict import Check, bounded
from broker.service.clock import Clock
from broker.store.records import Usage
from broker.store.safety import CLOCK_TOLERANCE_S
from broker.store.store import Store

ANSWER_SECONDS = 1.0
"""How long the store may take to answer."""
MEMORY_WARN, MEMORY_FAIL = 0.8, 0.95
"""Shares of the store's maxmemory."""
CLOCK_WARN_S, CLOCK_FAIL_S = 0.5, CLOCK_TOLERANCE_S
DISK_WARN_BYTES, DISK_FAIL_BYTES = 2 * 1024**3, 256 * 1024**2
"""Free space on the disk of --data, at least."""


async def check_answer(store: Store) -> Check:
    """Check that the store answers, has read its file, and could write the last time that it tried."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            usage = await store.usage()
    except TimeoutError:
        return Check("store", "fail", output="the store does not answer")
    except HarkaraError as error:
        return Check("store", "fail", output=error.detail)
    if usage.loading or not usage.last_write_ok:
        problem = (
            "the store is reading its file" if usage.loading else "the store could not write to its disk"
        )
        return Check("store", "fail", output=problem)
    return Check("store", "pass", round((time.perf_counter() - started) * 1000, 1), "ms")


def check_memory(usage: Usage) -> Check:
    """Check the memory that is left: a full store refuses posts."""
    if not usage.maximum_bytes:
        return Check("store:memory", "pass", usage.used_bytes, "bytes")
    share = round(usage.used_bytes / usage.maximum_bytes, 3)
    mend = "raise the store's maxmemory, or wait until bulletins expire"
    return bounded("store:memory", share, warn=MEMORY_WARN, fail=MEMORY_FAIL, unit="share", mend=mend)


async def check_settings(store: Store) -> Check:
    """Check now what is checked at each new connection: how the server keeps what it accepts."""
    try:
        await store.check()
    except UnsafeConfiguration as error:
        return Check("store:settings", "fail", output=error.detail)
    return Check("store:settings", "pass")


async def check_clock(store: Store, clock: Clock) -> Check:
    """Compare our clock with the store's: stamps and expiries are told by both."""
    before = clock()
    there = await store.time()
    here = (before + clock()) // 2
    apart = round(abs(there - here) / SECOND_US, 3)
    mend = "the store's clock and this host's differ: run NTP on both"
    return bounded("clock", apart, warn=CLOCK_WARN_S, fail=CLOCK_FAIL_S, unit="s", mend=mend)


async def check_disk(directory: Path, usage: Usage) -> Check:
    """Check the space that is left for the embedded store. Rewriting its file needs as much again."""
    free = (await asyncio.to_thread(shutil.disk_usage, directory)).free
    mend = f"free space on the disk of {directory}"
    if free < DISK_FAIL_BYTES:
        return Check("disk", "fail", free, "bytes", mend)
    if free < max(DISK_WARN_BYTES, usage.file_bytes):
        return Check("disk", "warn", free, "bytes", mend)
    return Check("disk", "pass", free, "bytes")
