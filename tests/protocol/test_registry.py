"""The registry: two ways in, k of n, never back, and a key belongs to one member for ever."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from broker.errors import (
    BadSignature,
    ExpiredKey,
    HarkaraError,
    Malformed,
    NotAuthentic,
    RevokedKey,
    SchemaError,
    UnknownKey,
    VersionConflict,
    WrongExchange,
)
from broker.protocol import dsse, keys, limits, times
from broker.protocol.exchange import Exchange
from broker.protocol.keys import SigningKey
from broker.protocol.registry import REGISTRY_TYPE, Registry, Standing, follow, open_registry
from tests.exchange_fixtures import (
    AGENCIES,
    ANF,
    BROKER,
    FIA,
    MOI,
    NOW,
    card,
    fixed,
    identity,
    make_exchange,
    next_version,
)

DAY = limits.DAY_US
EXCHANGE = make_exchange(roots=3, k=2)
REGISTRY = EXCHANGE.registry
ROOTS = EXCHANGE.root_keys
DOCUMENT: dict[str, Any] = json.loads(EXCHANGE.registry_envelope.payload)
STRANGER = SigningKey.from_seed(fixed("no root key"))


def signed(document: dict[str, Any], *signers: SigningKey) -> dsse.Envelope:
    """Sign any object as a registry, by two of three root keys unless told otherwise."""
    return keys.sign_by_all(REGISTRY_TYPE, json.dumps(document).encode(), signers or ROOTS[:2])


def newer(**changes: Any) -> dict[str, Any]:
    """The document of version 2 with fields replaced."""
    return DOCUMENT | {"version": 2, "previous": REGISTRY.digest.hex()} | changes


def cards(*members: Any) -> list[dict[str, Any]]:
    return [dsse.to_json(one) for one in members]


# --- The first way in: from exchange.json alone -------------------------------------------------------------


@pytest.mark.parametrize("by", [(0, 1), (0, 2), (2, 1), (0, 1, 2)], ids=str)
def test_any_k_of_the_root_keys_open_it(by: tuple[int, ...]) -> None:
    opened = open_registry(signed(DOCUMENT, *(ROOTS[n] for n in by)), EXCHANGE.exchange)
    assert opened.version == 1
    assert opened.agencies() == tuple(sorted(AGENCIES))
    assert opened.active(NOW) == set(AGENCIES)
    assert opened.cards[BROKER].role == "broker"


@pytest.mark.parametrize(
    "signers",
    [
        pytest.param((ROOTS[0],), id="one-root-key"),
        pytest.param((ROOTS[0], ROOTS[0]), id="one-root-key-twice"),
        pytest.param((ROOTS[0], STRANGER), id="one-root-key-and-a-stranger"),
        pytest.param((STRANGER,), id="a-stranger"),
        pytest.param((EXCHANGE.signing(MOI), EXCHANGE.signing(BROKER)), id="members"),
    ],
)
def test_fewer_than_k_root_keys_do_not_open_it(signers: tuple[SigningKey, ...]) -> None:
    with pytest.raises(BadSignature):
        open_registry(signed(DOCUMENT, *signers), EXCHANGE.exchange)


def test_a_registry_cannot_lower_the_threshold_of_its_exchange() -> None:
    with pytest.raises(BadSignature):
        open_registry(signed(DOCUMENT | {"k": 1}, ROOTS[0]), EXCHANGE.exchange)


def test_a_registry_cannot_bring_its_own_root_keys() -> None:
    theirs = DOCUMENT | {"k": 1, "root_keys": [dsse.encode64(STRANGER.public)]}
    with pytest.raises(BadSignature):
        open_registry(signed(theirs, STRANGER), EXCHANGE.exchange)


def test_a_registry_that_asks_for_more_signatures_than_its_exchange_needs_them() -> None:
    stricter = DOCUMENT | {"k": 3}
    assert open_registry(signed(stricter, *ROOTS), EXCHANGE.exchange).k == 3
    with pytest.raises(BadSignature):
        open_registry(signed(stricter, *ROOTS[:2]), EXCHANGE.exchange)


def test_a_registry_may_have_no_grace() -> None:
    opened = open_registry(signed(DOCUMENT | {"grace": DOCUMENT["expires"]}), EXCHANGE.exchange)
    assert opened.standing(opened.expires) is Standing.EXPIRED


def test_unknown_signatures_beside_enough_good_ones_do_not_matter() -> None:
    assert open_registry(signed(DOCUMENT, STRANGER, *ROOTS[:2]), EXCHANGE.exchange).version == 1


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_wrong_signature_of_a_root_key_spoils_it(place: int) -> None:
    good = signed(DOCUMENT, *ROOTS)
    signatures = list(good.signatures)
    signatures[place] = replace(signatures[place], value=bytes(64))
    with pytest.raises(BadSignature) as refused:
        open_registry(replace(good, signatures=tuple(signatures)), EXCHANGE.exchange)
    assert refused.value.problems[0].pointer == f"/signatures/{place}/sig"


@pytest.mark.parametrize(
    "envelope",
    [
        pytest.param(
            replace(EXCHANGE.registry_envelope, payload=EXCHANGE.registry_envelope.payload + b" "),
            id="one-space-more",
        ),
        pytest.param(
            replace(EXCHANGE.registry_envelope, payload_type=dsse.payload_type("card")), id="a-card"
        ),
        pytest.param(
            keys.sign_by_all(dsse.payload_type("entitlements"), EXCHANGE.registry_envelope.payload, ROOTS),
            id="the-same-bytes-signed-as-entitlements",
        ),
    ],
)
def test_other_bytes_than_those_signed_are_refused(envelope: dsse.Envelope) -> None:
    with pytest.raises(BadSignature):
        open_registry(envelope, EXCHANGE.exchange)


def test_a_registry_of_another_exchange_with_the_same_root_keys_is_refused() -> None:
    other = Exchange("Another", fixed("nonce"), EXCHANGE.exchange.root_kids, 2)
    with pytest.raises(WrongExchange):
        open_registry(EXCHANGE.registry_envelope, other)


OTHERS_CARD = card(identity(fixed("another exchange"), FIA))
COPIED = dsse.encode64(EXCHANGE.sealing(MOI).public)


def with_copied_sealing_key() -> list[dict[str, Any]]:
    """FIA enrols the ministry's sealing key as its own: no signature of that key is needed for a card."""
    own = identity(EXCHANGE.id, FIA)
    documents = [msgspec.structs.replace(own.card_keys()[1], public=COPIED), own.card_keys()[0]]
    return cards(card(own, keys=documents), card(identity(EXCHANGE.id, MOI)))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"cards": cards(OTHERS_CARD)}, NotAuthentic, id="a-card-made-for-another-exchange"),
        pytest.param(
            {
                "cards": cards(
                    card(identity(EXCHANGE.id, FIA)), card(identity(EXCHANGE.id, FIA, generation=1))
                )
            },
            SchemaError,
            id="a-member-twice",
        ),
        pytest.param({"cards": with_copied_sealing_key()}, SchemaError, id="a-key-with-two-members"),
        pytest.param(
            {"cards": cards(replace(card(identity(EXCHANGE.id, FIA)), payload=b"{}"))},
            SchemaError,
            id="a-card-that-says-nothing",
        ),
        pytest.param({"k": 4}, SchemaError, id="k-above-the-number-of-root-keys"),
        pytest.param({"k": 0}, SchemaError, id="k-zero"),
        pytest.param(
            {"root_keys": [*DOCUMENT["root_keys"][:2], DOCUMENT["root_keys"][0]]},
            SchemaError,
            id="a-root-key-twice",
        ),
        pytest.param(
            {"root_keys": [*DOCUMENT["root_keys"], dsse.encode64(bytes(32))]},
            SchemaError,
            id="a-root-key-of-small-order",
        ),
        pytest.param({"root_keys": ["AAAA"]}, Malformed, id="a-root-key-of-three-bytes"),
        pytest.param({"expires": DOCUMENT["issued"]}, SchemaError, id="expired-when-issued"),
        pytest.param({"grace": DOCUMENT["issued"]}, SchemaError, id="a-grace-that-ends-before-it-begins"),
        pytest.param({"version": 0}, SchemaError, id="version-0"),
        pytest.param({"version": 2}, SchemaError, id="version-2-that-follows-none"),
        pytest.param({"previous": "00" * 32}, SchemaError, id="version-1-that-follows-another"),
        pytest.param({"epoch": "00" * 15}, SchemaError, id="a-short-epoch"),
        pytest.param({"epoch": "00" * 16 + "\n"}, SchemaError, id="an-epoch-with-a-newline"),
        pytest.param(
            {"revocations": [{"kid": "00" * 32, "since": times.format(NOW + n)} for n in (0, DAY)]},
            SchemaError,
            id="a-key-revoked-twice",
        ),
        pytest.param({"comment": "none"}, SchemaError, id="a-field-too-many"),
    ],
)
def test_a_registry_that_contradicts_itself_is_refused_though_signed(
    changes: dict[str, Any], error: type[HarkaraError]
) -> None:
    with pytest.raises(error):
        open_registry(signed(DOCUMENT | changes), EXCHANGE.exchange)


