"""Sealing: a statement encrypted once, under a fresh content key, for all its recipients.

The order in which things are bound, and what each stops:
- the header names exchange, sealer, author, statement and policy, and everything below covers it: a recipient
  cannot re-seal somebody's statement as its own post;
- the content key is derived with the statement's digest as salt: different statements have different keys
  even if entropy repeats, so the fixed nonce is used once per key;
- AES-GCM does not commit to its key, so a commitment derived beside the encryption key stands in the sealed
  header and is compared before decrypting: one ciphertext opens under one key only;
- Padmé padding with a floor hides the length; the fill is checked, so padding carries nothing.

Every failure to open is the same `NotAuthentic`. Source: schemas/protocol.md, "A bulletin" and "Answers".
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.errors import Malformed, NotAuthentic, Problem, shorten
from broker.protocol import dsse, encoding
from broker.protocol.digests import SALT_BYTES
from broker.protocol.encoding import Bin, Maybe
from broker.protocol.limits import PADDING_FLOOR_BYTES

CONTENT_KEY_BYTES = 32
ENTROPY_BYTES = 32
SEAL_BYTES = 64
SEAL_TYPE = dsse.payload_type("seal", "msgpack")
BY_BROKER = "broker"
"""The mode of a header whose sealer is a broker of the registry."""
BY_ORIGINATOR = "originator"
"""The mode of a header whose sealer is the author: a blind post."""
MODES = (BY_BROKER, BY_ORIGINATOR)

_NONCE = bytes(12)  # one message per key, ever
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class BulletinHeader:
    """H0 of a bulletin: what is said in clear beside the ciphertext."""

    exchange: bytes
    mode: str
    sealer: str
    sealer_kid: bytes
    originator: str
    id: str
    stmt: bytes
    policy: bytes
    address_digest: bytes | None
    registry_version: int

    def pack(self) -> bytes:
        """Give F("harkara/1 header", …)."""
        return encoding.pack(
            "header",
            self.exchange,
            self.mode,
            self.sealer,
            self.sealer_kid,
            self.originator,
            self.id,
            self.stmt,
            self.policy,
            self.address_digest,
            self.registry_version,
        )


@dataclass(frozen=True, slots=True)
class ReceiptHeader:
    """H0 of a receipt; `agency` is its author and `id` the receipt's own."""

    exchange: bytes
    mode: str
    sealer: str
    sealer_kid: bytes
    agency: str
    id: str
    stmt: bytes
    registry_version: int

    def pack(self) -> bytes:
        """Give F("harkara/1 receipt header", …)."""
        return encoding.pack(
            "receipt header",
            self.exchange,
            self.mode,
            self.sealer,
            self.sealer_kid,
            self.agency,
            self.id,
            self.stmt,
            self.registry_version,
        )

    @property
    def originator(self) -> str:
        """Give the author: for the index of items a receipt's originator is the agency that made it."""
        return self.agency


