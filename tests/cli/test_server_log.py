"""A broker's log: one JSON object a line, whatever goes wrong, and never a word of what was carried."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from broker.cli import server_log

SECRET = "Koh-i-Noor leaves Torkham"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Log at DEBUG to memory; gives what was logged. Everything is as it was afterwards."""
    gc.collect()  # what other tests left behind is told now, and not into this log
    stream = io.StringIO()
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    level = root.level
    for handler in before:
        root.removeHandler(handler)
    server_log.log_to(stream, logging.DEBUG)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)


def carried() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise ValueError(f"cannot use {SECRET!r}\n{SECRET}") from error


def caught() -> ValueError:
    try:
        carried()
    except ValueError as error:
        return error
    raise AssertionError


def test_a_fault_is_told_by_its_type_and_place_and_not_by_its_words(lines: Any) -> None:
    structlog.get_logger("harkara.web").error("fault", request_id="7", exc_info=caught())
    (line,) = lines()
    assert (line["event"], line["level"], line["request_id"]) == ("fault", "error", "7")
    assert (line["fault"], line["because"]) == ("ValueError", "KeyError")
    assert line["at"][-1].endswith(" carried")
    assert "test_server_log.py:" in line["at"][-1]
    assert SECRET not in str(line)


@pytest.mark.parametrize(
    "speak",
    [
        pytest.param(lambda: logging.getLogger("aiohttp").error("no\n%s", SECRET), id="more lines than one"),
        pytest.param(
            lambda: logging.getLogger("aiohttp").error("Error handling request", exc_info=caught()),
            id="an exception",
        ),
        pytest.param(lambda: logging.getLogger("redis").debug("sent %s", SECRET), id="what is for debugging"),
        pytest.param(
            lambda: logging.getLogger("redis").info("sent %s", SECRET), id="what is for information"
        ),
    ],
)
def test_what_libraries_say_is_one_line_and_carries_nothing(lines: Any, speak: Any) -> None:
    speak()
    logging.getLogger("asyncio").warning("slow")
    *_, last = lines()
    assert (last["event"], last["library"], last["told"]) == ("library", "asyncio", "slow")
    assert len(lines()) <= 2
    assert SECRET not in str(lines())


async def test_a_task_that_nobody_waits_for_tells_no_content(lines: Any) -> None:
    async def fail() -> None:
        carried()

    task = asyncio.create_task(fail())
    while not task.done():  # noqa: ASYNC110
        await asyncio.sleep(0)
    del task
    (line,) = lines()
    assert line["told"] == "Task exception was never retrieved"
    assert line["fault"] == "ValueError"
    assert SECRET not in str(line)


def test_a_person_reads_one_line_an_event_too(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    server_log.log_to(stream, logging.INFO, for_people=True)
    try:
        structlog.get_logger("harkara.web").error("fault", exc_info=caught())
        structlog.get_logger("harkara.web").debug("answered")
    finally:
        structlog.reset_defaults()
    assert len(stream.getvalue().splitlines()) == 1
    assert SECRET not in stream.getvalue()
    assert capsys.readouterr().out == ""
