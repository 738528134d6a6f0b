"""Pair keys on the sealing side: made when a blind post first needs one, handed in at the broker sealed to
their members, kept in memory only.

A key is at the broker before anything is wrapped under it: an item must never arrive before the key that
opens it. One is dropped when either side's key changes, or a few minutes before it ends.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import msgspec

from broker.client.clock import Clock
from broker.client.own_keys import OwnKeys
from broker.client.transport import Transport
from broker.errors import AudienceChanged
from broker.protocol import dsse
from broker.protocol.keys import HPKE, SigningKey
from broker.protocol.limits import MINUTE_US, PAIR_KEY_LIFE_US, PAIR_KEYS_ITEMS
from broker.protocol.pairkeys import PAIR_KEY_BYTES, PairKey, PairKeyBinding, pair_key_id, seal_pair_key
from broker.protocol.registry import Registry

BEFORE_US = 3 * MINUTE_US
"""How far before its making a key is valid: this clock may be ahead of the broker's, as `sent` may be."""
SPARE_US = 5 * MINUTE_US
"""A key that ends sooner than this is not used any more: a post may be sent again for a while."""


class OwnPairKeys:
    """The pair keys that one agency made."""

    def __init__(self, keys: OwnKeys, transport: Transport, clock: Clock) -> None:
        self._keys = keys
        self._transport = transport
        self._clock = clock
        self._ready: dict[str, PairKey] = {}
        self._making = asyncio.Lock()

    async def ready(
        self, members: Sequence[str], registry: Registry, signer: SigningKey
    ) -> dict[str, PairKey]:
        """Give a pair key for each of `members`, known to the broker. `signer` is the sealer's key.

        Raises `AudienceChanged` when the registry here has no sealing key in force for one, and what the
        transport raises.
        """
        async with self._making:
            now = self._clock()
            self._ready = {
                member: pair
                for member, pair in self._ready.items()
                if pair.binding.serves(signer.kid, registry.sealing_kid(member, now), now, spare=SPARE_US)
            }
            missing = [member for member in members if member not in self._ready]
            for begin in range(0, len(missing), PAIR_KEYS_ITEMS):
                await self._make(missing[begin : begin + PAIR_KEYS_ITEMS], registry, signer, now)
            return {member: self._ready[member] for member in members}

    def forget(self) -> None:
        """Make new ones the next time: the broker does not have these any more."""
        self._ready = {}

    async def _make(self, members: list[str], registry: Registry, signer: SigningKey, now: int) -> None:
        made: dict[str, PairKey] = {}
        sealed: list[dict[str, object]] = []
        for member in members:
            public = registry.key_for(member, "seal", now)
            if public is None or public.sealing is None:
                raise AudienceChanged(f"{member} has no sealing key in force in the registry here")
            secret = os.urandom(PAIR_KEY_BYTES)
            binding = PairKeyBinding(
                exchange=registry.exchange,
                pkid=pair_key_id(secret),
                sealer=self._keys.identity.id,
                sealer_kid=signer.kid,
                member=member,
                member_kid=public.kid,
                registry_version=registry.version,
                not_before=now - BEFORE_US,
                not_after=now - BEFORE_US + PAIR_KEY_LIFE_US,
            )
            made[member] = PairKey.of(binding, secret)
            sealed.append(dsse.to_json(seal_pair_key(made[member], public.sealing, HPKE.encrypt, signer)))
        await self._transport.send("POST", "/v1/pair-keys", msgspec.json.encode({"pair_keys": sealed}))
        self._ready |= made
