"""Pair keys on the reading side: fetched by id when an item first needs one, verified, opened, kept in memory
only.

Whoever answers cannot choose: the id is checked under the key itself, the sealer's signature under the
registry, and what it is bound to is held to the item by `item_check`. Source: schemas/protocol.md, "Keys for
members".
"""

from __future__ import annotations

from collections import OrderedDict

from broker.client.doubts import Doubt, DoubtfulItem
from broker.client.own_keys import OwnKeys
from broker.client.signers import signed_by
from broker.client.transport import Transport
from broker.errors import HarkaraError, Malformed, NotFound
from broker.protocol import dsse, strictjson
from broker.protocol.card import Role
from broker.protocol.pairkeys import SEALED_PAIR_KEY_TYPE, PairKey, open_pair_key, read_binding
from broker.protocol.registry import Registry

KEPT_KEYS = 1_024
"""How many open keys are kept: at 4 hours a key and sealer, months of reading back."""


class PairKeys:
    """The open pair keys of one member."""

    def __init__(self, keys: OwnKeys, transport: Transport) -> None:
        self._keys = keys
        self._transport = transport
        self._open: OrderedDict[bytes, PairKey] = OrderedDict()

    async def get(self, pkid: bytes, registry: Registry, *, role: Role, at: int) -> PairKey:
        """Give the pair key of an id, whose sealer has `role` and a key in force at `at` (µs).

        Raises `DoubtfulItem` when it is not there for this member or not authentic, else what the transport
        raises.
        """
        kept = self._open.get(pkid)
        if kept is None:
            kept = self._verify(await self._fetch(pkid), pkid, registry, role, at)
            self._open[pkid] = kept
            if len(self._open) > KEPT_KEYS:
                self._open.popitem(last=False)
        else:
            self._open.move_to_end(pkid)
        return kept

    async def _fetch(self, pkid: bytes) -> dsse.Envelope:
        try:
            answer = await self._transport.get(f"/v1/pair-keys/{pkid.hex()}")
            return dsse.from_json(strictjson.decode(answer.body))
        except (NotFound, Malformed):
            raise DoubtfulItem(Doubt.PAIR_KEY) from None

    def _verify(self, sealed: dsse.Envelope, pkid: bytes, registry: Registry, role: Role, at: int) -> PairKey:
        try:
            binding = read_binding(sealed)
            sealer = signed_by(sealed, registry, at=at, role=role, kind=SEALED_PAIR_KEY_TYPE)
            if binding.sealer != sealer.id or binding.pkid != pkid:
                raise DoubtfulItem(Doubt.PAIR_KEY)
            return open_pair_key(sealed, registry.exchange, self._keys.identity.id, self._keys.sealing_key)
        except HarkaraError:
            raise DoubtfulItem(Doubt.PAIR_KEY) from None
