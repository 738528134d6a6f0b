"""DSSE envelopes: exact bytes are signed, of one type, by exactly one key; two wire forms of one thing."""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadSignature, Malformed
from broker.protocol import dsse
from broker.protocol.encoding import pack
from broker.protocol.keys import SigningKey, read_signing_public
from tests.exchange_fixtures import fixed

KEY = SigningKey.from_seed(fixed("dsse key"))
PUBLIC = read_signing_public(KEY.public)
KIND = dsse.payload_type("bulletin")
ENVELOPE = KEY.sign(KIND, b'{"headline":"\xd9\x88\xdb\x8c\xd9\x86"}')
OTHER = SigningKey.from_seed(fixed("another dsse key"))


def test_the_covered_bytes_are_those_of_the_dsse_specification() -> None:
    # The example of the protocol document of DSSE v1.0.2, and one whose type is not ASCII.
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert dsse.pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "


def test_the_signature_is_plain_ed25519_over_them() -> None:
    key = Ed25519PrivateKey.from_private_bytes(fixed("dsse key"))
    assert ENVELOPE.signature.value == key.sign(dsse.pae(KIND, ENVELOPE.payload))
    dsse.verify(ENVELOPE, PUBLIC, kind=KIND)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(replace(ENVELOPE, payload=ENVELOPE.payload + b" "), id="a-space-after-the-payload"),
        pytest.param(replace(ENVELOPE, payload=b""), id="no-payload"),
        pytest.param(replace(ENVELOPE, payload_type=dsse.payload_type("receipt")), id="another-type"),
        pytest.param(
            replace(ENVELOPE, signatures=OTHER.sign(KIND, ENVELOPE.payload).signatures), id="by-another"
        ),
        pytest.param(
            replace(ENVELOPE, signatures=(dsse.Signature(KEY.kid, bytes(64)),)), id="a-signature-of-zeros"
        ),
        pytest.param(replace(ENVELOPE, signatures=ENVELOPE.signatures * 2), id="the-same-signature-twice"),
        pytest.param(replace(ENVELOPE, signatures=()), id="no-signature"),
    ],
)
def test_what_was_not_signed_like_this_does_not_verify(changed: dsse.Envelope) -> None:
    with pytest.raises((BadSignature, Malformed)):
        dsse.verify(changed, PUBLIC, kind=KIND)


def test_a_signature_over_one_type_is_none_over_another() -> None:
    with pytest.raises(BadSignature) as refused:
        dsse.verify(ENVELOPE, PUBLIC, kind=dsse.payload_type("card"))
    assert refused.value.problems[0].pointer == "/payloadType"


def test_lengths_keep_type_and_payload_apart() -> None:
    assert dsse.pae("a", b"b 1 c") != dsse.pae("a 1 b", b"c")


@given(st.integers(0, 63), st.integers(1, 255))
def test_no_byte_of_a_signature_is_without_meaning(place: int, flip: int) -> None:
    value = bytearray(ENVELOPE.signature.value)
    value[place] ^= flip
    with pytest.raises(BadSignature):
        dsse.verify_bytes(dsse.pae(KIND, ENVELOPE.payload), bytes(value), PUBLIC)


