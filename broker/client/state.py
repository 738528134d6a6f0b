"""Where the client keeps what must survive: one directory for each (exchange, agency).

    <state>/<exchange id, 16 hex digits>/<agency>/
        registry/   the registries that trust was built from, oldest first
        outbox/     signed statements, kept before they are sent
        places/     how far each consumer has read
        evidence/   what proves that an inbox was broken
        subscription.json   which subscription was made last

`<state>` is `$XDG_STATE_HOME/harkara` (`~/.local/state/harkara`), on Windows `%LOCALAPPDATA%\\harkara`,
unless given.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from broker.client.private_files import make_directory
from broker.errors import Problem, SchemaError, UnsafeConfiguration

EXCHANGE_HEX_DIGITS = 16
_CONSUMER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def default_state() -> Path:
    """Give the directory of this user's state. Raises `UnsafeConfiguration` when the system names none."""
    if os.name == "nt":
        local = os.environ.get("LOCALAPPDATA")
        if not local:
            raise UnsafeConfiguration("LOCALAPPDATA is not set: name a directory for the state")
        return Path(local) / "harkara"
    named = os.environ.get("XDG_STATE_HOME", "")
    # The specification says that a relative path must be ignored.
    base = Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "state"
    return base / "harkara"


@dataclass(frozen=True, slots=True)
class State:
    """The directories of one agency in one exchange; each is made when first asked for."""

    root: Path

    @classmethod
    def of(cls, directory: Path | None, exchange: bytes, agency: str) -> State:
        """Give the state below `directory` (None: the user's own) of an agency in the exchange of this id."""
        base = directory if directory is not None else default_state()
        return cls(base / exchange.hex()[:EXCHANGE_HEX_DIGITS] / agency)

    @property
    def registry(self) -> Path:
        """Give where trusted registries are kept."""
        return make_directory(self.root / "registry")

    @property
    def outbox(self) -> Path:
        """Give where signed statements are kept."""
        return make_directory(self.root / "outbox")

    @property
    def places(self) -> Path:
        """Give where consumers' places are kept."""
        return make_directory(self.root / "places")

    @property
    def subscription(self) -> Path:
        """Give the file of the last subscription."""
        return make_directory(self.root) / "subscription.json"

    @property
    def evidence(self) -> Path:
        """Give where proofs of a broken inbox are kept."""
        return make_directory(self.root / "evidence")


def check_consumer(name: str) -> str:
    """Give the name of a consumer, which becomes a file's. Raises `SchemaError` when it cannot."""
    if _CONSUMER.fullmatch(name) is None:
        raise SchemaError(
            "this cannot be the name of a consumer",
            Problem("", "1 to 64 of a-z 0-9 . _ -, a letter or digit first", name),
        )
    return name
