"""Trust: the registry and entitlements in force at this broker, and how newer ones come into force.

All brokers of an exchange share one store, so the store is where a newer registry is found: a broker starts
with the newest of its own files and the store's, and loads another whenever a tick tells of one. A published
registry is verified twice, by whoever receives it and by each broker that loads it: the store is not trusted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from broker.errors import (
    HarkaraError,
    Malformed,
    NotFound,
    Problem,
    StoreTampered,
    StoreUnavailable,
    Unavailable,
    UnsafeConfiguration,
    VersionConflict,
    pointing_below,
    pointing_within,
)
from broker.protocol import dsse, encoding, strictjson
from broker.protocol.entitlements import Entitlements, read_entitlements
from broker.protocol.exchange import Exchange
from broker.protocol.limits import REGISTRY_BYTES
from broker.protocol.registry import Registry, follow, open_registry
from broker.service.store_word import from_the_store
from broker.service.vault import Purpose, Vault
from broker.store.cancelling import end
from broker.store.members import Members

log = structlog.get_logger("harkara.trust")

RETRY_SECONDS = 1.0
VERSIONS_WALKED = 10_000
"""How far the store's registry may be ahead: each version between is asked for."""
DOCUMENTS_KEPT = 3
"""Signed registries that are kept as they are sent: one of 500 members is 3 MB, and 20 ms of work each time.
"""


