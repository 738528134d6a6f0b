"""What this agency last asked to hear, remembered: a broker must not work under an older subscription.

The version in force stands in every head. Without this an old subscription, put back, would silence an agency
without a trace. Source: schemas/protocol.md, "Answers".
"""

from __future__ import annotations

import json
from pathlib import Path

from broker.client.private_files import read_secret, write
from broker.errors import HarkaraError, NotAuthentic, NotFound
from broker.protocol import strictjson
from broker.protocol.head import Head
from broker.protocol.limits import MINUTE_US

SETTLED_US = MINUTE_US
"""How long heads may still carry the subscription before: they are reused, and clocks differ."""


class SubscriptionMemory:
    """The last subscription of an agency: its version and when it was made (µs)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def remember(self, version: int, at: int) -> None:
        """Keep what the broker has just taken."""
        write(self._path, json.dumps({"version": version, "at": at}).encode() + b"\n")

    def check(self, head: Head) -> None:
        """Hold a verified head to the memory. Raises `NotAuthentic`."""
        version, at = self._read()
        if head.subscription_version < version and head.signed_at > at + SETTLED_US:
            raise NotAuthentic(
                f"the broker works under subscription {head.subscription_version}, and {version} was made: "
                "subscribe again, and call the operator"
            )

    def _read(self) -> tuple[int, int]:
        try:
            fields = strictjson.decode(read_secret(self._path))
            if isinstance(fields, dict):
                return int(fields["version"]), int(fields["at"])
        except NotFound:
            pass
        except (HarkaraError, KeyError, TypeError, ValueError):
            self._path.unlink(missing_ok=True)  # it can be made anew, and nothing else rests on it
        return 0, 0
