"""Keys: one id each, and none that would weaken others."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import NotAuthentic, SchemaError
from broker.protocol import keys
from broker.protocol.keys import HPKE, SealingKey, SigningKey, read_sealing_public, read_signing_public
from tests.exchange_fixtures import fixed

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
SIGN_BIT = 1 << 255

SIGNING = SigningKey.from_seed(fixed("signing"))
SEALING = SealingKey.from_seed(fixed("sealing"))


# --- Independent arithmetic: what is of small order is found out here, not copied ---------------------------


def add(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """The addition law of edwards25519 (RFC 8032 section 5.1.4, affine)."""
    (x1, y1), (x2, y2) = one, other
    cross = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + cross, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - cross, -1, P) % P,
    )


def x_of(y: int) -> int | None:
    """One x of the point with this y, or None when there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    for candidate in (root, root * pow(2, (P - 1) // 4, P) % P):
        if candidate * candidate % P == square:
            return candidate
    return None


def times_eight(point: tuple[int, int]) -> tuple[int, int]:
    for _ in range(3):
        point = add(point, point)
    return point


def small_order_y() -> set[int]:
    """The y of the eight points of small order: multiples of a generator of the torsion group."""
    order = 2**252 + 27742317777372353535851937790883648493
    for y in range(2, 200):
        if (x := x_of(y)) is not None:
            generator, power, left = (0, 1), (x, y), order
            while left:
                if left & 1:
                    generator = add(generator, power)
                power, left = add(power, power), left >> 1
            found, point = set(), (0, 1)
            for _ in range(8):
                found.add(point)
                point = add(point, generator)
            if len(found) == 8:
                return {y for _, y in found}
    raise AssertionError("no generator of the torsion group below 200")


SMALL_ORDER_Y = small_order_y()


def encodings(coordinate: int) -> list[bytes]:
    """All 32-byte strings that a decoder which only clears or keeps the top bit would read as this
    coordinate.
    """
    return [
        (value | top).to_bytes(32, "little")
        for value in (coordinate, coordinate + P)
        if value < 2**255
        for top in (0, SIGN_BIT)
    ]


def test_five_coordinates_belong_to_the_eight_points_of_small_order() -> None:
    assert {0, 1, P - 1} < SMALL_ORDER_Y
    assert len(SMALL_ORDER_Y) == 5


@pytest.mark.parametrize(
    "public",
    [
        pytest.param(encoding, id=f"{n}-{encoding[:2].hex()}-{encoding[-1:].hex()}")
        for n, y in enumerate(sorted(SMALL_ORDER_Y))
        for encoding in encodings(y)
    ],
)
def test_a_signing_key_of_small_order_is_refused_in_every_encoding(public: bytes) -> None:
    with pytest.raises(SchemaError, match=r"small order|not canonical"):
        read_signing_public(public)


@pytest.mark.parametrize("above", range(19))
def test_a_signing_key_with_y_not_below_the_prime_is_refused(above: int) -> None:
    for top in (0, SIGN_BIT):
        with pytest.raises(SchemaError, match="not canonical"):
            read_signing_public((P + above | top).to_bytes(32, "little"))


@settings(max_examples=50)
@given(st.integers(2, P - 2))
def test_a_signing_key_is_taken_exactly_when_a_point_has_it(y: int) -> None:
    public = y.to_bytes(32, "little")
    if x_of(y) is None:
        with pytest.raises(SchemaError, match="no point of the curve"):
            read_signing_public(public)
    else:
        assert read_signing_public(public).public_bytes_raw() == public


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_signing_key_has_32_bytes(size: int) -> None:
    with pytest.raises(SchemaError, match="32 bytes"):
        read_signing_public(bytes(size))


def test_the_list_of_the_code_is_that_of_the_arithmetic() -> None:
    assert keys._SMALL_ORDER_Y == SMALL_ORDER_Y


# --- Sealing keys -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "u",
    [
        pytest.param(int.from_bytes(encoding, "little"), id=f"{n}-{encoding[:2].hex()}-{encoding[-1:].hex()}")
        for n, low in enumerate(sorted(keys._LOW_ORDER_U))
        for encoding in encodings(low)
    ],
)
def test_a_sealing_key_with_a_low_order_part_is_refused_in_every_encoding(u: int) -> None:
    part = u.to_bytes(32, "little")
    with pytest.raises(ValueError, match="shared"):
        # Proof by use that it belongs on the list: whatever the private key, the secret would be zero.
        X25519PrivateKey.from_private_bytes(fixed("x")).exchange(X25519PublicKey.from_public_bytes(part))
    with pytest.raises(SchemaError, match="low order"):
        read_sealing_public(SEALING.public[: keys.MLKEM_PUBLIC_BYTES] + part)


def test_the_list_of_low_order_parts_is_whole() -> None:
    # Edwards (x, y) is Montgomery u = (1 + y) / (1 - y): the images of the torsion points, and the two low-
    # order points of the twist, whose u are 0 (shared) and those with u^2 = 1 or on the 4-torsion of the
    # twist: -1.
    images = {(1 + y) * pow(1 - y, -1, P) % P for y in SMALL_ORDER_Y if y != 1}
    assert images | {P - 1} == keys._LOW_ORDER_U


@pytest.mark.parametrize(
    "u", [2, 9, int.from_bytes(SEALING.public[-32:], "little")], ids=["2", "9", "its-own"]
)
def test_a_sealing_key_with_a_part_spelled_otherwise_is_refused(u: int) -> None:
    # X25519 would take it as the same key, and one key would have two ids.
    for encoding in encodings(u)[1:]:
        with pytest.raises(SchemaError, match="not canonical"):
            read_sealing_public(SEALING.public[: keys.MLKEM_PUBLIC_BYTES] + encoding)


@pytest.mark.parametrize("place", [0, 1, 100, 767])
def test_a_sealing_key_with_a_coefficient_not_below_q_is_refused(place: int) -> None:
    # FIPS 203 section 7.2, the modulus check: 12-bit coefficients, two in three bytes.
    public = bytearray(SEALING.public)
    start = place // 2 * 3
    both = int.from_bytes(public[start : start + 3], "little")
    shift = 12 * (place % 2)
    both = both & ~(0xFFF << shift) | 3329 << shift
    public[start : start + 3] = both.to_bytes(3, "little")
    with pytest.raises(SchemaError, match="ML-KEM"):
        read_sealing_public(bytes(public))


@pytest.mark.parametrize("size", [0, 32, 1184, 1215, 1217])
def test_a_sealing_key_has_1216_bytes(size: int) -> None:
    with pytest.raises(SchemaError, match="1216 bytes"):
        read_sealing_public(SEALING.public[:size].ljust(size, b"\1"))


# --- Private keys -------------------------------------------------------------------------------------------


def test_a_signing_seed_gives_the_key_of_rfc_8032() -> None:
    # RFC 8032 section 7.1, test 1.
    key = SigningKey.from_seed(
        bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    )
    assert key.public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert key.sign_bytes(b"").hex() == (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595"
        "bbe24655141438e7a100b"
    )


def test_a_sealing_seed_is_expanded_as_x_wing_does() -> None:
    # draft-connolly-cfrg-xwing-kem, "Key derivation": SHAKE256(seed, 96) is the ML-KEM seed and the X25519
    # key.
    expanded = hashlib.shake_256(fixed("sealing")).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).public_key().public_bytes_raw()
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:]).public_key().public_bytes_raw()
    assert SEALING.public == mlkem + x25519


