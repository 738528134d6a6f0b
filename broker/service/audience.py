"""The audience: a dry run of routing, shown to the originator of that very statement before anything
is sent.
"""

from __future__ import annotations

from typing import Any

from broker.service.posting import Posting


class Audience:
    """Shows who would receive a post, and why."""

    def __init__(self, posting: Posting) -> None:
        self._posting = posting

    async def preview(self, caller: str, body: bytes) -> dict[str, Any]:
        """Give {audience: [{agency, delivers, reason}]} for a post's body. Nothing is written.

        Raises what the post would be refused for, and `AuthorMismatch` when `caller` is not the originator:
        whom a statement would reach is its originator's to know.
        """
        decided = await self._posting.preview(caller, body)
        return {
            "audience": [
                {"agency": agency, "delivers": reason.delivers, "reason": reason.words}
                for agency, reason in sorted(decided.reasons.items())
            ]
        }
