"""Opening one item: the pure checks of `item_check`, and the two things that they need from the broker.

These are a newer registry, when an item was stamped under one, and the pair key that its wrap is under. That
the broker cannot be reached is no fault of an item: it is raised, and the item asked again later.
"""

from __future__ import annotations

from broker.client.doubts import Doubt, DoubtfulItem
from broker.client.item_check import VerifiedItem, check_inside, check_outside
from broker.client.pair_keys import PairKeys
from broker.client.trust import Trust
from broker.errors import HarkaraError
from broker.protocol.delivery import Body
from broker.protocol.sealing import BY_BROKER
from broker.protocol.stamp import read_stamp


class Opener:
    """Opens items for one agency."""

    def __init__(self, agency: str, trust: Trust, pair_keys: PairKeys) -> None:
        self._agency = agency
        self._trust = trust
        self._pair_keys = pair_keys

    async def open(
        self, kind: str, body: Body, *, digest: bytes | None = None, latest_stamp: int = 0
    ) -> VerifiedItem:
        """Give an item of which every check holds; `digest` and `latest_stamp` as in `check_outside`.

        Raises `DoubtfulItem` for what is wrong with the item, and what the transport raises.
        """
        registry = await self._trust.at_least(_claimed_registry(body))
        outside = check_outside(kind, body, registry, digest=digest, latest_stamp=latest_stamp)
        role = "broker" if outside.header.mode == BY_BROKER else "agency"
        pair_key = await self._pair_keys.get(
            outside.pair_key_id, registry, role=role, at=outside.stamp.taken_at
        )
        return check_inside(outside, pair_key, registry, self._agency)


def _claimed_registry(body: Body) -> int:
    # Not verified yet, and only a hint of what to fetch: the stamp may be signed by a key that is new in it.
    try:
        return read_stamp(body.stamp.payload).registry_version
    except HarkaraError:
        raise DoubtfulItem(Doubt.STAMP_FORM) from None
