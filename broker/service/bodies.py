"""Bodies: sealed items ready to be served, read once for however many readers.

A body is checked against its digest when it leaves the store, so that a changed one is told here and not by
every recipient. Whether a reader may still have an item is asked each time it is served: what changed since
it was routed only subtracts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from broker.errors import HarkaraError
from broker.protocol import dsse
from broker.protocol.delivery import BULLETIN, RECEIPT
from broker.protocol.digests import Policy, read_policy_opening
from broker.protocol.routing import Grant, entitlement
from broker.protocol.sealing import ReceiptHeader, Sealed, read_header, read_sealed
from broker.protocol.stamp import read_stamp
from broker.service.decision import open_opening
from broker.service.trust import Trust
from broker.service.vault import Vault
from broker.store.log import Log
from broker.store.records import Body as StoredBody

log = structlog.get_logger("harkara.bodies")

CACHE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class OpenBody:
    """One item as it is served, without wraps. `policy` is None for a receipt, and for what has no opening
    left.
    """

    item: str
    kind: str
    sealed: Sealed
    digest: bytes
    stamp: dsse.Envelope
    policy: Policy | None

    @property
    def size(self) -> int:
        """Give about how many bytes it holds."""
        return len(self.sealed.header) + len(self.sealed.ciphertext) + 1_000


class Bodies:
    """Reads bodies through a bounded cache."""

    def __init__(self, log: Log, vault: Vault, trust: Trust) -> None:
        self._log = log
        self._vault = vault
        self._trust = trust
        self._cache: OrderedDict[str, OpenBody] = OrderedDict()
        self._cached_bytes = 0

    async def of(self, items: Sequence[str]) -> list[OpenBody | None]:
        """Give the body of each item; None for one that the store does not have or that is not ours
        any more.
        """
        missing = [item for item in dict.fromkeys(items) if item not in self._cache]
        found: dict[str, OpenBody] = {item: self._cache[item] for item in items if item in self._cache}
        for item in found:
            self._cache.move_to_end(item)
        if missing:
            stored = await self._log.bodies(missing)
            openings = await self._log.openings(missing)
            for item, body, opening in zip(missing, stored, openings, strict=True):
                if body is not None and (opened := self._open(item, body, opening)) is not None:
                    found[item] = opened
                    self._keep(opened)
        return [found.get(item) for item in items]

    def withheld(self, agency: str, body: OpenBody) -> str | None:
        """Give why `agency` may not have an item (any more), or None. A receipt is its originator's
        for good.
        """
        if body.policy is None:
            return None if body.kind == RECEIPT else "its policy is not known any more"
        refused = entitlement(body.policy, self._trust.entitlements.grants.get(agency, Grant()))
        return None if refused is None else refused.words

    def _open(self, item: str, stored: StoredBody, opening: bytes | None) -> OpenBody | None:
        try:
            stamp = dsse.from_bytes(stored.stamp)
            digest = read_stamp(stamp.payload).sealed
            if stored.erased:
                return None
            sealed = read_sealed(stored.sealed)
            if sealed.digest() != digest:
                log.error("body-changed", position=stored.position)
                return None
            kind = RECEIPT if isinstance(read_header(sealed.header), ReceiptHeader) else BULLETIN
            policy = None
            if opening is not None:
                policy_opening, _ = open_opening(self._vault, item, digest, opening)
                policy = read_policy_opening(policy_opening)[1] if policy_opening else None
        except HarkaraError as error:
            log.error("body-not-ours", position=stored.position, code=error.code)
            return None
        return OpenBody(item, kind, sealed, digest, stamp, policy)

    def _keep(self, body: OpenBody) -> None:
        # Whoever asked at the same moment has read it too: counted twice, room would be lost for good.
        before = self._cache.pop(body.item, None)
        self._cached_bytes += body.size - (before.size if before else 0)
        self._cache[body.item] = body
        while self._cached_bytes > CACHE_BYTES:
            _, oldest = self._cache.popitem(last=False)
            self._cached_bytes -= oldest.size
