"""What the larger bodies hold together.

Nobody knows yet who sent them: a thousand connections, each with a batch of 8 MiB half sent, must not be
the end of the broker. Ordinary posts are never counted, so that whoever fills this harms batches only.
"""

from __future__ import annotations

from broker.errors import Unavailable


class BodyMemory:
    """Counts bytes up to `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._held = 0

    def take(self, more: int) -> None:
        """Count `more` bytes. Raises `Unavailable` when there is no room: the same request may pass in a
        moment.
        """
        if self._held + more > self._most:
            raise Unavailable("too many large requests at once", retry_after=2.0)
        self._held += more

    def give_back(self, held: int) -> None:
        """Count `held` bytes less."""
        self._held -= held
