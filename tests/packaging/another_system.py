"""What Windows lacks is out of reach of Harkara's own modules, and of nobody else's in this process.

`install` puts other `os`, `sys` and `signal` before the modules of `broker`: with the names that Windows has,
and without what only POSIX has. `fcntl`, `pwd` and their like cannot be imported by them; `msvcrt`, which
Windows has, can, with the one thing that is used of it. Everything below them (aiohttp, pathlib, the event
loop) is this system's own, so that what is tried out really runs.
"""

from __future__ import annotations

import builtins
import fcntl
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty", "uvloop"}
OS = {
    *("chown", "chroot", "confstr", "fchdir", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid"),
    *("getgid", "getgroups", "getloadavg", "getpgid", "getpgrp", "getpriority", "getsid", "getuid", "killpg"),
    *("lchown", "mkfifo", "mknod", "nice", "openpty", "posix_fadvise", "posix_fallocate", "pread", "pwrite"),
    *("sched_getaffinity", "sched_setaffinity", "sendfile", "setsid", "setuid", "statvfs", "sync", "sysconf"),
    *("uname", "wait", "wait3", "wait4", "fdatasync", "register_at_fork", "WNOHANG"),
    *("O_CLOEXEC", "O_DIRECTORY", "O_DSYNC", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC"),
}
SIGNALS = {
    *("SIGALRM", "SIGCHLD", "SIGCONT", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP"),
    *("SIGUSR1", "SIGUSR2", "SIGWINCH", "alarm", "pthread_sigmask", "setitimer", "siginterrupt", "sigwait"),
}


class Without(ModuleType):
    """A module without some of its names, and with others instead."""

    def __init__(self, real: ModuleType, lacks: set[str], instead: Mapping[str, Any]) -> None:
        super().__init__(real.__name__)
        self._real = real
        self._lacks = lacks
        self.__dict__.update(instead)

    def __getattr__(self, name: str) -> Any:
        if name in self._lacks:
            raise AttributeError(f"Windows has no {self._real.__name__}.{name}")
        return getattr(self._real, name)


def msvcrt() -> ModuleType:
    """Give the module of Windows, with locks as they are there: of bytes of an open file."""
    made = ModuleType("msvcrt")
    made.__dict__["LK_NBLCK"] = 2

    def locking(descriptor: int, mode: int, size: int) -> None:
        assert (mode, size) == (2, 1)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    made.__dict__["locking"] = locking
    return made


def install() -> None:
    """From now on the modules of `broker` see another system. Call it before any of them is loaded."""
    assert not [name for name in sys.modules if name.partition(".")[0] == "broker"]
    seen: dict[str, ModuleType] = {
        "os": Without(os, OS, {"name": "nt"}),
        "sys": Without(sys, {"getdlopenflags"}, {"platform": "win32"}),
        "signal": Without(signal, SIGNALS, {}),
        "msvcrt": msvcrt(),
    }
    imported = builtins.__import__

    def load(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002  (as __import__ has it)
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if level == 0 and str((globals or {}).get("__name__", "")).partition(".")[0] == "broker":
            if name.partition(".")[0] in MODULES:
                raise ModuleNotFoundError(f"No module named {name!r} on Windows", name=name)
            if name in seen:
                return seen[name]
        return imported(name, globals, locals, fromlist, level)

    builtins.__import__ = load
