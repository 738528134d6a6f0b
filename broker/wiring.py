"""Wiring: settings and trust material become a running broker, and everything ends in the reverse order.

The order of starting is that of dependence: store, service, operations listener, public listener. So probes
answer before the first agency is let in, and nothing is let in before the store has proved safe and the
registry is in force.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp.web as aiohttp_web

from broker.errors import NotAuthentic, UnsafeConfiguration
from broker.protocol import dsse
from broker.protocol.exchange import Exchange
from broker.protocol.identity import Identity
from broker.protocol.registry import open_registry
from broker.service.allowance import Allowance
from broker.service.service import Service
from broker.settings import Address, Settings, Share
from broker.store.embedded import EmbeddedStore
from broker.store.store import Store
from broker.web.app import operations_app, public_app
from broker.web.limits import Limits
from broker.web.listener import listening

EMBEDDED_DIRECTORY = "store"
"""Where the embedded store lives below `--data`."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a broker must hold: who its exchange is, its own keys, the store key, and the first registry it
    trusts.
    """

    exchange: Exchange
    identity: Identity
    store_key: bytes
    registry: dsse.Envelope
    entitlements: dsse.Envelope


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """A broker that serves. The addresses have the ports that were really taken."""

    service: Service
    listen: Address
    ops: Address
    https: bool

    @property
    def url(self) -> str:
        """Give the URL for clients on this machine."""
        return f"{'https' if self.https else 'http'}://{self.listen}"

    @property
    def ops_url(self) -> str:
        """Give the URL of the operations listener."""
        return f"http://{self.ops}"


@asynccontextmanager
async def running(settings: Settings, material: Material) -> AsyncIterator[RunningBroker]:
    """Run a broker while the context lasts.

    Raises `UnsafeConfiguration`, `StoreUnavailable` or what verification raises, before anything is served.
    """
    settings.check()
    epoch = _check_material(material)
    tls = _tls(settings)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            await Store.open(await _store_url(settings, stack), replicas=settings.replicas)
        )
        service = Service(
            store=store,
            exchange=material.exchange,
            identity=material.identity,
            store_key=material.store_key,
            epoch=epoch,
            data=settings.data,
            allowance=_allowance(settings.share),
        )
        stack.push_async_callback(service.close)
        await service.start(material.registry, material.entitlements)
        https = tls is not None or settings.behind_proxy
        operations = operations_app(service)
        public = public_app(service, authorities=settings.authorities, https=https, limits=_limits(settings))
        ops = await _listen(stack, operations, settings.ops, None)
        listen = await _listen(stack, public, settings.listen, tls)
        yield RunningBroker(service, listen, ops, tls is not None)


def _check_material(material: Material) -> bytes:
    """Refuse material that does not belong together, with words for an operator. Gives the epoch."""
    registry = open_registry(material.registry, material.exchange)
    if material.identity.exchange != material.exchange.id:
        raise UnsafeConfiguration(
            "the broker's identity was made for another exchange: give the right --identity"
        )
    if material.identity.role != "broker":
        raise UnsafeConfiguration(
            f"the identity is that of {material.identity.id}, an agency: give the broker's with --identity "
            "(HARKARA_IDENTITY counts too: unset it where a broker is started)"
        )
    card = registry.cards.get(material.identity.id)
    if card is None or card.role != "broker":
        raise UnsafeConfiguration(f"the registry has no broker {material.identity.id}: enrol its card first")
    own = {key.key.kid for key in material.identity.keys}
    if not own & {key.kid for key in card.keys}:
        raise NotAuthentic(f"the identity of {material.identity.id} is not the one that the registry has")
    return registry.epoch


def _allowance(share: Share) -> Allowance:
    return Allowance(
        posts_per_minute=share.posts_per_minute,
        post_bytes_per_minute=share.post_mebibytes_per_minute * 1024 * 1024,
        reads_per_minute=share.reads_per_minute,
        live_feeds=share.live_feeds,
    )


def _limits(settings: Settings) -> Limits:
    if settings.connections_per_peer is not None:
        return Limits(connections_per_peer=settings.connections_per_peer)
    # Behind a proxy all connections come from one address.
    return Limits(connections_per_peer=0) if settings.behind_proxy else Limits()


async def _store_url(settings: Settings, stack: AsyncExitStack) -> str:
    if settings.data is None:
        return settings.store_url or ""  # `settings.check` holds that one of the two is given
    directory = settings.data / EMBEDDED_DIRECTORY
    embedded = EmbeddedStore(directory, maximum_bytes=settings.store_maximum_bytes)
    await stack.enter_async_context(embedded)
    return embedded.url


async def _listen(
    stack: AsyncExitStack, app: aiohttp_web.Application, address: Address, tls: ssl.SSLContext | None
) -> Address:
    try:
        port = await stack.enter_async_context(listening(app, address.host, address.port, tls=tls))
    except OSError as error:
        raise UnsafeConfiguration(f"cannot listen on {address}: {error.strerror or error}") from error
    return Address(address.host, port)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise UnsafeConfiguration(f"the TLS certificate or key cannot be used: {error}") from error
    return context
