"""Vectors of a bulletin: address, statement, post, policy, header, content, seal."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.protocol import dsse
from broker.protocol.bulletin import PAYLOAD_TYPE
from broker.protocol.digests import Address, address_json
from broker.protocol.encoding import pack
from broker.protocol.keys import SigningKey
from broker.protocol.sealing import BY_ORIGINATOR, SEAL_TYPE, Content, Sealed, seal
from broker.protocol.stamp import STAMP_TYPE
from tests.by_hand import hkdf, record
from tests.exchange_fixtures import FIA, MOI, fixed, sign_bulletin
from tests.vectors.vector import Refusal, Vector
from tests.vectors.world import (
    ADDRESS,
    AUTHOR,
    CONTENT_KEY,
    ENTROPY,
    EXCHANGE,
    HEADER,
    POLICY,
    POLICY_SALT,
    SEALED,
    STATEMENT,
    STRANGER,
    envelope,
)

COMMITMENT = SEALED.header[-32:]


def vectors() -> list[Vector]:
    """Give them all."""
    return [address(), statement(), post(), policy(), header(), content(), sealed_digest()]


def address() -> Vector:
    """Address digest."""
    opened = Address(fixed("vectors address"), (MOI, "group:both"), (FIA,))
    fields = address_json(opened)

    def refused(name: str, why: str, code: str, **changes: Any) -> Refusal:
        return Refusal(name, why, code, {"address": fields | changes})

    return Vector(
        "address-digest",
        "A bulletin",
        'SHA-256(F("harkara/1 address", salt, sorted to, sorted except)) of an opening, compared with a'
        " digest. The order in which the opening lists names does not matter.",
        "check an address",
        {"address": fields, "address_digest": opened.digest().hex()},
        [
            refused(
                "somebody more",
                "not the address that was signed",
                "wrong-address",
                to=[MOI, "group:both", "pk.anf"],
            ),
            refused(
                "to and except swapped",
                "not the address that was signed",
                "wrong-address",
                to=fields["except"],
                **{"except": fields["to"]},
            ),
            refused(
                "other salt", "not the opening of this digest", "wrong-address", salt=dsse.encode64(bytes(32))
            ),
            refused("a name twice", "each name once", "malformed", to=[MOI, MOI, "group:both"]),
            refused("short salt", "the salt has 32 bytes", "malformed", salt="AAAA"),
            refused("one member more", "salt, to and except", "malformed", cc=[FIA]),
        ],
    )


def statement() -> Vector:
    """Statement digest."""
    fields = dsse.to_json(STATEMENT)
    only = fields["signatures"][0]

    def refused(name: str, why: str, **changes: Any) -> Refusal:
        return Refusal(name, why, "malformed", {"envelope": fields | changes})

    return Vector(
        "statement-digest",
        "A bulletin",
        'stmt = SHA-256(F("harkara/1 statement", payload type, payload, kid, signature)).',
        "name a statement",
        {"envelope": fields},
        [
            refused("two signatures", "a statement has exactly one", signatures=[only, only]),
            refused("no signature", "a statement has exactly one", signatures=[]),
            refused("one more field in it", "keyid and sig", signatures=[only | {"cert": ""}]),
            refused(
                "key id in capitals",
                "one value has one spelling",
                signatures=[only | {"keyid": only["keyid"].upper()}],
            ),
            refused(
                "short signature", "an Ed25519 signature has 64 bytes", signatures=[only | {"sig": "AAAA"}]
            ),
        ],
    )


def post() -> Vector:
    """The body of a post, up to its address."""
    assert ADDRESS is not None
    opening = address_json(ADDRESS)
    document = json.loads(STATEMENT.payload)

    def body(signed: Any, opened: Any = opening, **more: Any) -> dict[str, Any]:
        given = {"statement": signed} | ({"address": opened} if opened else {}) | more
        return {"body": json.dumps(given)}

    def again(signer: SigningKey = AUTHOR, **changes: Any) -> dict[str, Any]:
        return envelope(document | changes, PAYLOAD_TYPE, signer)

    good = dsse.to_json(STATEMENT)
    spelled = STATEMENT.payload.replace(b'"severity"', b'"severity": "Minor", "severity"', 1)
    unaddressed, _ = sign_bulletin(EXCHANGE, FIA)
    return Vector(
        "post",
        "A bulletin",
        "The body of POST /v1/bulletins: a signed bulletin and the opening of its address; and the"
        " policy that follows from the bulletin.",
        "check a post",
        {
            "body": body(good)["body"],
            "signer": FIA,
            "signer_public": AUTHOR.public.hex(),
            "exchange": EXCHANGE.id.hex(),
        },
        [
            Refusal(
                "other author",
                "the document names another than its signer",
                "author-mismatch",
                body(again(originator=MOI)),
            ),
            Refusal(
                "other exchange",
                "made for another exchange",
                "wrong-exchange",
                body(again(exchange="00" * 32)),
            ),
            Refusal("other signature", "signed by a key of nobody", "bad-signature", body(again(STRANGER))),
            Refusal(
                "signed as a stamp",
                "a signature covers the type",
                "bad-signature",
                body(envelope(STATEMENT.payload, STAMP_TYPE, AUTHOR)),
            ),
            Refusal("no address", "the bulletin commits to one", "wrong-address", body(good, None)),
            Refusal(
                "other address",
                "the bulletin commits to another",
                "wrong-address",
                body(good, opening | {"to": [FIA]}),
            ),
            Refusal(
                "address that nobody committed to",
                "the bulletin commits to none",
                "wrong-address",
                body(dsse.to_json(unaddressed)),
            ),
            Refusal(
                "a field twice",
                "two parsers would read two severities",
                "malformed",
                body(envelope(spelled, PAYLOAD_TYPE, AUTHOR)),
            ),
            Refusal("null", "a field without a value is left out", "malformed", body(again(handling=None))),
            Refusal("unknown field", "the types are closed", "schema", body(again(colour="red"))),
            Refusal(
                "time without offset",
                "RFC 3339 with offset",
                "schema",
                body(again(sent="2026-03-01T09:30:00")),
            ),
            Refusal(
                "hidden character",
                "U+202E turns what follows around",
                "schema",
                body(again(text={"en": {"headline": "White \u202evan"}})),
            ),
            Refusal(
                "not in NFC",
                "one text has one spelling",
                "schema",
                body(again(text={"en": {"headline": "Cafe\u0301"}})),
            ),
            Refusal("one member more", "statement and address", "malformed", body(good, to=[MOI])),
        ],
        {"signer_seed": AUTHOR.seed.hex()},
    )


def policy() -> Vector:
    """Policy digest."""
    fields: list[Any] = [
        POLICY_SALT,
        POLICY.status,
        POLICY.type,
        POLICY.category,
        POLICY.marking,
        POLICY.severity,
        list(POLICY.areas),
        list(POLICY.references),
        POLICY.expires_at,
        POLICY.respond_by,
    ]

    def refused(name: str, why: str, place: int, value: Any) -> Refusal:
        other = [*fields[:place], value, *fields[place + 1 :]]
        return Refusal(name, why, "malformed", {"opening": pack("policy", *other).hex()})

    return Vector(
        "policy",
        "A bulletin",
        'The opening F("harkara/1 policy", salt32, status, type, category, marking, severity or nil,'
        " area codes, references, expires, respond by or nil) and its SHA-256, the policy digest.",
        "read a policy opening",
        {"opening": POLICY.opening(POLICY_SALT).hex()},
        [
            refused("short salt", "the salt has 32 bytes", 0, bytes(31)),
            refused("status of CAP", "Draft is no status here", 1, "Draft"),
            refused("unknown category", "the vocabulary is closed", 3, "piracy"),
            refused("marking of TLP 1", "TLP 2.0", 4, "TLP:WHITE"),
            refused("empty severity", "without severity it is nil", 5, ""),
            refused("time as text", "µs since the epoch", 8, "2026-03-02T09:30:00Z"),
            Refusal(
                "one field less", "fixed arity", "malformed", {"opening": pack("policy", *fields[:-1]).hex()}
            ),
        ],
    )


def header() -> Vector:
    """Header of a bulletin."""
    h0 = HEADER.pack()

    def refused(name: str, why: str, other: bytes, commitment: bytes = COMMITMENT) -> Refusal:
        record = pack("sealed header", other, commitment)
        assert record != SEALED.header
        return Refusal(name, why, "malformed", {"sealed_header": record.hex()})

    return Vector(
        "header",
        "A bulletin",
        'H = F("harkara/1 sealed header", H0, commitment) around H0 = F("harkara/1 header", X, mode,'
        " sealer, sealer kid, originator, id, stmt, policy, address digest or nil, registry version).",
        "read a sealed header",
        {"sealed_header": SEALED.header.hex()},
        [
            refused("short stmt", "stmt has 32 bytes", replace(HEADER, stmt=bytes(31)).pack()),
            refused("no policy", "a bulletin has a policy", h0.replace(b"\xc4\x20" + HEADER.policy, b"\xc0")),
            refused(
                "label of receipts",
                "a receipt's header has eight fields",
                h0.replace(b"\xb0harkara/1 header", b"\xb8harkara/1 receipt header"),
            ),
            refused("unknown mode", "broker or originator", replace(HEADER, mode="anybody").pack()),
            refused("one byte more", "H0 ends before its end", h0 + b"\0"),
            refused("short commitment", "the commitment has 32 bytes", h0, COMMITMENT[:31]),
            Refusal("H0 alone", "the commitment is missing", "malformed", {"sealed_header": h0.hex()}),
        ],
    )


def content() -> Vector:
    """Content key, keys, ciphertext."""
    other, _ = seal(HEADER, Content(STATEMENT, POLICY_SALT), fixed("vectors other entropy"))
    longer = replace(SEALED, ciphertext=SEALED.ciphertext + b"\0")
    flipped = SEALED.ciphertext[:-1] + bytes([SEALED.ciphertext[-1] ^ 1])
    elsewhere = pack("sealed header", replace(HEADER, originator=MOI).pack(), COMMITMENT)
    committed = pack("sealed header", HEADER.pack(), bytes(32))
    packed = Content(STATEMENT, POLICY_SALT).pack()
    plaintext = (len(packed).to_bytes(4, "big") + packed).ljust(2048, b"\0")
    h0_digest = hashlib.sha256(HEADER.pack()).digest()
    keys = hkdf(CONTENT_KEY, b"", record("harkara/1 bulletin key", h0_digest), 64)

    def refused(name: str, why: str, **given: bytes) -> Refusal:
        return Refusal(name, why, "not-authentic", {field: raw.hex() for field, raw in given.items()})

    return Vector(
        "content",
        "A bulletin",
        "A statement sealed under the content key that HKDF makes of `entropy` and stmt. `expected` is"
        " what opening gives; sealing it again from `secrets` gives the inputs.",
        "open a sealed item",
        {
            "sealed_header": SEALED.header.hex(),
            "ciphertext": SEALED.ciphertext.hex(),
            "content_key": CONTENT_KEY.hex(),
        },
        [
            refused("other content key", "the commitment is to one key", content_key=bytes(32)),
            refused(
                "other commitment",
                "the tag verifies under this key, and the commitment is to another",
                sealed_header=committed,
                ciphertext=AESGCM(keys[:32]).encrypt(bytes(12), plaintext, committed),
            ),
            refused(
                "other originator in the header", "the keys come from the header", sealed_header=elsewhere
            ),
            refused(
                "header of another sealing", "the commitment is to another key", sealed_header=other.header
            ),
            refused("ciphertext of another sealing", "authenticated encryption", ciphertext=other.ciphertext),
            refused("last bit changed", "authenticated encryption", ciphertext=flipped),
            refused("one byte more", "authenticated encryption", ciphertext=longer.ciphertext),
        ],
        {
            "entropy": ENTROPY.hex(),
            "policy_salt": POLICY_SALT.hex(),
            "stmt": HEADER.stmt.hex(),
            "h0": HEADER.pack().hex(),
            "encryption_key": keys[:32].hex(),
            "commitment": keys[32:].hex(),
        },
    )


def sealed_digest() -> Vector:
    """Seal and `sealed`."""
    sealed = sealed_by_originator()
    signed = AUTHOR.sign(SEAL_TYPE, sealed.seal_record())
    flipped = sealed.ciphertext[:-1] + bytes([sealed.ciphertext[-1] ^ 1])

    def refused(name: str, why: str, **given: str) -> Refusal:
        return Refusal(name, why, "bad-signature", given)

    return Vector(
        "seal",
        "A bulletin",
        'The seal of a blind post, an Ed25519 signature by the originator over F("harkara/1 seal", H,'
        " SHA-256(ciphertext)), and `sealed`: SHA-256 of the pre-authentication encoding of that"
        " record, by which stamp, wraps and chain name it.",
        "verify a seal",
        {
            "sealed_header": sealed.header.hex(),
            "ciphertext": sealed.ciphertext.hex(),
            "signature": signed.signature.value.hex(),
            "signer_public": AUTHOR.public.hex(),
        },
        [
            refused("other ciphertext", "the seal covers it", ciphertext=flipped.hex()),
            refused("other header", "the seal covers it", sealed_header=SEALED.header.hex()),
            refused("other signer", "sealed by somebody else", signer_public=STRANGER.public.hex()),
            refused(
                "signed as a stamp",
                "a signature covers the type",
                signature=AUTHOR.sign(STAMP_TYPE, sealed.seal_record()).signature.value.hex(),
            ),
            refused(
                "signed without type",
                "the pre-authentication encoding is signed",
                signature=AUTHOR.sign_bytes(sealed.seal_record()).hex(),
            ),
        ],
        {"signer_seed": AUTHOR.seed.hex()},
    )


def sealed_by_originator() -> Sealed:
    """Seal the same statement as its originator would."""
    blind = replace(HEADER, mode=BY_ORIGINATOR, sealer=FIA, sealer_kid=AUTHOR.kid)
    return seal(blind, Content(STATEMENT, POLICY_SALT), fixed("vectors blind entropy"))[0]
