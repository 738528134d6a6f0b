"""A story becomes the draft of a bulletin: the report (or the first telling object) gives text, times and
type, the other objects subjects and areas, and whatever nobody takes is kept.
"""

from __future__ import annotations

import re
from typing import Any, Final

from broker.interop.draft import Draft
from broker.interop.filling import fill_category, fill_expires
from broker.interop.imported import ImportDefaults, derived_id
from broker.interop.source_times import as_written, read_time
from broker.interop.stix_areas import map_areas
from broker.interop.stix_document import Story
from broker.interop.stix_keeping import keep_rest
from broker.interop.stix_markings import map_marking
from broker.interop.stix_source import Taking, own_extension
from broker.interop.stix_subjects import map_subjects
from broker.interop.stix_table import EXTENSION_FIELDS, EXTENSION_NAMES, main_of
from broker.interop.stix_text import map_text, take_text
from broker.protocol import times
from broker.protocol.subjects import PROTECTED_ROLES
from broker.protocol.vocabulary import OPEN_MARKINGS

_CERTAINTIES: Final = ((70, "Likely"), (30, "Possible"), (1, "Unlikely"))
"""STIX 2.1, appendix A, "None / Low / Med / High": the least confidence of each step."""
_E164: Final = re.compile(r"(?:\+|\b00)\d[\d ().-]{5,24}\d", re.ASCII)


def map_story(story: Story, originator: str, defaults: ImportDefaults, now: int, draft: Draft) -> None:
    """Fill `draft` from a story; what is wrong is noted in it. `now` is µs since the epoch."""
    for note in story.notes:
        draft.say(note)
    top = main_of(story.objects) if story.report is None else story.report
    takings = [Taking(one, story.where[one["id"]], draft, main=one is top) for one in story.objects]
    main = next(one for one in takings if one.main)
    own = _own_fields(main)
    draft.fields["type"] = "Alert"
    written = (
        _names_of_report(main, originator, draft)
        if story.report
        else _names(story, takings, originator, draft)
    )
    draft.fields |= {name: own[name] for name in EXTENSION_NAMES if name in own}
    if written and (issued := as_written(written)) is not None:
        draft.fields["issued"] = issued
    _status(main, own, draft)
    fill_category(draft, own.get("category"), defaults)
    map_marking(story, takings, defaults, draft)
    if "text" in own:
        take_text(main, takings, own["text"], draft)
    elif draft.fields["type"] != "Cancel" or main.reads("headline").text("name"):
        map_text(main, takings, draft)
    _judgements(main, own, draft)
    fill_expires(draft, _own_expiry(own, main, draft), defaults, now, f"{main.at}/extensions")
    _onset(own, draft)
    _contact(main, takings, own, draft)
    if subjects := map_subjects(takings):
        draft.fields["subjects"] = subjects
        _protect(subjects, draft)
    if areas := map_areas(takings):
        draft.fields["areas"] = areas
    keep_rest(story, takings, main, draft)


def _names(story: Story, takings: list[Taking], originator: str, draft: Draft) -> str:
    """Fill the id of a bundle without a report; give the time of its latest object, "" when none has one."""
    said = [one.reads("bundle") for one in takings]
    names = (
        [story.bundle] if story.bundle else sorted(f"{one.text('id')} {one.text('modified')}" for one in said)
    )
    draft.fields["id"] = derived_id("stix", originator, *names)
    return max((text for one in said if (text := one.text("modified"))), key=read_time, default="")


def _names_of_report(main: Taking, originator: str, draft: Draft) -> str:
    """Fill id, type and references; give the time of the report. Every version of a report has its own id,
    made of id and modified.
    """
    named = main.reads("id")
    draft.fields["id"] = derived_id("stix", originator, named.text("id"), _instant(named.text("modified")))
    said = main.reads("type")
    first, this = said.text("created"), said.text("modified")
    revoked = said.get("revoked") is True
    if first and this and read_time(this) > read_time(first):
        draft.fields["type"] = "Cancel" if revoked else "Update"
        draft.fields["references"] = [derived_id("stix", originator, main.id, _instant(first))]
        draft.say(f"type: {draft.fields['type']} of the version that was created at {first}")
    elif revoked:
        draft.refuse(f"{main.at}/revoked", "a later version, which revokes", "revoked in its first version")
    return main.reads("issued").text("published", "modified")