# --- The second way in: from the one before -----------------------------------------------------------------


def test_the_next_version_follows_the_one_before() -> None:
    assert follow(REGISTRY, signed(newer())).version == 2


def test_a_version_further_ahead_follows_too() -> None:
    # Whoever was away for a while need not fetch each version between: the old threshold has signed this one.
    assert follow(REGISTRY, signed(newer(version=9, previous="ab" * 32))).version == 9


@pytest.mark.parametrize(
    ("document", "error"),
    [
        pytest.param(DOCUMENT, VersionConflict, id="the-same-version-again"),
        pytest.param(newer(previous="ab" * 32), VersionConflict, id="the-next-version-of-another-history"),
        pytest.param(newer(exchange="ab" * 32), WrongExchange, id="of-another-exchange"),
        pytest.param(newer(version=1, previous=None), HarkaraError, id="null-for-a-field-left-out"),
    ],
)
def test_what_does_not_come_after_is_refused(document: dict[str, Any], error: type[HarkaraError]) -> None:
    with pytest.raises(error):
        follow(REGISTRY, signed(document))


def test_an_older_version_is_refused() -> None:
    ninth = follow(REGISTRY, signed(newer(version=9, previous="ab" * 32)))
    with pytest.raises(VersionConflict):
        follow(ninth, signed(newer()))


