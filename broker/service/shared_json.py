"""The part of an item's JSON that is the same for all its readers, encoded once for however many feeds.

A reader has its own number, wrap and entry; header, ciphertext and stamp are everybody's. With 100 feeds over
HTTP a delivery of 42 KB costs 120 µs instead of 175 (one of 4 KB 86 instead of 91), and a reader that stalls
holds the same bytes as all others instead of a copy of each item that waits for it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

from broker.protocol import dsse
from broker.protocol.delivery import Item, item_json

CACHE_BYTES = 16 * 1024 * 1024
SHARED = frozenset({"header", "ciphertext", "seal", "stamp"})

Encoded = dict[str, msgspec.Raw]


class SharedJson:
    """Encodes items for feeds, through a bounded cache."""

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._held_bytes = 0
        self._cache: OrderedDict[bytes, Encoded] = OrderedDict()
        self._encode = msgspec.json.Encoder().encode

    def of(self, item: Item) -> dict[str, Any]:
        """Give an item as `item_json` does; what is shared stands encoded, as `msgspec.Raw`."""
        if item.body is None:
            return item_json(item)
        key = item.body.stamp.payload  # names the sealed digest, so one stamp is one body
        shared = self._cache.get(key)
        if shared is None:
            whole = item_json(item)
            shared = {name: msgspec.Raw(self._encode(whole[name])) for name in SHARED & whole.keys()}
            self._keep(key, shared)
        else:
            self._cache.move_to_end(key)
        return {
            "number": item.number,
            "kind": item.kind,
            "wrap": dsse.encode64(item.body.wrap),
            **shared,
        }

    def _keep(self, key: bytes, shared: Encoded) -> None:
        self._cache[key] = shared
        self._held_bytes += _size(shared)
        while self._held_bytes > self._most_bytes:
            _, oldest = self._cache.popitem(last=False)
            self._held_bytes -= _size(oldest)


def _size(shared: Encoded) -> int:
    return sum(len(bytes(each)) for each in shared.values())
