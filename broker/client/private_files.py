"""Files for their owner alone: read with care, written whole or not at all.

What the client keeps (an identity, signed bulletins, its place in an inbox) is secret, or must survive a
power cut, or both. A write goes to a new file beside the old one, is forced to disk, and takes its name in
one step, so that a reader finds the old content or the new one. Permissions are checked where the system has
them (not on Windows, where the profile directory is the user's own).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from broker.errors import NotFound, UnsafeConfiguration

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
HAS_PERMISSIONS = os.name == "posix"

_TEMPORARY = ".new-"
"""Files that begin like this were never given their name: a crash left them."""


def make_directory(path: Path) -> Path:
    """Make a directory, and those above it that are not there, for its owner alone. Gives it.

    Raises `UnsafeConfiguration`.
    """
    try:
        if not path.is_dir():
            for each in (*reversed(path.parents), path):  # mkdir's own `parents` would not give them the mode
                each.mkdir(exist_ok=True, mode=DIRECTORY_MODE)
    except OSError as error:
        raise UnsafeConfiguration(f"the directory {path} cannot be made: {error.strerror}") from None
    return path


def read_secret(path: Path) -> bytes:
    """Give the content of a file that others must not be able to read.

    Raises `NotFound`, or `UnsafeConfiguration` when others can read it, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if HAS_PERMISSIONS and mode & _OTHERS:
                raise UnsafeConfiguration(f"others can read {path}: run `chmod 600 {path}`")
            return file.read()
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except OSError as error:
        raise UnsafeConfiguration(f"{path} cannot be read: {error.strerror}") from None


def read_public(path: Path) -> bytes:
    """Give the content of a file that holds no secret. Raises `NotFound` or `UnsafeConfiguration`."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except OSError as error:
        raise UnsafeConfiguration(f"{path} cannot be read: {error.strerror}") from None


def write(path: Path, content: bytes, *, durable: bool = True, name_later: bool = False) -> None:
    """Write a file whole or not at all, for its owner alone, and force it to disk unless told not to.

    With `name_later` the caller forces the names of many files to disk at once, by `sync_directory`.

    Raises `UnsafeConfiguration` when the disk does not take it.
    """
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
    try:
        try:
            _write_new(temporary, content, durable)
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        if durable and not name_later:
            sync_directory(path.parent)
    except OSError as error:
        raise UnsafeConfiguration(f"{path} cannot be written: {error.strerror}") from None


def remove_unfinished(directory: Path) -> None:
    """Remove what writes cut short by a crash left behind. Call it while nobody else writes there."""
    for leftover in directory.glob(f"{_TEMPORARY}*"):
        leftover.unlink(missing_ok=True)


def sync_directory(directory: Path) -> None:
    """Force the names in a directory to disk, where the system can (Windows does it by itself)."""
    if not HAS_PERMISSIONS:
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(path: Path, content: bytes, durable: bool) -> None:
    # O_BINARY exists on Windows only, where line ends would be changed without it.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
