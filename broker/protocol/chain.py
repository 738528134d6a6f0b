"""The chain of an inbox: how a reader tells by itself that nothing was dropped, inserted or reordered.

An inbox is numbered 1, 2, 3 …; an entry holds the numbers first … last, and chains exist at entry ends. The
entry MAC is under the store key, which the store does not have: without it an insider at the store could drop
an entry, recompute the chain, and have an honest broker sign it. Source: schemas/protocol.md, "What the
broker says".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from broker.protocol import encoding

Reference = tuple[str, bytes]
"""(kind, sealed digest) of one item."""


def first_link(exchange: bytes, epoch: bytes, agency: str) -> bytes:
    """Give c0 = SHA-256(F("harkara/1 inbox", X, epoch, agency)): the chain of an empty inbox."""
    return hashlib.sha256(encoding.pack("inbox", exchange, epoch, agency)).digest()


def link(previous: bytes, first: int, last: int, items: Sequence[Reference]) -> bytes:
    """Give the chain after an entry of the numbers `first` … `last` that follows the chain `previous`."""
    references = [[kind, sealed] for kind, sealed in items]
    return hashlib.sha256(encoding.pack("link", previous, first, last, references)).digest()


def entry_mac(
    store_key: bytes,
    exchange: bytes,
    epoch: bytes,
    agency: str,
    first: int,
    last: int,
    chain: bytes,
    places: Sequence[str],
) -> bytes:
    """Give HMAC-SHA256 under the store key over an entry, its chain and the places of its items: of each, its
    position in the log, a space, and when it expires (µs).
    """
    covered = encoding.pack("entry", exchange, epoch, agency, first, last, chain, list(places))
    return hmac.digest(store_key, covered, "sha256")


def floor_mac(
    store_key: bytes, exchange: bytes, epoch: bytes, agency: str, number: int, chain: bytes, position: str
) -> bytes:
    """Give HMAC-SHA256 under the store key over where an inbox begins: the last number that was trimmed, the
    chain there, and the log position of its item.
    """
    covered = encoding.pack("stored floor", exchange, epoch, agency, number, chain, position)
    return hmac.digest(store_key, covered, "sha256")
