"""Where a broker's log goes: stderr, one JSON object a line, or words when a person looks on.

No line holds content of a bulletin. An exception's text may quote what it stumbled over, so a fault is told
by its type and by where it happened, never by its words; of what libraries say, the first line is kept.
"""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict

FRAMES_TOLD: Final = 12
"""The innermost frames of a fault."""
LIBRARY_LEVEL: Final = logging.WARNING
"""Libraries may print what they carry at DEBUG; they are never asked to."""


def log_to_stderr(level: str = "info") -> None:
    """Send the log of Harkara, from `level` on (debug, info, warning, error), and of its libraries to
    stderr. Call it before anything logs.
    """
    log_to(sys.stderr, logging.getLevelNamesMapping()[level.upper()], for_people=sys.stderr.isatty())


def log_to(stream: TextIO, level: int, *, for_people: bool = False) -> None:
    """Send the log to a stream, one line an event."""
    render: Any = structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            tell_fault,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    logging.basicConfig(handlers=[_Libraries(LIBRARY_LEVEL)], level=LIBRARY_LEVEL)


def tell_fault(logger: Any, method: str, event: EventDict) -> EventDict:
    """Replace an exception by its type and the places where it happened, the innermost last."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exception()
    if isinstance(found, tuple):
        found = found[1]
    if isinstance(found, BaseException):
        event["fault"] = type(found).__name__
        event["at"] = _places(found.__traceback__)
        cause = found.__cause__ or found.__context__
        if cause is not None:
            event["because"] = type(cause).__name__
    return event


def _places(where: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(where)[-FRAMES_TOLD:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


class _Libraries(logging.Handler):
    """Passes on what libraries log, in the form of our own events."""

    def emit(self, record: logging.LogRecord) -> None:
        told = record.getMessage().partition("\n")[0]
        level = logging.ERROR if record.levelno >= logging.ERROR else logging.WARNING
        log = structlog.get_logger("harkara.library")
        log.log(level, "library", library=record.name, told=told, exc_info=record.exc_info)
