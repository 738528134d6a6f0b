"""Blind posts: what its originator sealed comes in, a stamp goes out, and the content stays closed.

Seal, openings and audience are checked in the order of `protocol.admission`; what only the content can tell
(schema, when it was sent) its recipients check, by the same validator.
"""

from __future__ import annotations

from broker.errors import AudienceChanged, IdConflict, Problem, pointing_at
from broker.protocol import admission, blind
from broker.protocol.delivery import BULLETIN
from broker.protocol.digests import Address, Policy
from broker.protocol.entitlements import Entitlements
from broker.protocol.registry import Registry
from broker.protocol.routing import Reason
from broker.service.allowance import Allowance
from broker.service.blind_keys import BlindKeys
from broker.service.clock import Clock
from broker.service.deciding import Deciding, look_ups, recipients
from broker.service.intake import Intake
from broker.service.metrics import Metrics
from broker.service.sealing import Accepted, Admitted, SealedByOriginator, Sealer
from broker.service.taking import Charge, counted, under_newest
from broker.service.trust import Trust

POLICY = "/policy"
"""Where a dry run carries the policy opening. The body of a blind post is no JSON: pointers name it whole."""


class BlindPosting:
    """Takes posts that their originators sealed, and their pair keys."""

    def __init__(
        self,
        *,
        trust: Trust,
        intake: Intake,
        deciding: Deciding,
        sealer: Sealer,
        keys: BlindKeys,
        clock: Clock,
        allowance: Allowance,
        metrics: Metrics,
    ) -> None:
        self._trust = trust
        self._intake = intake
        self._deciding = deciding
        self._sealer = sealer
        self._keys = keys
        self._clock = clock
        self._allowance = allowance
        self._metrics = metrics

    async def take_keys(self, body: bytes) -> int:
        """Take sealed pair keys, `{pair_keys: […]}` in JSON. Gives how many are kept."""
        return await self._keys.take(body, Charge(self._allowance, len(body)))

    async def post(self, body: bytes) -> Accepted:
        """Take one blind post. Raises a `HarkaraError` that says what is wrong with it."""
        return await counted(self._metrics, self._post(body))

    async def _post(self, body: bytes) -> Accepted:
        charge = Charge(self._allowance, len(body))
        post = blind.read_blind_post(body)

        async def attempt(registry: Registry, entitlements: Entitlements) -> Accepted:
            facts = blind.check_blind_post(post, registry, self._clock())
            author, header, policy = facts.author.id, facts.header, facts.policy
            self._intake.check_reads(facts.author, registry)
            charge.check(author)
            with charge.when_refused(IdConflict, author):
                repeat = await self._intake.first_answer(author, header.id, header.stmt)
            if repeat is not None:
                return repeat
            blind.check_expiry(policy, self._clock())
            # What a recipient holds is nearly a post. Under which pair key the author's own wrap is, no
            # recipient knows: what one puts together ends here, and is not at the author's expense.
            await self._keys.check({author: post.wraps.get(author, b"")}, header, registry)
            charge.take(author, more=look_ups(policy))
            if header.registry_version > registry.version:
                raise AudienceChanged(
                    "sealed under a registry that this broker does not have yet",
                    Problem(
                        "", f"version {registry.version}", f"version {header.registry_version}", "post again"
                    ),
                )
            reasons = await self._decide(policy, author, post.address, registry, entitlements)
            blind.check_wraps(post, author, recipients(reasons))
            await self._keys.check(post.wraps, header, registry)
            admitted = Admitted(
                kind=BULLETIN,
                author=author,
                id=header.id,
                stmt=header.stmt,
                sealing=SealedByOriginator(post.sealed, post.wraps),
                recipients=recipients(reasons),
                expires_at=policy.expires_at,
                opening=post.opening,
            )
            return await self._sealer.append(admitted, registry)

        with pointing_at(""):
            return await under_newest(self._trust, attempt)

    async def preview(self, caller: str, policy: Policy, address: Address | None) -> dict[str, Reason]:
        """Give for each member whether a blind post of `caller` with this policy would reach it, and why."""
        registry, entitlements = self._trust.in_force
        with pointing_at(POLICY):
            blind.check_expiry(policy, self._clock())
        if more := look_ups(policy):
            self._allowance.charge_read(caller, more)
        return await self._decide(policy, caller, address, registry, entitlements)

    async def _decide(
        self,
        policy: Policy,
        author: str,
        address: Address | None,
        registry: Registry,
        entitlements: Entitlements,
    ) -> dict[str, Reason]:
        admission.check_registry(registry, self._clock())
        with pointing_at(POLICY):
            admission.check_may_originate(policy, author, entitlements)
        return await self._deciding.decide(policy, author, address, registry, entitlements)
