"""Digests of address, policy and statement: the exact bytes, and what a digest alone gives away (nothing)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import permutations
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import Malformed
from broker.protocol import dsse
from broker.protocol.digests import (
    Address,
    Policy,
    address_json,
    read_address,
    read_policy_opening,
    statement_digest,
)
from broker.protocol.encoding import pack
from broker.protocol.fields import AREA_CODE
from broker.protocol.limits import SAFE_INTEGER
from broker.protocol.vocabulary import BULLETIN_TYPES, CATEGORIES, MARKINGS, SEVERITIES, STATUSES
from tests.exchange_fixtures import BEIJING, FIA, MOI, NOW, fixed, make_exchange, sign_bulletin

SALT = fixed("salt")
ADDRESS = Address(SALT, (MOI, "group:federal"), (BEIJING,))
POLICY = Policy(
    status="Actual",
    type="Update",
    category="terrorism",
    marking="TLP:AMBER",
    severity="Severe",
    areas=("PK-IS", "PK-PB"),
    references=("0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64",),
    expires_at=NOW,
    respond_by="urgent",
)


def sha(*elements: Any) -> bytes:
    """SHA-256 of msgpack, apart from the code under test."""
    packed = msgpack.packb(list(elements))
    assert isinstance(packed, bytes)
    return hashlib.sha256(packed).digest()


# --- Address ------------------------------------------------------------------------------------------------


def test_the_address_digest_is_over_salt_and_sorted_names() -> None:
    assert ADDRESS.digest() == sha("harkara/1 address", SALT, ["group:federal", MOI], [BEIJING])


@pytest.mark.parametrize("to", list(permutations(["pk.a1", "pk.b2", "group:x"])), ids=" ".join)
def test_the_order_in_which_agencies_are_named_does_not_matter(to: tuple[str, ...]) -> None:
    assert Address(SALT, to).digest() == Address(SALT, ("pk.a1", "pk.b2", "group:x")).digest()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(ADDRESS, salt=fixed("other")), id="another-salt"),
        pytest.param(replace(ADDRESS, to=(MOI,)), id="somebody-less"),
        pytest.param(replace(ADDRESS, to=(*ADDRESS.to, FIA)), id="somebody-more"),
        pytest.param(replace(ADDRESS, to=ADDRESS.excepted, excepted=ADDRESS.to), id="to-and-except-swapped"),
        pytest.param(replace(ADDRESS, excepted=()), id="nobody-excepted"),
        pytest.param(replace(ADDRESS, to=(f"{MOI}group:federal",)), id="two-names-in-one"),
    ],
)
def test_another_address_has_another_digest(other: Address) -> None:
    assert other.digest() != ADDRESS.digest()


def test_an_address_is_read_back_as_it_travels() -> None:
    for address in (ADDRESS, replace(ADDRESS, to=()), replace(ADDRESS, excepted=())):
        assert read_address(address_json(address)) == address


SALT64 = dsse.encode64(SALT)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        pytest.param([MOI], "", id="a-list"),
        pytest.param("pk.moi", "", id="a-name"),
        pytest.param({"salt": SALT64}, "", id="nobody-named"),
        pytest.param({"salt": SALT64, "to": [], "except": []}, "", id="two-empty-lists"),
        pytest.param({"salt": SALT64, "to": [MOI], "cc": [FIA]}, "", id="a-member-too-many"),
        pytest.param({"to": [MOI]}, "/salt", id="no-salt"),
        pytest.param({"salt": "AAAA", "to": [MOI]}, "/salt", id="a-short-salt"),
        pytest.param({"salt": SALT64 + "=", "to": [MOI]}, "/salt", id="a-salt-spelled-otherwise"),
        pytest.param({"salt": SALT64, "to": [f"pk.a{n}" for n in range(4097)]}, "/to", id="too-many"),
        pytest.param({"salt": SALT64, "to": MOI}, "/to", id="a-name-for-a-list"),
        pytest.param({"salt": SALT64, "to": [1]}, "/to", id="a-number-for-a-name"),
        pytest.param({"salt": SALT64, "to": [MOI, MOI]}, "/to", id="a-name-twice"),
        pytest.param({"salt": SALT64, "to": [MOI], "except": {FIA: 1}}, "/except", id="an-object-for-a-list"),
    ],
)
def test_any_other_address_is_refused_where_it_is_wrong(value: object, pointer: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_address(value)
    assert refused.value.problems[0].pointer == f"/address{pointer}"


# --- Policy -------------------------------------------------------------------------------------------------


def test_the_policy_digest_is_over_its_fields_in_order() -> None:
    assert POLICY.digest(SALT) == sha(
        "harkara/1 policy",
        SALT,
        "Actual",
        "Update",
        "terrorism",
        "TLP:AMBER",
        "Severe",
        ["PK-IS", "PK-PB"],
        ["0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64"],
        NOW,
        "urgent",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"status": "Test"},
        {"type": "Alert"},
        {"category": "other"},
        {"marking": "TLP:RED"},
        {"severity": None},
        {"severity": "Minor"},
        {"areas": ()},
        {"areas": ("PK-IS",)},
        {"references": ()},
        {"expires_at": NOW + 1},
        {"respond_by": None},
        {"respond_by": "routine"},
    ],
    ids=lambda change: "-".join(f"{name}-{value}" for name, value in change.items()),
)
def test_a_policy_that_differs_in_one_field_has_another_digest(change: dict[str, Any]) -> None:
    assert replace(POLICY, **change).digest(SALT) != POLICY.digest(SALT)


def test_two_policies_with_one_digest_need_one_salt() -> None:
    assert POLICY.digest(SALT) != POLICY.digest(fixed("another salt"))


texts = st.text(max_size=12)
policies = st.builds(
    Policy,
    status=st.sampled_from(STATUSES),
    type=st.sampled_from(BULLETIN_TYPES),
    category=st.sampled_from(CATEGORIES),
    marking=st.sampled_from(MARKINGS),
    severity=st.none() | st.sampled_from(SEVERITIES),
    areas=st.lists(st.from_regex(AREA_CODE, fullmatch=True), max_size=4).map(tuple),
    references=st.lists(st.uuids(version=4).map(str), max_size=4).map(tuple),
    expires_at=st.integers(0, SAFE_INTEGER),
    respond_by=st.none() | texts,
)


@given(policies, st.binary(min_size=32, max_size=32))
def test_an_opening_is_read_back(policy: Policy, salt: bytes) -> None:
    assert read_policy_opening(policy.opening(salt)) == (salt, policy)


FIELDS: tuple[Any, ...] = (SALT, "Actual", "Alert", "other", "TLP:RED", None, [], [], NOW, None)


def opening(place: int, value: Any) -> bytes:
    fields = list(FIELDS)
    fields[place] = value
    return pack("policy", *fields)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(opening(0, bytes(31)), id="a-short-salt"),
        pytest.param(opening(1, "Draft"), id="a-status-that-is-none"),
        pytest.param(opening(2, "Ack"), id="a-type-that-is-none"),
        pytest.param(opening(3, "espionage"), id="a-category-that-is-none"),
        pytest.param(opening(4, "TLP:WHITE"), id="a-marking-of-tlp-1"),
        pytest.param(opening(5, "Worst"), id="a-severity-that-is-none"),
        pytest.param(opening(5, ""), id="an-empty-severity"),
        pytest.param(opening(6, "PK"), id="an-area-that-is-no-list"),
        pytest.param(opening(6, ["pk-is"]), id="an-area-in-small-letters"),
        pytest.param(opening(6, ["PK-IS\n"]), id="a-line-for-an-area"),
        pytest.param(opening(6, ["PK"] * 65), id="65-areas"),
        pytest.param(opening(7, [1]), id="a-number-for-a-reference"),
        pytest.param(opening(7, ["../pk.moi"]), id="a-reference-that-is-no-id"),
        pytest.param(opening(7, [POLICY.references[0]] * 65), id="65-references"),
        pytest.param(opening(8, 2**53), id="a-time-that-no-clock-tells"),
        pytest.param(opening(8, 2**64 - 1), id="the-largest-number"),
        pytest.param(opening(8, -1), id="a-negative-time"),
        pytest.param(opening(8, 1.5), id="half-a-microsecond"),
        pytest.param(opening(9, NOW), id="a-number-for-respond-by"),
        pytest.param(pack("policy", *FIELDS[:-1]), id="a-field-less"),
        pytest.param(pack("address", *FIELDS), id="another-purpose"),
    ],
)
def test_any_other_opening_is_refused(record: bytes) -> None:
    with pytest.raises(Malformed):
        read_policy_opening(record)


# --- Statement ----------------------------------------------------------------------------------------------


STATEMENT, _ = sign_bulletin(make_exchange(), FIA)


def test_the_statement_digest_covers_all_of_the_statement() -> None:
    only = STATEMENT.signature
    assert statement_digest(STATEMENT) == sha(
        "harkara/1 statement", STATEMENT.payload_type, STATEMENT.payload, only.kid, only.value
    )


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(STATEMENT, payload=STATEMENT.payload + b" "), id="a-space-more"),
        pytest.param(replace(STATEMENT, payload_type="application/json"), id="another-type"),
        pytest.param(
            replace(STATEMENT, signatures=(replace(STATEMENT.signature, kid=bytes(32)),)), id="another-key-id"
        ),
        pytest.param(
            replace(STATEMENT, signatures=(replace(STATEMENT.signature, value=bytes(64)),)),
            id="another-signature",
        ),
    ],
)
def test_another_statement_has_another_digest(other: dsse.Envelope) -> None:
    assert statement_digest(other) != statement_digest(STATEMENT)


@pytest.mark.parametrize("signatures", [(), STATEMENT.signatures * 2], ids=["none", "two"])
def test_a_statement_without_exactly_one_signature_has_none(signatures: tuple[dsse.Signature, ...]) -> None:
    with pytest.raises(Malformed):
        statement_digest(replace(STATEMENT, signatures=signatures))