class Trust:
    """Holds the registry and entitlements in force. `registry` and `entitlements` always belong together."""

    def __init__(self, exchange: Exchange, members: Members, vault: Vault) -> None:
        self.exchange = exchange
        self._members = members
        self._vault = vault
        self._pair: tuple[Registry, Entitlements] | None = None
        self._lock = asyncio.Lock()
        self._loading: set[asyncio.Task[None]] = set()
        self._callbacks: list[Callable[[Registry], None]] = []
        self._documents: dict[int, bytes] = {}

    @property
    def registry(self) -> Registry:
        """Give the registry in force."""
        return self.in_force[0]

    @property
    def entitlements(self) -> Entitlements:
        """Give the entitlements in force."""
        return self.in_force[1]

    @property
    def in_force(self) -> tuple[Registry, Entitlements]:
        """Give both, taken at one moment."""
        if self._pair is None:
            raise StoreUnavailable("the broker has not loaded its registry yet", retry_after=RETRY_SECONDS)
        return self._pair

    def on_change(self, callback: Callable[[Registry], None]) -> None:
        """Have `callback` called with each registry that comes into force after this. It must not block."""
        self._callbacks.append(callback)

    async def start(self, registry: dsse.Envelope, entitlements: dsse.Envelope) -> None:
        """Put the operator's own files into force, or the store's when they are newer.

        Raises what verification raises, and `UnsafeConfiguration` when the store belongs to another epoch.
        """
        own = open_registry(registry, self.exchange)
        self._pair = own, _read_entitlements(entitlements, own)
        await self._members.begin(own.epoch)
        before = await self._members.publish_registry(
            own.version, self._closed(registry, entitlements, own.version)
        )
        if before == own.version:
            await self._check_same(own)
        elif before > own.version:
            # Not `load`: it is the operator who asked, and is told what is wrong.
            self._put(*await self._walk_to(before))

    def news(self, version: int) -> None:
        """Load a version that a tick told of, in the background."""
        if self._pair is None or version <= self.registry.version:
            return
        task = asyncio.create_task(self._load_quietly(version), name="harkara-registry")
        self._loading.add(task)
        task.add_done_callback(self._loading.discard)

    async def load(self, version: int) -> None:
        """Put the store's registry of at least `version` into force. Raises `StoreTampered` when the store's
        is not authentic: that is no fault of the request which needed it.
        """
        async with self._lock:
            await self._load(version)

    async def publish(self, body: bytes) -> int:
        """Take `{registry, entitlements}` newer than those in force, and tell all brokers. Gives the version.

        The root keys' signatures are the authority: whoever sends it. Raises what verification raises.
        """
        fields = strictjson.decode(body, max_bytes=2 * REGISTRY_BYTES)
        if not isinstance(fields, dict) or fields.keys() != {"registry", "entitlements"}:
            raise Malformed(
                "not a registry", Problem("", "an object with registry and entitlements", "another value")
            )
        registry = dsse.from_json(fields["registry"], "/registry")
        entitlements = dsse.from_json(fields["entitlements"], "/entitlements")
        async with self._lock:
            # What was published at another broker a moment ago may have revoked a key: follow that.
            with from_the_store("standing"):
                newest = (await self._members.standing()).registry_version
            await self._load(newest)
            current = self.registry.version
            with pointing_below("/registry"):
                newer = follow(self.registry, registry)
            if newer.epoch != self.registry.epoch:
                raise VersionConflict(
                    "the registry begins a new epoch, and this store belongs to the one in force",
                    Problem(
                        "/registry",
                        self.registry.epoch.hex(),
                        newer.epoch.hex(),
                        "start brokers on an empty store",
                    ),
                )
            with pointing_below("/entitlements"), pointing_within("/payload"):
                granted = _read_entitlements(entitlements, newer)
            closed = self._closed(registry, entitlements, newer.version)
            before = await self._members.publish_registry(newer.version, closed, after=current)
            if before != current:
                raise VersionConflict(
                    f"version {before} was published meanwhile",
                    Problem("/registry", f"one that follows version {before}", f"one after {current}"),
                )
            self._put(newer, granted)
        return newer.version

    async def registry_document(self, version: int | None = None) -> bytes:
        """Give the signed registry of a version (the one in force by default) as DSSE JSON. Raises
        `NotFound`.
        """
        version = self.registry.version if version is None else version
        document = self._documents.get(version)
        if document is None:
            document = msgspec.json.encode(dsse.to_json(await self._signed(version)))
            self._documents[version] = document
            if len(self._documents) > DOCUMENTS_KEPT:
                del self._documents[next(iter(self._documents))]
        return document

    async def close(self) -> None:
        """Stop loading."""
        await end(self._loading)

    async def _signed(self, version: int) -> dsse.Envelope:
        if version == self.registry.version:
            return self.registry.envelope
        value = await self._members.registry(version)
        if value is None:
            raise NotFound(f"there is no registry of version {version} here")
        with from_the_store("registry"):
            return self._opened(value, version)[0]

    async def _check_same(self, own: Registry) -> None:
        value = await self._members.registry(own.version)
        if value is None or self._opened(value, own.version)[0].payload != own.envelope.payload:
            raise UnsafeConfiguration(
                f"the store has another registry of version {own.version} than the file: "
                "take the one that was published (`harkara registry show`), or publish a newer one"
            )

    def _put(self, registry: Registry, entitlements: Entitlements) -> None:
        self._pair = registry, entitlements
        log.info("registry-in-force", version=registry.version, members=len(registry.cards))
        for callback in self._callbacks:
            callback(registry)

    async def _load(self, version: int) -> None:
        if version <= self.registry.version:
            return
        try:
            trusted, entitlements = await self._walk_to(version)
        except Unavailable:
            raise
        except HarkaraError as error:
            log.error("registry-not-ours", version=version, code=error.code, detail=error.detail)
            raise StoreTampered(
                "the registry in the store does not verify: call the operator", retry_after=RETRY_SECONDS
            ) from error
        self._put(trusted, entitlements)

    async def _walk_to(self, version: int) -> tuple[Registry, Entitlements]:
        trusted, entitlements = self.registry, self.entitlements.envelope
        if version > trusted.version + VERSIONS_WALKED:
            raise NotFound(f"version {version} is too far ahead of {trusted.version} to be one of ours")
        # One after the other: each is signed by the root keys of the one before, which may have changed.
        for step in range(trusted.version + 1, version + 1):
            value = await self._members.registry(step)
            if value is None:
                continue  # versions may be left out
            registry, entitlements = self._opened(value, step)
            trusted = follow(trusted, registry)
        if trusted.version < version:
            raise NotFound(f"the store has no registry of version {version}")
        return trusted, _read_entitlements(entitlements, trusted)

    async def _load_quietly(self, version: int) -> None:
        while True:
            try:
                return await self.load(version)
            except StoreUnavailable as error:
                # The tick does not come again, and feeds of a key that was revoked must not stay.
                log.warning("registry-loaded-later", version=version, detail=error.detail)
                await asyncio.sleep(RETRY_SECONDS)
            except HarkaraError as error:
                log.error("registry-not-loaded", version=version, code=error.code, detail=error.detail)
                return None

    def _closed(self, registry: dsse.Envelope, entitlements: dsse.Envelope, version: int) -> bytes:
        # The registry is public among members; entitlements are for brokers only.
        secret = msgspec.json.encode(dsse.to_json(entitlements))
        return encoding.pack(
            "trust",
            msgspec.json.encode(dsse.to_json(registry)),
            self._vault.close(Purpose.ENTITLEMENTS, str(version), secret),
        )

    def _opened(self, value: bytes, version: int) -> tuple[dsse.Envelope, dsse.Envelope]:
        public, closed = encoding.unpack(value, "trust", bytes, bytes, max_bytes=2 * REGISTRY_BYTES)
        secret = self._vault.open(Purpose.ENTITLEMENTS, str(version), closed)
        return (
            dsse.from_json(strictjson.decode(public, max_bytes=2 * REGISTRY_BYTES)),
            dsse.from_json(strictjson.decode(secret, max_bytes=2 * REGISTRY_BYTES)),
        )


def _read_entitlements(envelope: dsse.Envelope, registry: Registry) -> Entitlements:
    return read_entitlements(
        envelope, exchange=registry.exchange, version=registry.version, digest=registry.entitlements_digest
    )
