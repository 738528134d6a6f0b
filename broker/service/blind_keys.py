"""Pair keys of blind sealers: handed in sealed to their members, kept like the broker's own, and asked for
when a blind post comes.

The broker cannot open them. It holds to the registry what can be seen, so that a post is not accepted whose
recipients could not open it, and never puts one in the place of another: ids are public to their members.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from broker.errors import AudienceChanged, IdConflict, Malformed, Problem, pointing_below, shorten
from broker.protocol import blind, dsse, strictjson
from broker.protocol.limits import BODY_BYTES, MINUTE_US, PAIR_KEYS_ITEMS
from broker.protocol.pairkeys import PAIR_KEY_ID_BYTES, PairKeyBinding, read_binding
from broker.protocol.registry import Registry
from broker.protocol.sealing import BulletinHeader
from broker.service.clock import Clock
from broker.service.pair_keys import STORE_LIFE_US
from broker.service.store_word import from_the_store
from broker.service.taking import Charge
from broker.service.trust import Trust
from broker.store.members import Members

SPARE_US = MINUTE_US
"""A key that ends sooner than this is not taken for a post: its stamp may be made a little later."""
CHECKS_A_TURN = 8
"""A signature costs 165 µs: others get their turn after so many."""
READS_A_TURN = 64
"""A kept pair key that was not read lately costs 45 µs."""
READ_LATELY = 4_096
"""So many bindings are remembered, about 2.5 KiB each."""


class BlindKeys:
    """The pair keys that agencies made."""

    def __init__(self, trust: Trust, members: Members, clock: Clock) -> None:
        self._trust = trust
        self._members = members
        self._clock = clock

    async def take(self, body: bytes, charge: Charge) -> int:
        """Take `{pair_keys: [envelope, …]}` of one sealer, all or none. Gives how many are kept.

        Raises what is wrong with the first that is, and `IdConflict` for an id that another key has.
        """
        envelopes = read_keys(body)
        registry, now = self._trust.registry, self._clock()
        bindings: list[PairKeyBinding] = []
        for place, envelope in enumerate(envelopes):
            with pointing_below(_pointer(place)):
                bound = blind.check_sealed_pair_key(envelope, registry, now)
                if bindings and bound.sealer != bindings[0].sealer:
                    raise Malformed(
                        "pair keys of several sealers", Problem("", bindings[0].sealer, bound.sealer)
                    )
            bindings.append(bound)
            charge.check(bound.sealer)
            if place % CHECKS_A_TURN == CHECKS_A_TURN - 1:
                await asyncio.sleep(0)
        records = [dsse.to_bytes(envelope) for envelope in envelopes]
        pkids = [bound.pkid for bound in bindings]
        _each_once(pkids)
        held = await self._members.pair_keys(pkids)
        if held == records:
            # Every member has its own, and could hand it in again at the sealer's expense.
            return len(records)
        charge.take(bindings[0].sealer)
        _never_another([one in (None, record) for one, record in zip(held, records, strict=True)], pkids)
        untils = [bound.not_after + STORE_LIFE_US for bound in bindings]
        kept = await self._members.add_pair_keys(list(zip(pkids, records, untils, strict=True)))
        # One that came into the store between the two is not overwritten either.
        _never_another(kept, pkids)
        return len(records)

    async def check(self, wraps: Mapping[str, bytes], header: BulletinHeader, registry: Registry) -> None:
        """Hold each wrap to a pair key between the sealer of `header` and its member that is kept here, and
        may be used now. Raises `AudienceChanged`.
        """
        at = self._clock()
        records = await self._members.pair_keys([wrap[:PAIR_KEY_ID_BYTES] for wrap in wraps.values()])
        missing: list[str] = []
        for turn, (member, record) in enumerate(zip(wraps, records, strict=True), start=1):
            if record is None or not _fits(_bound(record), member, header, registry, at):
                missing.append(member)
            if turn % READS_A_TURN == 0:
                await asyncio.sleep(0)
        if missing:
            raise AudienceChanged(
                "a wrap is under a pair key that is not in force here",
                Problem(
                    "",
                    "for each member a pair key of this sealer, handed in and in force",
                    f"none for {shorten(', '.join(missing))}",
                    "hand in new pair keys and seal again",
                ),
            )


def read_keys(body: bytes) -> list[dsse.Envelope]:
    """Read `{pair_keys: [envelope, …]}`, each once. Raises `Malformed`."""
    value: Any = strictjson.decode(body, max_bytes=BODY_BYTES)
    if not isinstance(value, dict) or value.keys() != {"pair_keys"}:
        raise Malformed("no pair keys", Problem("", "an object with the member pair_keys", "another value"))
    listed = value["pair_keys"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= PAIR_KEYS_ITEMS:
        got = f"{len(listed)}" if isinstance(listed, list) else type(listed).__name__
        raise Malformed("no pair keys", Problem("/pair_keys", f"a list of 1 to {PAIR_KEYS_ITEMS}", got))
    found: list[dsse.Envelope] = []
    for place, one in enumerate(listed):
        found.append(dsse.from_json(one, _pointer(place)))
    # Before any is verified: whoever holds one could make the broker verify it 128 times at nobody's expense.
    _each_once([envelope.payload for envelope in found])
    return found


def _each_once(several: Sequence[bytes]) -> None:
    for place, one in enumerate(several):
        if one in several[:place]:
            raise Malformed(
                "a pair key twice", Problem(_pointer(place), "each pair key once", "one that came before")
            )


def _never_another(kept: Sequence[bool], pkids: Sequence[bytes]) -> None:
    for place, done in enumerate(kept):
        if not done:
            raise IdConflict(
                "another pair key has this id",
                Problem(_pointer(place), "an id of its own", pkids[place].hex(), "make a new key"),
            )


def _pointer(place: int) -> str:
    return f"/pair_keys/{place}"


@lru_cache(READ_LATELY)
def _bound(record: bytes) -> PairKeyBinding:
    with from_the_store("sealed pair key"):
        return read_binding(dsse.from_bytes(record))


def _fits(bound: PairKeyBinding, member: str, header: BulletinHeader, registry: Registry, at: int) -> bool:
    current = registry.sealing_kid(member, at)
    return (bound.member, bound.sealer) == (member, header.sealer) and bound.serves(
        header.sealer_kid, current, at, spare=SPARE_US
    )
