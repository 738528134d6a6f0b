"""The broker's own signing key: one that the registry in force takes; without one there is an outage to mend,
not a client's mistake.

A broker's identity has keys that the registry does not know yet, after a rotation, and may have one that was
revoked. What is signed by either is believed by nobody, and cannot be signed again.
"""

from __future__ import annotations

from broker.errors import ExpiredKey, RevokedKey, Unavailable, UnknownKey
from broker.protocol.identity import Identity
from broker.protocol.keys import SigningKey
from broker.protocol.registry import Registry


def signing_key(identity: Identity, registry: Registry, at: int) -> SigningKey:
    """Give the key that signs at `at` (µs): of those that the registry takes the one valid longest.

    Raises `Unavailable` when it takes none.
    """
    longest_first = sorted(identity.keys, key=lambda own: own.not_after, reverse=True)
    for own in longest_first:
        key, in_force = own.key, own.not_before <= at < own.not_after
        if isinstance(key, SigningKey) and in_force and _takes(registry, identity.id, key.kid, at):
            return key
    raise Unavailable(
        f"the registry takes no signing key of the broker {identity.id}: its operator must renew them",
        retry_after=60.0,
    )


def _takes(registry: Registry, broker: str, kid: bytes, at: int) -> bool:
    try:
        return registry.signer(kid, at, role="broker")[0].id == broker
    except (UnknownKey, ExpiredKey, RevokedKey):
        return False
