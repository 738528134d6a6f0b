"""Vectors of encoding and names: F, envelopes, key ids, the exchange."""

from __future__ import annotations

import json
from typing import Any

from broker.protocol import dsse
from broker.protocol.card import CARD_TYPE
from broker.protocol.encoding import pack
from tests.vectors.vector import Refusal, Vector
from tests.vectors.world import AUTHOR, EXCHANGE, READER, STATEMENT, STRANGER, changed

P = 2**255 - 19


def vectors() -> list[Vector]:
    """Give them all."""
    return [encoding(), envelopes(), signing_key_id(), sealing_key_id(), exchange()]


def encoding() -> Vector:
    """F."""
    fields: list[Any] = [300, "ہرکارہ", b"\0\xff", b"ab", None, [["pk.fia", 1], ["pk.moi", 65536]]]
    record = pack("example", *fields)
    label = b"\xb1harkara/1 example"
    number = label + b"\xcd\x01\x2c"

    def refused(name: str, why: str, other: bytes) -> Refusal:
        assert other != record
        return Refusal(name, why, "malformed", {"record": other.hex()})

    return Vector(
        "encoding",
        "Encoding",
        'F("harkara/1 example", integer, text, bytes, two bytes, text or nil, [[text, integer], …]): decode'
        " with limits, check the shape, encode again, compare.",
        "unpack the record",
        {"record": record.hex()},
        [
            refused(
                "longer integer", "300 in five bytes", record.replace(number, label + b"\xce\0\0\x01\x2c")
            ),
            refused(
                "longer text header",
                "a text of six bytes with a length byte",
                record.replace(b"\xa6pk.fia", b"\xd9\x06pk.fia"),
            ),
            refused("longer array header", "seven elements with a 16-bit count", b"\xdc\0\x07" + record[1:]),
            refused("negative integer", "integers are unsigned", record.replace(number, label + b"\xff")),
            refused(
                "float", "there are no floats", record.replace(number, label + b"\xcb\x40\x72\xc0\0\0\0\0\0")
            ),
            refused("map", "there are no maps", record.replace(number, label + b"\x81\x01\x01")),
            refused(
                "extension", "there are no extension types", record.replace(number, label + b"\xd4\x01\x01")
            ),
            refused("text for bytes", "the shape says bytes", record.replace(b"\xc4\x02ab", b"\xa2ab")),
            refused("other size", "the shape says two bytes", record.replace(b"\xc4\x02ab", b"\xc4\x03abc")),
            refused("lone surrogate", "text is UTF-8", record.replace(b"\xa6pk.fia", b"\xa6pk.\xed\xa0\x80")),
            refused("other label", "a record of another purpose", record.replace(b"example", b"exemple")),
            refused("other format", "a record of format 2", record.replace(b"harkara/1", b"harkara/2")),
            refused("one byte more", "the record ends before its end", record + b"\0"),
            refused("one byte less", "the record ends too early", record[:-1]),
        ],
    )


def envelopes() -> Vector:
    """DSSE."""
    signed = STATEMENT
    json_form = dsse.to_json(signed)
    only = json_form["signatures"][0]
    tampered = changed(signed, payload=signed.payload.replace(b"van", b"car"))
    relabelled = changed(signed, payload_type=CARD_TYPE)
    return Vector(
        "envelope",
        "Signatures",
        "A DSSE envelope with one Ed25519 signature over its pre-authentication encoding; its compact"
        " record.",
        "verify an envelope",
        {
            "envelope": json_form,
            "payload_type": signed.payload_type,
            "signer_public": AUTHOR.public.hex(),
        },
        [
            Refusal(
                "payload changed",
                "what was signed is not what arrived",
                "bad-signature",
                {"envelope": tampered},
            ),
            Refusal(
                "type changed",
                "a signature covers the type too",
                "bad-signature",
                {"envelope": relabelled, "payload_type": CARD_TYPE},
            ),
            Refusal(
                "other type asked for", "a bulletin is no card", "bad-signature", {"payload_type": CARD_TYPE}
            ),
            Refusal(
                "other key",
                "signed by somebody else",
                "bad-signature",
                {"signer_public": STRANGER.public.hex()},
            ),
            Refusal(
                "signed twice",
                "a statement has exactly one signature",
                "malformed",
                {"envelope": json_form | {"signatures": [only, only]}},
            ),
            Refusal(
                "base64 without padding",
                "one value has one spelling",
                "malformed",
                {"envelope": json_form | {"signatures": [only | {"sig": only["sig"].rstrip("=")}]}},
            ),
            Refusal(
                "key id in capitals",
                "one value has one spelling",
                "malformed",
                {"envelope": json_form | {"signatures": [only | {"keyid": only["keyid"].upper()}]}},
            ),
            Refusal(
                "one member more",
                "an envelope has three members",
                "malformed",
                {"envelope": json_form | {"alg": "ed25519"}},
            ),
        ],
        {"signer_seed": AUTHOR.seed.hex()},
    )


