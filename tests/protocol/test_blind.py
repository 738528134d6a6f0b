"""Blind posts: all that a broker can check of what it cannot read, and nothing passes that a recipient would
refuse for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.errors import (
    AudienceChanged,
    AuthorMismatch,
    BadSignature,
    ExpiredKey,
    HarkaraError,
    Malformed,
    NotAuthentic,
    UnknownKey,
    WrongAddress,
    WrongExchange,
)
from broker.protocol import admission, dsse, limits
from broker.protocol.blind import (
    BlindPost,
    check_blind_post,
    check_sealed_pair_key,
    check_wraps,
    read_blind_post,
)
from broker.protocol.bulletin import read_bulletin
from broker.protocol.digests import Address, statement_digest
from broker.protocol.encoding import pack
from broker.protocol.keys import HPKE, SigningKey, read_sealing_public
from broker.protocol.pairkeys import (
    SEALED_PAIR_KEY_TYPE,
    PairKey,
    PairKeyBinding,
    pair_key_id,
    seal_pair_key,
)
from broker.protocol.sealing import (
    BY_BROKER,
    BY_ORIGINATOR,
    SEAL_TYPE,
    BulletinHeader,
    Content,
    ReceiptHeader,
    Sealed,
    seal,
)
from broker.protocol.stamp import STAMP_TYPE
from tests.exchange_fixtures import (
    ANF,
    BROKER,
    FIA,
    MOI,
    NOW,
    fixed,
    make_exchange,
    next_version,
    sign_bulletin,
)

EXCHANGE = make_exchange()
REGISTRY = EXCHANGE.registry
SIGNER = EXCHANGE.signing(FIA)
STATEMENT, ADDRESS = sign_bulletin(EXCHANGE, FIA, to=[MOI])
BULLETIN = read_bulletin(STATEMENT.payload)
POLICY, SALT = admission.policy_of(BULLETIN), fixed("blind policy salt")
assert ADDRESS is not None
HEADER = BulletinHeader(
    exchange=EXCHANGE.id,
    mode=BY_ORIGINATOR,
    sealer=FIA,
    sealer_kid=SIGNER.kid,
    originator=FIA,
    id=BULLETIN.id,
    stmt=statement_digest(STATEMENT),
    policy=POLICY.digest(SALT),
    address_digest=ADDRESS.digest(),
    registry_version=1,
)


def post(signer: SigningKey = SIGNER, kind: str = SEAL_TYPE, **changes: Any) -> BlindPost:
    """A blind post whose header has fields replaced before it is sealed."""
    sealed, _ = seal(replace(HEADER, **changes), Content(STATEMENT, SALT), fixed("blind entropy"))
    wraps = {member: fixed(f"wrap {member}", 64) for member in (FIA, MOI)}
    signed = signer.sign(kind, sealed.seal_record()).signature.value
    return BlindPost(replace(sealed, seal=signed), POLICY.opening(SALT), ADDRESS, wraps)


GOOD = post()


def test_a_blind_post_is_read_back_and_checked() -> None:
    assert read_blind_post(GOOD.pack()) == GOOD
    found = check_blind_post(GOOD, REGISTRY, NOW)
    assert (found.author.id, found.header, found.policy) == (FIA, HEADER, POLICY)


def test_a_blind_post_without_address_is_taken_when_none_is_committed_to() -> None:
    without = replace(post(address_digest=None), address=None)
    assert check_blind_post(read_blind_post(without.pack()), REGISTRY, NOW).header.address_digest is None


def test_a_blind_post_may_only_except_somebody() -> None:
    address = Address(fixed("s"), (), (ANF,))
    given = replace(post(address_digest=address.digest()), address=address)
    assert check_blind_post(read_blind_post(given.pack()), REGISTRY, NOW).header.address_digest


def test_a_receipt_is_no_blind_post() -> None:
    header = ReceiptHeader(EXCHANGE.id, BY_ORIGINATOR, FIA, SIGNER.kid, FIA, BULLETIN.id, HEADER.stmt, 1)
    sealed, _ = seal(header, Content(STATEMENT, None), fixed("blind entropy"))
    with pytest.raises(Malformed):
        check_blind_post(resealed(sealed), REGISTRY, NOW)


def resealed(sealed: Sealed) -> BlindPost:
    signed = SIGNER.sign(SEAL_TYPE, sealed.seal_record()).signature.value
    return replace(GOOD, sealed=replace(sealed, seal=signed))


OUTSIDER = SigningKey.from_seed(fixed("outsider"))


@pytest.mark.parametrize(
    ("given", "error"),
    [
        pytest.param(post(mode=BY_BROKER), Malformed, id="as-if-sealed-by-a-broker"),
        pytest.param(post(id="../../etc"), Malformed, id="an-id-that-is-no-uuid"),
        pytest.param(post(id=BULLETIN.id.upper()), Malformed, id="an-id-in-capitals"),
        pytest.param(post(OUTSIDER, sealer_kid=OUTSIDER.kid), UnknownKey, id="sealed-by-nobody"),
        pytest.param(
            post(EXCHANGE.signing(BROKER), sealer_kid=EXCHANGE.signing(BROKER).kid),
            UnknownKey,
            id="by-a-broker",
        ),
        pytest.param(post(EXCHANGE.signing(MOI)), BadSignature, id="signed-by-another-than-it-names"),
        pytest.param(post(kind=STAMP_TYPE), BadSignature, id="signed-as-a-stamp"),
        pytest.param(
            replace(GOOD, sealed=replace(GOOD.sealed, seal=bytes(64))), BadSignature, id="not-signed"
        ),
        pytest.param(
            replace(GOOD, sealed=replace(post(policy=fixed("p")).sealed, seal=GOOD.sealed.seal)),
            BadSignature,
            id="another-header",
        ),
        pytest.param(
            post(EXCHANGE.signing(MOI), sealer_kid=EXCHANGE.signing(MOI).kid),
            AuthorMismatch,
            id="a-recipient-seals-somebody-elses-statement",
        ),
        pytest.param(
            post(EXCHANGE.signing(MOI), sealer_kid=EXCHANGE.signing(MOI).kid, sealer=MOI),
            AuthorMismatch,
            id="a-recipient-seals-in-its-own-name",
        ),
        pytest.param(post(originator=MOI), AuthorMismatch, id="in-somebody-elses-name"),
        pytest.param(post(exchange=fixed("x")), WrongExchange, id="for-another-exchange"),
        pytest.param(
            replace(GOOD, opening=replace(POLICY, marking="TLP:CLEAR").opening(SALT)),
            NotAuthentic,
            id="a-wider-marking-shown-to-the-broker",
        ),
        pytest.param(replace(GOOD, opening=POLICY.opening(fixed("s"))), NotAuthentic, id="another-salt"),
        pytest.param(replace(GOOD, opening=b""), Malformed, id="no-policy"),
        pytest.param(replace(GOOD, address=None), WrongAddress, id="no-address"),
        pytest.param(
            replace(GOOD, address=replace(ADDRESS, to=(MOI, ANF))), WrongAddress, id="another-address"
        ),
        pytest.param(post(address_digest=None), WrongAddress, id="an-address-that-nobody-committed-to"),
        pytest.param(
            resealed(replace(GOOD.sealed, ciphertext=GOOD.sealed.ciphertext + b"\0")),
            Malformed,
            id="a-ciphertext-that-is-not-padded",
        ),
        pytest.param(resealed(replace(GOOD.sealed, ciphertext=b"")), Malformed, id="no-ciphertext"),
    ],
)
def test_a_blind_post_that_no_recipient_would_believe_is_refused(
    given: BlindPost, error: type[HarkaraError]
) -> None:
    with pytest.raises(error):
        check_blind_post(read_blind_post(given.pack()), REGISTRY, NOW)


def test_a_key_that_is_not_in_force_seals_nothing() -> None:
    with pytest.raises(ExpiredKey):
        check_blind_post(GOOD, REGISTRY, NOW + 335 * limits.DAY_US)
    revoked = next_version(EXCHANGE, revoked={SIGNER.kid: NOW})
    with pytest.raises(HarkaraError, match="revoked"):
        check_blind_post(GOOD, revoked.registry, NOW)


H, C, S, O = GOOD.sealed.header, GOOD.sealed.ciphertext, GOOD.sealed.seal, GOOD.opening  # noqa: E741
OPENED = [ADDRESS.salt, [MOI], []]
WRAPS = [[member, wrap] for member, wrap in sorted(GOOD.wraps.items())]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(pack("blind post", H, C, bytes(63), O, OPENED, WRAPS), id="a-short-seal"),
        pytest.param(pack("blind post", H, C, S, O, [ADDRESS.salt, [MOI]], WRAPS), id="half-an-address"),
        pytest.param(pack("blind post", H, C, S, O, [b"", [MOI], []], WRAPS), id="a-short-salt"),
        pytest.param(
            pack("blind post", H, C, S, O, [ADDRESS.salt, [], []], WRAPS), id="an-address-of-nobody"
        ),
        pytest.param(
            pack("blind post", H, C, S, O, [ADDRESS.salt, [MOI, MOI], []], WRAPS), id="a-name-twice"
        ),
        pytest.param(
            pack("blind post", H, C, S, O, [ADDRESS.salt, [f"pk.a{n}" for n in range(4097)], []], WRAPS),
            id="too-many-names",
        ),
        pytest.param(pack("blind post", H, C, S, O, OPENED, WRAPS[::-1]), id="members-out-of-order"),
        pytest.param(pack("blind post", H, C, S, O, OPENED, [WRAPS[0], WRAPS[0]]), id="a-member-twice"),
        pytest.param(pack("blind post", H, C, S, O, OPENED, [[MOI, bytes(63)]]), id="a-short-wrap"),
        pytest.param(pack("blind post", H, C, S, O, OPENED), id="no-wraps"),
        pytest.param(GOOD.pack() + b"\0", id="a-byte-more"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_any_other_body_is_refused(record: bytes) -> None:
    with pytest.raises(Malformed):
        read_blind_post(record)


def test_the_wraps_are_those_of_the_audience_and_the_author() -> None:
    check_wraps(GOOD, FIA, frozenset({MOI}))


@pytest.mark.parametrize(
    ("wraps", "recipients"),
    [
        pytest.param((FIA, MOI), {MOI, ANF}, id="somebody-joined"),
        pytest.param((FIA, MOI, ANF), {MOI}, id="somebody-left"),
        pytest.param((FIA, ANF), {MOI}, id="somebody-else"),
        pytest.param((MOI,), {MOI}, id="none-for-the-author"),
        pytest.param((), set(), id="none-at-all"),
    ],
)
def test_other_wraps_are_refused_without_naming_anybody(wraps: tuple[str, ...], recipients: set[str]) -> None:
    given = replace(GOOD, wraps=dict.fromkeys(wraps, bytes(64)))
    with pytest.raises(AudienceChanged) as refused:
        check_wraps(given, FIA, frozenset(recipients))
    assert ANF not in f"{refused.value.detail} {refused.value.problems}"


# --- Pair keys of blind sealers -----------------------------------------------------------------------------


SECRET = fixed("blind pair key")
BINDING = PairKeyBinding(
    exchange=EXCHANGE.id,
    pkid=pair_key_id(SECRET),
    sealer=FIA,
    sealer_kid=SIGNER.kid,
    member=MOI,
    member_kid=EXCHANGE.sealing(MOI).kid,
    registry_version=1,
    not_before=NOW,
    not_after=NOW + limits.PAIR_KEY_LIFE_US,
)
MOI_PUBLIC = read_sealing_public(EXCHANGE.sealing(MOI).public)


NEXT_YEAR = NOW + 330 * limits.DAY_US


def sealed_key(signer: SigningKey = SIGNER, ciphertext: bytes = bytes(1168), **changes: Any) -> dsse.Envelope:
    pair = PairKey.of(replace(BINDING, **changes), SECRET)
    return seal_pair_key(pair, MOI_PUBLIC, lambda *_: ciphertext, signer)


def test_a_pair_key_for_a_member_is_taken() -> None:
    whole = seal_pair_key(PairKey.of(BINDING, SECRET), MOI_PUBLIC, HPKE.encrypt, SIGNER)
    assert check_sealed_pair_key(whole, REGISTRY, NOW) == BINDING


@pytest.mark.parametrize(
    ("make", "error"),
    [
        pytest.param(lambda: sealed_key(OUTSIDER), UnknownKey, id="by-nobody"),
        pytest.param(lambda: sealed_key(EXCHANGE.signing(BROKER)), UnknownKey, id="by-a-broker"),
        pytest.param(
            lambda: sealed_key(EXCHANGE.signing(ANF)), AuthorMismatch, id="by-another-than-it-names"
        ),
        pytest.param(lambda: sealed_key(sealer=ANF), AuthorMismatch, id="in-somebody-elses-name"),
        pytest.param(lambda: sealed_key(exchange=fixed("x")), WrongExchange, id="for-another-exchange"),
        pytest.param(lambda: sealed_key(member="pk.nobody"), AudienceChanged, id="for-nobody"),
        pytest.param(lambda: sealed_key(member_kid=SIGNER.kid), AudienceChanged, id="to-another-key"),
        pytest.param(lambda: sealed_key(not_after=NOW), Malformed, id="that-has-ended"),
        pytest.param(
            lambda: sealed_key(not_after=BINDING.not_after + 1), Malformed, id="that-lives-too-long"
        ),
        pytest.param(
            lambda: sealed_key(not_before=NEXT_YEAR, not_after=NEXT_YEAR + 1), Malformed, id="for-next-year"
        ),
        pytest.param(
            lambda: sealed_key(not_before=2**63, not_after=2**63 + 1), Malformed, id="for-the-end-of-time"
        ),
        pytest.param(lambda: sealed_key(ciphertext=bytes(1167)), Malformed, id="too-short-to-open"),
        pytest.param(lambda: sealed_key(ciphertext=bytes(99_999)), Malformed, id="with-ballast"),
        pytest.param(lambda: SIGNER.sign(SEALED_PAIR_KEY_TYPE, b"\x90"), Malformed, id="that-cannot-be-read"),
        pytest.param(
            lambda: SIGNER.sign(SEAL_TYPE, sealed_key().payload), BadSignature, id="signed-as-a-seal"
        ),
    ],
)
def test_any_other_pair_key_is_refused(make: Callable[[], dsse.Envelope], error: type[HarkaraError]) -> None:
    with pytest.raises(error):
        check_sealed_pair_key(make(), REGISTRY, NOW)


def test_the_policy_digest_is_that_of_its_opening() -> None:
    assert hashlib.sha256(GOOD.opening).digest() == HEADER.policy
