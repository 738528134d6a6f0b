"""Pair keys and wraps: bound to both sides, to one item and to one member; one key behind one id."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import Malformed, NotAuthentic
from broker.protocol import dsse, limits
from broker.protocol.encoding import pack
from broker.protocol.keys import HPKE, SealingKey, read_sealing_public
from broker.protocol.pairkeys import (
    SEALED_PAIR_KEY_TYPE,
    WRAP_BYTES,
    PairKey,
    PairKeyBinding,
    open_pair_key,
    pair_key_id,
    read_binding,
    seal_pair_key,
)
from tests.exchange_fixtures import ANF, BROKER, FIA, MOI, NOW, fixed, make_exchange

EXCHANGE = make_exchange()
SECRET = fixed("pair key")
SIGNER = EXCHANGE.signing(BROKER)
OWN = EXCHANGE.identities[FIA].sealing_key
PUBLIC = read_sealing_public(EXCHANGE.sealing(FIA).public)
CONTENT_KEY, DIGEST = fixed("content key"), fixed("sealed digest")

BINDING = PairKeyBinding(
    exchange=EXCHANGE.id,
    pkid=pair_key_id(SECRET),
    sealer=BROKER,
    sealer_kid=SIGNER.kid,
    member=FIA,
    member_kid=EXCHANGE.sealing(FIA).kid,
    registry_version=1,
    not_before=NOW,
    not_after=NOW + 4 * limits.HOUR_US,
)
PAIR = PairKey.of(BINDING, SECRET)
SEALED = seal_pair_key(PAIR, PUBLIC, HPKE.encrypt, SIGNER)
WRAP = PAIR.wrap(CONTENT_KEY, DIGEST)


def opened(envelope: dsse.Envelope) -> PairKey:
    return open_pair_key(envelope, EXCHANGE.id, FIA, OWN)


# --- Wraps --------------------------------------------------------------------------------------------------


def test_the_bytes_of_a_wrap_are_those_of_the_specification() -> None:
    pkid = hmac.digest(SECRET, b"harkara/1 pair key id", "sha256")[:16]
    prefix = msgpack.packb(["harkara/1 wrap", pkid, FIA])
    assert isinstance(prefix, bytes)
    assert pkid + AESGCM(SECRET).encrypt(DIGEST[:12], CONTENT_KEY, prefix + DIGEST) == WRAP
    assert len(WRAP) == WRAP_BYTES == 64


def test_what_was_wrapped_is_unwrapped() -> None:
    assert PAIR.unwrap(WRAP, DIGEST) == CONTENT_KEY


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_any_content_key_comes_back(content_key: bytes, digest: bytes) -> None:
    assert PAIR.unwrap(PAIR.wrap(content_key, digest), digest) == content_key


def test_every_flipped_bit_of_a_wrap_and_of_its_item_is_refused() -> None:
    for place in range(8 * WRAP_BYTES):
        changed = bytearray(WRAP)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(NotAuthentic):
            PAIR.unwrap(bytes(changed), DIGEST)
    for place in range(8 * len(DIGEST)):
        digest = bytearray(DIGEST)
        digest[place // 8] ^= 1 << place % 8
        with pytest.raises(NotAuthentic):
            PAIR.unwrap(WRAP, bytes(digest))


@pytest.mark.parametrize(
    ("pair", "wrap"),
    [
        pytest.param(PairKey.of(replace(BINDING, member=ANF), SECRET), WRAP, id="for-another-member"),
        pytest.param(PairKey.of(BINDING, fixed("another")), WRAP, id="under-another-key-of-the-same-id"),
        pytest.param(PAIR, WRAP[:-1], id="cut-by-a-byte"),
        pytest.param(PAIR, WRAP + b"\0", id="a-byte-too-many"),
        pytest.param(PAIR, WRAP[:16], id="the-id-alone"),
        pytest.param(PAIR, b"", id="nothing"),
        pytest.param(PAIR, WRAP[16:] + WRAP[:16], id="its-halves-swapped"),
    ],
)
def test_what_does_not_unwrap_is_refused_in_the_same_words(pair: PairKey, wrap: bytes) -> None:
    with pytest.raises(NotAuthentic, match=r"^the wrap does not open$"):
        pair.unwrap(wrap, DIGEST)


# --- Sealed pair keys ---------------------------------------------------------------------------------------


def test_a_sealed_pair_key_opens_for_its_member() -> None:
    assert opened(SEALED) == PAIR
    assert opened(SEALED).unwrap(WRAP, DIGEST) == CONTENT_KEY


def test_what_it_is_bound_to_can_be_read_before_it_is_opened() -> None:
    assert read_binding(SEALED) == BINDING


def test_its_record_is_that_of_the_specification() -> None:
    info = msgpack.packb(
        [
            "harkara/1 pair key",
            EXCHANGE.id,
            BINDING.pkid,
            BROKER,
            SIGNER.kid,
            FIA,
            EXCHANGE.sealing(FIA).kid,
            1,
            NOW,
            NOW + 4 * 3600 * 10**6,
        ]
    )
    label, signed_info, sealed = msgpack.unpackb(SEALED.payload)
    assert (label, signed_info) == ("harkara/1 sealed pair key", info)
    assert EXCHANGE.sealing(FIA).open(sealed, signed_info) == SECRET
    assert SEALED.payload_type == "application/vnd.harkara.sealed-pair-key+msgpack"


def resealed(
    secret: bytes = SECRET,
    sealed_info: Callable[[bytes], bytes] = lambda info: info,
    to: SealingKey | None = None,
    **changes: Any,
) -> dsse.Envelope:
    """What a sealer could make that does not keep the rules: signed, and sealed to FIA, as it says."""
    info = replace(BINDING, **changes).pack()
    public = PUBLIC if to is None else read_sealing_public(to.public)
    record = pack("sealed pair key", info, HPKE.encrypt(secret, public, sealed_info(info)))
    return SIGNER.sign(SEALED_PAIR_KEY_TYPE, record)


@pytest.mark.parametrize(
    "envelope",
    [
        pytest.param(resealed(exchange=fixed("another exchange")), id="of-another-exchange"),
        pytest.param(resealed(member=MOI), id="for-another-member"),
        pytest.param(resealed(member_kid=EXCHANGE.sealing(MOI).kid), id="to-a-key-of-another-member"),
        pytest.param(resealed(member_kid=EXCHANGE.signing(FIA).kid), id="to-a-signing-key"),
        pytest.param(resealed(sealer_kid=EXCHANGE.signing(MOI).kid), id="signed-by-another-than-it-names"),
        pytest.param(resealed(to=EXCHANGE.sealing(MOI)), id="sealed-to-somebody-else"),
        pytest.param(resealed(fixed("another key")), id="another-key-under-the-id"),
        pytest.param(resealed(SECRET[:31], pkid=pair_key_id(SECRET[:31])), id="a-key-of-31-bytes"),
        pytest.param(resealed(pkid=bytes(16)), id="another-id"),
        pytest.param(
            resealed(sealed_info=lambda _: replace(BINDING, not_after=NOW).pack()),
            id="sealed-with-other-bounds-than-signed",
        ),
        pytest.param(SIGNER.sign(SEALED_PAIR_KEY_TYPE, BINDING.pack()), id="the-binding-alone"),
        pytest.param(SIGNER.sign(SEALED_PAIR_KEY_TYPE, b""), id="nothing"),
        pytest.param(
            SIGNER.sign(SEALED_PAIR_KEY_TYPE, pack("sealed pair key", BINDING.pack(), b"")),
            id="nothing-sealed",
        ),
        pytest.param(
            SIGNER.sign(
                SEALED_PAIR_KEY_TYPE, pack("sealed pair key", replace(BINDING, pkid=b"short").pack(), b"")
            ),
            id="a-short-id",
        ),
    ],
)
def test_a_pair_key_that_is_not_for_us_from_its_sealer_is_refused(envelope: dsse.Envelope) -> None:
    with pytest.raises(NotAuthentic):
        opened(envelope)


def test_a_pair_key_whose_private_key_is_gone_is_refused() -> None:
    with pytest.raises(NotAuthentic):
        open_pair_key(SEALED, EXCHANGE.id, FIA, lambda _: None)


def test_the_bounds_are_covered_by_the_seal() -> None:
    # Whoever carries it cannot make it live longer: `info` is part of HPKE's key schedule, and signed.
    label, _, sealed = msgpack.unpackb(SEALED.payload)
    longer = pack(
        label.removeprefix("harkara/1 "), replace(BINDING, not_after=NOW + limits.DAY_US).pack(), sealed
    )
    with pytest.raises(NotAuthentic):
        opened(SIGNER.sign(SEALED_PAIR_KEY_TYPE, longer))


def test_an_unreadable_binding_is_malformed_when_only_read() -> None:
    with pytest.raises(Malformed):
        read_binding(SIGNER.sign(SEALED_PAIR_KEY_TYPE, b"\x90"))


def test_a_pair_key_does_not_show_itself() -> None:
    assert SECRET.hex() not in repr(PAIR)
    assert repr(SECRET)[2:-1] not in repr(PAIR)


def test_an_id_says_nothing_of_its_key_and_differs_with_it() -> None:
    assert pair_key_id(SECRET) != SECRET[:16]
    assert pair_key_id(SECRET) != pair_key_id(fixed("another"))
    assert len(pair_key_id(SECRET)) == 16
