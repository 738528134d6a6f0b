"""Batches: many posts as lines of one request, within the broker's limits, and its answers line by line.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from broker.client.outbox import Kept
from broker.errors import Malformed, Problem
from broker.protocol.limits import BATCH_BULLETINS, BATCH_BYTES


def split(waiting: Mapping[int, Kept]) -> Iterator[list[int]]:
    """Give the keys of `waiting`, in order, in groups that each fit one batch."""
    group: list[int] = []
    size = 0
    for place, kept in waiting.items():
        line = len(kept.body) + 1
        if group and (len(group) == BATCH_BULLETINS or size + line > BATCH_BYTES):
            yield group
            group, size = [], 0
        group.append(place)
        size += line
    if group:
        yield group


def lines_of(content: bytes, expected: int) -> list[bytes]:
    """Give the lines of an answer. Raises `Malformed` when they are not as many as were asked."""
    lines = content.removesuffix(b"\n").split(b"\n")
    if len(lines) != expected:
        raise Malformed(
            "the broker's answer to a batch has another number of lines",
            Problem("", f"{expected} lines", f"{len(lines)} lines"),
        )
    return lines
