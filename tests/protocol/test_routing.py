"""Need-to-know: a table of cases that people can read, and properties that hold for every case."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.errors import UnknownAgency, WrongAddress
from broker.protocol.digests import Address, Policy
from broker.protocol.routing import Grant, Interest, Reason, entitlement, route
from broker.protocol.vocabulary import MARKINGS, NAMED_MARKINGS, SEVERITIES, STATUSES
from tests.exchange_fixtures import NOW, fixed

SALT = fixed("salt")
CATEGORIES = ("terrorism", "drug-smuggling", "other")
ALL = Grant(
    originate=frozenset(CATEGORIES),
    categories=frozenset(CATEGORIES),
    marking="TLP:RED",
    statuses=frozenset(STATUSES),
)
ALERT = Policy("Actual", "Alert", "terrorism", "TLP:GREEN", "Severe", ("PK-IS",), (), NOW, None)
CANCEL = replace(ALERT, type="Cancel", references=("id",))
UPDATE = replace(CANCEL, type="Update")
RED = replace(ALERT, marking="TLP:RED")

AUTHOR, HEARER, OTHER = "pk.fia", "pk.moi", "pk.anf"
MEMBERS = (AUTHOR, HEARER, OTHER)


@dataclass(frozen=True)
class Case:
    """The arguments of `route`, with the usual ones filled in."""

    policy: Policy = ALERT
    address: Address | None = None
    members: tuple[str, ...] = MEMBERS
    active: frozenset[str] = frozenset(MEMBERS)
    grants: dict[str, Grant] | None = None
    groups: dict[str, frozenset[str]] | None = None
    interests: dict[str, Interest] | None = None
    holders: frozenset[str] | None = None

    def reasons(self) -> dict[str, Reason]:
        """Ask."""
        return route(
            self.policy,
            AUTHOR,
            self.address,
            self.members,
            self.active,
            dict.fromkeys(self.members, ALL) if self.grants is None else self.grants,
            {"both": frozenset({HEARER, OTHER}), "empty": frozenset()}
            if self.groups is None
            else self.groups,
            self.interests or {},
            self.holders,
        )

    def recipients(self) -> set[str]:
        """Ask who receives."""
        return {agency for agency, reason in self.reasons().items() if reason.delivers}


def to(*names: str, excepted: tuple[str, ...] = ()) -> Address:
    return Address(SALT, names, excepted)


def hears(**fields: Any) -> dict[str, Interest]:
    return {HEARER: Interest(**fields)}


def may(**fields: Any) -> dict[str, Grant]:
    return dict.fromkeys(MEMBERS, ALL) | {HEARER: replace(ALL, **fields)}


HOLDERS = frozenset({HEARER})
PAKISTAN = replace(ALERT, areas=("PK",))
NOWHERE = replace(ALERT, areas=())
MILD = replace(ALERT, severity="Minor")


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        pytest.param(Case(), Reason.SUBSCRIBED, id="who-has-not-subscribed-hears-all-it-is-entitled-to"),
        pytest.param(Case(active=frozenset({AUTHOR, OTHER})), Reason.INACTIVE, id="who-is-not-active"),
        pytest.param(Case(grants={}), Reason.STATUS, id="who-has-no-grant-is-entitled-to-nothing"),
        pytest.param(Case(grants=may(statuses=frozenset({"Test"}))), Reason.STATUS, id="another-status"),
        pytest.param(
            Case(grants=may(categories=frozenset({"other"}))), Reason.CATEGORY, id="another-category"
        ),
        pytest.param(Case(grants=may(marking="TLP:CLEAR")), Reason.MARKING, id="a-narrower-marking"),
        pytest.param(Case(grants=may(marking="TLP:GREEN")), Reason.SUBSCRIBED, id="just-this-marking"),
        pytest.param(Case(grants=may(only_named=True)), Reason.ONLY_NAMED, id="who-hears-only-what-names-it"),
        # to and except
        pytest.param(Case(address=to(HEARER)), Reason.NAMED, id="named"),
        pytest.param(Case(address=to(OTHER)), Reason.NOT_NAMED, id="not-named"),
        pytest.param(Case(address=to("group:both")), Reason.NAMED, id="named-by-a-group"),
        pytest.param(Case(address=to("group:empty")), Reason.NOT_NAMED, id="an-empty-group-is-for-nobody"),
        pytest.param(Case(address=to(AUTHOR)), Reason.NOT_NAMED, id="only-the-author-named"),
        pytest.param(Case(address=to(excepted=(HEARER,))), Reason.EXCEPTED, id="excepted"),
        pytest.param(Case(address=to(excepted=("group:both",))), Reason.EXCEPTED, id="excepted-by-a-group"),
        pytest.param(Case(address=to(excepted=("group:empty",))), Reason.SUBSCRIBED, id="excepting-nobody"),
        pytest.param(Case(address=to(HEARER, excepted=(HEARER,))), Reason.EXCEPTED, id="named-and-excepted"),
        pytest.param(
            Case(address=to("group:both", excepted=(HEARER,))), Reason.EXCEPTED, id="a-group-except-one"
        ),
        pytest.param(
            Case(address=to(HEARER), grants=may(only_named=True)),
            Reason.NAMED,
            id="named-who-hears-only-that",
        ),
        pytest.param(
            Case(address=to(HEARER), grants=may(marking="TLP:CLEAR")),
            Reason.MARKING,
            id="named-but-not-entitled",
        ),
        pytest.param(
            Case(address=to(HEARER), active=frozenset({AUTHOR})), Reason.INACTIVE, id="named-but-not-active"
        ),
        pytest.param(
            Case(address=to(HEARER), interests=hears(categories=frozenset({"other"}))),
            Reason.NAMED,
            id="named-whatever-it-subscribed-to",
        ),
        pytest.param(Case(policy=RED, address=to(HEARER)), Reason.NAMED, id="red-to-a-named-agency"),
        # subscriptions
        pytest.param(
            Case(interests=hears(categories=frozenset({"terrorism"}))), Reason.SUBSCRIBED, id="this-category"
        ),
        pytest.param(
            Case(interests=hears(categories=frozenset({"other"}))),
            Reason.UNSUBSCRIBED_CATEGORY,
            id="other-categories",
        ),
        pytest.param(Case(interests=hears(areas=frozenset({"PK-IS"}))), Reason.SUBSCRIBED, id="this-area"),
        pytest.param(Case(interests=hears(areas=frozenset({"PK"}))), Reason.SUBSCRIBED, id="the-area-around"),
        pytest.param(
            Case(PAKISTAN, interests=hears(areas=frozenset({"PK-IS"}))),
            Reason.SUBSCRIBED,
            id="a-part-of-the-area",
        ),
        pytest.param(
            Case(interests=hears(areas=frozenset({"PK-PB"}))), Reason.UNSUBSCRIBED_AREA, id="another-area"
        ),
        pytest.param(
            Case(interests=hears(areas=frozenset({"PK-I"}))),
            Reason.UNSUBSCRIBED_AREA,
            id="an-area-that-only-begins-alike",
        ),
        pytest.param(
            Case(NOWHERE, interests=hears(areas=frozenset({"PK-PB"}))),
            Reason.SUBSCRIBED,
            id="a-bulletin-about-no-area-concerns-all",
        ),
        pytest.param(
            Case(MILD, interests=hears(severity="Minor")), Reason.SUBSCRIBED, id="just-this-severity"
        ),
        pytest.param(
            Case(MILD, interests=hears(severity="Moderate")), Reason.UNSUBSCRIBED_SEVERITY, id="too-mild"
        ),
        pytest.param(
            Case(replace(ALERT, severity="Extreme"), interests=hears(severity="Severe")),
            Reason.SUBSCRIBED,
            id="worse-than-asked-for",
        ),
        pytest.param(
            Case(replace(ALERT, severity="Unknown"), interests=hears(severity="Extreme")),
            Reason.SUBSCRIBED,
            id="a-threat-of-unknown-size-is-not-small",
        ),
        pytest.param(
            Case(replace(ALERT, severity=None), interests=hears(severity="Extreme")),
            Reason.SUBSCRIBED,
            id="a-threat-without-a-severity-neither",
        ),
        # updates and cancels
        pytest.param(Case(CANCEL, holders=HOLDERS), Reason.HOLDS_ORIGINAL, id="a-cancel-to-a-holder"),
        pytest.param(
            Case(CANCEL, holders=frozenset({OTHER})), Reason.NOT_A_HOLDER, id="a-cancel-of-what-it-never-saw"
        ),
        pytest.param(
            Case(CANCEL, holders=frozenset()), Reason.NOT_A_HOLDER, id="a-cancel-of-what-nobody-got"
        ),
        pytest.param(Case(CANCEL), Reason.SUBSCRIBED, id="a-cancel-of-something-unknown"),
        pytest.param(
            Case(CANCEL, holders=HOLDERS, interests=hears(categories=frozenset({"other"}))),
            Reason.HOLDS_ORIGINAL,
            id="a-cancel-to-a-holder-whatever-it-subscribed-to",
        ),
        pytest.param(
            Case(CANCEL, holders=HOLDERS, grants=may(only_named=True)),
            Reason.HOLDS_ORIGINAL,
            id="a-cancel-to-a-holder-that-hears-only-what-names-it",
        ),
        pytest.param(
            Case(CANCEL, address=to(HEARER), holders=frozenset({OTHER})),
            Reason.NAMED,
            id="a-cancel-to-a-named",
        ),
        pytest.param(
            Case(CANCEL, address=to("group:empty"), holders=HOLDERS),
            Reason.NOT_NAMED,
            id="a-cancel-for-nobody",
        ),
        pytest.param(
            Case(CANCEL, address=to(excepted=(HEARER,)), holders=HOLDERS),
            Reason.EXCEPTED,
            id="a-cancel-from-which-a-holder-is-excepted",
        ),
        pytest.param(
            Case(UPDATE, holders=HOLDERS, interests=hears(categories=frozenset({"other"}))),
            Reason.HOLDS_ORIGINAL,
            id="an-update-to-a-holder-whatever-it-subscribed-to",
        ),
        pytest.param(
            Case(UPDATE, holders=HOLDERS, grants=may(marking="TLP:CLEAR")),
            Reason.MARKING,
            id="an-update-narrower-than-a-holder-may-read",
        ),
        pytest.param(
            Case(UPDATE, holders=frozenset({OTHER})), Reason.SUBSCRIBED, id="an-update-to-who-never-saw-it"
        ),
    ],
)
def test_an_agency_receives_or_not_for_one_reason(case: Case, reason: Reason) -> None:
    assert case.reasons()[HEARER] is reason


@pytest.mark.parametrize("marking", sorted(NAMED_MARKINGS))
@pytest.mark.parametrize(
    "address", [None, to(excepted=(HEARER,))], ids=["without-address", "with-an-except-alone"]
)
def test_a_marking_that_goes_to_named_agencies_needs_them(marking: str, address: Address | None) -> None:
    with pytest.raises(WrongAddress):
        Case(replace(ALERT, marking=marking), address=address).reasons()


@pytest.mark.parametrize(
    ("address", "pointers"),
    [
        pytest.param(to("pk.nobody"), ["/address/to/0"], id="an-agency-that-is-none"),
        pytest.param(to(HEARER, "group:none"), ["/address/to/1"], id="a-group-that-is-none"),
        pytest.param(to("both"), ["/address/to/0"], id="a-group-without-its-prefix"),
        pytest.param(to("group:" + HEARER), ["/address/to/0"], id="an-agency-with-the-prefix-of-groups"),
        pytest.param(to(HEARER, excepted=("pk.x1",)), ["/address/except/0"], id="excepting-somebody-unknown"),
        pytest.param(to("PK.MOI"), ["/address/to/0"], id="an-agency-in-capitals"),
        pytest.param(
            to("pk.x1", HEARER, "pk.x2", excepted=("pk.x3",)),
            ["/address/to/0", "/address/to/2", "/address/except/0"],
            id="all-named",
        ),
    ],
)
def test_whoever_is_unknown_here_is_named_in_the_refusal(address: Address, pointers: list[str]) -> None:
    with pytest.raises(UnknownAgency) as refused:
        Case(address=address).reasons()
    assert [problem.pointer for problem in refused.value.problems] == pointers


def test_a_group_may_list_somebody_who_is_no_member_yet() -> None:
    case = Case(address=to("group:all"), groups={"all": frozenset({HEARER, "pk.later"})})
    assert case.recipients() == {HEARER}


def test_the_reasons_can_be_told_to_people() -> None:
    assert Reason.SUBSCRIBED.words == "subscribed"
    assert {reason.words for reason in Reason if reason.delivers} == {
        "subscribed",
        "named in to",
        "holds the original",
    }


# --- What holds for every case ------------------------------------------------------------------------------


names = st.sampled_from([AUTHOR, HEARER, OTHER, "pk.d4", "pk.e5"])
areas = st.frozensets(st.sampled_from(["PK", "PK-IS", "PK-PB", "CN"]), max_size=2)
grants = st.builds(
    Grant,
    categories=st.frozensets(st.sampled_from(CATEGORIES)),
    marking=st.sampled_from(MARKINGS),
    statuses=st.frozensets(st.sampled_from(STATUSES)),
    only_named=st.booleans(),
) | st.just(ALL)
interests = st.builds(
    Interest,
    categories=st.frozensets(st.sampled_from(CATEGORIES), max_size=2),
    areas=areas,
    severity=st.none() | st.sampled_from(["Extreme", "Severe", "Moderate", "Minor"]),
)
policies = st.builds(
    Policy,
    status=st.sampled_from(STATUSES),
    type=st.sampled_from(["Alert", "Update", "Cancel"]),
    category=st.sampled_from(CATEGORIES),
    marking=st.sampled_from(MARKINGS),
    severity=st.none() | st.sampled_from(SEVERITIES),
    areas=areas.map(lambda found: tuple(sorted(found))),
    references=st.just(()),
    expires_at=st.just(NOW),
    respond_by=st.none(),
)
addressees = st.lists(names | st.sampled_from(["group:g", "group:h"]), unique=True, max_size=4).map(tuple)
MEMBERS_5 = (AUTHOR, HEARER, OTHER, "pk.d4", "pk.e5")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any case that is not refused."""
    policy = draw(policies)
    named, left_out = draw(addressees), draw(addressees)
    if policy.marking in NAMED_MARKINGS:
        named = named or (HEARER,)
    return Case(
        policy=policy,
        address=Address(SALT, named, left_out) if named or left_out else None,
        members=MEMBERS_5,
        active=draw(st.frozensets(names)),
        grants=draw(st.dictionaries(names, grants)),
        groups={"g": draw(st.frozensets(names)), "h": draw(st.frozensets(names))},
        interests=draw(st.dictionaries(names, interests)),
        holders=draw(st.none() | st.frozensets(names)),
    )


