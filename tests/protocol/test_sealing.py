"""Sealing: what opens is what was sealed, under one key, for one header; everything else is the same
refusal.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import Malformed, NotAuthentic
from broker.protocol import dsse
from broker.protocol.digests import statement_digest
from broker.protocol.encoding import pack
from broker.protocol.limits import PADDING_FLOOR_BYTES
from broker.protocol.sealing import (
    BY_BROKER,
    BulletinHeader,
    Content,
    Header,
    ReceiptHeader,
    Sealed,
    open_sealed,
    padded_length,
    read_header,
    read_sealed,
    seal,
)
from tests.by_hand import hkdf
from tests.exchange_fixtures import ANF, BROKER, FIA, MOI, fixed, make_exchange, sign_bulletin, sign_receipt

EXCHANGE = make_exchange()
STATEMENT, _ = sign_bulletin(EXCHANGE, FIA)
RECEIPT = sign_receipt(EXCHANGE, MOI, STATEMENT, fixed("sealed"))
ENTROPY = fixed("entropy")
SALT = fixed("policy salt")

HEADER = BulletinHeader(
    exchange=EXCHANGE.id,
    mode=BY_BROKER,
    sealer=BROKER,
    sealer_kid=EXCHANGE.signing(BROKER).kid,
    originator=FIA,
    id="0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64",
    stmt=statement_digest(STATEMENT),
    policy=fixed("policy"),
    address_digest=None,
    registry_version=1,
)
RECEIPT_HEADER = ReceiptHeader(
    exchange=EXCHANGE.id,
    mode=BY_BROKER,
    sealer=BROKER,
    sealer_kid=EXCHANGE.signing(BROKER).kid,
    agency=MOI,
    id="ac54e348-00c5-539e-a1b3-44d5f40a9606",
    stmt=statement_digest(RECEIPT),
    registry_version=1,
)
CONTENT = Content(STATEMENT, SALT)
SEALED, KEY = seal(HEADER, CONTENT, ENTROPY)


def packed(*elements: Any) -> bytes:
    found = msgpack.packb(list(elements))
    assert isinstance(found, bytes)
    return found


def test_the_bytes_are_those_of_the_specification() -> None:
    h0 = packed(
        "harkara/1 header",
        EXCHANGE.id,
        "broker",
        BROKER,
        EXCHANGE.signing(BROKER).kid,
        FIA,
        HEADER.id,
        HEADER.stmt,
        HEADER.policy,
        None,
        1,
    )
    content_key = hkdf(ENTROPY, HEADER.stmt, b"harkara/1 content key", 32)
    both = hkdf(content_key, b"", packed("harkara/1 bulletin key", hashlib.sha256(h0).digest()), 64)
    header = packed("harkara/1 sealed header", h0, both[32:])
    only = STATEMENT.signature
    content = packed(
        "harkara/1 content", STATEMENT.payload_type, STATEMENT.payload, only.kid, only.value, SALT
    )
    plaintext = (len(content).to_bytes(4, "big") + content).ljust(2048, b"\0")
    ciphertext = AESGCM(both[:32]).encrypt(bytes(12), plaintext, header)
    assert (content_key, Sealed(header, ciphertext)) == (KEY, SEALED)


def test_the_digest_is_that_of_what_a_seal_signs() -> None:
    covered = packed("harkara/1 seal", SEALED.header, hashlib.sha256(SEALED.ciphertext).digest())
    kind = b"application/vnd.harkara.seal+msgpack"
    assert (
        SEALED.digest()
        == hashlib.sha256(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(covered), covered)).digest()
    )


@pytest.mark.parametrize(
    ("header", "content"),
    [
        pytest.param(HEADER, CONTENT, id="a-bulletin"),
        pytest.param(replace(HEADER, address_digest=fixed("address")), CONTENT, id="an-addressed-bulletin"),
        pytest.param(RECEIPT_HEADER, Content(RECEIPT, None), id="a-receipt"),
    ],
)
def test_what_was_sealed_opens_with_its_content_key(header: Header, content: Content) -> None:
    sealed, key = seal(header, content, ENTROPY)
    assert open_sealed(sealed, key) == content
    assert read_header(sealed.header) == header
    assert read_sealed(sealed.pack()) == sealed


@settings(max_examples=30)
@given(st.binary(max_size=20_000), st.binary(min_size=32, max_size=32), st.text(max_size=20))
def test_any_payload_comes_back(payload: bytes, entropy: bytes, kind: str) -> None:
    content = Content(EXCHANGE.signing(FIA).sign(kind, payload), SALT)
    sealed, key = seal(HEADER, content, entropy)
    assert open_sealed(sealed, key) == content


def test_every_flipped_byte_of_the_ciphertext_is_refused() -> None:
    for place in range(len(SEALED.ciphertext)):
        changed = bytearray(SEALED.ciphertext)
        changed[place] ^= 1 << place % 8
        with pytest.raises(NotAuthentic):
            open_sealed(replace(SEALED, ciphertext=bytes(changed)), KEY)


def test_every_flipped_byte_of_the_header_is_refused() -> None:
    for place in range(len(SEALED.header)):
        changed = bytearray(SEALED.header)
        changed[place] ^= 1 << place % 8
        with pytest.raises(NotAuthentic):
            open_sealed(replace(SEALED, header=bytes(changed)), KEY)


def test_every_length_of_the_ciphertext_but_its_own_is_refused() -> None:
    for size in (0, 1, 15, 16, 17, len(SEALED.ciphertext) - 1):
        with pytest.raises(NotAuthentic):
            open_sealed(replace(SEALED, ciphertext=SEALED.ciphertext[:size]), KEY)
    with pytest.raises(NotAuthentic):
        open_sealed(replace(SEALED, ciphertext=SEALED.ciphertext + b"\0"), KEY)


OTHER_KEY = fixed("another content key")
OTHER_SEALED, _ = seal(HEADER, CONTENT, fixed("other entropy"))


@pytest.mark.parametrize(
    ("sealed", "key"),
    [
        pytest.param(SEALED, OTHER_KEY, id="another-key"),
        pytest.param(SEALED, KEY[:16], id="half-a-key"),
        pytest.param(SEALED, b"", id="no-key"),
        pytest.param(replace(SEALED, header=OTHER_SEALED.header), KEY, id="the-header-of-another-sealing"),
        pytest.param(
            replace(SEALED, ciphertext=OTHER_SEALED.ciphertext), KEY, id="the-ciphertext-of-another-sealing"
        ),
        pytest.param(replace(SEALED, header=b""), KEY, id="no-header"),
    ],
)
def test_what_does_not_open_is_refused_in_the_same_words(sealed: Sealed, key: bytes) -> None:
    with pytest.raises(NotAuthentic, match=r"^the content does not open$"):
        open_sealed(sealed, key)


def with_header(h0: bytes) -> Sealed:
    """Somebody who was given the content key puts another H0 above the same content, and gets all
    else right.
    """
    both = hkdf(KEY, b"", pack("bulletin key", hashlib.sha256(h0).digest()), 64)
    header = pack("sealed header", h0, both[32:])
    plaintext = AESGCM(
        hkdf(KEY, b"", pack("bulletin key", hashlib.sha256(HEADER.pack()).digest()), 64)[:32]
    ).decrypt(bytes(12), SEALED.ciphertext, SEALED.header)
    return Sealed(header, AESGCM(both[:32]).encrypt(bytes(12), plaintext, header))


def test_another_header_over_the_same_content_is_another_sealed_item() -> None:
    # A recipient can make this; it cannot make the stamp of it, which covers `sealed`.
    resealed = with_header(replace(HEADER, originator=MOI).pack())
    assert open_sealed(resealed, KEY) == CONTENT
    assert resealed.digest() != SEALED.digest()


@pytest.mark.parametrize(
    ("header", "salt"),
    [
        pytest.param(HEADER, None, id="a-bulletin-without-the-salt-of-its-policy"),
        pytest.param(RECEIPT_HEADER, SALT, id="a-receipt-with-one"),
    ],
)
def test_a_bulletin_has_a_policy_and_a_receipt_has_none(header: Header, salt: bytes | None) -> None:
    sealed, key = seal(header, Content(STATEMENT, salt), ENTROPY)
    with pytest.raises(NotAuthentic):
        open_sealed(sealed, key)


def sealed_plaintext(plaintext: bytes) -> Sealed:
    """Seal any plaintext as somebody who holds the key could."""
    both = hkdf(KEY, b"", pack("bulletin key", hashlib.sha256(HEADER.pack()).digest()), 64)
    header = pack("sealed header", HEADER.pack(), both[32:])
    return Sealed(header, AESGCM(both[:32]).encrypt(bytes(12), plaintext, header))


RECORD = CONTENT.pack()
FRAMED = len(RECORD).to_bytes(4, "big") + RECORD


@pytest.mark.parametrize(
    "plaintext",
    [
        pytest.param(FRAMED.ljust(2048, b"\1"), id="a-fill-that-is-not-zero"),
        pytest.param(FRAMED.ljust(2047, b"\0") + b"\1", id="a-last-byte-that-is-not-zero"),
        pytest.param(FRAMED, id="no-fill"),
        pytest.param(FRAMED.ljust(2047, b"\0"), id="a-byte-less-than-the-floor"),
        pytest.param(FRAMED.ljust(4096, b"\0"), id="more-fill-than-padme-gives"),
        pytest.param(bytes(2048), id="a-length-of-zero"),
        pytest.param(b"\xff\xff\xff\xff" + RECORD.ljust(2044, b"\0"), id="a-length-beyond-the-end"),
        pytest.param(
            (len(RECORD) + 1).to_bytes(4, "big") + RECORD.ljust(2044, b"\0"), id="a-length-one-too-large"
        ),
        pytest.param(
            (len(RECORD) - 1).to_bytes(4, "big") + RECORD.ljust(2044, b"\0"), id="a-length-one-too-small"
        ),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\0\0\0", id="less-than-a-length"),
        pytest.param(
            len(pack("content")).to_bytes(4, "big") + pack("content").ljust(2044, b"\0"), id="no-fields"
        ),
    ],
)
def test_any_other_plaintext_under_the_right_key_is_refused(plaintext: bytes) -> None:
    assert open_sealed(sealed_plaintext(FRAMED.ljust(2048, b"\0")), KEY) == CONTENT
    with pytest.raises(NotAuthentic):
        open_sealed(sealed_plaintext(plaintext), KEY)


def test_one_ciphertext_cannot_be_opened_under_two_keys() -> None:
    # AES-GCM lets whoever knows two keys make one ciphertext, with one tag, for both. The commitment names
    # one key. Here everything but the commitment is right: the tag verifies, with this header as associated
    # data.
    both = hkdf(KEY, b"", pack("bulletin key", hashlib.sha256(HEADER.pack()).digest()), 64)
    header = pack("sealed header", HEADER.pack(), fixed("the commitment of another key"))
    ciphertext = AESGCM(both[:32]).encrypt(bytes(12), FRAMED.ljust(2048, b"\0"), header)
    with pytest.raises(NotAuthentic):
        open_sealed(Sealed(header, ciphertext), KEY)


def test_different_statements_have_different_keys_though_entropy_repeats() -> None:
    _, other = seal(replace(HEADER, stmt=fixed("another statement")), CONTENT, ENTROPY)
    assert other != KEY


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_sealing_takes_exactly_32_bytes_of_entropy(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        seal(HEADER, CONTENT, bytes(size))


# --- Headers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"exchange": fixed("x")},
        {"mode": "originator"},
        {"sealer": MOI},
        {"sealer_kid": fixed("k")},
        {"originator": ANF},
        {"id": "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b65"},
        {"stmt": fixed("s")},
        {"policy": fixed("p")},
        {"address_digest": fixed("a")},
        {"registry_version": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_field_of_the_header_is_bound_to_the_content(change: dict[str, Any]) -> None:
    h0 = replace(HEADER, **change).pack()
    _, commitment = msgpack.unpackb(SEALED.header)[1:]
    with pytest.raises(NotAuthentic):
        open_sealed(replace(SEALED, header=pack("sealed header", h0, commitment)), KEY)


COMMITMENT = fixed("c")


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(pack("sealed header", HEADER.pack(), COMMITMENT[:31]), id="a-short-commitment"),
        pytest.param(pack("sealed header", HEADER.pack()), id="no-commitment"),
        pytest.param(pack("sealed header", b"", COMMITMENT), id="no-h0"),
        pytest.param(pack("sealed header", RECORD, COMMITMENT), id="an-h0-of-another-purpose"),
        pytest.param(pack("sealed header", HEADER.pack() + b"\0", COMMITMENT), id="an-h0-with-a-byte-more"),
        pytest.param(
            pack("sealed header", replace(HEADER, stmt=b"short").pack(), COMMITMENT), id="a-short-stmt"
        ),
        pytest.param(
            pack("sealed header", replace(RECEIPT_HEADER, stmt=b"").pack(), COMMITMENT),
            id="a-receipt-without-stmt",
        ),
        pytest.param(
            pack(
                "sealed header",
                HEADER.pack().replace(b"\xb0harkara/1 header", b"\xb8harkara/1 receipt header"),
                COMMITMENT,
            ),
            id="a-bulletin-under-the-label-of-receipts",
        ),
        pytest.param(
            pack("sealed header", replace(HEADER, mode="anybody").pack(), COMMITMENT), id="an-unknown-mode"
        ),
        pytest.param(HEADER.pack(), id="h0-alone"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_any_other_header_is_refused(header: bytes) -> None:
    with pytest.raises(Malformed):
        read_header(header)


def test_the_author_of_a_receipt_is_the_agency_that_made_it() -> None:
    assert RECEIPT_HEADER.originator == MOI


# --- Padding ------------------------------------------------------------------------------------------------


@given(st.integers(0, 4_000_000))
def test_padding_hides_the_length_at_little_cost(length: int) -> None:
    padded = padded_length(length)
    assert padded >= max(length, PADDING_FLOOR_BYTES)
    assert padded - length <= max(PADDING_FLOOR_BYTES, 0.12 * length)
    assert padded_length(padded) == padded, "a padded length needs no more padding"
    assert padded_length(length + 1) >= padded


def test_padded_lengths_tell_only_as_much_as_padme_lets_them() -> None:
    # O(log log n) bits: between 256 and 512 KiB there are 2^5 lengths at most.
    assert len({padded_length(n) for n in range(256 * 1024, 512 * 1024)}) <= 33


@pytest.mark.parametrize(
    ("length", "padded"),
    [
        (0, 2048),
        (1, 2048),
        (2048, 2048),
        (2049, 2176),
        (2176, 2176),
        (2177, 2304),
        (5000, 5120),
        (262_144, 262_144),
    ],
)
def test_the_padded_lengths_are_those_of_the_specification(length: int, padded: int) -> None:
    assert padded_length(length) == padded


def test_short_statements_cannot_be_told_apart_by_their_length() -> None:
    sizes = {
        len(seal(HEADER, Content(EXCHANGE.signing(FIA).sign("t", b"x" * n), SALT), ENTROPY)[0].ciphertext)
        for n in (0, 10, 500, 1_700)
    }
    assert sizes == {PADDING_FLOOR_BYTES + 16}


def test_the_payload_type_of_a_seal_is_its_own() -> None:
    assert dsse.payload_type("seal", "msgpack") == "application/vnd.harkara.seal+msgpack"
