"""Cards: proof of possession by every signing key, and no key that would hurt others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from broker.errors import BadSignature, HarkaraError
from broker.protocol import dsse, limits, times
from broker.protocol.card import CARD_TYPE, Card, key_document, read_card
from broker.protocol.keys import SealingKey, SigningKey, key_id
from tests.exchange_fixtures import BROKER, FIA, MOI, NOW, card, fixed, identity

X = fixed("exchange id")
OWN = identity(X, FIA)
CARD = card(OWN)
DOCUMENT: dict[str, Any] = json.loads(CARD.payload)
SIGNER = OWN.signing_key(NOW)
OTHER = identity(X, MOI).signing_key(NOW)
DAY = limits.DAY_US


def signed(document: dict[str, Any], *signers: SigningKey) -> dsse.Envelope:
    """Sign any object as a card."""
    payload = json.dumps(document).encode()
    return dsse.Envelope(
        CARD_TYPE, payload, tuple(key.sign(CARD_TYPE, payload).signature for key in signers or (SIGNER,))
    )


def key(n: int, **members: Any) -> dict[str, Any]:
    """The card's document with members of its key `n` replaced."""
    listed = [dict(one) for one in DOCUMENT["keys"]]
    listed[n] |= members
    return DOCUMENT | {"keys": listed}


def keys(*listed: Any) -> dict[str, Any]:
    return DOCUMENT | {"keys": [msgspec.to_builtins(one) for one in listed]}


def test_a_card_says_who_somebody_is_and_which_keys_are_theirs() -> None:
    read = read_card(CARD)
    assert isinstance(read, Card)
    assert (read.id, read.role, read.exchange) == (FIA, "agency", X)
    assert read.names == {"en": "Federal Investigation Agency", "ur": "وفاقی تحقیقاتی ادارہ"}
    assert [one.kid for one in read.keys] == [own.key.kid for own in OWN.keys]
    assert [one.use for one in read.keys] == ["sign", "seal"]


def test_a_broker_has_a_card_of_its_own_role() -> None:
    assert read_card(card(identity(X, BROKER))).role == "broker"


def test_a_key_is_in_force_from_its_first_moment_until_before_its_last() -> None:
    first = read_card(CARD).keys[0]
    assert [first.in_force(at) for at in (first.not_before - 1, first.not_before, first.not_after - 1)] == [
        False,
        True,
        True,
    ]
    assert not first.in_force(first.not_after)


def test_each_signing_key_must_have_signed() -> None:
    second = SigningKey.from_seed(fixed("second signing key"))
    document = keys(*OWN.card_keys(), key_document(second, NOW, NOW + DAY))
    assert len(read_card(signed(document, SIGNER, second)).keys) == 3
    with pytest.raises(BadSignature):
        read_card(signed(document, SIGNER))
    with pytest.raises(BadSignature):
        read_card(signed(document, second))


@pytest.mark.parametrize(
    "envelope",
    [
        pytest.param(signed(DOCUMENT, OTHER), id="signed-by-somebody-else"),
        pytest.param(signed(DOCUMENT, SIGNER, OTHER), id="signed-by-somebody-else-too"),
        pytest.param(signed(DOCUMENT, SIGNER, SIGNER), id="signed-twice"),
        pytest.param(replace(CARD, payload=CARD.payload + b" "), id="changed-after-signing"),
        pytest.param(replace(CARD, signatures=()), id="not-signed"),
        pytest.param(SIGNER.sign(dsse.payload_type("registry"), CARD.payload), id="signed-as-something-else"),
        pytest.param(
            replace(CARD, signatures=(dsse.Signature(SIGNER.kid, OTHER.sign_bytes(b"")),)),
            id="a-foreign-signature-under-its-key-id",
        ),
        pytest.param(
            signed(keys(key_document(OTHER, NOW, NOW + DAY), OWN.card_keys()[1])), id="somebody-elses-key"
        ),
    ],
)
def test_a_card_without_proof_of_possession_is_refused(envelope: dsse.Envelope) -> None:
    with pytest.raises(BadSignature):
        read_card(envelope)


