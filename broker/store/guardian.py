"""Makes a child process end with its parent, also when the parent is killed.

On Linux by PR_SET_PDEATHSIG. The kernel sends that signal when the *thread* that forked ends, so the child
must be started from a thread that lives as long as the child should: the one of the event loop. A parent that
dies between the fork and the request would be missed, hence the second look. Elsewhere the child outlives a
killed parent; the directory's lock, which it inherits, then keeps others away from its files.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> Callable[[], None] | None:
    """Give what the child must run between fork and exec, or None where the system cannot do it.

    What runs there makes two system calls and takes no lock: other threads of the parent do not exist in the
    child.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return in_child