NEW_ROOTS = tuple(SigningKey.from_seed(fixed(f"new root {n}")) for n in range(3))
ROTATED = newer(root_keys=[dsse.encode64(key.public) for key in NEW_ROOTS], k=2)


def test_root_keys_change_when_the_old_and_the_new_have_signed() -> None:
    rotated = follow(REGISTRY, signed(ROTATED, *ROOTS[:2], *NEW_ROOTS[:2]))
    assert rotated.roots.keys() == {key.kid for key in NEW_ROOTS}
    with pytest.raises(BadSignature):
        # The old ones have no say any more.
        follow(rotated, signed(ROTATED | {"version": 3, "previous": rotated.digest.hex()}, *ROOTS))


@pytest.mark.parametrize(
    "signers",
    [
        pytest.param(ROOTS, id="the-old-alone"),
        pytest.param(NEW_ROOTS, id="the-new-alone"),
        pytest.param((ROOTS[0], *NEW_ROOTS), id="too-few-of-the-old"),
        pytest.param((*ROOTS, NEW_ROOTS[0]), id="too-few-of-the-new"),
    ],
)
def test_root_keys_do_not_change_otherwise(signers: tuple[SigningKey, ...]) -> None:
    with pytest.raises(BadSignature):
        follow(REGISTRY, signed(ROTATED, *signers))


def test_a_registry_after_a_change_of_root_keys_does_not_open_from_exchange_json() -> None:
    # exchange.json knows the first root keys only: go through the versions, from the first on.
    envelope = signed(ROTATED, *ROOTS[:2], *NEW_ROOTS[:2])
    with pytest.raises(BadSignature):
        open_registry(envelope, EXCHANGE.exchange)


def taken_over(member: str, other: str) -> dict[str, Any]:
    """`other` enrols the sealing key of `member`, which has left."""
    own = identity(EXCHANGE.id, other)
    public = dsse.encode64(EXCHANGE.sealing(member).public)
    documents = [msgspec.structs.replace(own.card_keys()[1], public=public), own.card_keys()[0]]
    return newer(cards=cards(card(own, keys=documents)))


def test_a_key_does_not_go_over_to_another_member() -> None:
    with pytest.raises(SchemaError, match="for ever"):
        follow(REGISTRY, signed(taken_over(MOI, FIA)))


def test_a_member_may_leave_and_another_join() -> None:
    joined = identity(EXCHANGE.id, "pk.customs")
    kept = [identity(EXCHANGE.id, member) for member in (*AGENCIES, BROKER) if member != ANF]
    after = follow(REGISTRY, signed(newer(cards=cards(*map(card, kept), card(joined)))))
    assert ANF not in after.agencies()
    assert "pk.customs" in after.active(NOW)
    with pytest.raises(UnknownKey):
        after.signer(EXCHANGE.signing(ANF).kid, NOW)


# --- Whose key is it, and since when ------------------------------------------------------------------------


def test_a_signing_key_leads_to_its_member() -> None:
    found, key = REGISTRY.signer(EXCHANGE.signing(FIA).kid, NOW, role="agency")
    assert found.id == FIA
    assert key.signing is not None
    assert key.signing.public_bytes_raw() == EXCHANGE.signing(FIA).public


REVOKED_AT = NOW + DAY
REVOKED = next_version(EXCHANGE, revoked={EXCHANGE.signing(FIA).kid: REVOKED_AT}).registry
BORN, DIES = NOW - 30 * DAY, NOW + 335 * DAY


