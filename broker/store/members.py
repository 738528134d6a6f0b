"""What the store keeps of the exchange and its members: epoch, registries, subscriptions, acknowledgements,
pair keys.

All contents are opaque bytes. What must never go back (registry version, subscription version, acknowledged
number) is compared by the script that writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from broker.errors import NotAuthentic, UnsafeConfiguration
from broker.store import names
from broker.store.connection import Connections
from broker.store.records import BEGINNING, Standing
from broker.store.refusals import reading, writing
from broker.store.script_call import Script
from broker.store.ticks import TICKS_KEPT

NUMBER_DIGITS = 16
"""Of the largest number that a document may have, and of a time in µs."""


class Members:
    """Epoch, registries, subscriptions, acknowledgements and sealed pair keys.

    Reads raise `StoreUnavailable`; writes also `OutcomeUnknown`. Every write here may be repeated.
    """

    def __init__(self, connections: Connections) -> None:
        self._reading, self._writing = connections.reading, connections.writing
        self._begin, self._publish, self._raise = Script("begin"), Script("publish"), Script("raise")

    # --- Epoch and registry ---------------------------------------------------------------------------------

    async def begin(self, epoch: bytes) -> None:
        """Give an empty store its epoch (16 bytes), or make sure that it has this one.

        Raises `UnsafeConfiguration` for a store of another epoch, and for one with entries and no epoch.
        """
        with writing():
            found: bytes | None = await self._begin(self._writing, [names.STATE, names.LOG], [epoch])
        if found is None:
            raise UnsafeConfiguration(
                "the store has entries and no epoch: it is not Harkara's, or it is damaged; use an empty one"
            )
        if found != epoch:
            raise UnsafeConfiguration(
                f"the store belongs to epoch {found.hex()}, the registry to {epoch.hex()}: "
                "use the store of this registry, or publish a registry with a new epoch for an empty store"
            )

    async def standing(self) -> Standing:
        """Give epoch, generation, registry version, routed position and the time of the last stamp. Raises
        `NotAuthentic` when one cannot be read.
        """
        with reading():
            epoch, generation, registry, routed, taken = await self._reading.hmget(
                names.STATE, ["epoch", "generation", "registry", "routed", "taken"]
            )
        return Standing(
            epoch,
            _whole(generation or b"0"),
            _whole(registry or b"0"),
            (routed or BEGINNING.encode()).decode("ascii", "replace"),
            _whole(taken or b"0"),
        )

    async def publish_registry(self, version: int, value: bytes, *, after: int | None = None) -> int:
        """Put a registry into force and tell all processes; when given, only `after` that very version.

        Gives the version that was in force before: the publication is done when that is `after`, without one
        when it is below `version`.
        """
        keys = [names.STATE, names.TICKS, names.registry(version)]
        with writing():
            return int(
                await self._publish(
                    self._writing, keys, [version, value, TICKS_KEPT, "" if after is None else after]
                )
            )

    async def registry(self, version: int) -> bytes | None:
        """Give the registry of that version, None when the store does not have it."""
        with reading():
            return await self._reading.get(names.registry(version))

    # --- Subscriptions and acknowledgements -----------------------------------------------------------------

    async def put_subscription(self, agency: str, version: int, value: bytes) -> int | None:
        """Keep an agency's subscription. Gives None when done, else the higher version in force."""
        with writing():
            done, found = await self._raise(self._writing, [names.SUBSCRIPTIONS], [agency, version, value])
        return None if done else _split(found)[0]

    async def subscription(self, agency: str) -> tuple[int, bytes] | None:
        """Give version and contents of an agency's subscription. One that cannot be read counts as none."""
        with reading():
            found: bytes | None = await self._reading.hget(names.SUBSCRIPTIONS, agency)
        return None if found is None else _readable({agency.encode(): found}).get(agency)

    async def subscriptions(self) -> dict[str, tuple[int, bytes]]:
        """Give version and contents of every subscription. One that cannot be read counts as none."""
        with reading():
            found: dict[bytes, bytes] = await self._reading.hgetall(names.SUBSCRIPTIONS)
        return _readable(found)

    async def acknowledge(self, agency: str, number: int, value: bytes) -> tuple[int, bytes]:
        """Keep an acknowledgement unless a higher one is kept. Gives the highest: its number and contents."""
        key = names.acknowledgements(names.partition_of(agency))
        with writing():
            _, found = await self._raise(self._writing, [key], [agency, number, value])
        return _split(found)

    async def all_acknowledged(self) -> dict[str, tuple[int, bytes]]:
        """Give the number and contents of the highest acknowledgement of every agency that sent one.

        One that cannot be read (the store was tampered with) counts as none: the backlog then looks larger.
        """
        with reading():
            async with self._reading.pipeline(transaction=False) as pipeline:
                for partition in range(names.PARTITIONS):
                    pipeline.hgetall(names.acknowledgements(partition))
                replies: list[dict[bytes, bytes]] = await pipeline.execute()
        acknowledged: dict[str, tuple[int, bytes]] = {}
        for reply in replies:
            acknowledged |= _readable(reply)
        return acknowledged

    # --- Pair keys ------------------------------------------------------------------------------------------

    async def put_pair_keys(self, sealed: Sequence[tuple[bytes, bytes]], until: int) -> None:
        """Keep sealed pair keys (each a pkid and its bytes) until `until` (µs). Durable when this returns."""
        if not sealed:
            return
        with writing():
            async with self._writing.pipeline(transaction=True) as pipeline:
                for pkid, value in sealed:
                    pipeline.set(names.pair_key(pkid), value, pxat=until // 1000)
                await pipeline.execute()

    async def add_pair_keys(self, sealed: Sequence[tuple[bytes, bytes, int]]) -> list[bool]:
        """Keep sealed pair keys that others made (each a pkid, its bytes, and until when in µs), but never
        in the place of another. Tells for each whether it is kept now. Durable when this returns.
        """
        with writing():
            async with self._writing.pipeline(transaction=True) as pipeline:
                for pkid, value, until in sealed:
                    pipeline.set(names.pair_key(pkid), value, nx=True, get=True, pxat=until // 1000)
                before: list[bytes | None] = await pipeline.execute()
        return [held is None or held == value for held, (_, value, _) in zip(before, sealed, strict=True)]

    async def pair_keys(self, pkids: Sequence[bytes]) -> list[bytes | None]:
        """Give each sealed pair key, None for one that the store does not have."""
        if not pkids:
            return []
        with reading():
            return await self._reading.mget([names.pair_key(pkid) for pkid in pkids])


def _split(found: bytes) -> tuple[int, bytes]:
    number, _, value = found.partition(b"|")
    return _whole(number), value


def _whole(digits: bytes) -> int:
    if not (digits.isdigit() and len(digits) <= NUMBER_DIGITS):
        raise NotAuthentic("the store holds a number of an unknown form")
    return int(digits)


def _readable(found: dict[bytes, bytes]) -> dict[str, tuple[int, bytes]]:
    """Give what of a hash can be read. What cannot (the store was tampered with) hides none of the rest."""
    rows: dict[str, tuple[int, bytes]] = {}
    for agency, value in found.items():
        with suppress(NotAuthentic):
            rows[agency.decode("utf-8", "replace")] = _split(value)
    return rows
