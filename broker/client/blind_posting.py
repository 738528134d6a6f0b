"""Blind posts: sealed here, for those whom the broker names, so that it routes what it cannot read.

The broker learns policy and address by their openings and answers who receives; the rest is made here: pair
keys, sealing, seal and wraps. Its answer is held to the address, so that it cannot add whom the author did
not name; within a group, and without a `to`, the audience is its word, and is told to the author. Each
attempt seals anew: a repeat is known by its statement, never by its ciphertext. Source:
schemas/protocol.md, "A bulletin".
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from broker.client.clock import Clock
from broker.client.own_keys import OwnKeys
from broker.client.own_pair_keys import OwnPairKeys
from broker.client.reach import Reach, read_reach
from broker.client.transport import Transport
from broker.client.trust import Trust
from broker.errors import AudienceChanged, NotAuthentic, shorten
from broker.protocol import admission, blind, dsse
from broker.protocol.bulletin import Bulletin, read_bulletin
from broker.protocol.digests import SALT_BYTES, Address, address_json, statement_digest
from broker.protocol.registry import Registry
from broker.protocol.routing import GROUP_PREFIX
from broker.protocol.sealing import BY_ORIGINATOR, ENTROPY_BYTES, BulletinHeader, Content

ATTEMPTS = 3
"""How often a post is sealed for an audience that changes meanwhile."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The broker's answer to a post, and for whom it was sealed here."""

    answer: bytes
    sealed_for: tuple[str, ...]


class BlindPosting:
    """Seals and sends for one agency."""

    def __init__(self, keys: OwnKeys, trust: Trust, transport: Transport, clock: Clock) -> None:
        self._keys = keys
        self._trust = trust
        self._transport = transport
        self._clock = clock
        self._pair_keys = OwnPairKeys(keys, transport, clock)

    async def send(self, path: str, post: admission.Post) -> Sent:
        """Seal a signed post for its audience, and send it to `path`.

        Raises the broker's refusal, `NotAuthentic` for an audience that the address does not allow, and what
        the transport raises.
        """
        bulletin = read_bulletin(post.statement.payload)
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._attempt(path, post, bulletin)
            except AudienceChanged:
                # Somebody joined or left, or changed a key; or the broker's store lost the pair keys.
                self._pair_keys.forget()
                await self._trust.refresh()
        return await self._attempt(path, post, bulletin)

    async def audience(self, bulletin: Bulletin, address: Address | None) -> tuple[Reach, ...]:
        """Tell who would receive a blind post, and why. The broker sees policy and address alone."""
        salt = os.urandom(SALT_BYTES)
        return await self._audience(admission.policy_of(bulletin).opening(salt), address)

    async def _attempt(self, path: str, post: admission.Post, bulletin: Bulletin) -> Sent:
        body, members = await self._seal(post, bulletin)
        answer = await self._transport.send("POST", path, body, media_type=blind.MEDIA_TYPE)
        return Sent(answer.body, members)

    async def _audience(self, opening: bytes, address: Address | None) -> tuple[Reach, ...]:
        asked: dict[str, object] = {"policy": dsse.encode64(opening)}
        if address is not None:
            asked["address"] = address_json(address)
        body = msgspec.json.encode(asked)
        answer = await self._transport.send("POST", "/v1/audience", body, signed=True)
        return read_reach(answer.body)

    async def _seal(self, post: admission.Post, bulletin: Bulletin) -> tuple[bytes, tuple[str, ...]]:
        registry, signer = self._trust.registry, self._keys.signing_key(self._clock())
        policy, salt = admission.policy_of(bulletin), os.urandom(SALT_BYTES)
        reached = await self._audience(policy.opening(salt), post.address)
        members = tuple(one.agency for one in reached if one.delivers)
        check_audience(members, bulletin.originator, post.address, registry)
        pair_keys = await self._pair_keys.ready([*members, bulletin.originator], registry, signer)
        header = BulletinHeader(
            exchange=registry.exchange,
            mode=BY_ORIGINATOR,
            sealer=bulletin.originator,
            sealer_kid=signer.kid,
            originator=bulletin.originator,
            id=bulletin.id,
            stmt=statement_digest(post.statement),
            policy=policy.digest(salt),
            address_digest=None if post.address is None else post.address.digest(),
            registry_version=registry.version,
        )
        made = blind.seal_blind_post(
            header,
            Content(post.statement, salt),
            policy.opening(salt),
            post.address,
            pair_keys,
            signer,
            os.urandom(ENTROPY_BYTES),
        )
        return made.pack(), members


def check_audience(
    members: Sequence[str], originator: str, address: Address | None, registry: Registry
) -> None:
    """Hold the audience that a broker names to what its author said. Raises `NotAuthentic`, or
    `AudienceChanged` for somebody whom the registry here does not have.
    """
    if unknown := set(members) - set(registry.agencies()):
        raise AudienceChanged(f"the registry here does not have {shorten(', '.join(sorted(unknown)))}")
    wrong = {originator} & set(members)
    if address is not None:
        wrong |= set(members) & set(address.excepted)
        if address.to and not any(name.startswith(GROUP_PREFIX) for name in address.to):
            wrong |= set(members) - set(address.to)
    if wrong:
        named = shorten(", ".join(sorted(wrong)))
        raise NotAuthentic(f"the broker wants it sealed for {named}, whom the address does not name")
