"""A proxy between a client and its server that loses what it is told to lose.

A request that is lost never reached the server; a reply that is lost means that the server did the work and
the client cannot know. In both cases the connection is cut, as a network does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

ANSWER_S = 5.0
"""How long a reply that is to be lost is waited for: what was only half a request is not answered."""
Judge = Callable[[bytes], str]
"""Given the bytes of a burst from the client, says "pass", "lose request" or "lose reply"."""


def pass_all(_: bytes) -> str:
    """Lose nothing."""
    return "pass"


class NthBurst:
    """Loses the n-th burst (from 0) that the client sends, or its reply; all else passes."""

    def __init__(self, n: int, what: str) -> None:
        self._left, self._what = n, what
        self.struck = False

    def __call__(self, _: bytes) -> str:
        self._left -= 1
        if self._left == -1:
            self.struck = True
            return self._what
        return "pass"


class Proxy:
    """Listens on a socket beside the server's. `judge` may be exchanged at any time."""

    def __init__(self, upstream: Path, judge: Judge = pass_all) -> None:
        self.judge = judge
        self._upstream = upstream
        self._path = upstream.with_name(f"p{id(self):x}")
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def url(self) -> str:
        """Give the address to connect to."""
        return f"unix://{self._path}"

    def hold(self) -> None:
        """Keep all replies back, as a network that is stuck."""
        self._flowing.clear()

    def release(self) -> None:
        """Deliver what was kept back, and all that follows."""
        self._flowing.set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_unix_server(self._accept, self._path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        up_reader, up_writer = await asyncio.open_unix_connection(self._upstream)
        replies = asyncio.create_task(self._copy(up_reader, writer))
        try:
            while burst := await reader.read(4 * 1024 * 1024):
                judgement = self.judge(burst)
                if judgement == "lose request":
                    break
                if judgement == "lose reply":
                    replies.cancel()
                    up_writer.write(burst)
                    await up_writer.drain()
                    with contextlib.suppress(TimeoutError):
                        # The server has done the work when it answers.
                        await asyncio.wait_for(up_reader.read(1), ANSWER_S)
                    break
                up_writer.write(burst)
                await up_writer.drain()
        except (ConnectionError, OSError, asyncio.CancelledError):
            pass  # the end of a proxy is no error
        finally:
            replies.cancel()
            writer.close()
            up_writer.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, OSError):
            while burst := await reader.read(4 * 1024 * 1024):
                await self._flowing.wait()
                writer.write(burst)
                await writer.drain()
            writer.close()
