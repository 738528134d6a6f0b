"""Blind posts: the originator seals, and the broker checks all that can be checked without reading.

The broker learns the policy by its opening and the audience by the address's; both are committed to in the
header that the seal covers, so the author cannot say one thing to the broker and another to the recipients,
who compare again. Whether the wraps are those of the audience is asked after routing (`check_wraps`). Source:
schemas/protocol.md, "A bulletin" (blind post) and "Keys for members".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.errors import (
    AudienceChanged,
    AuthorMismatch,
    Malformed,
    NotAuthentic,
    OutOfWindow,
    Problem,
    WrongExchange,
    pointing_below,
    shorten,
)
from broker.protocol import dsse, encoding, times
from broker.protocol.admission import check_opening
from broker.protocol.card import Card
from broker.protocol.digests import SALT_BYTES, Address, Policy, read_address, read_policy_opening
from broker.protocol.encoding import Bin, ListOf, Maybe, Row
from broker.protocol.fields import UUID
from broker.protocol.keys import SigningKey
from broker.protocol.limits import LIFETIME_US, MEMBERS_ITEMS, PAIR_KEY_LIFE_US, SENT_AHEAD_US
from broker.protocol.pairkeys import SEALED_PAIR_KEY_TYPE, WRAP_BYTES, PairKey, PairKeyBinding, read_binding
from broker.protocol.registry import Registry
from broker.protocol.sealing import (
    BY_ORIGINATOR,
    SEAL_BYTES,
    SEAL_TYPE,
    BulletinHeader,
    Content,
    Sealed,
    padded_length,
    read_header,
    seal,
    verify_seal,
)

MEDIA_TYPE = "application/vnd.harkara.sealed+msgpack"
TAG_BYTES = 16

_ADDRESS = Row((Bin(SALT_BYTES), ListOf(str), ListOf(str)))
_WRAPS = ListOf(Row((str, Bin(WRAP_BYTES))))


@dataclass(frozen=True, slots=True)
class BlindPost:
    """The body of a blind post. `sealed` carries its seal; `wraps` by member, the originator's included."""

    sealed: Sealed
    opening: bytes
    address: Address | None
    wraps: Mapping[str, bytes]

    def pack(self) -> bytes:
        """Give F("harkara/1 blind post", …)."""
        opened = self.address and [self.address.salt, list(self.address.to), list(self.address.excepted)]
        return encoding.pack(
            "blind post",
            self.sealed.header,
            self.sealed.ciphertext,
            self.sealed.seal,
            self.opening,
            opened,
            [[member, wrap] for member, wrap in sorted(self.wraps.items())],
        )


@dataclass(frozen=True, slots=True)
class BlindFacts:
    """What a broker knows of a blind post that passed `check_blind_post`."""

    author: Card
    header: BulletinHeader
    policy: Policy


def seal_blind_post(
    header: BulletinHeader,
    content: Content,
    opening: bytes,
    address: Address | None,
    pair_keys: Mapping[str, PairKey],
    signer: SigningKey,
    entropy: bytes,
) -> BlindPost:
    """Seal `content` as its originator, whose key is `signer`, for the members of `pair_keys`, itself
    included. `opening` is the policy's; 32 bytes of `entropy`.
    """
    sealed, content_key = seal(header, content, entropy)
    signature = signer.sign(SEAL_TYPE, sealed.seal_record()).signature.value
    digest = sealed.digest()
    wraps = {member: pair.wrap(content_key, digest) for member, pair in pair_keys.items()}
    return BlindPost(replace(sealed, seal=signature), opening, address, wraps)


def read_blind_post(record: bytes) -> BlindPost:
    """Read the body of a blind post. Raises `Malformed`."""
    header, ciphertext, seal, opening, opened, wraps = encoding.unpack(
        record, "blind post", bytes, bytes, Bin(SEAL_BYTES), bytes, Maybe(_ADDRESS), _WRAPS
    )
    members = [member for member, _ in wraps]
    if members != sorted(set(members)):
        raise _malformed("members in order, each once", "another order, or one twice")
    return BlindPost(Sealed(header, ciphertext, seal), opening, _address(opened), dict(map(tuple, wraps)))


def read_opening(asked: Mapping[str, object]) -> tuple[Policy, Address | None]:
    """Read {policy: opening in base64, address?}: what an originator asks the audience of. Raises
    `Malformed`.
    """
    for name in asked:
        if name not in ("policy", "address"):
            raise Malformed("not a policy", Problem("", "no members but policy and address", shorten(name)))
    with pointing_below("/policy"):
        _, policy = read_policy_opening(dsse.decode64(asked["policy"], ""))
    return policy, read_address(asked["address"]) if "address" in asked else None