def expanded(listed: tuple[str, ...], groups: dict[str, frozenset[str]]) -> set[str]:
    return {
        one
        for name in listed
        for one in (groups[name[6:]] if name.startswith("group:") else frozenset({name}))
    }


@given(cases())
def test_whoever_receives_is_active_entitled_not_the_author_and_not_excepted(case: Case) -> None:
    assert case.grants is not None
    assert case.groups is not None
    for agency in case.recipients():
        assert agency in case.active
        assert agency != AUTHOR
        assert entitlement(case.policy, case.grants[agency]) is None
        if case.address:
            assert agency not in expanded(case.address.excepted, case.groups)
            assert not case.address.to or agency in expanded(case.address.to, case.groups)


@given(cases())
def test_every_member_gets_a_reason_and_nobody_else_does(case: Case) -> None:
    assert case.reasons().keys() == set(case.members)


@given(cases(), names)
def test_excepting_somebody_never_adds_a_recipient(case: Case, agency: str) -> None:
    address = case.address or Address(SALT)
    more = replace(case, address=replace(address, excepted=(*address.excepted, agency)))
    assert more.recipients() == case.recipients() - {agency}


@given(cases(), st.integers(1, 4))
def test_a_narrower_marking_never_adds_a_recipient(case: Case, steps: int) -> None:
    marking = MARKINGS[min(MARKINGS.index(case.policy.marking) + steps, 4)]  # type: ignore[arg-type]
    if marking in NAMED_MARKINGS and not (case.address and case.address.to):
        return  # refused
    assert replace(case, policy=replace(case.policy, marking=marking)).recipients() <= case.recipients()


