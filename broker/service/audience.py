"""The audience: a dry run of routing, shown to the originator before anything is sent.

Of a statement for that statement's originator alone; of a policy opening for whoever asks, as the
originator: a blind sealer learns for whom to seal, and the broker does not see the content.
"""

from __future__ import annotations

from typing import Any

from broker.protocol import admission, strictjson
from broker.protocol.blind import read_opening
from broker.protocol.limits import BODY_BYTES
from broker.service.blind_posting import BlindPosting
from broker.service.posting import Posting


class Audience:
    """Shows who would receive a post, and why."""

    def __init__(self, posting: Posting, blind: BlindPosting) -> None:
        self._posting = posting
        self._blind = blind

    async def preview(self, caller: str, body: bytes) -> dict[str, Any]:
        """Give {audience: [{agency, delivers, reason}]} for a post's body, or for {policy, address?} of a
        blind post. Nothing is written.

        Raises what the post would be refused for, and `AuthorMismatch` when `caller` is not the originator:
        whom a statement would reach is its originator's to know.
        """
        asked = strictjson.decode(body, max_bytes=BODY_BYTES)
        if isinstance(asked, dict) and "policy" in asked:
            reasons = await self._blind.preview(caller, *read_opening(asked))
        else:
            reasons = await self._posting.preview(caller, admission.post_of(asked))
        return {
            "audience": [
                {"agency": agency, "delivers": reason.delivers, "reason": reason.words}
                for agency, reason in sorted(reasons.items())
            ]
        }
