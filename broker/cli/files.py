"""Files of the commands: read with clear words when they cannot be, written whole or not at all,
secrets for their owner alone.

A private key that others can read is refused (exit code 6), in the manner of ssh. Nothing is
overwritten unless a command says so.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from pathlib import Path
from typing import BinaryIO, Final

from broker.cli.refusals import MisuseError
from broker.errors import UnsafeConfiguration
from broker.protocol.limits import REGISTRY_BYTES

POSIX: Final = os.name == "posix"
OTHERS: Final = 0o077
"""Permission bits of anybody but the owner."""
STDIN: Final = "-"
LIMIT_BYTES: Final = 2 * REGISTRY_BYTES
"""No file of ours is longer."""


def read_input(name: str, what: str) -> bytes:
    """Give the bytes of a file, or of stdin for "-". `what` is its kind, for people. Raises `MisuseError`."""
    if name == STDIN:
        return sys.stdin.buffer.read(LIMIT_BYTES + 1)
    return read(Path(name), what)


def read(path: Path, what: str, hint: str = "") -> bytes:
    """Give the bytes of a file. Raises `MisuseError` when there is none, or it cannot be read."""
    with _opened(path, what, hint) as file:
        return _read(file, path, what)


def read_private(path: Path, what: str, hint: str = "") -> bytes:
    """Give the bytes of a file that holds secrets. Raises `UnsafeConfiguration` when others can get at it."""
    with _opened(path, what, hint) as file:
        # The opened file is asked, not the name: it cannot be exchanged in between.
        found = os.fstat(file.fileno())
        if POSIX and stat.S_IMODE(found.st_mode) & _closed_to(path):
            mode = stat.S_IMODE(found.st_mode)
            raise UnsafeConfiguration(
                f"{path} holds private keys and can be read by others (mode {mode:04o}): chmod 600 {path}"
            )
        if POSIX and found.st_uid not in (os.geteuid(), 0):
            raise UnsafeConfiguration(f"{path} holds private keys and belongs to another user")
        return _read(file, path, what)


def write_new(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file that must not be there yet; `private` for its owner alone. Raises `MisuseError`."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, _mode(private))
    except FileExistsError:
        raise MisuseError(f"{path} is there already, and is not overwritten") from None
    except OSError as error:
        raise MisuseError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        _write(file, content)


def replace(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file in place of what is there, whole or not at all. Raises `MisuseError`."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    write_new(beside, content, private=private)
    try:
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise MisuseError(f"{path} cannot be written: {error.strerror}") from None


def directory_for_secrets(path: Path, *, unwritable_by: int = 0o002) -> None:
    """Make sure of a directory: a new or empty one becomes its owner's alone; one that others fill
    is refused.

    `unwritable_by` are the permission bits that may not be set. Raises `UnsafeConfiguration`.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if POSIX and not any(path.iterdir()) and path.stat().st_uid == os.geteuid():
            path.chmod(0o700)
        found = path.stat()
    except OSError as error:
        raise MisuseError(f"{path} cannot be used as a directory: {error.strerror}") from None
    # In a sticky directory such as /tmp nobody can exchange another's files.
    if POSIX and found.st_mode & unwritable_by and not found.st_mode & stat.S_ISVTX:
        raise UnsafeConfiguration(f"others can write in {path}, and could exchange keys: chmod go-w {path}")


_BINARY: Final = getattr(os, "O_BINARY", 0)


def _mode(private: bool) -> int:
    return 0o600 if private else 0o644


def _closed_to(path: Path) -> int:
    """Give the permission bits that a file of secrets must not have.

    systemd gives a service its credentials by an access list in a directory that only the service can enter;
    the list's mask shows as the group's bits, and no group has it.
    """
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return OTHERS & ~stat.S_IRGRP if given and path.parent == Path(given) else OTHERS


def _opened(path: Path, what: str, hint: str) -> BinaryIO:
    try:
        if path.is_dir():
            raise MisuseError(f"{path} is a directory, not {what}", hint)
        return path.open("rb")
    except FileNotFoundError:
        raise MisuseError(f"{path}, {what}, is not there", hint) from None
    except OSError as error:
        raise MisuseError(f"{path}, {what}, cannot be read: {error.strerror}", hint) from None


def _read(file: BinaryIO, path: Path, what: str) -> bytes:
    try:
        # One byte more than anything may have: whoever decodes it says that it is too long.
        return file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise MisuseError(f"{path}, {what}, cannot be read: {error.strerror}") from None


def _write(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
