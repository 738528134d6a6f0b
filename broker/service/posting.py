"""Posting: a signed bulletin comes in, a stamp goes out, and in between nothing is written before the last
step.

The order of the checks is that of `protocol.admission`. A decision made under one registry is never appended
under another: when a newer one came into force meanwhile, everything from the signature on is asked again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from broker.errors import (
    AuthorMismatch,
    HarkaraError,
    IdConflict,
    OutcomeUnknown,
    Problem,
    pointing_below,
    pointing_within,
)
from broker.protocol import admission, digests, dsse, sealing
from broker.protocol.bulletin import PAYLOAD_TYPE, Bulletin, read_bulletin
from broker.protocol.card import Card
from broker.protocol.delivery import BULLETIN
from broker.protocol.digests import Address, Policy
from broker.protocol.entitlements import Entitlements
from broker.protocol.registry import Registry
from broker.protocol.routing import Reason, route
from broker.service.allowance import Allowance
from broker.service.clock import Clock
from broker.service.holders import holders_of
from broker.service.intake import Intake
from broker.service.metrics import Metrics
from broker.service.sealing import Accepted, Admitted, Sealer, StaleDecision
from broker.service.subscriptions import Subscriptions
from broker.service.trust import Trust
from broker.service.vault import Vault
from broker.store.log import Log

DECISIONS = 5
"""How often one post is decided anew because a newer registry came into force."""
PAYLOAD = "/statement/payload"
REFERENCES_A_POST = 4
"""So many look-ups of who holds what is referred to cost as much as a post: 64 of them, each held by 500
members, keep the broker busy for 37 ms."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A bulletin that passed every check, and who receives it."""

    bulletin: Bulletin
    policy: Policy
    reasons: dict[str, Reason]


class Posting:
    """Takes posts."""

    def __init__(
        self,
        *,
        trust: Trust,
        log: Log,
        intake: Intake,
        sealer: Sealer,
        vault: Vault,
        subscriptions: Subscriptions,
        clock: Clock,
        allowance: Allowance,
        metrics: Metrics,
    ) -> None:
        self._trust = trust
        self._log = log
        self._intake = intake
        self._sealer = sealer
        self._vault = vault
        self._subscriptions = subscriptions
        self._clock = clock
        self._allowance = allowance
        self._metrics = metrics

    async def post(self, body: bytes) -> Accepted:
        """Take one post, `{statement, address?}` in JSON. Raises a `HarkaraError` that says what is wrong
        with it.
        """
        try:
            accepted = await self._post(body)
        except HarkaraError:
            self._metrics.posts.labels("refused").inc()
            raise
        self._metrics.posts.labels("repeated" if accepted.repeated else "accepted").inc()
        return accepted

    async def _post(self, body: bytes) -> Accepted:
        post = admission.read_post(body)
        size, charged = len(body), False
        for _ in range(DECISIONS):
            registry, entitlements = self._trust.in_force
            with pointing_below("/statement"):
                card = self._intake.sender(post.statement, registry, kind=PAYLOAD_TYPE)
            if not charged:
                self._allowance.check_post(card.id, size)
            # What is refused here was never accepted, so nobody but its author holds it.
            with self._allowance.charging(HarkaraError, card.id, size):
                bulletin = self._read(post.statement, card, registry)
            admission.check_address(bulletin, post.address)
            stmt = digests.statement_digest(post.statement)
            with pointing_within(PAYLOAD), self._allowance.charging(IdConflict, card.id, size):
                repeat = await self._intake.first_answer(card.id, bulletin.id, stmt)
            if repeat is not None:
                return repeat
            with pointing_within(PAYLOAD):
                admission.check_timely(bulletin, self._clock())
            if not charged:
                # Not before: every recipient holds the statement, and could post it again at the author's
                # expense.
                self._allowance.charge_post(card.id, size, more=_look_ups(bulletin))
                charged = True
            decided = await self._decide(bulletin, post.address, registry, entitlements)
            try:
                return await self._sealer.append(self._admitted(post, decided, stmt, registry), registry)
            except StaleDecision as stale:
                await self._trust.load(stale.version)
        raise OutcomeUnknown("the registry changed each time: repeat the request", retry_after=1.0)

    async def preview(self, caller: str, body: bytes) -> Decided:
        """Give what `post` would decide about this body now, without the look-up of its id.

        Raises as `post`, and `AuthorMismatch` when `caller` is not its author. That is asked before anything
        that entitlements answer: every recipient holds the statement.
        """
        post = admission.read_post(body)
        registry, entitlements = self._trust.in_force
        with pointing_below("/statement"):
            card = self._intake.sender(post.statement, registry, kind=PAYLOAD_TYPE)
        if card.id != caller:
            raise AuthorMismatch(
                "only the originator may see the audience of a statement",
                Problem("/statement", f"a statement of {caller}", f"one of {card.id}"),
            )
        bulletin = self._read(post.statement, card, registry)
        admission.check_address(bulletin, post.address)
        with pointing_within(PAYLOAD):
            admission.check_timely(bulletin, self._clock())
        if look_ups := _look_ups(bulletin):
            self._allowance.charge_read(card.id, look_ups)
        return await self._decide(bulletin, post.address, registry, entitlements)

    async def _decide(
        self, bulletin: Bulletin, address: Address | None, registry: Registry, entitlements: Entitlements
    ) -> Decided:
        now = self._clock()
        admission.check_registry(registry, now)
        with pointing_within(PAYLOAD):
            admission.check_may_originate(bulletin, entitlements)
        policy = admission.policy_of(bulletin)
        holders = None
        if bulletin.references:
            holders = await holders_of(self._log, self._vault, bulletin.originator, bulletin.references)
        reasons = route(
            policy,
            bulletin.originator,
            address,
            registry.agencies(),
            registry.active(now),
            entitlements.grants,
            entitlements.groups,
            await self._subscriptions.interests(),
            holders,
        )
        return Decided(bulletin, policy, reasons)

    def _read(self, statement: dsse.Envelope, card: Card, registry: Registry) -> Bulletin:
        with pointing_within(PAYLOAD):
            bulletin = read_bulletin(statement.payload)
            admission.check_author(bulletin, card.id, registry.exchange)
        return bulletin

    def _admitted(self, post: admission.Post, decided: Decided, stmt: bytes, registry: Registry) -> Admitted:
        bulletin = decided.bulletin
        salt = os.urandom(digests.SALT_BYTES)
        address_digest = post.address.digest() if post.address else None

        def header(kid: bytes) -> sealing.Header:
            return sealing.BulletinHeader(
                exchange=registry.exchange,
                mode=sealing.BY_BROKER,
                sealer=self._sealer.name,
                sealer_kid=kid,
                originator=bulletin.originator,
                id=bulletin.id,
                stmt=stmt,
                policy=decided.policy.digest(salt),
                address_digest=address_digest,
                registry_version=registry.version,
            )

        return Admitted(
            kind=BULLETIN,
            author=bulletin.originator,
            id=bulletin.id,
            stmt=stmt,
            content=sealing.Content(post.statement, salt),
            header=header,
            recipients=frozenset(agency for agency, reason in decided.reasons.items() if reason.delivers),
            expires_at=bulletin.expires_at,
            opening=decided.policy.opening(salt),
        )


def _look_ups(bulletin: Bulletin) -> int:
    """Give how many posts the look-ups of a bulletin's references are worth, beside itself."""
    return len(bulletin.references) // REFERENCES_A_POST
