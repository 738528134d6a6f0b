"""Whom this client trusts: one registry, and how it moves on to a newer one.

It only ever moves by `registry.follow`, one version after the other, from what was trusted before. Whoever
shows a higher version (a stamp, a head) makes it fetch that one; a broker that names a version in a head and
does not give it, or gives the same version with other content, holds this client back on an old one: that is
a freeze, and it is said loudly. Source: schemas/protocol.md, "Trust".
"""

from __future__ import annotations

import asyncio

from broker.client.clock import Clock
from broker.client.transport import Transport
from broker.client.trust_files import ENVELOPE_BYTES, RegistryFiles, claimed_version, load_envelope
from broker.errors import BadSignature, NotAuthentic, NotFound, UnsafeConfiguration
from broker.protocol.exchange import Exchange
from broker.protocol.head import Head
from broker.protocol.limits import MINUTE_US
from broker.protocol.registry import Registry, Standing, follow, open_registry

HINT_PAUSE_US = MINUTE_US
"""How long a version that was not to be had is not asked for again, when only an item named it: a member
could name versions that do not exist, to make all others ask for them.
"""

REGISTRY_SECONDS = 60.0
NOT_MODIFIED = 304


class Trust:
    """The registry in force here. `files` None: nothing is kept on disk."""

    def __init__(
        self,
        registry: Registry | None,
        exchange: Exchange | None,
        files: RegistryFiles | None,
        transport: Transport,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._exchange = exchange
        self._files = files
        self._transport = transport
        self._clock = clock
        self._moving = asyncio.Lock()
        self._not_to_be_had = (0, 0)

    @property
    def registry(self) -> Registry:
        """Give the registry in force. Raises `UnsafeConfiguration` before there is one."""
        if self._registry is None:
            raise UnsafeConfiguration("there is no registry yet: give a file, or reach the broker once")
        return self._registry

    @property
    def is_open(self) -> bool:
        """Tell whether there is a registry."""
        return self._registry is not None

    def needs_refresh(self) -> bool:
        """Tell whether there is no registry, or it is past its expiry."""
        return self._registry is None or self._registry.standing(self._clock()) is not Standing.CURRENT

    async def refresh(self) -> Registry:
        """Move on to the newest registry that the broker has. Gives the one then in force.

        Raises what verification and the transport raise.
        """
        async with self._moving:
            document = await self._fetch(None)
            if document is None:
                return self.registry
            if self._registry is None:
                await self._begin(document)
            newest = load_envelope(document)
            offered = claimed_version(newest)
            while self.registry.version + 1 < offered:
                between = await self._fetch(self.registry.version + 1)
                if (
                    between is None
                ):  # the broker does not have it any more: the root keys decide about the jump
                    break
                self._take(follow(self.registry, load_envelope(between)))
            if self.registry.version < offered:
                self._take(follow(self.registry, newest))
            return self.registry

    async def at_least(self, version: int) -> Registry:
        """Give the registry in force, after trying to reach `version` when it is lower. Never raises for not
        reaching it: what it is needed for will not verify, and says so.
        """
        now = self._clock()
        missing, since = self._not_to_be_had
        if self.registry.version < version and (version > missing or now - since >= HINT_PAUSE_US):
            await self.refresh()
            if self.registry.version < version:
                self._not_to_be_had = version, now
        return self.registry

    async def see_head(self, head: Head) -> None:
        """Hold the registry in force to a verified head. Raises `NotAuthentic`: a freeze."""
        if head.registry_version > self.registry.version:
            await self.refresh()
        ours = self.registry
        if head.registry_version > ours.version:
            raise NotAuthentic(
                f"freeze: the broker works under registry {head.registry_version} and gives {ours.version}"
            )
        if head.registry_version == ours.version and head.registry_digest != ours.digest:
            raise NotAuthentic(f"freeze: the broker's registry {ours.version} is another than the one here")

    async def _begin(self, newest: bytes) -> None:
        if self._exchange is None:
            raise UnsafeConfiguration("a registry can be opened by its exchange.json only: name that file")
        try:
            first = open_registry(load_envelope(newest), self._exchange)
        except BadSignature:  # the root keys were changed since: walk from the first ones
            oldest = await self._fetch(1)
            if oldest is None:
                raise
            first = open_registry(load_envelope(oldest), self._exchange)
        self._take(first)

    def _take(self, registry: Registry) -> None:
        if self._files is not None:
            self._files.save(registry)
        self._registry = registry

    async def _fetch(self, version: int | None) -> bytes | None:
        """Give the broker's registry; None when it is the one in force, or it does not have that version."""
        query = {"version": str(version)} if version is not None else None
        have = self._registry.digest.hex() if self._registry is not None and version is None else None
        try:
            answer = await self._transport.get(
                "/v1/registry", query, most_bytes=ENVELOPE_BYTES, seconds=REGISTRY_SECONDS, have=have
            )
        except NotFound:
            if version is None:
                raise
            return None
        return None if answer.status == NOT_MODIFIED else answer.body