def signing_key_id() -> Vector:
    """kid of an Ed25519 key."""

    def refused(name: str, why: str, public: bytes) -> Refusal:
        return Refusal(name, why, "schema", {"public": public.hex()})

    return Vector(
        "key-id-signing",
        "Names",
        'kid = SHA-256(F("harkara/1 key", algorithm, public key)); public keys that enrolment refuses.',
        "check a public key and name it",
        {"algorithm": "ed25519", "public": AUTHOR.public.hex()},
        [
            refused("neutral element", "a point of order 1", (1).to_bytes(32, "little")),
            refused("order 2", "a point of order 2", (P - 1).to_bytes(32, "little")),
            refused("order 4", "a point of order 4", bytes(32)),
            refused(
                "order 8",
                "a point of order 8",
                bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            ),
            refused(
                "not canonical",
                "y is not below 2^255 - 19: another spelling of y = 1",
                (P + 1).to_bytes(32, "little"),
            ),
            refused("no point", "no point of the curve has y = 2", (2).to_bytes(32, "little")),
            refused("31 bytes", "an Ed25519 public key has 32 bytes", AUTHOR.public[:31]),
        ],
        {"seed": AUTHOR.seed.hex()},
    )


def sealing_key_id() -> Vector:
    """kid of an X-Wing key."""
    mlkem, x25519 = READER.public[:1184], READER.public[1184:]

    def refused(name: str, why: str, public: bytes) -> Refusal:
        return Refusal(name, why, "schema", {"public": public.hex()})

    return Vector(
        "key-id-sealing",
        "Names",
        "kid of an X-Wing public key (ML-KEM-768 ‖ X25519) from its 32-byte seed: SHAKE256(seed, 96) is"
        " the ML-KEM seed (64) ‖ the X25519 key (32); and the public keys that enrolment refuses.",
        "check a public key and name it",
        {"algorithm": "x-wing", "public": READER.public.hex()},
        [
            refused("X25519 zero", "a point of low order", mlkem + bytes(32)),
            refused(
                "X25519 order 8",
                "a point of low order",
                mlkem + bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
            ),
            refused("X25519 zero, not canonical", "2^255 - 19 is zero", mlkem + P.to_bytes(32, "little")),
            refused(
                "X25519 not canonical",
                "the top bit is ignored by X25519: another spelling of the same key",
                mlkem + (int.from_bytes(x25519, "little") | 1 << 255).to_bytes(32, "little"),
            ),
            refused(
                "ML-KEM coefficient",
                "the first coefficient is 4095, not below 3329",
                b"\xff" + bytes([mlkem[1] | 15]) + mlkem[2:] + x25519,
            ),
            refused("halves swapped", "ML-KEM comes first", x25519 + mlkem),
            refused("1215 bytes", "an X-Wing public key has 1216 bytes", READER.public[:-1]),
        ],
        {"seed": READER.seed.hex()},
    )


def exchange() -> Vector:
    """X."""
    document = EXCHANGE.exchange.document().decode()
    fields = json.loads(document)

    def refused(name: str, why: str, code: str, **changes: Any) -> Refusal:
        return Refusal(name, why, code, {"document": json.dumps(fields | changes)})

    kids = fields["root_kids"]
    return Vector(
        "exchange-id",
        "Names",
        'X = SHA-256(F("harkara/1 exchange", name, nonce, sorted root kids, k)) of `exchange.json`.',
        "name the exchange",
        {"document": document},
        [
            refused(
                "k too large", "two keys cannot give three signatures", "schema", root_kids=kids[:2], k=3
            ),
            refused("a key twice", "k of n counts different keys", "schema", root_kids=[kids[0], kids[0]]),
            refused("capital hex", "one value has one spelling", "schema", root_kids=[kids[0].upper()], k=1),
            refused("short nonce", "the nonce has 32 bytes", "malformed", nonce="AAAA"),
            refused("unknown field", "a field that others would overlook", "schema", id="00" * 32),
            Refusal(
                "a name twice",
                "two parsers would read two names",
                "malformed",
                {"document": document.replace("{", '{"name": "Another",', 1)},
            ),
        ],
    )
