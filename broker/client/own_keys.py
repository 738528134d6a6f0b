"""Which of one's own keys: the ones that the registry in force knows, the newest among them.

After a rotation an identity has keys that the brokers do not know yet, and after a theft some that they take
no more. So a signature is made by a key that the registry followed here lists, in force and not revoked; only
when there is none by another one (a new identity that is about to be enrolled). A key that the broker refuses
is not taken again by this connection while there is another one. A program that runs through a rotation reads
the identity file again when it meets a key that it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import cast

from broker.client.clock import Clock
from broker.errors import ExpiredKey, HarkaraError, RevokedKey, SchemaError, UnknownKey
from broker.protocol.identity import Identity, OwnKey
from broker.protocol.keys import SealingKey, SigningKey
from broker.protocol.registry import Registry

NOT_TAKEN = (UnknownKey, ExpiredKey, RevokedKey)
"""Refusals after which another key may do."""


class OwnKeys:
    """The keys of one member. `reread` gives the identity as it is on disk now, and raises `HarkaraError`."""

    def __init__(
        self, identity: Identity, clock: Clock, reread: Callable[[], Identity] | None = None
    ) -> None:
        self._identity = identity
        self._clock = clock
        self._reread = reread
        self._registry: Callable[[], Registry | None] = lambda: None
        self._refused: set[bytes] = set()

    def known_by(self, registry: Callable[[], Registry | None]) -> None:
        """Say what gives the registry in force here, None before there is one."""
        self._registry = registry

    @property
    def identity(self) -> Identity:
        """Give the identity as it was read last."""
        return self._identity

    def signing_key(self, now: int) -> SigningKey:
        """Give the key to sign a statement with at `now` (µs). Raises `SchemaError` when none is in force."""
        found = best(self._identity, self._registry(), now, self._refused)
        if found is None:
            self._look_again()
            found = best(self._identity, self._registry(), now, self._refused)
        return found if found is not None else self._identity.signing_key(now)

    def reading_key(self) -> SigningKey:
        """Give the key to sign a read with: when none is in force the last one, for the registry is given to
        it too.
        """
        try:
            return self.signing_key(self._clock())
        except SchemaError:
            last = max(_signing(self._identity), key=lambda own: own.not_after)
            return cast(SigningKey, last.key)

    def refused(self, kid: bytes, why: HarkaraError) -> bool:
        """Note that the broker did not take a key. Tells whether to ask again, with another one."""
        if not isinstance(why, NOT_TAKEN):
            return False
        self._refused.add(kid)
        return self.reading_key().kid not in self._refused

    def sealing_key(self, kid: bytes) -> SealingKey | None:
        """Give the sealing key of this id, whatever its validity, or None."""
        found = self._identity.sealing_key(kid)
        if found is None and self._look_again():
            found = self._identity.sealing_key(kid)
        return found

    def has_news(self) -> bool:
        """Tell whether there is a key in force that the registry followed here does not know: the brokers may
        have a newer one.
        """
        registry, now = self._registry(), self._clock()
        if registry is None:
            return False
        return any(
            _standing(registry, self._identity, own, now) == 0 for own in _in_force(self._identity, now)
        )

    def _look_again(self) -> bool:
        """Read the identity again, if its file can be read now. Tells whether it changed."""
        if self._reread is None:
            return False
        try:
            found = self._reread()
        except HarkaraError:
            return False
        if found == self._identity or (found.exchange, found.id) != (
            self._identity.exchange,
            self._identity.id,
        ):
            return False
        self._identity = found
        return True


def best(
    identity: Identity, registry: Registry | None, now: int, refused: Container[bytes] = ()
) -> SigningKey | None:
    """Give the signing key to use at `now` (µs), None when none is in force: first one that was not refused,
    then one that the registry takes, then one that it does not have yet, then the newest.
    """

    def rank(own: OwnKey) -> tuple[bool, int, int, int]:
        standing = _standing(registry, identity, own, now)
        return own.key.kid not in refused, standing, own.not_before, own.not_after

    found = max(_in_force(identity, now), key=rank, default=None)
    return cast(SigningKey, found.key) if found is not None else None


def _standing(registry: Registry | None, identity: Identity, own: OwnKey, now: int) -> int:
    """Give 1 for a key that the registry takes at `now`, 0 for one that it does not have, -1 for one that it
    refuses.
    """
    if registry is None:
        return 0
    try:
        return 1 if registry.signer(own.key.kid, now)[0].id == identity.id else -1
    except UnknownKey:
        return 0
    except (ExpiredKey, RevokedKey):
        return -1


def _signing(identity: Identity) -> Iterator[OwnKey]:
    return (own for own in identity.keys if isinstance(own.key, SigningKey))


def _in_force(identity: Identity, now: int) -> Iterator[OwnKey]:
    return (own for own in _signing(identity) if own.not_before <= now < own.not_after)
