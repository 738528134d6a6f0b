"""What a source lacks is filled by what the poster says, and each filling is announced.

A source is believed where it says something itself, with two exceptions that protect: it is never shared more
widely than the poster says, and one that has expired is not brought back to life unless somebody says until
when.
"""

from __future__ import annotations

from broker.interop.draft import Draft
from broker.interop.imported import DEFAULT_LIFETIME_US, POSTING_US, ImportDefaults, narrowest
from broker.interop.source_times import as_written, read_time
from broker.protocol import limits, times
from broker.protocol.vocabulary import CATEGORIES, Marking


def fill_category(draft: Draft, said: str | None, defaults: ImportDefaults) -> None:
    """Fill `category` with what the source `said`, if it is one of Harkara's, else with what is told, else
    with `other`.
    """
    if said in CATEGORIES:
        draft.fields["category"] = said
        if defaults.category not in (None, said):
            draft.say(f"category: {said}, as the source says, not {defaults.category}")
    elif defaults.category is not None:
        draft.fields["category"] = defaults.category
        draft.say(f"category: {defaults.category}, as told; the source has none of Harkara's")
    else:
        draft.fields["category"] = "other"
        draft.say("category: other; the source has none of Harkara's (see --category)")


def fill_marking(draft: Draft, said: Marking | None, defaults: ImportDefaults, at: str, source: str) -> None:
    """Fill `marking` with the narrower of what the source `said` and what is told.

    `source` is what the source says of its sharing in words of its own; it stands at `at`.
    """
    marking = narrowest(said, defaults.marking)
    if marking is None:
        draft.refuse(at, "a TLP marking", source, "say it with --marking")
        return
    if marking != said:
        draft.say(f"marking: {marking}, as told; the source says {said or source}")
    elif defaults.marking not in (None, marking):
        draft.say(f"marking: {marking}, as the source says, which is narrower than {defaults.marking}")
    draft.fields["marking"] = marking


def fill_expires(draft: Draft, written: str, defaults: ImportDefaults, now: int, at: str) -> int | None:
    """Fill `expires`: with what the source has `written`, else with what is told, else with a day from `now`.

    `written` is a time that can be read, or "". Gives µs since the epoch, or None when the source is refused.
    """
    own = read_time(written) if written else None
    if own is not None and own >= now + POSTING_US:
        chosen = own
    elif defaults.expires_at is not None:
        chosen = defaults.expires_at
        passed = f"the source's, {written}, has passed" if written else "the source has none"
        draft.say(f"expires: {times.format(chosen)}, as told; {passed}")
    elif own is None:
        chosen = now + DEFAULT_LIFETIME_US
        draft.say(f"expires: {times.format(chosen)}, a day from now; the source has none (see --expires)")
    else:
        draft.refuse(at, "a time ahead", written, "it has passed: say with --expires until when it is of use")
        return None
    if chosen > now + limits.LIFETIME_US:
        days = limits.LIFETIME_US // limits.DAY_US
        draft.say(f"expires: {days} days ahead at most, not {times.format(chosen)}")
        chosen = now + limits.LIFETIME_US
    draft.fields["expires"] = (as_written(written) if chosen == own else None) or times.format(chosen)
    return chosen
