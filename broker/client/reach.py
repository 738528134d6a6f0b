"""Reach: whom a post would come to, and why, as the broker tells its originator before anything is sent."""

from __future__ import annotations

from dataclasses import dataclass

from broker.errors import Malformed
from broker.protocol import strictjson
from broker.protocol.limits import PAGE_BYTES


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether an agency would receive a post, and why: the broker's word."""

    agency: str
    delivers: bool
    reason: str


def read_reach(body: bytes) -> tuple[Reach, ...]:
    """Read the answer to `POST /v1/audience`. Raises `Malformed`."""
    answer = strictjson.decode(body, max_bytes=PAGE_BYTES)
    rows = answer.get("audience") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise Malformed("the broker's answer holds no audience")
    return tuple(
        Reach(str(row.get("agency", "")), row.get("delivers") is True, str(row.get("reason", "")))
        for row in rows
        if isinstance(row, dict)
    )