def test_a_signature_with_the_order_added_does_not_verify() -> None:
    # RFC 8032 section 5.1.7: S must be below L. A verifier that forgets it lets anybody make a second
    # signature.
    order = 2**252 + 27742317777372353535851937790883648493
    value = ENVELOPE.signature.value
    grown = (int.from_bytes(value[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(BadSignature):
        dsse.verify_bytes(dsse.pae(KIND, ENVELOPE.payload), value[:32] + grown, PUBLIC)


@given(st.text(max_size=40), st.binary(max_size=600))
def test_both_wire_forms_give_back_what_went_in(kind: str, payload: bytes) -> None:
    envelope = KEY.sign(kind, payload)
    assert dsse.from_json(dsse.to_json(envelope)) == envelope
    assert dsse.from_bytes(dsse.to_bytes(envelope)) == envelope


def changed_json(**members: Any) -> dict[str, Any]:
    """The envelope's JSON with members replaced; None takes one out."""
    found = dsse.to_json(ENVELOPE) | members
    return {name: value for name, value in found.items() if value is not None}


def changed_signature(**members: Any) -> dict[str, Any]:
    return changed_json(signatures=[dsse.to_json(ENVELOPE)["signatures"][0] | members])


PAYLOAD64 = base64.b64encode(b"abcd").decode()  # YWJjZA==


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        pytest.param([], "", id="a-list"),
        pytest.param("text", "", id="a-text"),
        pytest.param(changed_json(payload=None), "", id="no-payload"),
        pytest.param(changed_json(extra=1), "/extra", id="one-more-member"),
        pytest.param(changed_json(**{"a/b~c": 1}), "/a~1b~0c", id="one-more-with-a-name-to-escape"),
        pytest.param(changed_json(payloadType=5), "/payloadType", id="a-number-for-the-type"),
        pytest.param(changed_json(payload=5), "/payload", id="a-number-for-the-payload"),
        pytest.param(changed_json(payload="YWJjZA"), "/payload", id="base64-without-padding"),
        pytest.param(changed_json(payload="YWJjZB=="), "/payload", id="base64-with-unused-bits"),
        pytest.param(changed_json(payload="YWJj ZA=="), "/payload", id="base64-with-a-space"),
        pytest.param(changed_json(payload="YWJjZA==\n"), "/payload", id="base64-with-a-newline"),
        pytest.param(changed_json(payload="YWJjZA==YWJj"), "/payload", id="base64-after-its-padding"),
        pytest.param(changed_json(payload="_-==" + PAYLOAD64), "/payload", id="base64-of-urls"),
        pytest.param(changed_json(payload="ＹＷＪｊ"), "/payload", id="base64-in-wide-letters"),
        pytest.param(changed_json(signatures=[]), "/signatures", id="no-signatures"),
        pytest.param(changed_json(signatures={"0": {}}), "/signatures", id="signatures-that-are-no-list"),
        pytest.param(
            changed_json(signatures=dsse.to_json(ENVELOPE)["signatures"] * 17), "/signatures", id="seventeen"
        ),
        pytest.param(changed_json(signatures=["x"]), "/signatures/0", id="a-signature-that-is-no-object"),
        pytest.param(changed_signature(keyid=KEY.kid.hex().upper()), "/signatures/0/keyid", id="capital-hex"),
        pytest.param(changed_signature(keyid=KEY.kid.hex()[:-1]), "/signatures/0/keyid", id="short-hex"),
        pytest.param(
            changed_signature(keyid=" " + KEY.kid.hex()[1:]), "/signatures/0/keyid", id="hex-with-a-space"
        ),
        pytest.param(changed_signature(keyid=None), "/signatures/0/keyid", id="a-null-key-id"),
        pytest.param(changed_signature(sig=PAYLOAD64), "/signatures/0/sig", id="a-signature-of-four-bytes"),
        pytest.param(changed_signature(alg="none"), "/signatures/0/alg", id="an-algorithm-of-its-own"),
    ],
)
def test_any_other_json_is_refused_where_it_is_wrong(value: object, pointer: str) -> None:
    with pytest.raises(Malformed) as refused:
        dsse.from_json(value, "/statement")
    assert refused.value.problems[0].pointer == f"/statement{pointer}"


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(pack("signed", KIND, b"", bytes(32), bytes(63)), id="a-short-signature"),
        pytest.param(pack("signed", KIND, b"", bytes(31), bytes(64)), id="a-short-key-id"),
        pytest.param(pack("signed", KIND.encode(), b"", bytes(32), bytes(64)), id="a-type-in-bytes"),
        pytest.param(pack("signed", KIND, "", bytes(32), bytes(64)), id="a-payload-in-text"),
        pytest.param(pack("statement", KIND, b"", bytes(32), bytes(64)), id="another-purpose"),
    ],
)
def test_any_other_compact_record_is_refused(record: bytes) -> None:
    with pytest.raises(Malformed):
        dsse.from_bytes(record)


def test_an_envelope_may_have_sixteen_signatures() -> None:
    signed = replace(ENVELOPE, signatures=ENVELOPE.signatures * 16)
    assert dsse.from_json(dsse.to_json(signed)) == signed


def test_an_envelope_with_two_signatures_has_no_compact_form() -> None:
    with pytest.raises(Malformed):
        dsse.to_bytes(replace(ENVELOPE, signatures=ENVELOPE.signatures * 2))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    )
)
def test_any_json_value_is_read_or_refused_in_our_words(value: object) -> None:
    with suppress(Malformed):
        dsse.from_json(value)