WEAK_SIGNING = dsse.encode64(bytes(32))
WEAK_SEALING = dsse.encode64(OWN.keys[1].key.public[:1184] + bytes(32))


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        pytest.param(DOCUMENT | {"id": "fia"}, "/id", id="no-country"),
        pytest.param(DOCUMENT | {"role": "root"}, "/role", id="a-role-that-is-none"),
        pytest.param(DOCUMENT | {"names": {}}, "/names", id="no-name"),
        pytest.param(DOCUMENT | {"names": {"ur": "ہرکارہ"}}, "/names", id="no-english-name"),
        pytest.param(DOCUMENT | {"names": {"en": "FIA", "english": "FIA"}}, "/names/english", id="no-tag"),
        pytest.param(
            DOCUMENT | {"names": {"en": "F\u202eIA"}}, "/names/en", id="a-name-that-reads-otherwise"
        ),
        pytest.param(DOCUMENT | {"names": {"en": "FIA\nMOI"}}, "/names/en", id="a-name-of-two-lines"),
        pytest.param(DOCUMENT | {"keys": DOCUMENT["keys"][:1]}, "/keys", id="one-key"),
        pytest.param(DOCUMENT | {"trusted": True}, "/trusted", id="a-field-too-many"),
        pytest.param(key(0, algorithm="x-wing"), "/keys/0/algorithm", id="an-algorithm-of-the-other-use"),
        pytest.param(key(0, algorithm="rsa"), "/keys/0/algorithm", id="an-algorithm-that-we-do-not-know"),
        pytest.param(key(0, public=WEAK_SIGNING), "/keys/0/public", id="a-signing-key-of-small-order"),
        pytest.param(key(1, public=WEAK_SEALING), "/keys/1/public", id="a-sealing-key-of-low-order"),
        pytest.param(key(0, public="AAAA"), "/keys/0/public", id="a-key-of-three-bytes"),
        pytest.param(key(0, public="not base64"), "/keys/0/public", id="a-key-that-is-no-base64"),
        pytest.param(key(0, not_after="2020-01-01T00:00:00Z"), "/keys/0/not_after", id="an-empty-validity"),
        pytest.param(
            key(0, not_after=DOCUMENT["keys"][0]["not_before"]),
            "/keys/0/not_after",
            id="a-validity-of-no-time",
        ),
        pytest.param(key(0, not_before="2026-02-30T00:00:00Z"), "/keys/0/not_before", id="no-such-day"),
        pytest.param(
            keys(OWN.card_keys()[0], OWN.card_keys()[0], OWN.card_keys()[1]), "/keys", id="a-key-twice"
        ),
        pytest.param(
            keys(OWN.card_keys()[0], key_document(OTHER, NOW, NOW + DAY)), "/keys", id="signing-keys-only"
        ),
    ],
)
def test_a_card_that_is_wrong_is_refused_where_it_is_wrong(document: dict[str, Any], pointer: str) -> None:
    with pytest.raises(HarkaraError) as refused:
        read_card(signed(document))
    assert refused.value.status in (400, 422)
    assert pointer in [problem.pointer for problem in refused.value.problems]


def test_keys_are_named_by_what_they_are_and_not_by_what_the_card_says() -> None:
    read = read_card(CARD)
    for document, public in zip(DOCUMENT["keys"], read.keys, strict=True):
        raw = dsse.decode64(document["public"], "")
        assert public.kid == key_id(document["algorithm"], raw)


def test_a_key_is_described_with_its_times_in_utc() -> None:
    described = key_document(SealingKey.from_seed(fixed("k")), NOW, NOW + DAY)
    assert (described.use, described.algorithm) == ("seal", "x-wing")
    assert (described.not_before, described.not_after) == (times.format(NOW), times.format(NOW + DAY))
