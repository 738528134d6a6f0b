"""Takes a part of a store back to what it was, as a failover to a replica that lagged does."""

from __future__ import annotations

from typing import Any

from redis import Redis


class Snapshot:
    """The keys that match a pattern, such as `{log}*`, as they are now. `restore` makes them so again."""

    def __init__(self, client: Redis, pattern: str) -> None:
        self._client, self._pattern = client, pattern
        self._keys = {key: (client.dump(key), client.pttl(key)) for key in self._matching()}

    def restore(self) -> None:
        """Remove the keys that match now, and put back those that matched then."""
        transaction: Any = self._client.pipeline(transaction=True)
        for key in self._matching():
            transaction.delete(key)
        for key, (dumped, ttl) in self._keys.items():
            transaction.restore(key, max(ttl, 0), dumped)
        transaction.execute()

    def _matching(self) -> list[bytes]:
        # In Redis' patterns `{` and `}` stand for themselves.
        return list(self._client.scan_iter(self._pattern, count=1000))
