"""Pair keys: short-lived symmetric keys between one sealer and one member, and the wraps under them.

HPKE to every recipient of every bulletin costs 200 µs each; under a pair key delivered once by HPKE, a wrap
costs under 2 µs. The sealed pair key is signed by its sealer and binds both sides' keys; its id is a MAC
under the key itself, so that two members cannot be given different keys under one id. `not_after` bounds the
stamp's time of what was wrapped, never the time of opening. Source: schemas/protocol.md, "Keys for members".
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from broker.errors import Malformed, NotAuthentic
from broker.protocol import dsse, encoding
from broker.protocol.encoding import Bin
from broker.protocol.keys import HpkeSeal, SealingKey, SigningKey

PAIR_KEY_BYTES = 32
PAIR_KEY_ID_BYTES = 16
SEALED_BYTES = 1_120 + PAIR_KEY_BYTES + 16
"""HPKE's enc and ct of one pair key."""
WRAP_BYTES = PAIR_KEY_ID_BYTES + 32 + 16
SEALED_PAIR_KEY_TYPE = dsse.payload_type("sealed-pair-key", "msgpack")


def pair_key_id(secret: bytes) -> bytes:
    """Give pkid: the first 16 bytes of HMAC-SHA256(PK, "harkara/1 pair key id")."""
    return hmac.digest(secret, b"harkara/1 pair key id", "sha256")[:PAIR_KEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class PairKeyBinding:
    """What a sealed pair key is bound to: HPKE's info, and what its sealer signs. Times in µs since the
    epoch.
    """

    exchange: bytes
    pkid: bytes
    sealer: str
    sealer_kid: bytes
    member: str
    member_kid: bytes
    registry_version: int
    not_before: int
    not_after: int

    def pack(self) -> bytes:
        """Give F("harkara/1 pair key", …)."""
        return encoding.pack(
            "pair key",
            self.exchange,
            self.pkid,
            self.sealer,
            self.sealer_kid,
            self.member,
            self.member_kid,
            self.registry_version,
            self.not_before,
            self.not_after,
        )

    def serves(self, sealer_kid: bytes, member_kid: bytes | None, at: int, *, spare: int = 0) -> bool:
        """Tell whether something stamped at `at` (µs), or up to `spare` later, may be wrapped under this
        key, while these are the keys of both sides: `member_kid` is None when the member has none in force.
        """
        return (self.sealer_kid, self.member_kid) == (
            sealer_kid,
            member_kid,
        ) and self.not_before <= at <= self.not_after - spare


@dataclass(frozen=True, slots=True)
class PairKey:
    """An open pair key. Kept in memory only."""

    binding: PairKeyBinding
    secret: bytes = field(repr=False)
    _cipher: AESGCM = field(repr=False, compare=False)
    _prefix: bytes = field(repr=False)

    @classmethod
    def of(cls, binding: PairKeyBinding, secret: bytes) -> PairKey:
        """Make the key ready to wrap: cipher and the constant part of the associated data are kept."""
        return cls(binding, secret, AESGCM(secret), encoding.pack("wrap", binding.pkid, binding.member))

    def wrap(self, content_key: bytes, sealed: bytes) -> bytes:
        """Give the 64-byte wrap of a content key for this member; `sealed` is the item's digest."""
        return self.binding.pkid + self._cipher.encrypt(sealed[:12], content_key, self._prefix + sealed)

    def unwrap(self, wrap: bytes, sealed: bytes) -> bytes:
        """Give the content key inside a wrap. Raises `NotAuthentic`, the same for every cause."""
        if len(wrap) != WRAP_BYTES or wrap[:PAIR_KEY_ID_BYTES] != self.binding.pkid:
            raise NotAuthentic("the wrap does not open")
        try:
            return self._cipher.decrypt(sealed[:12], wrap[PAIR_KEY_ID_BYTES:], self._prefix + sealed)
        except InvalidTag:
            raise NotAuthentic("the wrap does not open") from None


def seal_pair_key(
    pair: PairKey, member_public: MLKEM768X25519PublicKey, hpke_seal: HpkeSeal, signer: SigningKey
) -> dsse.Envelope:
    """Seal a pair key to its member and sign it: F("harkara/1 sealed pair key", info, enc ‖ ct)."""
    info = pair.binding.pack()
    record = encoding.pack("sealed pair key", info, hpke_seal(pair.secret, member_public, info))
    return signer.sign(SEALED_PAIR_KEY_TYPE, record)


def read_binding(sealed_pair_key: dsse.Envelope) -> PairKeyBinding:
    """Read what a sealed pair key says it is bound to; nothing is verified. Raises `Malformed`."""
    return _split(sealed_pair_key)[0]


def open_pair_key(
    sealed_pair_key: dsse.Envelope,
    exchange: bytes,
    member: str,
    own_keys: Callable[[bytes], SealingKey | None],
) -> PairKey:
    """Open a sealed pair key of this exchange for this member. The caller has verified its signature, and
    that the key that signed is one of `binding.sealer`.

    `own_keys` gives the member's private key of a kid. Raises `NotAuthentic` when it is for another exchange
    or somebody else, was signed by another key than it names, does not open, or is not the key of its id.
    """
    try:
        binding, info, sealed = _split(sealed_pair_key)
    except Malformed:
        raise NotAuthentic("the pair key does not open") from None
    key = own_keys(binding.member_kid)
    ours = (binding.exchange, binding.member) == (exchange, member)
    if not ours or key is None or sealed_pair_key.signature.kid != binding.sealer_kid:
        raise NotAuthentic("the pair key does not open")
    secret = key.open(sealed, info)
    if len(secret) != PAIR_KEY_BYTES or not hmac.compare_digest(pair_key_id(secret), binding.pkid):
        raise NotAuthentic("the pair key does not open")
    return PairKey.of(binding, secret)


def _split(sealed_pair_key: dsse.Envelope) -> tuple[PairKeyBinding, bytes, bytes]:
    info, sealed = encoding.unpack(sealed_pair_key.payload, "sealed pair key", bytes, Bin(SEALED_BYTES))
    binding = encoding.unpack(
        info, "pair key", Bin(32), Bin(PAIR_KEY_ID_BYTES), str, Bin(32), str, Bin(32), int, int, int
    )
    return PairKeyBinding(*binding), info, sealed
