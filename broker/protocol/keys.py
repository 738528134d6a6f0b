"""Keys: Ed25519 for signing, X-Wing (ML-KEM-768 + X25519) for sealing, and the ids that name them.

A key id is a hash of algorithm and public key, so a key has one name everywhere and cannot be claimed under
another. Public keys that would weaken others are refused when they are read: non-canonical or small-order
Ed25519 points (the library accepts them, and a signature under one verifies for many messages), low-order
X25519 parts (one of them makes sealing to a whole audience fail), ML-KEM keys that the library does not take.
X-Wing private keys are the standard 32-byte seed. Sources: RFC 8032 section 5.1.3, RFC 7748 section 6.1,
draft-connolly-cfrg-xwing-kem, RFC 9180; schemas/protocol.md, "Names" and "Keys for members".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from broker.errors import NotAuthentic, SchemaError
from broker.protocol import dsse, encoding

ED25519 = "ed25519"
X_WING = "x-wing"

SIGNING_PUBLIC_BYTES = 32
MLKEM_PUBLIC_BYTES = 1184
X25519_PUBLIC_BYTES = 32
SEALING_PUBLIC_BYTES = MLKEM_PUBLIC_BYTES + X25519_PUBLIC_BYTES
SEED_BYTES = 32
"""Private keys of both kinds are a seed of this size."""

HPKE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
"""HPKE base mode, KEM 0x647A. Its `encrypt` draws its own entropy, so sealing is handed in as a `HpkeSeal`.
"""

HpkeSeal = Callable[[bytes, MLKEM768X25519PublicKey, bytes], bytes]
"""(plaintext, public key, info) -> enc ‖ ct. `HPKE.encrypt` outside of tests."""

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P

# The y coordinates of the eight points of small order of edwards25519: 0, 1, -1 and those of the four points
# of order 8. Their canonical encodings, sign bit cleared, are all that can appear once non-canonical ones are
# refused.
_ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _ORDER_8_Y, _P - _ORDER_8_Y})

# u coordinates of small order on curve25519 and its twist, reduced (RFC 7748 section 6.1 asks to refuse what
# they give).
_LOW_ORDER_U = frozenset(
    {
        0,
        1,
        _P - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    }
)


def key_id(algorithm: str, public: bytes) -> bytes:
    """Give the 32-byte kid: SHA-256(F("harkara/1 key", algorithm, public))."""
    return hashlib.sha256(encoding.pack("key", algorithm, public)).digest()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private Ed25519 key."""

    seed: bytes = field(repr=False)
    kid: bytes
    public: bytes
    _key: Ed25519PrivateKey = field(repr=False, compare=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """Make the key of a 32-byte seed (RFC 8032's private key)."""
        key = Ed25519PrivateKey.from_private_bytes(seed)
        public = key.public_key().public_bytes_raw()
        return cls(seed, key_id(ED25519, public), public, key)

    def sign(self, kind: str, payload: bytes) -> dsse.Envelope:
        """Give `payload` as a DSSE envelope of payload type `kind`, signed by this key alone."""
        return dsse.Envelope(
            kind, payload, (dsse.Signature(self.kid, self._key.sign(dsse.pae(kind, payload))),)
        )

    def sign_bytes(self, covered: bytes) -> bytes:
        """Sign bytes that are encoded already: an RFC 9421 signature base, a pre-authentication encoding."""
        return self._key.sign(covered)


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A private X-Wing key."""

    seed: bytes = field(repr=False)
    kid: bytes
    public: bytes
    _key: MLKEM768X25519PrivateKey = field(repr=False, compare=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> SealingKey:
        """Expand a 32-byte seed as X-Wing does: SHAKE256(seed, 96) -> ML-KEM seed (64) ‖ X25519 key (32)."""
        expanded = hashlib.shake_256(seed).digest(96)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        public = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        return cls(seed, key_id(X_WING, public), public, MLKEM768X25519PrivateKey(mlkem, x25519))

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Open enc ‖ ct sealed to this key under `info`. Raises `NotAuthentic`, the same for every cause."""
        try:
            return HPKE.decrypt(sealed, self._key, info)
        except (InvalidTag, ValueError):
            raise NotAuthentic("this key does not open what was sealed") from None


def sign_by_all(kind: str, payload: bytes, signing: Iterable[SigningKey]) -> dsse.Envelope:
    """Give `payload` as an envelope with a signature by each key: a card, a registry."""
    signatures = tuple(key.sign(kind, payload).signature for key in signing)
    return dsse.Envelope(kind, payload, signatures)


def read_signing_public(public: bytes) -> Ed25519PublicKey:
    """Take an Ed25519 public key. Raises `SchemaError` unless it is canonical and not of small order."""
    if len(public) != SIGNING_PUBLIC_BYTES:
        raise SchemaError(f"an Ed25519 public key has {SIGNING_PUBLIC_BYTES} bytes, this has {len(public)}")
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _P:
        raise SchemaError("this Ed25519 public key is not canonical: its y is not below 2^255 - 19")
    if y in _SMALL_ORDER_Y:
        raise SchemaError("this Ed25519 public key is of small order: signatures under it prove nothing")
    if not _is_on_curve(y):
        raise SchemaError("these bytes are not an Ed25519 public key: no point of the curve has them")
    return Ed25519PublicKey.from_public_bytes(public)


def read_sealing_public(public: bytes) -> MLKEM768X25519PublicKey:
    """Take an X-Wing public key. Raises `SchemaError` for a low-order X25519 part or malformed ML-KEM key."""
    if len(public) != SEALING_PUBLIC_BYTES:
        raise SchemaError(f"an X-Wing public key has {SEALING_PUBLIC_BYTES} bytes, this has {len(public)}")
    x25519 = public[MLKEM_PUBLIC_BYTES:]
    u = int.from_bytes(x25519, "little")
    if (u & (2**255 - 1)) % _P in _LOW_ORDER_U:
        raise SchemaError("the X25519 part of this key is of low order: nothing sealed to it would be secret")
    if u >= _P:
        # X25519 itself takes these (RFC 7748, section 5), so one key could be enrolled under several key ids.
        raise SchemaError("the X25519 part of this key is not canonical: its u is not below 2^255 - 19")
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(x25519),
        )
    except ValueError:
        raise SchemaError("the ML-KEM-768 part of this key is malformed") from None


def _is_on_curve(y: int) -> bool:
    # RFC 8032 section 5.1.3: x^2 = (y^2 - 1) / (d y^2 + 1) must be a square. The library looks only when
    # verifying.
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return square == 0 or pow(square, (_P - 1) // 2, _P) == 1
