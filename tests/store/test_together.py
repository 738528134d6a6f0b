"""Questions asked together: one round for all who wait, an answer for each, never an old one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from broker.errors import Problem, StoreUnavailable, pointing_at
from broker.store.together import ROUND_QUESTIONS, Together


class Asked:
    """Answers with the question itself and the number of its round, when it is let go."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.begun = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, questions: Sequence[str]) -> list[tuple[str, int]]:
        self.rounds.append(list(questions))
        number = len(self.rounds)
        self.begun.set()
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return [(question, number) for question in questions]


async def test_who_is_alone_asks_at_once() -> None:
    asked = Asked()
    together = Together(asked)
    assert await together.answer("a") == ("a", 1)
    assert await together.answer("b") == ("b", 2)


async def test_who_asks_meanwhile_is_in_the_next_round_and_not_in_the_one_under_way() -> None:
    """P2: an answer that was under way when the question came may be older than the question."""
    asked = Asked()
    asked.open.clear()
    together = Together(asked)
    first = asyncio.create_task(together.answer("a"))
    await asked.begun.wait()
    others = [asyncio.create_task(together.answer(name)) for name in "abc"]
    await asyncio.sleep(0)
    asked.open.set()
    assert await first == ("a", 1)
    assert await asyncio.gather(*others) == [("a", 2), ("b", 2), ("c", 2)]
    assert asked.rounds == [["a"], ["a", "b", "c"]]


async def test_a_round_is_bounded() -> None:
    asked = Asked()
    many = [str(number) for number in range(2 * ROUND_QUESTIONS + 1)]
    answers = await asyncio.gather(
        *(together.answer(each) for together in [Together(asked)] for each in many)
    )
    assert [question for question, _ in answers] == many
    assert [len(each) for each in asked.rounds] == [ROUND_QUESTIONS, ROUND_QUESTIONS, 1]


async def test_what_fails_is_told_to_each_by_an_error_of_its_own_and_the_next_round_asks_again() -> None:
    asked = Asked()
    asked.error = StoreUnavailable("away", Problem("/id", "an id", "none"), retry_after=1.0)
    together = Together(asked)

    async def pointing(member: str) -> None:
        with pointing_at(member):
            await together.answer(member)

    failed = await asyncio.gather(*(pointing(each) for each in ("/a", "/b")), return_exceptions=True)
    assert [one.problems[0].pointer for one in failed if isinstance(one, StoreUnavailable)] == ["/a", "/b"]
    assert [one.retry_after for one in failed if isinstance(one, StoreUnavailable)] == [1.0, 1.0]
    asked.error = None
    assert await together.answer("c") == ("c", 2)


async def test_a_caller_that_is_cancelled_leaves_its_round_as_it_is() -> None:
    asked = Asked()
    asked.open.clear()
    together = Together(asked)
    gone, stays = (asyncio.create_task(together.answer(each)) for each in "ab")
    await asked.begun.wait()
    gone.cancel()
    asked.open.set()
    assert await stays == ("b", 1)
    with pytest.raises(asyncio.CancelledError):
        await gone