@pytest.mark.parametrize(
    ("since", "stays"),
    [
        pytest.param(None, False, id="taken-back"),
        pytest.param(REVOKED_AT + 1, False, id="moved-later"),
        pytest.param(REVOKED_AT, True, id="as-it-was"),
        pytest.param(REVOKED_AT - DAY, True, id="moved-earlier"),
    ],
)
def test_a_revocation_stays(since: int | None, stays: bool) -> None:
    kid = EXCHANGE.signing(FIA).kid.hex()
    listed = [] if since is None else [{"kid": kid, "since": times.format(since)}]
    third = newer(version=3, previous=REVOKED.digest.hex(), revocations=listed)
    if stays:
        assert follow(REVOKED, signed(third)).version == 3
    else:
        with pytest.raises(SchemaError, match="revocation stays"):
            follow(REVOKED, signed(third))


@pytest.mark.parametrize(
    ("registry", "kid", "at", "role", "error"),
    [
        pytest.param(REGISTRY, fixed("no key"), NOW, "agency", UnknownKey, id="a-key-of-nobody"),
        pytest.param(
            REGISTRY, EXCHANGE.signing(FIA).kid, NOW, "broker", UnknownKey, id="an-agency-as-broker"
        ),
        pytest.param(
            REGISTRY, EXCHANGE.signing(BROKER).kid, NOW, "agency", UnknownKey, id="a-broker-as-agency"
        ),
        pytest.param(REGISTRY, EXCHANGE.sealing(FIA).kid, NOW, None, UnknownKey, id="a-sealing-key"),
        pytest.param(REGISTRY, ROOTS[0].kid, NOW, None, UnknownKey, id="a-root-key"),
        pytest.param(REGISTRY, EXCHANGE.signing(FIA).kid, BORN - 1, None, ExpiredKey, id="before-its-time"),
        pytest.param(REGISTRY, EXCHANGE.signing(FIA).kid, DIES, None, ExpiredKey, id="after-its-time"),
        pytest.param(
            REVOKED, EXCHANGE.signing(FIA).kid, REVOKED_AT, None, RevokedKey, id="revoked-right-then"
        ),
        pytest.param(
            REVOKED, EXCHANGE.signing(FIA).kid, DIES + DAY, None, RevokedKey, id="revoked-and-expired"
        ),
    ],
)
def test_a_key_that_may_not_sign_then_is_refused(
    registry: Registry, kid: bytes, at: int, role: Any, error: type[HarkaraError]
) -> None:
    with pytest.raises(error):
        registry.signer(kid, at, role=role)


def test_what_was_signed_before_a_revocation_stays_verifiable() -> None:
    assert REVOKED.signer(EXCHANGE.signing(FIA).kid, REVOKED_AT - 1)[0].id == FIA


def test_who_lost_a_key_is_not_active_from_then_on() -> None:
    assert FIA in REVOKED.active(REVOKED_AT - 1)
    assert REVOKED.active(REVOKED_AT) == set(AGENCIES) - {FIA}


def test_who_lost_only_the_sealing_key_is_not_active_either() -> None:
    lost = next_version(EXCHANGE, revoked={EXCHANGE.sealing(ANF).kid: NOW}).registry
    assert lost.active(NOW) == set(AGENCIES) - {ANF}
    assert lost.key_for(ANF, "seal", NOW) is None
    assert lost.key_for(ANF, "sign", NOW) is not None


def test_nobody_is_active_after_all_keys_have_ended() -> None:
    assert REGISTRY.active(DIES) == frozenset()


def test_of_two_keys_in_force_the_one_valid_longest_is_used() -> None:
    old = identity(EXCHANGE.id, FIA)
    new = identity(EXCHANGE.id, FIA, NOW + DAY, generation=1)
    after = next_version(EXCHANGE, identities={FIA: replace(old, keys=old.keys + new.keys)}).registry
    for use, own in zip(("sign", "seal"), new.keys, strict=True):
        found = after.key_for(FIA, use, NOW)  # type: ignore[arg-type]
        assert found is not None
        assert found.kid == own.key.kid
    assert after.signer(old.signing_key(NOW).kid, NOW)[0].id == FIA, "the old one still verifies"


def test_a_sealing_key_is_found_whatever_its_validity() -> None:
    found = REVOKED.sealing_key(EXCHANGE.sealing(MOI).kid)
    assert found is not None
    assert found[0].id == MOI
    assert REVOKED.sealing_key(EXCHANGE.signing(MOI).kid) is None


@pytest.mark.parametrize(
    ("after", "standing"),
    [
        (-1, Standing.CURRENT),
        (0, Standing.GRACE),
        (30 * DAY - 1, Standing.GRACE),
        (30 * DAY, Standing.EXPIRED),
    ],
    ids=["before-its-end", "at-its-end", "in-the-last-moment-of-grace", "after-grace"],
)
def test_a_registry_stands_in_grace_between_its_end_and_the_end_of_grace(
    after: int, standing: Standing
) -> None:
    assert REGISTRY.standing(REGISTRY.expires + after) is standing
