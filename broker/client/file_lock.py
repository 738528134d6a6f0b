"""A lock between processes of one machine: held by an open file, so that it ends with its holder, however
that ends.

The system's own lock (`flock`, or `msvcrt.locking` on Windows) is used and not a file whose existence means
"locked": such a file outlives a `kill -9`, and a process id in it may be somebody else's by then.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from broker.client.private_files import FILE_MODE
from broker.errors import UnsafeConfiguration

POLL_SECONDS = 0.02


class FileLock:
    """A lock that is held from `acquire` to `release`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock. Gives False, at once, when another process or another `FileLock` holds it.

        Raises `UnsafeConfiguration` when its file cannot be made.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        except OSError as error:
            raise UnsafeConfiguration(f"{self._path} cannot be made: {error.strerror}") from None
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def waiting_for(path: Path) -> Iterator[None]:
    """Hold the lock of a path, waiting for it: for work of milliseconds only."""
    lock = FileLock(path)
    while not lock.acquire():
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
