"""Ctrl-C at any moment: the clean-up runs, and no traceback of asyncio is left on the terminal."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

import pytest

from broker.cli.ctrl_c import run


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_clean_up_runs_before_the_interruption_is_told() -> None:
    done: list[str] = []

    async def main() -> None:
        asyncio.get_running_loop().call_soon(interrupt)
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            done.append("clean")

    with pytest.raises(KeyboardInterrupt):
        run(main())
    assert done == ["clean"]


def test_a_second_one_ends_a_clean_up_that_waits() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(interrupt)
        try:
            await asyncio.sleep(60)
        finally:
            asyncio.get_running_loop().call_later(0.01, interrupt)
            await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        run(main())


def test_a_cancellation_that_nobody_interrupted_is_told_as_such() -> None:
    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(60)

    with pytest.raises(asyncio.CancelledError):
        run(main())


def test_it_never_cancels_in_the_middle_of_what_the_loop_is_doing(caplog: pytest.LogCaptureFixture) -> None:
    """As where a future of another thread is copied: checked to be open, then interrupted, then set."""

    async def main() -> None:
        waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def settle() -> None:
            assert not waited.done()
            interrupt()
            for _ in range(100):  # Python handles signals between bytecodes
                pass
            waited.set_result(None)

        asyncio.get_running_loop().call_soon(settle)
        await waited
        await asyncio.sleep(60)

    with caplog.at_level(logging.ERROR, "asyncio"), pytest.raises(KeyboardInterrupt):
        run(main())
    assert caplog.text == ""


def test_the_handler_that_was_there_is_there_again() -> None:
    async def main() -> str:
        return "done"

    before = signal.getsignal(signal.SIGINT)
    assert run(main()) == "done"
    assert signal.getsignal(signal.SIGINT) is before
