"""Need-to-know: who receives a bulletin, and why. One pure function, asked once, at admission.

Every exit obeys what was decided here; later changes only subtract, when serving (`entitlement`). The
reasons are shown to the originator by `harkara audience` and to nobody else.

The rules, in the order in which they are asked. The first that fails is the reason:
 1. the originator has its own copy already;
 2. a member that is not active receives nothing;
 3. `except` wins over everything that would deliver;
 4. when `to` is given, only those named receive;
 5. entitlement to status, category and marking, and to hear at all when not named;
 6. a Cancel without `to` goes to the holders of what it cancels and to nobody else, whatever they subscribed
    to: who acted on a bulletin must hear that it is void, and who never saw it must not learn that it was. A
    Cancel of something unknown goes the ordinary way;
 7. subscription, unless named, or holding what an Update replaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from broker.errors import Problem, UnknownAgency, WrongAddress, shorten
from broker.protocol.digests import Address, Policy
from broker.protocol.limits import PROBLEMS_ITEMS
from broker.protocol.vocabulary import MARKINGS, NAMED_MARKINGS, SEVERITIES

_NARROWNESS = {marking: place for place, marking in enumerate(MARKINGS)}
_WEIGHT = {severity: -place for place, severity in enumerate(SEVERITIES) if severity != "Unknown"}
"""Severities that can be weighed. Unknown and none pass all: a threat of unknown size is not small."""

GROUP_PREFIX = "group:"


class Reason(Enum):
    """Why an agency receives an item or not. The value is (delivers, words for people)."""

    SUBSCRIBED = True, "subscribed"
    NAMED = True, "named in to"
    HOLDS_ORIGINAL = True, "holds the original"
    ORIGINATOR = False, "is the originator"
    INACTIVE = False, "not an active member"
    EXCEPTED = False, "in except"
    NOT_NAMED = False, "not named in to"
    STATUS = False, "not entitled to this status"
    CATEGORY = False, "not entitled to this category"
    MARKING = False, "not entitled to this marking"
    ONLY_NAMED = False, "receives only what names it"
    NOT_A_HOLDER = False, "does not hold what is cancelled"
    UNSUBSCRIBED_CATEGORY = False, "not subscribed to this category"
    UNSUBSCRIBED_AREA = False, "not subscribed to these areas"
    UNSUBSCRIBED_SEVERITY = False, "not subscribed to this severity"

    def __init__(self, delivers: bool, words: str) -> None:
        self.delivers = delivers
        """Whether the agency receives the item."""
        self.words = words
        """The reason for people."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one agency may originate (`originate`: categories) and receive. `statuses` holds for both."""

    originate: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    marking: str = "TLP:CLEAR"
    statuses: frozenset[str] = frozenset()
    only_named: bool = False


@dataclass(frozen=True, slots=True)
class Interest:
    """What an agency wants to hear: an empty set is everything. `severity` is the least, or None."""

    categories: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    severity: str | None = None


NO_GRANT = Grant()


