"""Run a command's coroutine so that Ctrl-C ends it in order.

`asyncio.Runner` (3.11) cancels the main task from inside the signal handler, that is between any two
bytecodes of whatever the loop was just doing: a future may be cancelled between the check that it is
open and the setting of its result, and the loop then logs a traceback over somebody's terminal. A
handler of the loop runs between callbacks.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(
    main: Coroutine[Any, Any, T], *, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> T:
    """Run `main` in a loop of its own and give its result.

    The first Ctrl-C cancels `main`, whose clean-up runs; then KeyboardInterrupt is raised. The second
    one raises it at once.
    """
    interrupted = threading.Event()
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(_interruptible(main, interrupted))
    except asyncio.CancelledError:
        if interrupted.is_set():
            raise KeyboardInterrupt from None
        raise


async def _interruptible(main: Coroutine[Any, Any, T], interrupted: threading.Event) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupt() -> None:
        interrupted.set()
        loop.remove_signal_handler(signal.SIGINT)  # the next one is Python's own
        if task is not None:
            task.cancel()

    # Windows' loop has no such handlers; there, and outside the main thread, Python's own way stays.
    if sys.platform != "win32" and threading.current_thread() is threading.main_thread():
        loop.add_signal_handler(signal.SIGINT, interrupt)
    return await main
