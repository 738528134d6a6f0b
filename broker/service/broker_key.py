"""The broker's own signing key; without one in force there is an outage to mend, not a client's mistake."""

from __future__ import annotations

from broker.errors import SchemaError, Unavailable
from broker.protocol.identity import Identity
from broker.protocol.keys import SigningKey


def signing_key(identity: Identity, at: int) -> SigningKey:
    """Give the key that signs at `at` (µs). Raises `Unavailable` when the broker's keys are over."""
    try:
        return identity.signing_key(at)
    except SchemaError:
        raise Unavailable(
            f"the keys of the broker {identity.id} are not in force: its operator must renew them",
            retry_after=60.0,
        ) from None
