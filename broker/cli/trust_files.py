"""The files of an exchange in its directory: names, flags, and how the registry in force is read
and verified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from broker.cli import files
from broker.cli.command import flag
from broker.cli.identity_files import load_envelope, load_exchange
from broker.cli.output import pretty
from broker.cli.parameters import DIRECTORY, FILE
from broker.cli.refusals import MisuseError
from broker.errors import BadSignature
from broker.protocol import dsse
from broker.protocol.entitlements import Entitlements, read_entitlements
from broker.protocol.exchange import Exchange
from broker.protocol.registry import Registry, open_registry

EXCHANGE: Final = "exchange.json"
REGISTRY: Final = "registry.json"
ENTITLEMENTS: Final = "entitlements.json"
NEXT: Final = "registry-next.json"
ROOT_KEY: Final = "root.key"
BROKER_KEY: Final = "broker.key"
STORE_KEY: Final = "store.key"
FIRST_ROOTS: Final = (
    "take the file as it was signed, by the root keys that exchange.json names; "
    "an agency that has followed a change of them opens it with --identity FILE"
)


@dataclass(frozen=True, slots=True)
class InForce:
    """A verified registry and the entitlements that belong to it."""

    exchange: Exchange
    registry: Registry
    entitlements: Entitlements


@dataclass(frozen=True, slots=True)
class TrustFiles:
    """Where the files of an exchange are. `draft` is the next version, perhaps not there."""

    exchange: Path
    registry: Path
    entitlements: Path
    draft: Path
    root_key: Path

    def in_force(self) -> InForce:
        """Read and verify what is in force. Raises what verification raises, and `MisuseError` for
        missing files.
        """
        exchange = load_exchange(self.exchange)
        registry = load_registry(self.registry, exchange)
        entitlements = read_entitlements(
            load_envelope(self.entitlements, "the entitlements"),
            exchange=exchange.id,
            version=registry.version,
            digest=registry.entitlements_digest,
        )
        return InForce(exchange, registry, entitlements)

    def then(self, command: str) -> str:
        """Give the next command to type, with the directory that this one had."""
        return f"harkara registry {command}" + (f" --data {self.draft.parent}" if self._together() else "")

    def _together(self) -> bool:
        return self.draft.name == NEXT and self.exchange == self.draft.parent / EXCHANGE

    def put(self, registry: dsse.Envelope, entitlements: dsse.Envelope) -> None:
        """Put a newer version in place of the one in force, and remove the draft."""
        files.replace(self.entitlements, as_file(entitlements), private=True)
        files.replace(self.registry, as_file(registry))
        self.draft.unlink(missing_ok=True)


def load_registry(path: Path, exchange: Exchange) -> Registry:
    """Read a registry and verify it by the first root keys. Raises `MisuseError`, and what verification
    raises.
    """
    return open_first(load_envelope(path, "a registry"), exchange, path)


def open_first(envelope: dsse.Envelope, exchange: Exchange, path: Path) -> Registry:
    """Verify a registry by the first root keys. Raises what verification raises, with a way out."""
    try:
        return open_registry(envelope, exchange)
    except BadSignature as error:
        raise BadSignature(
            f"{path} does not open from {EXCHANGE}: {error.detail}",
            *(replace(problem, hint=FIRST_ROOTS) for problem in error.problems),
        ) from None


def as_file(envelope: dsse.Envelope) -> bytes:
    """Give the file of a signed document."""
    return pretty(dsse.to_json(envelope)).encode() + b"\n"


def trust_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags that name the files of an exchange; it gets them as `trust: TrustFiles`."""

    @flag("--data", type=DIRECTORY, help="The directory of the exchange, as harkara init made it.")
    @flag("--exchange", type=FILE, help=f"exchange.json.  [default: DIR/{EXCHANGE}]")
    @flag("--registry", type=FILE, help=f"The registry in force.  [default: DIR/{REGISTRY}]")
    @flag("--entitlements", type=FILE, help=f"The entitlements in force.  [default: DIR/{ENTITLEMENTS}]")
    @flag("--next", "next_", type=FILE, help=f"The next version, being prepared.  [default: DIR/{NEXT}]")
    @wraps(function)
    def run(
        data: Path | None,
        exchange: Path | None,
        registry: Path | None,
        entitlements: Path | None,
        next_: Path | None,
        **arguments: Any,
    ) -> Any:
        if data is not None and typed("data"):
            # What is typed wins over variables that an agency's work has left in this shell.
            exchange, registry, entitlements, next_ = (
                path if typed(name) else None
                for name, path in (
                    ("exchange", exchange),
                    ("registry", registry),
                    ("entitlements", entitlements),
                    ("next_", next_),
                )
            )
        trust = TrustFiles(
            _place(exchange, data, EXCHANGE, "--exchange"),
            _place(registry, data, REGISTRY, "--registry"),
            _place(entitlements, data, ENTITLEMENTS, "--entitlements"),
            # Beside the registry is where one looks for the next one.
            next_ or (data or (registry.parent if registry else Path())) / NEXT,
            (data or Path()) / ROOT_KEY,
        )
        return function(trust=trust, **arguments)

    return run


def _place(named: Path | None, data: Path | None, name: str, option: str) -> Path:
    if named is not None:
        return named
    if data is None:
        raise MisuseError(f"where is {name}?", f"--data DIR, as harkara init made it, or {option} FILE")
    return data / name


def typed(name: str) -> bool:
    """Tell whether a flag was typed: not a variable's value, and not the default."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE
