"""Posting: a signed bulletin comes in, a stamp goes out, and in between nothing is written before the last
step.

The order of the checks is that of `protocol.admission`.
"""

from __future__ import annotations

import os

from broker.errors import AuthorMismatch, HarkaraError, IdConflict, Problem, pointing_below, pointing_within
from broker.protocol import admission, digests, dsse, sealing
from broker.protocol.bulletin import PAYLOAD_TYPE, Bulletin, read_bulletin
from broker.protocol.card import Card
from broker.protocol.delivery import BULLETIN
from broker.protocol.digests import Policy
from broker.protocol.entitlements import Entitlements
from broker.protocol.registry import Registry
from broker.protocol.routing import Reason
from broker.service.allowance import Allowance
from broker.service.clock import Clock
from broker.service.deciding import Deciding, look_ups, recipients
from broker.service.intake import Intake
from broker.service.metrics import Metrics
from broker.service.sealing import Accepted, Admitted, Sealer, ToSeal
from broker.service.taking import Charge, counted, under_newest
from broker.service.trust import Trust

PAYLOAD = "/statement/payload"


class Posting:
    """Takes posts that the broker seals."""

    def __init__(
        self,
        *,
        trust: Trust,
        intake: Intake,
        deciding: Deciding,
        sealer: Sealer,
        clock: Clock,
        allowance: Allowance,
        metrics: Metrics,
    ) -> None:
        self._trust = trust
        self._intake = intake
        self._deciding = deciding
        self._sealer = sealer
        self._clock = clock
        self._allowance = allowance
        self._metrics = metrics

    async def post(self, body: bytes) -> Accepted:
        """Take one post, `{statement, address?}` in JSON. Raises a `HarkaraError` that says what is wrong
        with it.
        """
        return await counted(self._metrics, self._post(body))

    async def _post(self, body: bytes) -> Accepted:
        post = admission.read_post(body)
        charge = Charge(self._allowance, len(body))

        async def attempt(registry: Registry, entitlements: Entitlements) -> Accepted:
            with pointing_below("/statement"):
                card = self._intake.sender(post.statement, registry, kind=PAYLOAD_TYPE)
            charge.check(card.id)
            # What is refused here was never accepted, so nobody but its author holds it.
            with charge.when_refused(HarkaraError, card.id):
                bulletin = self._read(post.statement, card, registry)
            admission.check_address(bulletin, post.address)
            stmt = digests.statement_digest(post.statement)
            with pointing_within(PAYLOAD), charge.when_refused(IdConflict, card.id):
                repeat = await self._intake.first_answer(card.id, bulletin.id, stmt)
            if repeat is not None:
                return repeat
            with pointing_within(PAYLOAD):
                admission.check_timely(bulletin, self._clock())
            policy = admission.policy_of(bulletin)
            # Not before: every recipient holds the statement, and could post it again at the author's
            # expense.
            charge.take(card.id, more=look_ups(policy))
            reasons = await self._decide(post, policy, card.id, registry, entitlements)
            admitted = self._admitted(post, bulletin, policy, reasons, stmt, registry)
            return await self._sealer.append(admitted, registry)

        return await under_newest(self._trust, attempt)

    async def preview(self, caller: str, post: admission.Post) -> dict[str, Reason]:
        """Give what `post` would decide about this post now, without the look-up of its id.

        Raises as `post`, and `AuthorMismatch` when `caller` is not its author. That is asked before anything
        that entitlements answer: every recipient holds the statement.
        """
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
        policy = admission.policy_of(bulletin)
        if more := look_ups(policy):
            self._allowance.charge_read(card.id, more)
        return await self._decide(post, policy, card.id, registry, entitlements)

    async def _decide(
        self,
        post: admission.Post,
        policy: Policy,
        originator: str,
        registry: Registry,
        entitlements: Entitlements,
    ) -> dict[str, Reason]:
        admission.check_registry(registry, self._clock())
        with pointing_within(PAYLOAD):
            admission.check_may_originate(policy, originator, entitlements)
        return await self._deciding.decide(policy, originator, post.address, registry, entitlements)

    def _read(self, statement: dsse.Envelope, card: Card, registry: Registry) -> Bulletin:
        with pointing_within(PAYLOAD):
            bulletin = read_bulletin(statement.payload)
            admission.check_author(bulletin, card.id, registry.exchange)
        return bulletin

    def _admitted(
        self,
        post: admission.Post,
        bulletin: Bulletin,
        policy: Policy,
        reasons: dict[str, Reason],
        stmt: bytes,
        registry: Registry,
    ) -> Admitted:
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
                policy=policy.digest(salt),
                address_digest=address_digest,
                registry_version=registry.version,
            )

        return Admitted(
            kind=BULLETIN,
            author=bulletin.originator,
            id=bulletin.id,
            stmt=stmt,
            sealing=ToSeal(sealing.Content(post.statement, salt), header),
            recipients=recipients(reasons),
            expires_at=bulletin.expires_at,
            opening=policy.opening(salt),
        )
