"""Attacks on single items: each is one doubt, with its reason, and none passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.client.doubts import Doubt, DoubtfulItem
from broker.protocol.answers import RECEIPT_TYPE, Receipt
from broker.protocol.bulletin import PAYLOAD_TYPE, Bulletin
from broker.protocol.delivery import RECEIPT
from broker.protocol.digests import statement_digest
from broker.protocol.limits import DAY_US, HOUR_US, SECOND_US, STAMP_LAG_US
from broker.protocol.sealing import Sealed
from broker.protocol.stamp import STAMP_TYPE
from tests.client.made_items import (
    MadeItem,
    check,
    make_item,
    make_pair_key,
    resigned,
    signed_as,
    with_sealed,
)
from tests.exchange_fixtures import (
    ANF,
    BROKER,
    FIA,
    ISLAMABAD,
    MOI,
    NOW,
    fixed,
    identity,
    make_exchange,
    next_version,
    sign_bulletin,
)

EXCHANGE = make_exchange()
OTHER_EXCHANGE = make_exchange(name="Somebody else's exchange")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="an-ordinary-bulletin"),
        pytest.param({"to": (ISLAMABAD,)}, id="an-addressed-bulletin"),
        pytest.param({"bulletin": {"marking": "TLP:RED"}, "to": (ISLAMABAD, MOI)}, id="a-red-bulletin"),
        pytest.param(
            {
                "header": {"mode": "originator", "sealer": FIA, "sealer_kid": EXCHANGE.signing(FIA).kid},
                "binding": {"sealer": FIA, "sealer_kid": EXCHANGE.signing(FIA).kid},
                "seal_by": FIA,
            },
            id="a-bulletin-sealed-by-its-author",
        ),
    ],
)
def test_an_authentic_bulletin_passes(changes: dict[str, Any]) -> None:
    verified = check(make_item(EXCHANGE, **changes), EXCHANGE)
    assert isinstance(verified.document, Bulletin)
    assert verified.author.id == verified.document.originator == FIA


def test_an_authentic_receipt_passes() -> None:
    made = make_item(EXCHANGE, kind=RECEIPT, author=ISLAMABAD, reader=ISLAMABAD)
    verified = check(made, EXCHANGE)
    assert isinstance(verified.document, Receipt)


WRONG: list[Any] = [
    # who stamps
    pytest.param({"stamped_by": MOI, "header": {"sealer": MOI}}, Doubt.STAMP_KEY, id="stamped-by-an-agency"),
    pytest.param({"stamp": {"broker_kid": fixed("nobody")}}, Doubt.STAMP_KEY, id="stamp-names-another-key"),
    pytest.param(
        {"stamp": {"taken_at": NOW - 60 * DAY_US}},
        Doubt.STAMP_KEY_NOT_IN_FORCE,
        id="stamped-before-the-key-began",
    ),
    pytest.param(
        {"stamp": {"taken_at": NOW + 400 * DAY_US}},
        Doubt.STAMP_KEY_NOT_IN_FORCE,
        id="stamped-after-the-key-ended",
    ),
    pytest.param({"stamp": {"exchange": OTHER_EXCHANGE.id}}, Doubt.STAMP_EXCHANGE, id="stamped-elsewhere"),
    pytest.param({"stamp": {"sealed": fixed("other")}}, Doubt.STAMP_SEALED, id="stamp-for-another-item"),
    # what the header says
    pytest.param({"header": {"exchange": OTHER_EXCHANGE.id}}, Doubt.HEADER_EXCHANGE, id="sealed-elsewhere"),
    pytest.param({"stamp": {"originator": MOI}}, Doubt.HEADER_STAMP, id="stamp-names-another-author"),
    pytest.param({"stamp": {"id": "other"}}, Doubt.HEADER_STAMP, id="stamp-names-another-id"),
    pytest.param({"stamp": {"stmt": fixed("other")}}, Doubt.HEADER_STAMP, id="stamp-names-another-statement"),
    pytest.param({"header": {"sealer": MOI}}, Doubt.SEALER, id="a-sealer-whose-key-it-is-not"),
    pytest.param(
        {"header": {"sealer": MOI, "sealer_kid": EXCHANGE.signing(MOI).kid}},
        Doubt.SEALER,
        id="an-agency-seals-as-if-it-were-a-broker",
    ),
    pytest.param(
        {
            "header": {"mode": "originator", "sealer": MOI, "sealer_kid": EXCHANGE.signing(MOI).kid},
            "seal_by": MOI,
        },
        Doubt.SEALER,
        id="a-recipient-seals-again-what-another-said",
    ),
    pytest.param(
        {
            "header": {"mode": "originator", "sealer": FIA, "sealer_kid": EXCHANGE.signing(MOI).kid},
            "seal_by": MOI,
        },
        Doubt.SEALER,
        id="sealed-in-the-authors-name-by-another",
    ),
    pytest.param(
        {
            "header": {"mode": "originator", "sealer": FIA, "sealer_kid": EXCHANGE.signing(FIA).kid},
            "seal_by": MOI,
        },
        Doubt.SEALER,
        id="a-seal-that-the-author-did-not-sign",
    ),
    pytest.param(
        {"header": {"mode": "originator", "sealer": FIA, "sealer_kid": EXCHANGE.signing(FIA).kid}},
        Doubt.SEALER,
        id="a-blind-post-without-its-seal",
    ),
    pytest.param({"header": {"mode": "whatever"}}, Doubt.HEADER_FORM, id="a-mode-that-nobody-knows"),
    # the key between sealer and reader
    pytest.param({"reader": ANF}, Doubt.PAIR_KEY, id="another-agencys-item"),
    pytest.param(
        {"binding": {"exchange": OTHER_EXCHANGE.id}}, Doubt.PAIR_KEY, id="a-key-of-another-exchange"
    ),
    pytest.param({"binding": {"sealer": MOI}}, Doubt.PAIR_KEY, id="a-key-of-another-sealer"),
    pytest.param({"binding": {"sealer_kid": fixed("x")}}, Doubt.PAIR_KEY, id="a-key-under-another-signature"),
    pytest.param({"binding": {"not_after": NOW - 1}}, Doubt.PAIR_KEY, id="a-key-that-had-ended"),
    pytest.param({"binding": {"not_before": NOW + 1}}, Doubt.PAIR_KEY, id="a-key-that-had-not-begun"),
    # what is inside
    pytest.param(
        {"statement": signed_as(EXCHANGE.signing(FIA), RECEIPT_TYPE)},
        Doubt.STATEMENT_KIND,
        id="a-receipt-in-a-bulletins-clothes",
    ),
    pytest.param(
        {"statement": resigned(EXCHANGE, MOI)}, Doubt.STATEMENT, id="another-signer-than-was-stamped"
    ),
    pytest.param({"bulletin": {"originator": MOI}}, Doubt.AUTHOR, id="names-an-author-who-did-not-sign"),
    pytest.param(
        {"bulletin": {"exchange": OTHER_EXCHANGE.id.hex()}}, Doubt.EXCHANGE, id="written-for-another-exchange"
    ),
    pytest.param(
        {"bulletin": {"sent": "2026-02-01T09:30:00Z", "expires": "2026-03-02T09:30:00Z"}},
        Doubt.SENT,
        id="sent-a-month-before-it-was-stamped",
    ),
    pytest.param({"bulletin": {"sent": "2026-03-01T09:40:00Z"}}, Doubt.SENT, id="sent-after-it-was-stamped"),
    pytest.param({"header": {"policy": fixed("other")}}, Doubt.POLICY, id="routed-by-other-facts"),
    pytest.param({"content": {"policy_salt": fixed("other")}}, Doubt.POLICY, id="another-salt"),
    pytest.param({"content": {"policy_salt": None}}, Doubt.CONTENT, id="no-salt"),
    pytest.param({"header": {"address_digest": fixed("x")}}, Doubt.ADDRESS, id="an-address-that-it-lacks"),
    pytest.param(
        {"to": (ISLAMABAD,), "header": {"address_digest": None}}, Doubt.ADDRESS, id="its-address-left-out"
    ),
    # receipts
    pytest.param({"kind": RECEIPT, "author": MOI}, Doubt.NOT_FOR_US, id="a-receipt-for-another-agency"),
    pytest.param(
        {"kind": RECEIPT, "author": ISLAMABAD, "content": {"policy_salt": fixed("x")}},
        Doubt.CONTENT,
        id="a-receipt-with-a-policy-salt",
    ),
    pytest.param(
        {"kind": RECEIPT, "author": ISLAMABAD, "bulletin": {"agency": MOI}},
        Doubt.AUTHOR,
        id="a-receipt-in-anothers-name",
    ),
]


@pytest.mark.parametrize(("changes", "doubt"), WRONG)
def test_an_item_made_wrongly_is_refused_for_its_reason(changes: dict[str, Any], doubt: Doubt) -> None:
    with pytest.raises(DoubtfulItem) as refused:
        check(make_item(EXCHANGE, **changes), EXCHANGE)
    assert refused.value.doubt is doubt


def _stamp_resigned(item: MadeItem) -> MadeItem:
    stamp = EXCHANGE.signing(MOI).sign(STAMP_TYPE, item.body.stamp.payload)
    return replace(item, body=replace(item.body, stamp=stamp))


def _stamp_as_other_kind(item: MadeItem) -> MadeItem:
    stamp = EXCHANGE.signing(BROKER).sign("application/vnd.harkara.head+msgpack", item.body.stamp.payload)
    return replace(item, body=replace(item.body, stamp=stamp))


def _stamp_garbage(item: MadeItem) -> MadeItem:
    return replace(item, body=replace(item.body, stamp=EXCHANGE.signing(BROKER).sign(STAMP_TYPE, b"\x90")))


AFTERWARDS: list[Any] = [
    pytest.param(
        lambda item: replace(item, digest=fixed("other")), Doubt.REFERENCE, id="not-what-the-chain-names"
    ),
    pytest.param(lambda item: replace(item, kind=RECEIPT), Doubt.KIND, id="announced-as-a-receipt"),
    pytest.param(lambda item: replace(item, kind="gossip"), Doubt.KIND, id="a-kind-that-nobody-knows"),
    pytest.param(_stamp_resigned, Doubt.STAMP_KEY, id="stamp-signed-again-by-an-agency"),
    pytest.param(_stamp_as_other_kind, Doubt.STAMP_SIGNATURE, id="stamp-signed-as-a-head"),
    pytest.param(_stamp_garbage, Doubt.STAMP_FORM, id="a-stamp-that-is-none"),
    pytest.param(
        lambda item: with_sealed(item, Sealed(item.body.sealed.header, b"other")),
        Doubt.REFERENCE,
        id="other-ciphertext",
    ),
    pytest.param(
        lambda item: replace(item, body=replace(item.body, wrap=item.body.wrap[:16] + bytes(48))),
        Doubt.CONTENT,
        id="a-wrap-of-nothing",
    ),
    pytest.param(
        lambda item: replace(item, body=replace(item.body, wrap=bytes(64))),
        Doubt.PAIR_KEY,
        id="a-wrap-of-zeros",
    ),
    pytest.param(
        lambda item: replace(item, body=replace(item.body, wrap=make_item(EXCHANGE, author=MOI).body.wrap)),
        Doubt.CONTENT,
        id="the-wrap-of-another-item",
    ),
]


@pytest.mark.parametrize(("change", "doubt"), AFTERWARDS)
def test_an_item_changed_on_its_way_is_refused(change: Callable[[MadeItem], MadeItem], doubt: Doubt) -> None:
    with pytest.raises(DoubtfulItem) as refused:
        check(change(make_item(EXCHANGE)), EXCHANGE)
    assert refused.value.doubt is doubt


@pytest.mark.parametrize(
    ("before", "passes"),
    [
        pytest.param(NOW + STAMP_LAG_US, True, id="five-seconds-behind-is-the-most"),
        pytest.param(NOW + STAMP_LAG_US + 1, False, id="a-stamp-put-back-by-more"),
        pytest.param(NOW + HOUR_US, False, id="a-stamp-put-back-by-an-hour"),
    ],
)
def test_a_stamp_may_lag_by_little_only(before: int, passes: bool) -> None:
    made = make_item(EXCHANGE)
    if passes:
        assert check(made, EXCHANGE, latest_stamp=before)
        return
    with pytest.raises(DoubtfulItem) as refused:
        check(made, EXCHANGE, latest_stamp=before)
    assert refused.value.doubt is Doubt.STAMP_LAG


@pytest.mark.parametrize(
    ("member", "since", "doubt"),
    [
        pytest.param(FIA, NOW, Doubt.AUTHOR_KEY_NOT_IN_FORCE, id="the-authors-key-was-revoked-at-the-stamp"),
        pytest.param(BROKER, NOW - SECOND_US, Doubt.STAMP_KEY_NOT_IN_FORCE, id="the-brokers-key-was-revoked"),
        pytest.param(FIA, NOW + 1, None, id="what-was-signed-before-a-revocation-stays-verifiable"),
    ],
)
def test_revocation_is_asked_at_the_time_of_the_stamp(member: str, since: int, doubt: Doubt | None) -> None:
    made = make_item(EXCHANGE)
    later = next_version(EXCHANGE, revoked={EXCHANGE.signing(member).kid: since})
    if doubt is None:
        assert check(made, later)
        return
    with pytest.raises(DoubtfulItem) as refused:
        check(made, later)
    assert refused.value.doubt is doubt


def test_an_author_who_left_the_registry_is_not_known() -> None:
    stranger = identity(EXCHANGE.id, FIA, generation=7)
    made = make_item(replace(EXCHANGE, identities={**EXCHANGE.identities, FIA: stranger}))
    with pytest.raises(DoubtfulItem) as refused:
        check(made, EXCHANGE)
    assert refused.value.doubt is Doubt.AUTHOR_KEY


def test_a_key_between_others_opens_nothing() -> None:
    with pytest.raises(DoubtfulItem) as refused:
        check(make_item(EXCHANGE), EXCHANGE, pair_key=make_pair_key(EXCHANGE, ANF))
    assert refused.value.doubt is Doubt.PAIR_KEY


def test_a_signature_that_was_changed_inside_is_not_the_authors() -> None:
    def spoil(statement: Any) -> Any:
        return replace(statement, signatures=(replace(statement.signature, value=bytes(64)),))

    stmt = _stmt_of(spoil)
    with pytest.raises(DoubtfulItem) as refused:
        check(make_item(EXCHANGE, statement=spoil, header={"stmt": stmt}), EXCHANGE)
    assert refused.value.doubt is Doubt.AUTHOR_SIGNATURE


def _stmt_of(change: Callable[[Any], Any]) -> bytes:
    return statement_digest(change(sign_bulletin(EXCHANGE, FIA)[0]))


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        pytest.param(PAYLOAD_TYPE, b"{}", id="an-empty-document"),
        pytest.param(PAYLOAD_TYPE, b"not json", id="no-json"),
        pytest.param(PAYLOAD_TYPE, b'{"id":null}', id="a-null"),
    ],
)
def test_a_signed_statement_that_is_no_bulletin_is_refused(kind: str, payload: bytes) -> None:
    statement = EXCHANGE.signing(FIA).sign(kind, payload)
    made = make_item(EXCHANGE, statement=lambda _: statement, header={"stmt": statement_digest(statement)})
    with pytest.raises(DoubtfulItem) as refused:
        check(made, EXCHANGE)
    assert refused.value.doubt is Doubt.SCHEMA


PARTS: dict[str, Callable[[MadeItem, bytes], MadeItem]] = {
    "header": lambda item, new: with_sealed(item, Sealed(new, item.body.sealed.ciphertext)),
    "ciphertext": lambda item, new: with_sealed(item, Sealed(item.body.sealed.header, new)),
    "wrap": lambda item, new: replace(item, body=replace(item.body, wrap=new)),
    "stamp": lambda item, new: replace(
        item, body=replace(item.body, stamp=replace(item.body.stamp, payload=new))
    ),
    "stamp signature": lambda item, new: replace(
        item,
        body=replace(
            item.body,
            stamp=replace(item.body.stamp, signatures=(replace(item.body.stamp.signature, value=new),)),
        ),
    ),
}


def _bytes_of(item: MadeItem, part: str) -> bytes:
    body = item.body
    return {
        "header": body.sealed.header,
        "ciphertext": body.sealed.ciphertext,
        "wrap": body.wrap,
        "stamp": body.stamp.payload,
        "stamp signature": body.stamp.signature.value,
    }[part]


@pytest.mark.parametrize("chained", [True, False], ids=["in-an-inbox", "fetched-alone"])
@pytest.mark.parametrize("part", list(PARTS))
def test_no_changed_byte_of_anything_passes(part: str, chained: bool) -> None:
    made = make_item(EXCHANGE, to=(ISLAMABAD,))
    whole = _bytes_of(made, part)
    step = max(1, len(whole) // 150)
    for place in range(0, len(whole), step):
        changed = bytearray(whole)
        changed[place] ^= 0x01
        spoiled = PARTS[part](made, bytes(changed))
        if not chained:
            spoiled = replace(spoiled, digest=spoiled.body.sealed.digest())
        with pytest.raises(DoubtfulItem):
            check(spoiled, EXCHANGE)


def test_no_reason_repeats_content() -> None:
    made = make_item(EXCHANGE, bulletin={"originator": MOI})
    with pytest.raises(DoubtfulItem) as refused:
        check(made, EXCHANGE)
    assert "Mosque" not in refused.value.words + str(refused.value)
