"""The card: the public half of a member, signed by every signing key in it as proof of possession.

Enrolment refuses weak keys here, before they can hurt a whole audience (`keys.read_sealing_public`); the test
seal that completes it is made where entropy is, by `registry add`. Source: schemas/protocol.md, "Trust".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey
from msgspec import Meta

from broker.errors import BadSignature, HarkaraError, Problem, SchemaError, shorten
from broker.protocol import dsse, keys, schema_walk, times
from broker.protocol.bulletin import Contact
from broker.protocol.fields import AgencyId, Digest, Language, Line, Time
from broker.protocol.keys import ED25519, X_WING, SealingKey, SigningKey
from broker.protocol.limits import CARD_KEYS_ITEMS, LANGUAGES_BLOCKS
from broker.protocol.rules import Record, readable

CARD_TYPE = dsse.payload_type("card")
Role = Literal["agency", "broker"]
Use = Literal["sign", "seal"]
ALGORITHM = {"sign": ED25519, "seal": X_WING}


class CardKeyDocument(Record, frozen=True, kw_only=True):
    """One public key with its validity."""

    use: Use
    algorithm: Literal["ed25519", "x-wing"]
    public: str
    not_before: Time
    not_after: Time

    RULES = (readable("not_before", times.parse, "a time"), readable("not_after", times.parse, "a time"))


class CardDocument(Record, frozen=True, kw_only=True):
    """The payload of a card. `names` by language tag, English required."""

    exchange: Digest
    id: AgencyId
    role: Role
    names: Annotated[dict[Language, Line], Meta(min_length=1, max_length=LANGUAGES_BLOCKS)]
    contact: Contact | None = None
    keys: Annotated[list[CardKeyDocument], Meta(min_length=2, max_length=CARD_KEYS_ITEMS)]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A member's public key. Times in µs since the epoch; valid from `not_before` to before `not_after`."""

    kid: bytes
    use: Use
    not_before: int
    not_after: int
    signing: Ed25519PublicKey | None = field(compare=False)
    sealing: MLKEM768X25519PublicKey | None = field(compare=False)

    def in_force(self, now: int) -> bool:
        """Tell whether the key is within its validity at `now`."""
        return self.not_before <= now < self.not_after


@dataclass(frozen=True, slots=True)
class Card:
    """A card whose signatures have been verified."""

    exchange: bytes
    id: str
    role: Role
    names: dict[str, str]
    contact: Contact | None
    keys: tuple[PublicKey, ...]
    envelope: dsse.Envelope


def make_card(document: CardDocument, signing: list[SigningKey]) -> dsse.Envelope:
    """Sign a card with every signing key in it."""
    return keys.sign_by_all(CARD_TYPE, msgspec.json.encode(document), signing)


def key_document(key: SigningKey | SealingKey, not_before: int, not_after: int) -> CardKeyDocument:
    """Describe a key for its card; times in µs since the epoch."""
    use: Use = "sign" if isinstance(key, SigningKey) else "seal"
    return CardKeyDocument(
        use=use,
        algorithm="ed25519" if use == "sign" else "x-wing",
        public=dsse.encode64(key.public),
        not_before=times.format(not_before),
        not_after=times.format(not_after),
    )


def read_card(envelope: dsse.Envelope) -> Card:
    """Verify a card: shape, keys that weaken nobody, and a signature by each signing key in it.

    Raises `Malformed`, `SchemaError` or `BadSignature`.
    """
    if envelope.payload_type != CARD_TYPE:
        raise BadSignature(
            "signed as another kind of document",
            Problem("/payloadType", CARD_TYPE, shorten(envelope.payload_type)),
        )
    document = schema_walk.read(envelope.payload, CardDocument)
    if "en" not in document.names:
        raise SchemaError(
            "a card needs an English name", Problem("/names", "the member en", "an object without it")
        )
    public = tuple(_read_key(key, f"/keys/{i}") for i, key in enumerate(document.keys))
    if {key.use for key in public} != {"sign", "seal"}:
        raise SchemaError(
            "a card needs a signing and a sealing key",
            Problem("/keys", "at least one key for each use", "one use only"),
        )
    if len({key.kid for key in public}) != len(public):
        raise SchemaError(
            "a key stands twice in the card", Problem("/keys", "each key once", "one of them twice")
        )
    _check_possession(envelope, public)
    return Card(
        bytes.fromhex(document.exchange),
        document.id,
        document.role,
        dict(document.names),
        document.contact,
        public,
        envelope,
    )


def _check_possession(envelope: dsse.Envelope, public: tuple[PublicKey, ...]) -> None:
    covered = dsse.pae(envelope.payload_type, envelope.payload)
    signatures = {signature.kid: signature.value for signature in envelope.signatures}
    signers = {key.kid: key.signing for key in public if key.signing is not None}
    if signatures.keys() != signers.keys() or len(signatures) != len(envelope.signatures):
        raise BadSignature(
            "a card is signed once by each signing key in it, and by no other",
            Problem(
                "/signatures",
                f"{len(signers)} signatures by its own keys",
                f"{len(envelope.signatures)} signatures",
            ),
        )
    for kid, signing in signers.items():
        dsse.verify_bytes(covered, signatures[kid], signing)


def _read_key(document: CardKeyDocument, pointer: str) -> PublicKey:
    if document.algorithm != ALGORITHM[document.use]:
        raise SchemaError(
            "a key's algorithm does not fit its use",
            Problem(f"{pointer}/algorithm", ALGORITHM[document.use], document.algorithm),
        )
    raw = dsse.decode64(document.public, f"{pointer}/public")
    not_before, not_after = times.parse(document.not_before), times.parse(document.not_after)
    if not_before >= not_after:
        raise SchemaError(
            "a key's validity is empty",
            Problem(f"{pointer}/not_after", f"a time after {document.not_before}", document.not_after),
        )
    try:
        signing = keys.read_signing_public(raw) if document.use == "sign" else None
        sealing = keys.read_sealing_public(raw) if document.use == "seal" else None
    except HarkaraError as error:
        raise SchemaError(
            error.detail, Problem(f"{pointer}/public", "a strong public key", error.detail)
        ) from None
    return PublicKey(
        keys.key_id(document.algorithm, raw), document.use, not_before, not_after, signing, sealing
    )