def _instant(written: str) -> str:
    return times.format(read_time(written)) if written else ""


def _own_fields(main: Taking) -> dict[str, Any]:
    """Give what an export of ours wrote into our extension of the main object, and take it."""
    if (own := own_extension(main)) is None:
        return {}
    said = main.reads("own")
    names = (*EXTENSION_FIELDS, *EXTENSION_NAMES)
    if len(said.get("extensions")) == 1 and set(own) <= {*names, "extension_type", "subject", "area"}:
        said.take("extensions")
    return {name: own[name] for name in names if name in own}


def _own_expiry(own: dict[str, Any], main: Taking, draft: Draft) -> str:
    written = own.get("expires", "")
    try:
        return written if isinstance(written, str) and (not written or read_time(written)) else ""
    except ValueError as why:
        draft.refuse(f"{main.at}/extensions", "an expires that is a time", written, str(why))
        return ""


def _status(main: Taking, own: dict[str, Any], draft: Draft) -> None:
    labels = main.reads("status").get("labels")
    words = (
        {label.casefold() for label in labels if isinstance(label, str)}
        if isinstance(labels, list)
        else set()
    )
    if "status" in own:
        draft.fields["status"] = own["status"]
    elif words & {"exercise", "test"}:
        draft.fields["status"] = "Exercise" if "exercise" in words else "Test"
        draft.say(f"status: {draft.fields['status']}, because a label says so")
    else:
        draft.fields["status"] = "Actual"
        draft.say("status: Actual; STIX has none")


def _judgements(main: Taking, own: dict[str, Any], draft: Draft) -> None:
    for name in ("action", "warnings", "handling", "evaluation", "respond_by", "request"):
        if name in own:
            draft.fields[name] = own[name]
    confidence = main.reads("certainty").number("confidence", 0, 100)
    certainty = next(
        (word for least, word in _CERTAINTIES if confidence is not None and confidence >= least), "Unknown"
    )
    for name, word in (("urgency", "Unknown"), ("severity", "Unknown"), ("certainty", certainty)):
        draft.fields[name] = own.get(name, word)
        if name not in own:
            why = (
                f"for a confidence of {confidence:g}"
                if name == "certainty" and confidence is not None
                else "STIX has none"
            )
            draft.say(f"{name}: {word}, {why}")


def _onset(own: dict[str, Any], draft: Draft) -> None:
    if "onset" in own:
        draft.fields["onset"] = own["onset"]


def _contact(main: Taking, takings: list[Taking], own: dict[str, Any], draft: Draft) -> None:
    """Fill `contact` from the author, when it has a number that can be dialled from anywhere."""
    if "contact" in own:
        draft.fields["contact"] = own["contact"]
        return
    name = main.reads("contact").get("created_by_ref")
    author = next((one.reads("contact") for one in takings if one.id == name), None)
    if author is None or (found := _E164.search(author.text("contact_information"))) is None:
        return
    phone = "+" + re.sub(r"\D", "", found[0].removeprefix("00"))
    desk = draft.line(author.text("name"), f"{author.at}/name")
    if desk and re.fullmatch(r"\+[1-9][0-9]{6,14}", phone):
        draft.fields["contact"] = {"desk": desk, "phone": phone}


def _protect(subjects: list[dict[str, Any]], draft: Draft) -> None:
    """Narrow the marking where a victim or witness is named: bulletins refuse anything wider than AMBER."""
    if draft.fields.get("marking") in OPEN_MARKINGS and any(
        one.get("role") in PROTECTED_ROLES for one in subjects
    ):
        draft.say(f"marking: TLP:AMBER, not {draft.fields['marking']}, because a victim or witness is named")
        draft.fields["marking"] = "TLP:AMBER"
