"""The directory of the embedded store: private, and used by one server at a time.

The lock is a `flock` whose descriptor the server inherits: it is held as long as either lives, so a broker
that was killed cannot leave a server behind whose files a second server would then write as well.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

from broker.errors import UnsafeConfiguration

SOCKET_PATH_LIMIT_BYTES = 100
"""The system takes 108 bytes on Linux and 104 on macOS, with the terminator."""
LOCK_WAIT_S = 10.0
"""How long to wait for a server that is going down with its broker: a moment, on a busy machine more."""
_LOCK_PAUSE_S = 0.05


class DataDirectory:
    """One directory, made with mode 0700 when it is not there. `lock` it before anything is written."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.log = self.path / "store.log"
        self._lock_fd: int | None = None
        self._socket_directory: Path | None = None

    @property
    def lock_fd(self) -> int:
        """The descriptor that holds the lock, to be inherited by the server."""
        if self._lock_fd is None:
            raise RuntimeError("the directory is not locked")
        return self._lock_fd

    async def lock(self) -> None:
        """Make the directory private and take its lock.

        Raises `UnsafeConfiguration` naming the process that holds it, or saying why it cannot be private.
        """
        self._make_private()
        fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = asyncio.get_running_loop().time() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if asyncio.get_running_loop().time() > deadline:
                    holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
                    os.close(fd)
                    raise UnsafeConfiguration(
                        f"the store in {self.path} is in use by process {holder}: "
                        "stop that one, or give another --data"
                    ) from None
                await asyncio.sleep(_LOCK_PAUSE_S)
            else:
                break
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._lock_fd = fd

    def unlock(self) -> None:
        """Give the lock back and remove the socket. Harmless when not locked."""
        if self._socket_directory is not None:
            shutil.rmtree(self._socket_directory, ignore_errors=True)
            self._socket_link.unlink(missing_ok=True)
            self._socket_directory = None
        if self._lock_fd is not None:
            (self.path / "store.sock").unlink(missing_ok=True)
            os.close(self._lock_fd)
            self._lock_fd = None

    def socket(self) -> Path:
        """Give where the server's socket is to be: in the directory, or in a short private one of its own."""
        inside = self.path / "store.sock"
        if len(os.fsencode(inside)) <= SOCKET_PATH_LIMIT_BYTES:
            return inside
        if self._socket_directory is None:
            self._socket_directory = self._kept_socket_directory() or self._new_socket_directory()
        short = self._socket_directory / "store.sock"
        if len(os.fsencode(short)) > SOCKET_PATH_LIMIT_BYTES:
            raise UnsafeConfiguration(
                f"the path of a socket, {short}, is too long: give a shorter --data, or TMPDIR"
            )
        return short

    @property
    def _socket_link(self) -> Path:
        return self.path / "socket-directory"

    def _new_socket_directory(self) -> Path:
        made = Path(tempfile.mkdtemp(prefix="harkara-"))
        self._socket_link.unlink(missing_ok=True)
        self._socket_link.symlink_to(made)
        return made

    def _kept_socket_directory(self) -> Path | None:
        # That of a broker that was killed is used again: otherwise each crash would leave one behind.
        try:
            kept = self._socket_link.readlink()
            found = kept.lstat()
        except OSError:
            return None
        private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
        return kept if private else None

    def _make_private(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self.path.stat()
            if found.st_uid != os.geteuid():
                raise UnsafeConfiguration(f"{self.path} belongs to another user: give a --data of your own")
            if found.st_mode & 0o077:
                self.path.chmod(0o700)
        except OSError as error:
            raise UnsafeConfiguration(
                f"{self.path} cannot be used for the store: {error.strerror}"
            ) from error