def route(
    policy: Policy,
    originator: str,
    address: Address | None,
    members: Iterable[str],
    active: frozenset[str],
    grants: Mapping[str, Grant],
    groups: Mapping[str, frozenset[str]],
    interests: Mapping[str, Interest],
    holders: frozenset[str] | None,
) -> dict[str, Reason]:
    """Decide for each of `members` whether it receives, and why.

    `active` are the agencies whose card and keys are in force; `interests` lacks an agency that has not
    subscribed yet (it hears all that it is entitled to); `holders` are those to whom the referenced originals
    went, None when none of them is known. Raises `WrongAddress` when the marking needs `to` and there is
    none, `UnknownAgency` when the address names somebody who is not a member.
    """
    if policy.marking in NAMED_MARKINGS and not (address and address.to):
        raise WrongAddress(
            f"{policy.marking} goes to named agencies only",
            Problem("/address/to", "at least one agency", "none", "name the recipients with --to"),
        )
    listed = tuple(members)
    named, excepted = _expand(address, frozenset(listed), groups) if address else (frozenset(), frozenset())
    # What was written counts, not whom it comes to: `to` an empty group is for nobody, and not for everybody.
    restricted = address is not None and bool(address.to)
    to_holders_only = policy.type == "Cancel" and not restricted and holders is not None
    around = _around(policy.areas)

    def decide(agency: str) -> Reason:
        if agency == originator:
            return Reason.ORIGINATOR
        if agency not in active:
            return Reason.INACTIVE
        if agency in excepted:
            return Reason.EXCEPTED
        if restricted and agency not in named:
            return Reason.NOT_NAMED
        if refused := entitlement(policy, grants.get(agency, NO_GRANT)):
            return refused
        if agency in named:
            return Reason.NAMED
        held = holders is not None and agency in holders
        if grants[agency].only_named and not held:
            return Reason.ONLY_NAMED
        if to_holders_only:
            return Reason.HOLDS_ORIGINAL if held else Reason.NOT_A_HOLDER
        interest = interests.get(agency)
        refused = None if interest is None else _uninterested(policy, around, interest)
        if held:
            return Reason.SUBSCRIBED if refused is None else Reason.HOLDS_ORIGINAL
        return refused or Reason.SUBSCRIBED

    return {agency: decide(agency) for agency in listed}


def entitlement(policy: Policy, grant: Grant) -> Reason | None:
    """Give why `grant` does not entitle to an item of this policy, or None when it does. Asked again when
    serving.
    """
    if policy.status not in grant.statuses:
        return Reason.STATUS
    if policy.category not in grant.categories:
        return Reason.CATEGORY
    if _NARROWNESS[policy.marking] > _NARROWNESS[grant.marking]:
        return Reason.MARKING
    return None


def _expand(
    address: Address, members: frozenset[str], groups: Mapping[str, frozenset[str]]
) -> tuple[frozenset[str], frozenset[str]]:
    """Give whom `to` and `except` name, groups resolved. Raises `UnknownAgency` naming all that are
    unknown.
    """
    problems: list[Problem] = []
    found: list[frozenset[str]] = []
    for member, names in (("to", address.to), ("except", address.excepted)):
        agencies: set[str] = set()
        for place, name in enumerate(names):
            group = groups.get(name.removeprefix(GROUP_PREFIX)) if name.startswith(GROUP_PREFIX) else None
            if group is not None:
                agencies |= group
            elif name in members:
                agencies.add(name)
            else:
                problems.append(_unknown(f"/address/{member}/{place}", name))
        found.append(frozenset(agencies))
    if problems:
        raise UnknownAgency("the address names somebody unknown here", *problems[:PROBLEMS_ITEMS])
    return found[0], found[1]


def _unknown(pointer: str, name: str) -> Problem:
    expected, hint = "an agency of the registry, or a group", "`harkara registry show` lists them"
    return Problem(pointer, expected, shorten(name), hint)


def _around(areas: Iterable[str]) -> frozenset[str]:
    # ISO 3166-2: PK contains PK-IS. What is about a part concerns who asked for the whole.
    return frozenset(code for area in areas for code in (area, _country(area)))


def _country(area: str) -> str:
    return area.partition("-")[0]


def _uninterested(policy: Policy, around: frozenset[str], interest: Interest) -> Reason | None:
    if interest.categories and policy.category not in interest.categories:
        return Reason.UNSUBSCRIBED_CATEGORY
    # What is about the whole concerns who asked for a part.
    if (
        interest.areas
        and around
        and interest.areas.isdisjoint(around)
        and not any(_country(wanted) in policy.areas for wanted in interest.areas)
    ):
        return Reason.UNSUBSCRIBED_AREA
    found, least = _WEIGHT.get(policy.severity or ""), _WEIGHT.get(interest.severity or "")
    return Reason.UNSUBSCRIBED_SEVERITY if found is not None and least is not None and found < least else None