def test_a_key_id_is_the_hash_of_algorithm_and_key() -> None:
    covered = b"\x93\xadharkara/1 key\xa7ed25519\xc4\x20" + SIGNING.public
    assert SIGNING.kid == hashlib.sha256(covered).digest()
    covered = b"\x93\xadharkara/1 key\xa6x-wing\xc5\x04\xc0" + SEALING.public
    assert SEALING.kid == hashlib.sha256(covered).digest()


def test_the_same_bytes_under_another_algorithm_are_another_key() -> None:
    assert keys.key_id("ed25519", SIGNING.public) != keys.key_id("x-wing", SIGNING.public)


@pytest.mark.parametrize("key", [SIGNING, SEALING], ids=["signing", "sealing"])
def test_a_private_key_does_not_show_itself(key: SigningKey | SealingKey) -> None:
    assert key.seed.hex() not in repr(key)
    assert repr(key.seed)[2:-1] not in repr(key)


SECRET = b"secret of thirty-two bytes here."
SEALED = HPKE.encrypt(SECRET, read_sealing_public(SEALING.public), b"info")


def test_what_is_sealed_to_a_key_opens_with_it() -> None:
    assert SEALING.open(SEALED, b"info") == SECRET


@pytest.mark.parametrize(
    ("key", "sealed", "info"),
    [
        pytest.param(SealingKey.from_seed(fixed("another")), SEALED, b"info", id="another-key"),
        pytest.param(SEALING, SEALED, b"Info", id="another-info"),
        pytest.param(SEALING, SEALED, b"", id="no-info"),
        pytest.param(SEALING, SEALED + b"\0", b"info", id="a-byte-too-many"),
        pytest.param(SEALING, SEALED[:-1], b"info", id="cut-by-a-byte"),
        pytest.param(SEALING, SEALED[:1120], b"info", id="the-encapsulation-alone"),
        pytest.param(SEALING, SEALED[:1119], b"info", id="less-than-the-encapsulation"),
        pytest.param(SEALING, b"", b"info", id="nothing"),
        pytest.param(SEALING, bytes(len(SEALED)), b"info", id="zeros"),
        pytest.param(
            SEALING, SEALED[:1088] + bytes(32) + SEALED[1120:], b"info", id="an-ephemeral-key-of-zero"
        ),
    ],
)
def test_what_does_not_open_is_refused_in_the_same_words(key: SealingKey, sealed: bytes, info: bytes) -> None:
    with pytest.raises(NotAuthentic, match=r"^this key does not open what was sealed$"):
        key.open(sealed, info)


@settings(max_examples=60)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_no_byte_of_a_sealed_secret_is_without_meaning(place: int, flip: int) -> None:
    changed = bytearray(SEALED)
    changed[place] ^= flip
    with pytest.raises(NotAuthentic):
        SEALING.open(bytes(changed), b"info")
