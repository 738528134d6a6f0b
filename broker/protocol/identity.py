"""The identity: a member's private keys, and the file that keeps them.

The file is JSON, for its owner alone (`0600`; whoever reads it checks that, since permissions are no business
of this module). Old keys stay in it after a rotation: what was sealed to them must stay readable. Source:
schemas/protocol.md, "Names".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from broker.errors import Malformed, Problem, SchemaError
from broker.protocol import dsse, schema_walk, times
from broker.protocol.card import CardKeyDocument, Role, Use, key_document
from broker.protocol.fields import AgencyId, Digest, Time
from broker.protocol.keys import SEED_BYTES, SealingKey, SigningKey
from broker.protocol.limits import CARD_KEYS_ITEMS
from broker.protocol.rules import Record, readable


class PrivateKeyDocument(Record, frozen=True, kw_only=True):
    """One private key: a 32-byte seed in base64."""

    use: Use
    private: str
    not_before: Time
    not_after: Time

    RULES = (readable("not_before", times.parse, "a time"), readable("not_after", times.parse, "a time"))


class IdentityDocument(Record, frozen=True, kw_only=True):
    """An identity file."""

    harkara: Literal["identity/1"]
    exchange: Digest
    id: AgencyId
    role: Role
    keys: Annotated[list[PrivateKeyDocument], Meta(min_length=1, max_length=CARD_KEYS_ITEMS)]


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A private key with its validity in µs since the epoch."""

    key: SigningKey | SealingKey
    not_before: int
    not_after: int


@dataclass(frozen=True, slots=True)
class Identity:
    """A member's private keys. `exchange` is the id of the exchange they were made for."""

    exchange: bytes
    id: str
    role: Role
    keys: tuple[OwnKey, ...]

    def signing_key(self, now: int) -> SigningKey:
        """Give the signing key to use at `now`: the one valid longest. Raises `SchemaError` when none is in
        force.
        """
        usable = [
            own
            for own in self.keys
            if isinstance(own.key, SigningKey) and own.not_before <= now < own.not_after
        ]
        if not usable:
            raise SchemaError(
                f"no signing key of {self.id} is in force",
                Problem(
                    "/keys",
                    "a signing key in force",
                    "none",
                    "make one with `harkara keys rotate` and send the new card",
                ),
            )
        return max(usable, key=lambda own: own.not_after).key  # type: ignore[return-value]

    def sealing_key(self, kid: bytes) -> SealingKey | None:
        """Give the sealing key of this id, whatever its validity, or None."""
        for own in self.keys:
            if isinstance(own.key, SealingKey) and own.key.kid == kid:
                return own.key
        return None

    def signing_keys(self) -> list[SigningKey]:
        """Give all signing keys: each must sign the card."""
        return [own.key for own in self.keys if isinstance(own.key, SigningKey)]

    def card_keys(self) -> list[CardKeyDocument]:
        """Give the public halves, for the card."""
        return [key_document(own.key, own.not_before, own.not_after) for own in self.keys]

    def document(self) -> bytes:
        """Give the identity file. Secret."""
        document = IdentityDocument(
            harkara="identity/1",
            exchange=self.exchange.hex(),
            id=self.id,
            role=self.role,
            keys=[
                PrivateKeyDocument(
                    use="sign" if isinstance(own.key, SigningKey) else "seal",
                    private=dsse.encode64(own.key.seed),
                    not_before=times.format(own.not_before),
                    not_after=times.format(own.not_after),
                )
                for own in self.keys
            ],
        )
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def new_identity(
    exchange: bytes, member: str, role: Role, entropy: bytes, *, not_before: int, not_after: int
) -> Identity:
    """Make an identity with one key of each use from 64 bytes of entropy; times in µs since the epoch."""
    if len(entropy) != 2 * SEED_BYTES:
        raise ValueError(f"an identity takes {2 * SEED_BYTES} bytes of entropy")
    keys = SigningKey.from_seed(entropy[:SEED_BYTES]), SealingKey.from_seed(entropy[SEED_BYTES:])
    return Identity(exchange, member, role, tuple(OwnKey(key, not_before, not_after) for key in keys))


def read_identity(document: bytes) -> Identity:
    """Read an identity file. Raises `Malformed` or `SchemaError`; neither repeats a secret."""
    fields = schema_walk.read(document, IdentityDocument)
    return Identity(
        bytes.fromhex(fields.exchange),
        fields.id,
        fields.role,
        tuple(_own_key(key, f"/keys/{i}") for i, key in enumerate(fields.keys)),
    )


def _own_key(document: PrivateKeyDocument, pointer: str) -> OwnKey:
    kind = SigningKey if document.use == "sign" else SealingKey
    seed = _seed(document.private, f"{pointer}/private")
    not_before, not_after = times.parse(document.not_before), times.parse(document.not_after)
    if not_before >= not_after:
        raise SchemaError(
            "a key's validity is empty",
            Problem(f"{pointer}/not_after", f"a time after {document.not_before}", document.not_after),
        )
    return OwnKey(kind.from_seed(seed), not_before, not_after)


def _seed(text: str, pointer: str) -> bytes:
    # Not dsse.decode64: its refusal repeats what it got, and this is a private key.
    problem = Problem(pointer, f"{SEED_BYTES} bytes in base64", "something else")
    try:
        seed = dsse.decode64(text, pointer, SEED_BYTES)
    except Malformed:
        raise SchemaError("a private key cannot be read", problem) from None
    return seed
