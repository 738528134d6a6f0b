"""A blind sealer for the tests of service and listener: asks, seals and hands in with the protocol alone.

Every step can be made wrong: `keys`, `body` and `post` take what they are to be made of.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from broker.protocol import admission, dsse
from broker.protocol.blind import BlindPost, seal_blind_post
from broker.protocol.bulletin import read_bulletin
from broker.protocol.digests import Address, Policy, address_json, statement_digest
from broker.protocol.keys import HPKE, SigningKey, read_sealing_public
from broker.protocol.limits import HOUR_US, MINUTE_US
from broker.protocol.pairkeys import PAIR_KEY_BYTES, PairKey, PairKeyBinding, pair_key_id, seal_pair_key
from broker.protocol.sealing import BY_ORIGINATOR, BulletinHeader, Content
from broker.service.sealing import Accepted
from broker.service.service import Service
from tests.exchange_fixtures import TestExchange, fixed, sign_bulletin

SALT = fixed("salt of a blind policy")


@dataclass
class BlindAuthor:
    """One agency that seals its posts itself."""

    exchange: TestExchange
    agency: str
    pairs: dict[str, PairKey] = field(default_factory=dict)
    """By member: what posts are wrapped under."""

    @property
    def signer(self) -> SigningKey:
        """Its signing key."""
        return self.exchange.signing(self.agency)

    def pair(self, member: str, **changes: Any) -> PairKey:
        """Make a pair key for `member`; `changes` replace fields of its binding."""
        secret = os.urandom(PAIR_KEY_BYTES)
        begins = changes.get("not_before", self.exchange.now - MINUTE_US)
        binding = PairKeyBinding(
            exchange=self.exchange.id,
            pkid=pair_key_id(secret),
            sealer=self.agency,
            sealer_kid=self.signer.kid,
            member=member,
            member_kid=self.exchange.sealing(member).kid,
            registry_version=self.exchange.registry.version,
            not_before=begins,
            not_after=begins + 4 * HOUR_US,
        )
        return PairKey.of(replace(binding, **changes), secret)

    def sealed(self, pair: PairKey, signer: SigningKey | None = None) -> dsse.Envelope:
        """Seal a pair key to its member, and sign it."""
        public = read_sealing_public(self.exchange.sealing(pair.binding.member).public)
        return seal_pair_key(pair, public, HPKE.encrypt, signer or self.signer)

    def make(self, members: Iterable[str], **changes: Any) -> list[dsse.Envelope]:
        """Make pair keys for `members` and itself, for whatever is sealed from now on. Gives them sealed."""
        made = {member: self.pair(member, **changes) for member in (*members, self.agency)}
        self.pairs |= made
        return [self.sealed(pair) for pair in made.values()]

    async def hand_in(self, service: Service, members: Iterable[str], **changes: Any) -> list[dsse.Envelope]:
        """Make pair keys for `members` and itself, and hand them in. Gives them sealed."""
        envelopes = self.make(members, **changes)
        assert await service.blind.take_keys(keys_body(envelopes)) == len(envelopes)
        return envelopes

    def seal(
        self,
        statement: dsse.Envelope,
        address: Address | None,
        members: Iterable[str],
        *,
        policy: Policy | None = None,
        wraps: Mapping[str, PairKey] | None = None,
        **header: Any,
    ) -> BlindPost:
        """Seal a statement for `members` and itself. `header` replaces fields of the header, `wraps` says
        under which pair keys it is wrapped, `policy` what is shown of it.
        """
        bulletin = read_bulletin(statement.payload)
        shown = policy or admission.policy_of(bulletin)
        said = BulletinHeader(
            exchange=self.exchange.id,
            mode=BY_ORIGINATOR,
            sealer=self.agency,
            sealer_kid=self.signer.kid,
            originator=self.agency,
            id=bulletin.id,
            stmt=statement_digest(statement),
            policy=shown.digest(SALT),
            address_digest=address.digest() if address else None,
            registry_version=self.exchange.registry.version,
        )
        keys = {member: self.pairs[member] for member in (*members, self.agency)} | dict(wraps or {})
        return seal_blind_post(
            replace(said, **header),
            Content(statement, SALT),
            shown.opening(SALT),
            address,
            keys,
            self.signer,
            os.urandom(32),
        )

    async def post(
        self, service: Service, statement: dsse.Envelope, address: Address | None, members: Iterable[str]
    ) -> Accepted:
        """Hand in new pair keys and post a statement for `members`."""
        named = tuple(members)
        await self.hand_in(service, named)
        return await service.blind.post(self.seal(statement, address, named).pack())

    async def say(
        self, service: Service, /, *, to: Iterable[str] = (), **fields: Any
    ) -> tuple[dsse.Envelope, Accepted]:
        """Sign a bulletin for those named in `to`, and post it blind. Gives the statement too."""
        statement, address = sign_bulletin(self.exchange, self.agency, to=to, **fields)
        return statement, await self.post(service, statement, address, to)


def keys_body(envelopes: Iterable[dsse.Envelope]) -> bytes:
    """Give the body of `POST /v1/pair-keys`."""
    return json.dumps({"pair_keys": [dsse.to_json(one) for one in envelopes]}).encode()


def question(policy: Policy, address: Address | None = None) -> bytes:
    """Give the body of `POST /v1/audience` of a blind sealer."""
    asked: dict[str, Any] = {"policy": dsse.encode64(policy.opening(SALT))}
    return json.dumps(asked | ({"address": address_json(address)} if address else {})).encode()


def policy_of(statement: dsse.Envelope) -> Policy:
    """Give what a blind sealer shows of a statement."""
    return admission.policy_of(read_bulletin(statement.payload))


async def audience(service: Service, author: str, policy: Policy, address: Address | None = None) -> set[str]:
    """Give for whom a blind post has to be sealed, as the broker says."""
    told = await service.audience.preview(author, question(policy, address))
    return {row["agency"] for row in told["audience"] if row["delivers"]}
