"""Which keys are in force when: the table answers as the rule does, at every moment and in any order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from broker.protocol.card import Card, PublicKey, Use
from broker.protocol.in_force import InForce
from tests.exchange_fixtures import make_exchange

CARD = make_exchange().registry.cards["pk.fia"]
USES: tuple[Use, ...] = ("sign", "seal")

moments = st.integers(0, 12)
keys = st.builds(
    lambda kid, use, first, last: PublicKey(bytes([kid]) * 32, use, first, last, None, None),
    st.integers(0, 5),
    st.sampled_from(USES),
    moments,
    moments,
)
cards = st.lists(
    st.builds(
        lambda member, role, found: replace(CARD, id=member, role=role, keys=tuple(found)),
        st.sampled_from(["pk.a1", "pk.b2", "pk.c3"]),
        st.sampled_from(["agency", "agency", "broker"]),
        st.lists(keys, max_size=4),
    ),
    unique_by=lambda card: card.id,
    max_size=3,
)
revocations = st.dictionaries(st.integers(0, 5).map(lambda kid: bytes([kid]) * 32), moments, max_size=4)


def by_rule(listed: list[Card], revoked: dict[bytes, int], member: str, use: Use, now: int) -> bytes | None:
    """The id of the key that is used: in force, not revoked, valid longest."""
    usable = [
        (key.not_after, key.kid)
        for card in listed
        if card.id == member
        for key in card.keys
        if key.use == use and key.not_before <= now < key.not_after and now < revoked.get(key.kid, 99)
    ]
    return max(usable)[1] if usable else None


@given(cards, revocations, st.lists(moments, min_size=1, max_size=30))
def test_the_table_answers_as_the_rule_does(
    listed: list[Card], revoked: dict[bytes, int], asked: list[int]
) -> None:
    table = InForce(listed, revoked)
    for now in asked:
        span = table.at(now)
        for card in listed:
            for use in USES:
                found = span.keys.get((card.id, use))
                assert (found and found.kid) == by_rule(listed, revoked, card.id, use, now)
        assert span.active == {
            card.id
            for card in listed
            if card.role == "agency" and all(by_rule(listed, revoked, card.id, use, now) for use in USES)
        }


@given(cards, revocations, moments)
def test_asking_again_gives_the_same_without_computing_it(
    listed: list[Card], revoked: dict[bytes, int], now: int
) -> None:
    table = InForce(listed, revoked)
    assert table.at(now) is table.at(now)