def check_blind_post(post: BlindPost, registry: Registry, now: int) -> BlindFacts:
    """Hold a blind post to its seal, its author, this exchange and its openings. `now` in µs since the epoch.

    Raises `Malformed`, `UnknownKey`, `ExpiredKey`, `RevokedKey`, `BadSignature`, `AuthorMismatch`,
    `WrongExchange`, `WrongAddress`, or `NotAuthentic` for a policy that the header does not commit to.
    """
    header = read_header(post.sealed.header)
    if not isinstance(header, BulletinHeader) or header.mode != BY_ORIGINATOR:
        raise _malformed(f"the header of a bulletin, of mode {BY_ORIGINATOR}", "another")
    if re.fullmatch(UUID, header.id) is None:
        raise _malformed("a UUID of version 4, 5 or 7 as id", "another")
    _check_length(post.sealed.ciphertext)
    author, key = registry.signer(header.sealer_kid, now, role="agency")
    verify_seal(post.sealed, header, cast(Ed25519PublicKey, key.signing))
    if not author.id == header.sealer == header.originator:
        raise AuthorMismatch(
            "sealed by another agency than it names", Problem("", author.id, header.originator)
        )
    if header.exchange != registry.exchange:
        raise WrongExchange(
            "made for another exchange", Problem("", registry.exchange.hex(), header.exchange.hex())
        )
    _, policy = read_policy_opening(post.opening)
    if not hmac.compare_digest(hashlib.sha256(post.opening).digest(), header.policy):
        raise NotAuthentic("the policy is not the one that the header commits to")
    check_opening(header.address_digest, post.address)
    return BlindFacts(author, header, policy)


def check_wraps(post: BlindPost, author: str, recipients: frozenset[str]) -> None:
    """Hold the wraps to the audience that the broker computed, and the author. Raises `AudienceChanged`,
    naming nobody: who may not know the audience must not learn it from a refusal; the author asks for it
    again.
    """
    if post.wraps.keys() != recipients | {author}:
        raise AudienceChanged(
            "the wraps are not those of the audience",
            Problem(
                "", f"{len(recipients) + 1} wraps", f"{len(post.wraps)}", "ask /v1/audience and seal again"
            ),
        )


def check_expiry(policy: Policy, now: int) -> None:
    """Hold a policy's expiry to the future, and to the longest life from now. When the bulletin was sent
    only its recipients can see. Raises `OutOfWindow`.
    """
    latest = now + SENT_AHEAD_US + LIFETIME_US
    if not now < policy.expires_at <= latest:
        window = f"between {times.format(now)} and {times.format(latest)}"
        raise OutOfWindow(
            "the bulletin has expired, or lives too long",
            Problem("", f"an expiry {window}", times.format(policy.expires_at)),
        )


def check_sealed_pair_key(envelope: dsse.Envelope, registry: Registry, now: int) -> PairKeyBinding:
    """Hold a sealed pair key, handed in by a blind sealer for somebody else, to all but what only its member
    can see. Raises as `check_blind_post`.
    """
    author, key = registry.signer(envelope.signature.kid, now, role="agency")
    dsse.verify(envelope, cast(Ed25519PublicKey, key.signing), kind=SEALED_PAIR_KEY_TYPE)
    binding = read_binding(envelope)
    if (binding.sealer, binding.sealer_kid) != (author.id, key.kid):
        raise AuthorMismatch("sealed by another agency than it names", Problem("", author.id, binding.sealer))
    if binding.exchange != registry.exchange:
        raise WrongExchange(
            "made for another exchange", Problem("", registry.exchange.hex(), binding.exchange.hex())
        )
    if registry.sealing_kid(binding.member, now) != binding.member_kid:
        raise AudienceChanged(
            "not the member's sealing key in force",
            Problem("", "the sealing key of the newest registry", binding.member, "fetch the registry"),
        )
    if not now < binding.not_after <= binding.not_before + PAIR_KEY_LIFE_US:
        raise _malformed("a life of at most 4 hours that has not ended", "another")
    if binding.not_before > now + SENT_AHEAD_US:
        # The store keeps it for months after its end: nobody says when that is but this.
        raise _malformed("a life that begins now", "one that begins later")
    return binding


def _check_length(ciphertext: bytes) -> None:
    # The one thing that a broker can see of the padding.
    length = len(ciphertext) - TAG_BYTES
    if length < 0 or padded_length(length) != length:
        raise _malformed("a ciphertext of a padded length", f"{len(ciphertext)} bytes")


def _address(opened: list[object] | None) -> Address | None:
    if opened is None:
        return None
    salt, to, excepted = cast("tuple[bytes, list[str], list[str]]", opened)
    for names in (to, excepted):
        if len(names) > MEMBERS_ITEMS or len(set(names)) != len(names):
            raise _malformed(f"an address of at most {MEMBERS_ITEMS} names, each once", "another")
    if not to and not excepted:
        raise _malformed("an address that names somebody, or none", "an empty one")
    return Address(salt, tuple(to), tuple(excepted))


def _malformed(expected: str, got: str) -> Malformed:
    return Malformed("the blind post cannot be read", Problem("", expected, got))
