"""Pair keys at the broker that seals: made when first needed, in memory only, and dropped when anything about
them ends.

A key is durable at the store, sealed to its member, before the first wrap under it is written: an item must
never arrive before the key that opens it. It lives in the store as long as the longest item that can be
wrapped under it, so no post needs to extend its life. The bounds of a key hold for the stamp's time, so keys
are chosen by that time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

from broker.errors import NotFound, StoreUnavailable, Unavailable
from broker.protocol import dsse
from broker.protocol.card import PublicKey
from broker.protocol.identity import Identity
from broker.protocol.keys import HPKE, HpkeSeal
from broker.protocol.limits import DAY_US, LIFETIME_US, MINUTE_US, PAIR_KEY_LIFE_US, SECOND_US
from broker.protocol.pairkeys import (
    PAIR_KEY_BYTES,
    PairKey,
    PairKeyBinding,
    pair_key_id,
    read_binding,
    seal_pair_key,
)
from broker.protocol.registry import Registry
from broker.service.broker_key import signing_key
from broker.service.store_word import from_the_store
from broker.store.members import Members

BEFORE_US = 10 * SECOND_US
"""How far before its making a key is valid: stamps may lag a little behind the clock."""
SPARE_US = MINUTE_US
"""A key that ends sooner than this is not used any more."""
STORE_LIFE_US = LIFETIME_US + 31 * DAY_US
"""How long after its end a key is kept: the longest life of what was wrapped under it, receipts included."""
SEALS_A_TURN = 16
"""HPKE holds the interpreter 200 µs a seal: others get their turn after so many."""


class PairKeys:
    """The pair keys of one sealer. `life` is in µs, at most 4 hours."""

    def __init__(
        self,
        identity: Identity,
        members: Members,
        *,
        hpke_seal: HpkeSeal = HPKE.encrypt,
        life: int = PAIR_KEY_LIFE_US,
    ) -> None:
        self._identity = identity
        self._members = members
        self._hpke_seal = hpke_seal
        self._life = min(life, PAIR_KEY_LIFE_US)
        self._ready: dict[str, PairKey] = {}
        self._sealed: dict[bytes, tuple[bytes, int]] = {}
        """By id of a ready key: its sealed form, and until when (µs) the store keeps it."""
        self._making = asyncio.Lock()

    async def ready(self, members: Iterable[str], registry: Registry, stamped_at: int) -> dict[str, PairKey]:
        """Give a pair key for each of `members` that may be used for something stamped at `stamped_at` (µs).

        Raises `StoreUnavailable` when one cannot be made durable, or a member has no sealing key in force.
        """
        wanted = list(members)
        found = self._usable(wanted, registry, stamped_at)
        if len(found) < len(wanted):
            async with self._making:
                found = self._usable(wanted, registry, stamped_at)
                found |= await self._make([m for m in wanted if m not in found], registry, stamped_at)
        return found

    def drop_stale(self, registry: Registry, now: int) -> None:
        """Forget the keys whose sides have changed in a newer registry, or whose time is over."""
        try:
            self._ready = self._usable(list(self._ready), registry, now)
        except Unavailable:
            # This broker may not sign any more. The registry is in force all the same.
            self._ready = {}
        self._forget_sealed()

    async def restore(self) -> None:
        """Put the sealed keys that are in use into the store once more. After a failover it may lack those of
        the last moment, and everything wrapped under them would be closed to its member for hours.

        Raises `StoreUnavailable` or `OutcomeUnknown`.
        """
        by_end: dict[int, list[tuple[bytes, bytes]]] = {}
        for pkid, (sealed, until) in self._sealed.items():
            by_end.setdefault(until, []).append((pkid, sealed))
        for until, sealed_keys in by_end.items():
            await self._members.put_pair_keys(sealed_keys, until)

    async def sealed(self, caller: str, pkid: bytes) -> dsse.Envelope:
        """Give the sealed pair key of this id, to its member only. Raises `NotFound`, the same for all
        others, and `StoreTampered`.
        """
        (record,) = await self._members.pair_keys([pkid])
        if record is not None:
            with from_the_store("sealed pair key"):
                envelope = dsse.from_bytes(record)
                member = read_binding(envelope).member
            if member == caller:
                return envelope
        raise NotFound("there is no such pair key for this agency")

    def _usable(self, members: list[str], registry: Registry, stamped_at: int) -> dict[str, PairKey]:
        sealer_kid = signing_key(self._identity, registry, stamped_at).kid
        found: dict[str, PairKey] = {}
        for member in members:
            pair = self._ready.get(member)
            if pair is None:
                continue
            if pair.binding.serves(
                sealer_kid, registry.sealing_kid(member, stamped_at), stamped_at, spare=SPARE_US
            ):
                found[member] = pair
        return found

    async def _make(self, members: list[str], registry: Registry, stamped_at: int) -> dict[str, PairKey]:
        signer = signing_key(self._identity, registry, stamped_at)
        made: dict[str, PairKey] = {}
        sealed: list[tuple[bytes, bytes]] = []
        for turn, member in enumerate(members, start=1):
            public = registry.key_for(member, "seal", stamped_at)
            if public is None or public.sealing is None:
                raise StoreUnavailable(f"{member} has no sealing key in force: post again", retry_after=1.0)
            pair = self._new(member, public, registry.version, signer.kid, stamped_at)
            envelope = seal_pair_key(pair, public.sealing, self._hpke_seal, signer)
            made[member] = pair
            sealed.append((pair.binding.pkid, dsse.to_bytes(envelope)))
            if turn % SEALS_A_TURN == 0:
                await asyncio.sleep(0)
        until = stamped_at + self._life + STORE_LIFE_US
        await self._members.put_pair_keys(sealed, until)
        self._ready |= made
        self._forget_sealed()
        self._sealed |= {pkid: (record, until) for pkid, record in sealed}
        return made

    def _forget_sealed(self) -> None:
        used = {pair.binding.pkid for pair in self._ready.values()}
        self._sealed = {pkid: kept for pkid, kept in self._sealed.items() if pkid in used}

    def _new(self, member: str, public: PublicKey, version: int, sealer_kid: bytes, at: int) -> PairKey:
        secret = os.urandom(PAIR_KEY_BYTES)
        binding = PairKeyBinding(
            exchange=self._identity.exchange,
            pkid=pair_key_id(secret),
            sealer=self._identity.id,
            sealer_kid=sealer_kid,
            member=member,
            member_kid=public.kid,
            registry_version=version,
            not_before=at - BEFORE_US,
            not_after=at + self._life,
        )
        return PairKey.of(binding, secret)
