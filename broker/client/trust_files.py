"""Trust on disk: the exchange's own document, and the registries that this client has come to trust.

`exchange.json` is the anchor: everything else is verified from it at every start, the client's own copies
included. Of the registries that were followed, the first is kept, the newest, and those in between that
changed the root keys: what is needed to walk from the first root keys to the newest.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from broker.client.private_files import read_public, read_secret, write
from broker.errors import (
    HarkaraError,
    NotAuthentic,
    NotFound,
    UnsafeConfiguration,
    VersionConflict,
    WrongExchange,
)
from broker.protocol import dsse, strictjson
from broker.protocol.exchange import Exchange, read_exchange
from broker.protocol.identity import Identity, read_identity
from broker.protocol.limits import REGISTRY_BYTES
from broker.protocol.registry import Registry, follow, open_registry

EXCHANGE_FILE = "exchange.json"
ENVELOPE_BYTES = 2 * REGISTRY_BYTES
_VERSION_DIGITS = 12


def load_identity(path: Path) -> Identity:
    """Read an identity. Raises `UnsafeConfiguration` when others can read it, `NotFound`, or what is wrong
    with it.
    """
    return read_identity(read_secret(path))


def load_exchange(named: Path | None, beside: list[Path], expected: bytes) -> Exchange:
    """Read the exchange's document: the one named, or the first that lies beside one of the paths.

    Raises `UnsafeConfiguration` when there is none, `WrongExchange` when its id is not the `expected` one.
    """
    places = [named] if named is not None else [path.parent / EXCHANGE_FILE for path in beside]
    for path in places:
        try:
            exchange = read_exchange(read_public(path))
        except NotFound:
            continue
        if exchange.id != expected:
            raise WrongExchange(f"{path} is of another exchange than the identity")
        return exchange
    raise UnsafeConfiguration(
        f"there is no {' or '.join(map(str, places))}: the ministry gives it to each member, by a trusted way"
    )


def load_envelope(document: bytes) -> dsse.Envelope:
    """Read a registry's DSSE document; nothing is verified. Raises `Malformed` or `TooLarge`."""
    return dsse.from_json(strictjson.decode(document, max_bytes=ENVELOPE_BYTES))


def claimed_version(envelope: dsse.Envelope) -> int:
    """Give the version that a registry claims, before it is verified: to know what to walk through. 0 for
    none.
    """
    fields = strictjson.decode(envelope.payload, max_bytes=REGISTRY_BYTES)
    version = fields.get("version") if isinstance(fields, dict) else None
    return version if type(version) is int else 0


class RegistryFiles:
    """The registries kept in one directory. Call `load` first."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._kept: list[Registry] = []

    def load(self, exchange: Exchange) -> Registry | None:
        """Verify what is kept, from the exchange's first root keys on, and give the newest; None for nothing.

        Raises `NotAuthentic` when a kept file does not verify.
        """
        for path in sorted(self._directory.glob("[0-9]*.json")):
            try:
                envelope = load_envelope(read_secret(path))
                before = self._kept[-1] if self._kept else None
                self._kept.append(
                    open_registry(envelope, exchange) if before is None else follow(before, envelope)
                )
            except NotFound:  # another process has followed further, and does not need it
                continue
            except HarkaraError as error:
                raise NotAuthentic(f"{path} does not verify, remove it: {error.detail}") from None
        return self._kept[-1] if self._kept else None

    def save(self, registry: Registry) -> None:
        """Keep a registry that was just opened, or followed from the newest one kept."""
        write(self._path(registry), msgspec.json.encode(dsse.to_json(registry.envelope)))
        # What the last but one can be walked past: its root keys were those of the one before it, so they
        # signed this.
        if len(self._kept) > 1 and _roots(self._kept[-2]) == _roots(self._kept[-1]):
            self._path(self._kept.pop()).unlink(missing_ok=True)
        self._kept.append(registry)

    def _path(self, registry: Registry) -> Path:
        return self._directory / f"{registry.version:0{_VERSION_DIGITS}}.json"


def _roots(registry: Registry) -> tuple[object, int]:
    return registry.roots, registry.k


def with_given(trusted: Registry | None, document: bytes, exchange: Exchange) -> tuple[Registry, bool]:
    """Take the registry file that was given: open it, or follow it when newer. Tells whether it was taken.

    Raises what verification raises.
    """
    envelope = load_envelope(document)
    if trusted is None:
        return open_registry(envelope, exchange), True
    try:
        return follow(trusted, envelope), True
    except VersionConflict:  # the one kept is as new
        return trusted, False
