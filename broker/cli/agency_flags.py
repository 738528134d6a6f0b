"""What every command of an agency needs to know: which broker, who is asking, and which exchange it
trusts.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Final

from broker.cli import files
from broker.cli.command import flag
from broker.cli.moment import SECONDS
from broker.cli.parameters import DIRECTORY, FILE
from broker.cli.refusals import MisuseError
from broker.settings import DEFAULT_LISTEN

IDENTITY_HINT: Final = "--identity FILE or HARKARA_IDENTITY: the AGENCY.key that harkara keys new made"
URL: Final = f"http://{DEFAULT_LISTEN}"
"""Where harkara serve is reached when nothing else is said: a trial on one machine needs no --url."""


@dataclass(frozen=True, slots=True)
class AgencyFlags:
    """Who is asking whom. What is None is found by the client (`broker.client.agency`)."""

    identity: Path | None
    url: str
    exchange: Path | None
    registry: Path | None
    state: Path | None
    ca: Path | None
    plain_http: bool
    patience: float

    def need_identity(self) -> Path:
        """Give the identity file. Raises `MisuseError` when none is named."""
        if self.identity is None:
            raise MisuseError("who are you?", IDENTITY_HINT)
        return self.identity


def identity_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that works offline the flags that say who is asking, as `agency: AgencyFlags`."""

    @flag("--identity", type=FILE, secret_file=True, help="Your identity file, as harkara keys new made it.")
    @flag("--exchange", type=FILE, help="exchange.json.  [default: beside the identity]")
    @flag("--registry", type=FILE, help="A registry to begin with.  [default: what was last received]")
    @flag(
        "--state",
        type=DIRECTORY,
        help="Where your place and outbox are kept.  [default: $XDG_STATE_HOME/harkara]",
    )
    @wraps(function)
    def run(
        identity: Path | None,
        exchange: Path | None,
        registry: Path | None,
        state: Path | None,
        **arguments: Any,
    ) -> Any:
        online = {name: arguments.pop(name, default) for name, default in _OFFLINE.items()}
        return function(
            agency=AgencyFlags(identity, exchange=exchange, registry=registry, state=state, **online),
            **arguments,
        )

    return run


_OFFLINE: Final[dict[str, Any]] = {"url": URL, "ca": None, "plain_http": False, "patience": 0.0}


def broker_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags that say how the broker is reached: url, ca, plain_http, patience."""
    for declare in (
        flag(
            "--patience",
            type=SECONDS,
            default="10s",
            show_default=True,
            help="How long a broker that does not answer is asked again.",
        ),
        flag("--plain-http", is_flag=True, help="Take http:// to another machine: something else encrypts."),
        flag("--ca", type=FILE, help="Certificates to trust in place of the system's."),
        flag(
            "--url",
            default=URL,
            show_default=True,
            help="The broker, such as https://exchange.gov.pk: its operator tells it.",
        ),
    ):
        function = declare(function)
    return function


def agency_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that speaks to a broker all flags of both, as `agency: AgencyFlags`."""
    return broker_flags(identity_flags(function))


def tls_context(ca: Path | None) -> ssl.SSLContext | None:
    """Give a TLS context that trusts the certificates in a file, or None for the system's. Raises
    `MisuseError`.
    """
    if ca is None:
        return None
    content = files.read(ca, "a file of certificates")
    try:
        return ssl.create_default_context(cadata=content.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError, ValueError):
        raise MisuseError(f"{ca} holds no certificates in PEM form") from None
