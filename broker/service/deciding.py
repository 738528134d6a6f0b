"""Deciding who receives a post: the pure `route`, given what only the store knows: who holds what is referred
to, and who has asked to hear what. One place for posts sealed by either side, and for the dry run.
"""

from __future__ import annotations

from broker.protocol.digests import Address, Policy
from broker.protocol.entitlements import Entitlements
from broker.protocol.registry import Registry
from broker.protocol.routing import Reason, route
from broker.service.clock import Clock
from broker.service.holders import holders_of
from broker.service.subscriptions import Subscriptions
from broker.service.vault import Vault
from broker.store.log import Log

REFERENCES_A_POST = 4
"""So many look-ups of who holds what is referred to cost as much as a post: 64 of them, each held by 500
members, keep the broker busy for 37 ms."""


class Deciding:
    """Decides for one broker process."""

    def __init__(self, log: Log, vault: Vault, subscriptions: Subscriptions, clock: Clock) -> None:
        self._log = log
        self._vault = vault
        self._subscriptions = subscriptions
        self._clock = clock

    async def decide(
        self,
        policy: Policy,
        originator: str,
        address: Address | None,
        registry: Registry,
        entitlements: Entitlements,
    ) -> dict[str, Reason]:
        """Give for each member whether it receives, and why. Raises as `route`, and what the store raises."""
        holders = None
        if policy.references:
            holders = await holders_of(self._log, self._vault, originator, policy.references)
        return route(
            policy,
            originator,
            address,
            registry.agencies(),
            registry.active(self._clock()),
            entitlements.grants,
            entitlements.groups,
            await self._subscriptions.interests(),
            holders,
        )


def look_ups(policy: Policy) -> int:
    """Give how many posts the look-ups of a policy's references are worth, beside the post itself."""
    return len(policy.references) // REFERENCES_A_POST


def recipients(reasons: dict[str, Reason]) -> frozenset[str]:
    """Give who receives."""
    return frozenset(agency for agency, reason in reasons.items() if reason.delivers)