@given(cases(), addressees.filter(bool))
def test_naming_recipients_only_ever_lets_named_ones_receive(case: Case, named: tuple[str, ...]) -> None:
    assert case.groups is not None
    excepted = case.address.excepted if case.address else ()
    addressed = replace(case, address=Address(SALT, named, excepted))
    assert addressed.recipients() <= expanded(named, case.groups)


@given(cases(), names)
def test_taking_a_grant_away_never_adds_a_recipient(case: Case, agency: str) -> None:
    less = {name: one for name, one in (case.grants or {}).items() if name != agency}
    assert replace(case, grants=less).recipients() == case.recipients() - {agency}


@given(cases(), names)
def test_who_is_no_longer_active_only_drops_out(case: Case, agency: str) -> None:
    assert replace(case, active=case.active - {agency}).recipients() == case.recipients() - {agency}


@given(cases(), names, interests)
def test_a_subscription_changes_nothing_for_others(case: Case, agency: str, interest: Interest) -> None:
    changed = replace(case, interests={**(case.interests or {}), agency: interest})
    assert changed.recipients() - {agency} == case.recipients() - {agency}


@given(cases(), st.randoms(use_true_random=False))
def test_no_order_of_anything_changes_the_decision(case: Case, random: Any) -> None:
    def mixed(listed: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(random.sample(listed, len(listed)))

    address = case.address and Address(SALT, mixed(case.address.to), mixed(case.address.excepted))
    other = replace(
        case,
        members=mixed(case.members),
        address=address,
        policy=replace(case.policy, areas=mixed(case.policy.areas)),
        grants=dict(reversed((case.grants or {}).items())),
    )
    assert other.reasons() == case.reasons()


@given(cases(), st.frozensets(names))
def test_a_cancel_for_no_one_in_particular_goes_to_holders_alone(case: Case, holders: frozenset[str]) -> None:
    policy = replace(case.policy, type="Cancel", marking="TLP:AMBER")
    address = case.address and replace(case.address, to=())
    assert replace(case, policy=policy, address=address, holders=holders).recipients() <= holders


@settings(max_examples=200)
@given(policies, grants, grants)
def test_a_grant_within_another_entitles_to_nothing_more(policy: Policy, one: Grant, other: Grant) -> None:
    within = Grant(
        categories=one.categories & other.categories,
        marking=min(one.marking, other.marking, key=MARKINGS.index),  # type: ignore[arg-type]
        statuses=one.statuses & other.statuses,
    )
    if entitlement(policy, within) is None:
        assert entitlement(policy, one) is None
        assert entitlement(policy, other) is None
