"""From an admitted statement to what is appended: sealed, stamped, wrapped for its recipients, decided for
good.

One place for bulletins and receipts, so that both keep the same order: choose the stamp's time, make the pair
keys durable, seal under fresh entropy, stamp, wrap. Everything made here is thrown away when the append says
that it is stale, and made again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog

from broker.errors import (
    IdConflict,
    OutcomeUnknown,
    Problem,
    RouterBehind,
    StoreUnavailable,
    UnsafeConfiguration,
)
from broker.protocol import dsse, sealing
from broker.protocol.identity import Identity
from broker.protocol.registry import Registry
from broker.protocol.stamp import STAMP_TYPE, Stamp
from broker.service import decision
from broker.service.broker_key import signing_key
from broker.service.clock import Clock
from broker.service.metrics import Metrics
from broker.service.pair_keys import PairKeys
from broker.service.vault import Vault
from broker.store.commit import Committer
from broker.store.records import (
    Appended,
    Conflicting,
    NewItem,
    Outcome,
    Repeated,
    StaleRegistry,
    StaleStamp,
)

log = structlog.get_logger("harkara.sealing")

ATTEMPTS = 5
"""How often one item is sealed anew because its stamp was older than the newest: each time another broker was
faster.
"""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a post. `stamp` is the first one given; `repeated` says that it was accepted before.
    `recipients`: how many receive it, told with the first answer alone.
    """

    originator: str
    id: str
    stamp: dsse.Envelope
    repeated: bool
    recipients: int | None = None


@dataclass(frozen=True, slots=True)
class ToSeal:
    """What the broker is to seal; `header` makes its header for the broker's signing key."""

    content: sealing.Content
    header: Callable[[bytes], sealing.Header]


@dataclass(frozen=True, slots=True)
class SealedByOriginator:
    """A blind post: what came sealed, with a wrap for each recipient and for its author."""

    sealed: sealing.Sealed
    wraps: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Admitted:
    """A statement that may be appended.

    `recipients` get an inbox item; the author gets a wrap alone. `opening` is the policy opening of a
    bulletin, empty for a receipt, which names its bulletin in `receipt_of`.
    """

    kind: str
    author: str
    id: str
    stmt: bytes
    sealing: ToSeal | SealedByOriginator
    recipients: frozenset[str]
    expires_at: int
    opening: bytes = b""
    receipt_of: str | None = None

    @property
    def item(self) -> str:
        """Give `<originator>/<id>`."""
        return f"{self.author}/{self.id}"


class StaleDecision(Exception):
    """The store has registry `version`, newer than the one decided under: decide again. Never leaves the
    service.
    """

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class Sealer:
    """Seals and appends for one broker. `router_behind` tells whether so much waits for the router that more
    would only wait longer.
    """

    def __init__(
        self,
        identity: Identity,
        pair_keys: PairKeys,
        committer: Committer,
        vault: Vault,
        clock: Clock,
        metrics: Metrics,
        router_behind: Callable[[], bool],
    ) -> None:
        self._identity = identity
        self._pair_keys = pair_keys
        self._committer = committer
        self._vault = vault
        self._clock = clock
        self._metrics = metrics
        self._router_behind = router_behind

    @property
    def name(self) -> str:
        """Give the broker's own id, for headers."""
        return self._identity.id

    async def append(self, admitted: Admitted, registry: Registry) -> Accepted:
        """Seal `admitted` as decided under `registry`, append it, and give the stamp.

        Raises `RouterBehind`, `IdConflict`, `StaleDecision`, and what the committer raises.
        """
        if self._router_behind():
            raise RouterBehind("the router is more than 5 s behind: post again", retry_after=5.0)
        not_before = 0
        for _ in range(ATTEMPTS):
            stamped_at = max(self._clock(), not_before)
            with self._metrics.seal.time():
                sealed, wraps = await self._seal(admitted, registry, stamped_at)
                new, stamp = self._new_item(admitted, registry, stamped_at, sealed, wraps)
            with self._metrics.append.time():
                outcome = await self._commit(new)
            match outcome:
                case Appended():
                    reached = len(admitted.recipients)
                    return Accepted(admitted.author, admitted.id, stamp, repeated=False, recipients=reached)
                case Repeated(stamp=first):
                    return Accepted(admitted.author, admitted.id, dsse.from_bytes(first), repeated=True)
                case Conflicting():
                    raise conflict(admitted.id)
                case StaleRegistry(version=version):
                    raise StaleDecision(version)
                case StaleStamp(not_before=later):
                    not_before = later
        raise OutcomeUnknown("other brokers were faster each time: repeat the request", retry_after=1.0)

    async def _commit(self, new: NewItem) -> Outcome:
        try:
            return await self._committer.commit(new)
        except UnsafeConfiguration as why:
            # How the store is set up is the operator's business: the log tells it, not the answer to a post.
            log.error("store-unsafe", detail=why.detail)
            raise StoreUnavailable("the store is not safe to write to: call the operator") from why

    async def _seal(
        self, admitted: Admitted, registry: Registry, stamped_at: int
    ) -> tuple[sealing.Sealed, Mapping[str, bytes]]:
        given = admitted.sealing
        if isinstance(given, SealedByOriginator):
            return given.sealed, given.wraps
        readers: Iterable[str] = sorted(admitted.recipients | {admitted.author})
        pair_keys = await self._pair_keys.ready(readers, registry, stamped_at)
        signer = signing_key(self._identity, registry, stamped_at)
        sealed, content_key = sealing.seal(
            given.header(signer.kid), given.content, os.urandom(sealing.ENTROPY_BYTES)
        )
        digest = sealed.digest()
        return sealed, {reader: pair.wrap(content_key, digest) for reader, pair in pair_keys.items()}

    def _new_item(
        self,
        admitted: Admitted,
        registry: Registry,
        stamped_at: int,
        sealed: sealing.Sealed,
        wraps: Mapping[str, bytes],
    ) -> tuple[NewItem, dsse.Envelope]:
        digest = sealed.digest()
        stamp = self._stamp(admitted, registry, stamped_at, digest)
        others = {reader: wrap for reader, wrap in wraps.items() if reader != admitted.author}
        new = NewItem(
            item=admitted.item,
            kind=admitted.kind,
            registry_version=registry.version,
            taken_at=stamped_at,
            stmt=admitted.stmt,
            stamp=dsse.to_bytes(stamp),
            digest=digest,
            sealed=sealed.pack(),
            decision=decision.close_decision(self._vault, admitted.item, digest, others),
            opening=decision.close_opening(
                self._vault, admitted.item, digest, admitted.opening, wraps[admitted.author]
            ),
            expires_at=admitted.expires_at,
            receipt_of=admitted.receipt_of,
        )
        return new, stamp

    def _stamp(self, admitted: Admitted, registry: Registry, stamped_at: int, digest: bytes) -> dsse.Envelope:
        signer = signing_key(self._identity, registry, stamped_at)
        stamp = Stamp(
            exchange=registry.exchange,
            broker_kid=signer.kid,
            originator=admitted.author,
            id=admitted.id,
            stmt=admitted.stmt,
            sealed=digest,
            taken_at=stamped_at,
            registry_version=registry.version,
        )
        return signer.sign(STAMP_TYPE, stamp.pack())


def conflict(item_id: str) -> IdConflict:
    """Give the refusal of other bytes under an id that was taken before."""
    return IdConflict(
        "this originator posted other bytes under this id before",
        Problem(
            "/id",
            "a new id, or the very same bytes",
            item_id,
            "a correction is an Update with an id of its own",
        ),
    )
