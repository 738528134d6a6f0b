"""Questions asked together: whoever asks while the store answers others is in the next round, as one request.

A round begins after everybody in it has asked, so nobody gets an answer older than its question. With 64
posts in flight a look-up of each costs a sixty-fourth of a request; one that is alone asks at once. What
fails, fails for the whole round. A caller that is cancelled leaves its round as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from broker.errors import HarkaraError

Q = TypeVar("Q")
A = TypeVar("A")

ROUND_QUESTIONS = 64


class Together(Generic[Q, A]):
    """Asks `ask` for the answers to many questions at once, in their order."""

    def __init__(self, ask: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        self._ask = ask
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._rounds: asyncio.Task[None] | None = None

    async def answer(self, question: Q) -> A:
        """Give the answer to one question. Raises what asking raises."""
        answered: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answered))
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._ask_all(), name="harkara-together")
        return await answered

    async def _ask_all(self) -> None:
        try:
            while self._waiting:
                now, self._waiting = self._waiting[:ROUND_QUESTIONS], self._waiting[ROUND_QUESTIONS:]
                await self._round(now)
        finally:
            self._rounds = None

    async def _round(self, asked: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._ask([question for question, _ in asked])
        except asyncio.CancelledError:
            for _, answered in asked:
                answered.cancel()
            raise
        except Exception as error:  # noqa: BLE001 (told to everybody who asked)
            for _, answered in asked:
                if not answered.done():
                    answered.set_exception(_own(error))
            return
        for (_, answered), answer in zip(asked, answers, strict=True):
            if not answered.done():
                answered.set_result(answer)


def _own(error: Exception) -> Exception:
    # Each caller marks where its own error points.
    if isinstance(error, HarkaraError):
        own = type(error)(error.detail, *error.problems, retry_after=error.retry_after)
        own.__cause__ = error
        return own
    return error