Header = BulletinHeader | ReceiptHeader


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed item: the sealed header H (H0 and commitment), the ciphertext, and where the originator sealed
    it (a blind post) its signature over both. Where the broker did, its stamp is the seal.
    """

    header: bytes
    ciphertext: bytes
    seal: bytes | None = None

    def digest(self) -> bytes:
        """Give `sealed`: what stamp, wraps and chain name this item by."""
        return sealed_digest(self.header, hashlib.sha256(self.ciphertext).digest())

    def seal_record(self) -> bytes:
        """Give F("harkara/1 seal", H, SHA-256(ciphertext))."""
        return _seal_record(self.header, hashlib.sha256(self.ciphertext).digest())

    def pack(self) -> bytes:
        """Give the record in which the store keeps it."""
        return encoding.pack("sealed", self.header, self.ciphertext, self.seal)


@dataclass(frozen=True, slots=True)
class Content:
    """What is inside: the signed statement, and (in a bulletin) the salt of its policy digest."""

    statement: dsse.Envelope
    policy_salt: bytes | None

    def pack(self) -> bytes:
        """Give F("harkara/1 content", payload type, payload, kid, signature, policy salt)."""
        only = self.statement.signature
        return encoding.pack(
            "content",
            self.statement.payload_type,
            self.statement.payload,
            only.kid,
            only.value,
            self.policy_salt,
        )


def seal(header: Header, content: Content, entropy: bytes) -> tuple[Sealed, bytes]:
    """Seal `content` under a fresh key made from 32 bytes of `entropy`. Gives the sealed item and its content
    key.
    """
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"sealing takes {ENTROPY_BYTES} bytes of entropy")
    content_key = _hkdf(entropy, salt=header.stmt, info=b"harkara/1 content key", length=CONTENT_KEY_BYTES)
    h0 = header.pack()
    encryption_key, commitment = _derive(content_key, h0)
    sealed_header = encoding.pack("sealed header", h0, commitment)
    ciphertext = AESGCM(encryption_key).encrypt(_NONCE, _pad(content.pack()), sealed_header)
    return Sealed(sealed_header, ciphertext), content_key


def open_sealed(sealed: Sealed, content_key: bytes) -> Content:
    """Decrypt. Raises `NotAuthentic`, the same for a wrong key, changed bytes and a wrong fill."""
    try:
        h0, commitment = encoding.unpack(sealed.header, "sealed header", bytes, Bin(32))
        encryption_key, expected = _derive(content_key, h0)
        if not hmac.compare_digest(commitment, expected):
            raise NotAuthentic("the content does not open")
        record = _unpad(AESGCM(encryption_key).decrypt(_NONCE, sealed.ciphertext, sealed.header))
        kind, payload, kid, value, salt = encoding.unpack(
            record, "content", str, bytes, Bin(32), Bin(64), Maybe(Bin(SALT_BYTES))
        )
    except (InvalidTag, Malformed):
        raise NotAuthentic("the content does not open") from None
    if (salt is None) != encoding.is_of(h0, "receipt header"):
        raise NotAuthentic("the content does not open")  # a bulletin has a policy, a receipt has none
    return Content(dsse.Envelope(kind, payload, (dsse.Signature(kid, value),)), salt)


def verify_seal(sealed: Sealed, header: Header, key: Ed25519PublicKey) -> None:
    """Hold a blind post to the signature of its sealer. Raises `BadSignature`, for a missing one too."""
    signature = (dsse.Signature(header.sealer_kid, sealed.seal or b""),)
    dsse.verify(dsse.Envelope(SEAL_TYPE, sealed.seal_record(), signature), key, kind=SEAL_TYPE)


def read_sealed(record: bytes) -> Sealed:
    """Read what `Sealed.pack` gave. Raises `Malformed`."""
    return Sealed(*encoding.unpack(record, "sealed", bytes, bytes, Maybe(Bin(SEAL_BYTES))))


def read_header(sealed_header: bytes) -> Header:
    """Read the H0 inside a sealed header. Raises `Malformed`, for an unknown mode too."""
    h0, _ = encoding.unpack(sealed_header, "sealed header", bytes, Bin(32))
    header: Header
    if encoding.is_of(h0, "receipt header"):
        header = ReceiptHeader(
            *encoding.unpack(h0, "receipt header", Bin(32), str, str, Bin(32), str, str, Bin(32), int)
        )
    else:
        header = BulletinHeader(
            *encoding.unpack(
                h0, "header", Bin(32), str, str, Bin(32), str, str, Bin(32), Bin(32), Maybe(Bin(32)), int
            )
        )
    if header.mode not in MODES:
        raise Malformed("the header cannot be read", Problem("", f"a mode of {MODES}", shorten(header.mode)))
    return header


def sealed_digest(header: bytes, ciphertext_digest: bytes) -> bytes:
    """Give `sealed` of a sealed header H and the SHA-256 of the ciphertext: the content itself is
    not needed.
    """
    return hashlib.sha256(dsse.pae(SEAL_TYPE, _seal_record(header, ciphertext_digest))).digest()


def _seal_record(header: bytes, ciphertext_digest: bytes) -> bytes:
    return encoding.pack("seal", header, ciphertext_digest)


def padded_length(length: int) -> int:
    """Give the Padmé length for `length` bytes (Nikitin et al., PURBs, section 4.3), at least the floor."""
    if length <= PADDING_FLOOR_BYTES:
        return PADDING_FLOOR_BYTES
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def _pad(record: bytes) -> bytes:
    framed = _LENGTH.pack(len(record)) + record
    return framed.ljust(padded_length(len(framed)), b"\0")


def _unpad(padded: bytes) -> bytes:
    if len(padded) < _LENGTH.size:
        raise NotAuthentic("the content does not open")
    end = _LENGTH.size + _LENGTH.unpack_from(padded)[0]
    if end > len(padded) or padded_length(end) != len(padded) or padded[end:].strip(b"\0"):
        raise NotAuthentic("the content does not open")
    return padded[_LENGTH.size : end]


def _derive(content_key: bytes, h0: bytes) -> tuple[bytes, bytes]:
    both = _hkdf(
        content_key, salt=None, info=encoding.pack("bulletin key", hashlib.sha256(h0).digest()), length=64
    )
    return both[:32], both[32:]


def _hkdf(ikm: bytes, *, salt: bytes | None, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length=length, salt=salt, info=info).derive(ikm)
