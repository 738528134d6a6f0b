"""The settings of a broker, checked as a whole before anything starts.

They come from flags and `HARKARA_…` variables (the command line reads those); this is what they must be
together.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from broker.errors import UnsafeConfiguration

DEFAULT_LISTEN = "127.0.0.1:8470"
DEFAULT_OPS = "127.0.0.1:8471"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0 takes any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `HOST:PORT` or `[IPv6]:PORT`. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
            raise ValueError(f"not HOST:PORT: {text!r}")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Share:
    """What one agency may use of one broker process. The unit is in the name; 0 is no limit.

    Far above what an agency needs: they are there so that one whose program runs wild slows no other.
    """

    posts_per_minute: int = 6_000
    """Bulletins, receipts and other signed statements, each line of a batch for itself."""
    post_mebibytes_per_minute: int = 64
    reads_per_minute: int = 6_000
    """Signed reads: pages, single items, the opening of a feed."""
    live_feeds: int = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """How a broker runs.

    Exactly one of `data` (the embedded store lives below it) and `store_url` is the store. `authorities` are
    the names under which clients reach the broker: signed reads name one of them; with none, whatever they
    name is taken on a loopback address. `replicas` is how many must have each write before it counts.
    `connections_per_peer` bounds the open connections of one address, 0 for none, and is None for the usual
    bound (none behind a proxy, where all connections come from one address).
    """

    listen: Address
    ops: Address
    data: Path | None = None
    store_url: str | None = None
    authorities: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    replicas: int = 0
    store_maximum_bytes: int = 0
    share: Share = Share()
    connections_per_peer: int | None = None

    def check(self) -> None:
        """Refuse what would not be safe. Raises `UnsafeConfiguration` saying how to mend it."""
        if (self.data is None) == (self.store_url is None):
            raise UnsafeConfiguration("give either --data (an embedded store) or --store URL")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise UnsafeConfiguration("give --tls-cert and --tls-key together")
        if not self.ops.is_loopback and not self.behind_proxy:
            raise UnsafeConfiguration(
                f"{self.ops} can be reached from other machines and has no TLS: health and metrics name the "
                "agencies. Give --ops an address of this machine, or --behind-proxy when a proxy in front of "
                "it does TLS, or only a closed network reaches it"
            )
        exposed = not self.listen.is_loopback
        if exposed and self.tls_cert is None and not self.behind_proxy:
            raise UnsafeConfiguration(
                f"{self.listen} can be reached from other machines and has no TLS: posts would travel in "
                "clear. Give --tls-cert and --tls-key, or --behind-proxy when a proxy in front of it does TLS"
            )
        if exposed and not self.authorities:
            raise UnsafeConfiguration(
                f"{self.listen} can be reached from other machines: give --authority, the name that clients "
                "use, so that a signed read made for another host is not taken here"
            )
