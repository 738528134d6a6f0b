"""Admission: each check by itself, and none of them can be passed by what another would stop."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import (
    AuthorMismatch,
    BadSignature,
    ExpiredKey,
    HarkaraError,
    Malformed,
    MayNotOriginate,
    OutOfWindow,
    RegistryExpired,
    RevokedKey,
    TooLarge,
    UnknownKey,
    WrongAddress,
    WrongExchange,
)
from broker.protocol import admission, dsse, limits, times
from broker.protocol.answers import RECEIPT_TYPE, SUBSCRIPTION_TYPE, read_receipt
from broker.protocol.bulletin import PAYLOAD_TYPE, Bulletin, read_bulletin
from broker.protocol.digests import Address, Policy, address_json, read_policy_opening
from tests.exchange_fixtures import (
    ACADEMY,
    ANF,
    BROKER,
    FIA,
    MOI,
    NOW,
    bulletin_fields,
    fixed,
    identity,
    make_exchange,
    next_version,
    post_body,
    sign_bulletin,
    sign_json,
    sign_receipt,
    sign_subscription,
)

EXCHANGE = make_exchange()
REGISTRY = EXCHANGE.registry
STATEMENT, _ = sign_bulletin(EXCHANGE, FIA)
ADDRESSED, ADDRESS = sign_bulletin(EXCHANGE, FIA, to=[MOI, ANF])
DAY, MINUTE = limits.DAY_US, limits.MINUTE_US


def bulletin(signer: str = FIA, /, **fields: Any) -> Bulletin:
    return read_bulletin(sign_bulletin(EXCHANGE, signer, **fields)[0].payload)


# --- Shape --------------------------------------------------------------------------------------------------


def test_a_post_is_a_statement_and_perhaps_an_address() -> None:
    assert admission.read_post(post_body(STATEMENT)) == admission.Post(STATEMENT, None)
    assert admission.read_post(post_body(ADDRESSED, ADDRESS)) == admission.Post(ADDRESSED, ADDRESS)


JSON = dsse.to_json(STATEMENT)
ADDRESS_JSON = address_json(Address(fixed("s"), (MOI,)))


@pytest.mark.parametrize(
    ("body", "pointer", "hint"),
    [
        pytest.param([JSON], "", "", id="a-list"),
        pytest.param(["statement"], "", "", id="a-list-that-names-it"),
        pytest.param("statement", "", "", id="a-text-that-names-it"),
        pytest.param(5, "", "", id="a-number"),
        pytest.param({}, "", "", id="an-empty-object"),
        pytest.param(JSON, "", "statement", id="an-envelope-by-itself"),
        pytest.param(bulletin_fields(EXCHANGE, FIA), "", "signed", id="a-bulletin-that-nobody-signed"),
        pytest.param({"statement": STATEMENT.payload.decode()}, "/statement", "", id="a-text"),
        pytest.param({"statement": JSON, "to": [MOI]}, "/to", "", id="a-member-too-many"),
        pytest.param({"statement": JSON, "a~/b": 1}, "/a~0~1b", "", id="a-member-with-a-name-to-escape"),
        pytest.param(
            {"statement": JSON | {"signatures": JSON["signatures"] * 2}},
            "/statement/signatures",
            "",
            id="signed-twice",
        ),
        pytest.param({"statement": JSON | {"signatures": []}}, "/statement/signatures", "", id="not-signed"),
        pytest.param({"statement": JSON, "address": MOI}, "/address", "", id="a-name-for-an-address"),
        pytest.param(
            {"statement": JSON, "address": ADDRESS_JSON | {"salt": ""}}, "/address/salt", "", id="no-salt"
        ),
        pytest.param(
            {"statement": JSON, "address": {"salt": ADDRESS_JSON["salt"]}},
            "/address",
            "leave the address out",
            id="an-address-of-nobody",
        ),
    ],
)
def test_any_other_post_is_refused_where_it_is_wrong(body: Any, pointer: str, hint: str) -> None:
    with pytest.raises(Malformed) as refused:
        admission.read_post(json.dumps(body).encode())
    assert refused.value.problems[0].pointer == pointer
    assert hint in refused.value.problems[0].hint


def test_a_bulletin_for_a_post_is_described() -> None:
    with pytest.raises(Malformed) as refused:
        admission.read_post(b'{"id":"x","originator":"pk.fia"}')
    (problem,) = refused.value.problems
    assert problem.got == "an object with id, originator"
    assert "harkara sign" in problem.hint


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"", Malformed, id="nothing"),
        pytest.param(b'{"statement":', Malformed, id="cut-short"),
        pytest.param(b'{"statement":null}', Malformed, id="null"),
        pytest.param(b'{"statement":{},"statement":{}}', Malformed, id="a-member-twice"),
        pytest.param(b"\xff\xfe", Malformed, id="no-utf-8"),
        pytest.param(b"[" * 100_000, Malformed, id="a-depth-bomb"),
        pytest.param(b" " * (limits.BODY_BYTES + 1), TooLarge, id="a-byte-too-large"),
    ],
)
def test_what_is_no_json_of_ours_is_refused(body: bytes, error: type[HarkaraError]) -> None:
    for read in (admission.read_post, admission.read_statement_body):
        with pytest.raises(error):
            read(body)


def test_a_receipt_is_a_statement_by_itself() -> None:
    receipt = sign_receipt(EXCHANGE, MOI, STATEMENT, fixed("sealed"))
    assert admission.read_statement_body(json.dumps(dsse.to_json(receipt)).encode()) == receipt
    twice = replace(receipt, signatures=receipt.signatures * 2)
    for body in (post_body(receipt), json.dumps(dsse.to_json(twice)).encode()):
        with pytest.raises(Malformed):
            admission.read_statement_body(body)


@settings(max_examples=100)
@given(st.integers(0, len(post_body(ADDRESSED, ADDRESS)) - 1), st.integers(1, 255))
def test_a_post_with_a_byte_changed_is_refused_or_says_something_else(place: int, flip: int) -> None:
    body = bytearray(post_body(ADDRESSED, ADDRESS))
    body[place] ^= flip
    try:
        post = admission.read_post(bytes(body))
        card = admission.authenticate(post.statement, REGISTRY, NOW)
        found = read_bulletin(post.statement.payload)
        admission.check_author(found, card.id, EXCHANGE.id)
        admission.check_address(found, post.address)
    except HarkaraError as error:
        assert 400 <= error.status < 500  # noqa: PT017 (any refusal will do, a failure of ours will not)
    else:
        assert post == admission.Post(ADDRESSED, ADDRESS), "only white space may differ"


# --- Who is it ----------------------------------------------------------------------------------------------


def test_a_statement_leads_to_the_agency_whose_key_signed_it() -> None:
    assert admission.authenticate(STATEMENT, REGISTRY, NOW).id == FIA


def test_a_statement_of_another_kind_is_taken_where_that_kind_is_asked_for() -> None:
    subscription = sign_subscription(EXCHANGE, MOI)
    assert admission.authenticate(subscription, REGISTRY, NOW, kind=SUBSCRIPTION_TYPE).id == MOI


DOCUMENT = bulletin_fields(EXCHANGE, FIA)
OUTSIDER = identity(EXCHANGE.id, "pk.nobody").signing_key(NOW).sign(PAYLOAD_TYPE, STATEMENT.payload)
REVOKED = next_version(EXCHANGE, revoked={EXCHANGE.signing(FIA).kid: NOW})


@pytest.mark.parametrize(
    ("statement", "at", "error"),
    [
        pytest.param(OUTSIDER, NOW, UnknownKey, id="by-nobody-of-the-registry"),
        pytest.param(sign_json(EXCHANGE, BROKER, PAYLOAD_TYPE, DOCUMENT), NOW, UnknownKey, id="by-a-broker"),
        pytest.param(
            EXCHANGE.root_keys[0].sign(PAYLOAD_TYPE, STATEMENT.payload), NOW, UnknownKey, id="by-a-root-key"
        ),
        pytest.param(
            replace(STATEMENT, signatures=(dsse.Signature(EXCHANGE.sealing(FIA).kid, bytes(64)),)),
            NOW,
            UnknownKey,
            id="under-the-id-of-a-sealing-key",
        ),
        pytest.param(
            replace(STATEMENT, signatures=(replace(STATEMENT.signature, kid=EXCHANGE.signing(MOI).kid),)),
            NOW,
            BadSignature,
            id="under-the-id-of-somebody-else",
        ),
        pytest.param(
            replace(STATEMENT, payload=STATEMENT.payload + b"\n"), NOW, BadSignature, id="with-a-newline-more"
        ),
        pytest.param(
            sign_json(EXCHANGE, FIA, RECEIPT_TYPE, DOCUMENT), NOW, BadSignature, id="signed-as-another-kind"
        ),
        pytest.param(
            replace(sign_json(EXCHANGE, FIA, RECEIPT_TYPE, DOCUMENT), payload_type=PAYLOAD_TYPE),
            NOW,
            BadSignature,
            id="signed-as-another-kind-and-relabelled",
        ),
        pytest.param(STATEMENT, NOW - 31 * DAY, ExpiredKey, id="before-the-key-is-valid"),
        pytest.param(STATEMENT, NOW + 335 * DAY, ExpiredKey, id="after-the-key-was-valid"),
    ],
)
def test_a_statement_that_no_agency_made_is_refused(
    statement: dsse.Envelope, at: int, error: type[HarkaraError]
) -> None:
    with pytest.raises(error):
        admission.authenticate(statement, REGISTRY, at)


def test_a_revoked_key_posts_nothing_more() -> None:
    assert admission.authenticate(STATEMENT, REVOKED.registry, NOW - 1).id == FIA
    with pytest.raises(RevokedKey):
        admission.authenticate(STATEMENT, REVOKED.registry, NOW)


# --- What it claims -----------------------------------------------------------------------------------------


def test_a_bulletin_names_its_signer_and_this_exchange() -> None:
    admission.check_author(bulletin(), FIA, EXCHANGE.id)


@pytest.mark.parametrize(
    ("fields", "signer", "error", "pointer"),
    [
        pytest.param({"originator": MOI}, FIA, AuthorMismatch, "/originator", id="in-somebody-elses-name"),
        pytest.param({}, MOI, AuthorMismatch, "/originator", id="signed-by-somebody-else"),
        pytest.param({"exchange": "ab" * 32}, FIA, WrongExchange, "/exchange", id="for-another-exchange"),
    ],
)
def test_a_bulletin_with_a_false_claim_is_refused(
    fields: dict[str, Any], signer: str, error: type[HarkaraError], pointer: str
) -> None:
    with pytest.raises(error) as refused:
        admission.check_author(bulletin(**fields), signer, EXCHANGE.id)
    assert refused.value.problems[0].pointer == pointer


COMMITTED = read_bulletin(ADDRESSED.payload)


def test_an_address_is_taken_that_the_bulletin_commits_to() -> None:
    admission.check_address(COMMITTED, ADDRESS)
    admission.check_address(bulletin(), None)


assert ADDRESS is not None


@pytest.mark.parametrize(
    ("found", "address", "pointer"),
    [
        pytest.param(bulletin(), ADDRESS, "/address", id="none-committed-to-and-one-given"),
        pytest.param(COMMITTED, None, "", id="one-committed-to-and-none-given"),
        pytest.param(COMMITTED, replace(ADDRESS, to=(MOI,)), "/address", id="somebody-taken-out"),
        pytest.param(COMMITTED, replace(ADDRESS, to=(MOI, ANF, ACADEMY)), "/address", id="somebody-put-in"),
        pytest.param(COMMITTED, replace(ADDRESS, salt=fixed("other")), "/address", id="another-salt"),
        pytest.param(COMMITTED, replace(ADDRESS, excepted=(ACADEMY,)), "/address", id="an-exception-put-in"),
    ],
)
def test_an_address_that_the_author_did_not_sign_is_refused(
    found: Bulletin, address: Address | None, pointer: str
) -> None:
    with pytest.raises(WrongAddress) as refused:
        admission.check_address(found, address)
    assert refused.value.problems[0].pointer == pointer


# --- When ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent", [NOW, NOW - DAY, NOW + 2 * MINUTE], ids=["now", "just-a-day-ago", "just-two-minutes-ahead"]
)
def test_a_bulletin_within_its_window_is_timely(sent: int) -> None:
    admission.check_timely(bulletin(sent=times.format(sent), expires=times.format(NOW + DAY)), NOW)


@pytest.mark.parametrize(
    ("sent", "expires", "pointer"),
    [
        pytest.param(NOW - DAY - 1, NOW + DAY, "/sent", id="a-microsecond-more-than-a-day-ago"),
        pytest.param(
            NOW + 2 * MINUTE + 1, NOW + DAY, "/sent", id="a-microsecond-more-than-two-minutes-ahead"
        ),
        pytest.param(NOW - 1, NOW, "/expires", id="expired-right-now"),
        pytest.param(NOW - MINUTE, NOW - 1, "/expires", id="expired-a-microsecond-ago"),
    ],
)
def test_a_bulletin_out_of_its_window_is_refused_with_both_times(
    sent: int, expires: int, pointer: str
) -> None:
    found = bulletin(sent=times.format(sent), expires=times.format(expires))
    with pytest.raises(OutOfWindow) as refused:
        admission.check_timely(found, NOW)
    problem = refused.value.problems[0]
    assert problem.pointer == pointer
    assert problem.got in (found.sent, found.expires)
    assert "2026-" in problem.expected


@pytest.mark.parametrize(
    ("check", "error"),
    [
        pytest.param(
            lambda r: admission.check_receipt(r, FIA, EXCHANGE.id, NOW), AuthorMismatch, id="by-another"
        ),
        pytest.param(
            lambda r: admission.check_receipt(r, MOI, fixed("x"), NOW), WrongExchange, id="elsewhere"
        ),
        pytest.param(
            lambda r: admission.check_receipt(r, MOI, EXCHANGE.id, NOW + DAY + 1), OutOfWindow, id="too-old"
        ),
        pytest.param(
            lambda r: admission.check_receipt(r, MOI, EXCHANGE.id, NOW - 2 * MINUTE - 1),
            OutOfWindow,
            id="ahead",
        ),
    ],
)
def test_a_receipt_is_held_to_its_signer_exchange_and_time(
    check: Callable[[Any], None], error: type[HarkaraError]
) -> None:
    receipt = read_receipt(sign_receipt(EXCHANGE, MOI, STATEMENT, fixed("sealed")).payload)
    admission.check_receipt(receipt, MOI, EXCHANGE.id, NOW)
    with pytest.raises(error):
        check(receipt)


# --- May it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("originator", "fields"),
    [
        pytest.param(FIA, {"category": "cybercrime"}, id="fia-of-cybercrime"),
        pytest.param(ANF, {"category": "drug-smuggling"}, id="anf-of-drugs"),
        pytest.param(MOI, {"category": "other", "status": "Exercise"}, id="the-ministry-of-anything"),
    ],
)
def test_an_agency_originates_what_it_may(originator: str, fields: dict[str, Any]) -> None:
    admission.check_may_originate(
        admission.policy_of(bulletin(originator, **fields)), originator, EXCHANGE.entitlements
    )


@pytest.mark.parametrize(
    ("originator", "fields", "pointer"),
    [
        pytest.param(ANF, {"category": "terrorism"}, "/category", id="anf-of-terrorism"),
        pytest.param(FIA, {"category": "drug-smuggling"}, "/category", id="fia-of-drugs"),
        pytest.param(ACADEMY, {"category": "other", "status": "Exercise"}, "/category", id="the-academy"),
        pytest.param(
            "cn.beijing-police",
            {"category": "drug-smuggling", "status": "Exercise"},
            "/status",
            id="a-status",
        ),
    ],
)
def test_an_agency_does_not_originate_what_it_may_not(
    originator: str, fields: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(MayNotOriginate) as refused:
        admission.check_may_originate(
            admission.policy_of(bulletin(originator, **fields)), originator, EXCHANGE.entitlements
        )
    assert refused.value.problems[0].pointer == pointer


def test_an_agency_without_a_grant_originates_nothing() -> None:
    found = bulletin(originator="pk.later")
    with pytest.raises(MayNotOriginate) as refused:
        admission.check_may_originate(admission.policy_of(found), found.originator, EXCHANGE.entitlements)
    assert refused.value.problems[0].expected == "nothing"


def test_posting_goes_on_through_grace_and_ends_with_it() -> None:
    admission.check_registry(REGISTRY, NOW)
    admission.check_registry(REGISTRY, REGISTRY.expires)
    admission.check_registry(REGISTRY, REGISTRY.grace - 1)
    with pytest.raises(RegistryExpired):
        admission.check_registry(REGISTRY, REGISTRY.grace)


# --- Its policy ---------------------------------------------------------------------------------------------


def test_the_policy_is_made_of_the_fields_that_routing_needs() -> None:
    found = bulletin(
        type="Update",
        references=["0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64", "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b63"],
        areas=[
            {"name": "Punjab", "code": "PK-PB"},
            {"name": "Islamabad", "code": "PK-IS"},
            {"name": "Lahore", "code": "PK-PB"},
        ],
        respond_by="urgent",
        request="Is the van known to you?",
    )
    policy = admission.policy_of(found)
    assert policy == Policy(
        status="Actual",
        type="Update",
        category="terrorism",
        marking="TLP:AMBER",
        severity="Severe",
        areas=("PK-IS", "PK-PB"),
        references=("0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64", "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b63"),
        expires_at=NOW + DAY,
        respond_by="urgent",
    )
    assert read_policy_opening(policy.opening(fixed("s"))) == (fixed("s"), policy)


def test_a_cancel_without_severity_has_a_policy_too() -> None:
    found = bulletin(
        type="Cancel",
        references=["0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64"],
        text=None,
        urgency=None,
        severity=None,
        certainty=None,
    )
    assert admission.policy_of(found).severity is None
