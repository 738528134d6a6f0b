"""An alert, read, becomes the draft of a bulletin: the rows of `cap_table` that need more than to be kept.

Where infos differ in a value that a bulletin has once, the gravest stands in the field (the most urgent,
severe and certain, the earliest onset, the latest end), and each other one is kept in correlations: a reader
is never told less than the gravest info says.
"""

from __future__ import annotations

import re
from typing import Final, get_args

from broker.interop.cap_alert import Part
from broker.interop.cap_areas import map_areas
from broker.interop.cap_own import own_code, parameters, take_fields, take_sent
from broker.interop.cap_references import AlertName, name_alert, read_references
from broker.interop.cap_resources import map_resources
from broker.interop.cap_table import (
    CATEGORY,
    KEPT_PARAMETER,
    MARKING,
    OWN_PARAMETERS,
    REFERENCE,
    rows_of,
    scope_of,
)
from broker.interop.cap_text import map_text
from broker.interop.cap_times import map_expires, map_onset
from broker.interop.draft import Draft
from broker.interop.filling import fill_category, fill_marking
from broker.interop.imported import ImportDefaults, narrowest, tlp_labels
from broker.interop.source_times import as_written
from broker.interop.wording import cut, one_line
from broker.protocol import limits
from broker.protocol.vocabulary import (
    BULLETIN_TYPES,
    STATUSES,
    Certainty,
    Marking,
    Severity,
    Urgency,
)

_GRAVEST_FIRST: Final = {
    "urgency": get_args(Urgency),
    "severity": get_args(Severity),
    "certainty": get_args(Certainty),
}
_KEPT_WORDS: Final = {"msgType": BULLETIN_TYPES, "scope": ("Public", "Restricted", "Private")}
"""Kept with the letters that CAP gives them, whatever theirs are: an export writes them back."""
_OLD_WORDS: Final = {"very likely": "likely"}
"""CAP 1.0 had a certainty more (CAP 1.2, section 3.2.2)."""
_PHONE: Final = re.compile(r"(?:\+|\b00)\d[\d ().\u00a0/-]{5,24}\d", re.ASCII)
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")

_MARKING_OF_SCOPE: Final[dict[str, Marking]] = {
    "public": "TLP:CLEAR",
    "restricted": "TLP:AMBER",
    "private": "TLP:AMBER+STRICT",
}

_SEPARATORS: Final = " ,;:-–()."
_DESK_CHARS: Final = 6
"""Fewer around a number ("Call") name no desk: then the sender is the desk."""


def map_alert(alert: Part, originator: str, defaults: ImportDefaults, now: int, draft: Draft) -> None:
    """Fill `draft` from an alert; what is wrong is noted in it. `now` is µs since the epoch."""
    take_sent(alert)
    name = _name(alert, draft)
    if name is not None:
        draft.fields["id"] = name.id_for(originator)
        if (issued := as_written(alert.text("sent"))) is not None:
            draft.fields["issued"] = issued
    _status(alert, draft)
    _type(alert, name, originator, draft)
    _category(alert, defaults, draft)
    _marking(alert, defaults, draft)
    take_fields(alert, draft)
    _keep(alert, draft)
    map_text(alert, draft)
    for field in _GRAVEST_FIRST:
        _gravest(alert, field, draft)
    map_expires(alert, defaults, now, draft)
    map_onset(alert, draft)
    for info in alert.infos:
        _keep(info, draft, alert.infos[0])
    _contact(alert, draft)
    map_resources(alert, draft)
    map_areas(alert, draft)


def _name(alert: Part, draft: Draft) -> AlertName | None:
    try:
        name = name_alert(alert.text("sender"), alert.text("identifier"), alert.text("sent"))
    except ValueError as why:
        if alert.text("sent"):
            draft.refuse(
                alert.where("sent"), "a time like 2026-03-01T09:30:00+05:00", alert.text("sent"), str(why)
            )
        return None
    for part, text in (("sender", name.sender), ("identifier", name.identifier)):
        if alert.text(part) and not text:
            draft.refuse(alert.where(part), "a name", "characters that no reader sees")
    return name


def _word(text: str, words: tuple[str, ...]) -> str | None:
    """Give the word of `words` that `text` is, whatever its case."""
    return next((word for word in words if word.casefold() == text.casefold()), None)


def _status(alert: Part, draft: Draft) -> None:
    if not (text := alert.text("status")):
        return  # said already: it is required
    if text.casefold() == "draft":
        draft.refuse(alert.where("status"), "an alert to act on", "Draft", "a draft is not for sending")
    elif status := _word(text, STATUSES):
        draft.fields["status"] = status
    else:
        draft.refuse(alert.where("status"), "Actual, Exercise, System or Test", text)


def _type(alert: Part, name: AlertName | None, originator: str, draft: Draft) -> None:
    text, at = alert.text("msgType"), alert.where("msgType")
    if not text:
        return
    kind = _word(text, BULLETIN_TYPES)
    if text.casefold() in ("ack", "error"):
        draft.refuse(at, "Alert, Update or Cancel", text, "answers of CAP are no bulletins: use harkara ack")
    elif kind is None:
        draft.refuse(at, "Alert, Update or Cancel", text)
    names, broken = read_references(alert.text("references"), alert.text("sender"))
    for piece in broken:
        draft.say(f"{alert.where('references')}: {cut(piece, 80)} names no alert (sender,identifier,sent)")
    if name in names:
        draft.say(f"{alert.where('references')}: the alert names itself, which says nothing")
    names = sorted((one for one in names if one != name), key=lambda one: one.sent_at)
    if len(names) > limits.REFERENCES_ITEMS:
        draft.say(f"{alert.where('references')}: the latest {limits.REFERENCES_ITEMS} of {len(names)}")
        names = names[-limits.REFERENCES_ITEMS :]
    ids = [one.id_for(originator) for one in names] or parameters(alert, REFERENCE.parameter)
    if kind == "Cancel" and not ids:
        draft.refuse(
            alert.where("references"),
            "what is cancelled: sender,identifier,sent",
            alert.text("references") or "nothing",
        )
    if kind == "Update" and not ids:
        draft.say(f"{at}: an Update that names no earlier alert is posted as an Alert")
        kind = "Alert"
    if kind == "Alert" and names:
        draft.say(f"{alert.where('references')}: an Alert is about no earlier bulletin, they are kept only")
    if kind is not None:
        draft.fields["type"] = kind
        if kind != "Alert":
            draft.fields["references"] = list(dict.fromkeys(ids))


def _category(alert: Part, defaults: ImportDefaults, draft: Draft) -> None:
    said = next(iter(parameters(alert, CATEGORY.parameter)), None)
    fill_category(draft, said, defaults)


def _marking(alert: Part, defaults: ImportDefaults, draft: Draft) -> None:
    codes = [code for code in alert.texts.get("code", ()) if own_code(code) == ("", "")]
    texts = [alert.text("restriction"), *codes]
    texts += [f"TLP:{text}" if ":" not in text else text for text in parameters(alert, "tlp")]
    texts += parameters(alert, MARKING.parameter)
    labels: list[Marking] = [label for text in texts for label in tlp_labels(text)]
    said = narrowest(*labels)
    scope = alert.text("scope") or "no scope"
    if said is None and defaults.marking is None:
        said = _marking_of_scope(scope, defaults, draft)
    if said is not None or defaults.marking is not None or scope.casefold() != "private":
        fill_marking(draft, said, defaults, alert.where("scope"), scope)
    if scope.casefold() in ("restricted", "private"):
        draft.say(f"scope: the source is {scope}; --to decides who gets the bulletin")


def _marking_of_scope(scope: str, defaults: ImportDefaults, draft: Draft) -> Marking | None:
    """Give the marking that a scope of CAP comes to, or None where it is not to be guessed.

    Private is for those alone whom its sender names (CAP 1.2, section 3.2.1), and nothing in `addresses` says
    which agencies these are: without an address it is refused.
    """
    marking = _MARKING_OF_SCOPE.get(scope.casefold())
    if marking == "TLP:AMBER+STRICT" and not defaults.addressed:
        draft.refuse(
            "/alert/scope", "whom it is for", scope, "name the agencies with --to, or say a --marking"
        )
        return None
    if marking is not None:
        draft.say(f"marking: {marking}, because the scope is {scope.capitalize()} (see --marking)")
    return marking


def _keep(part: Part, draft: Draft, first: Part | None = None) -> None:
    """Keep what the table says is kept; of a further info only what the `first` does not say."""
    kind = "alert" if first is None else "info"
    for row in rows_of(kind).values():
        if not row.key or row.form == "part":
            continue
        for value_name, text in _values(part, row.name):
            own_name, own_value = own_code(text) if row.name == "code" else (value_name, text)
            if row.name in ("parameter", "code") and own_name.startswith(OWN_PARAMETERS):
                key = own_name.removeprefix(KEPT_PARAMETER)
                if key not in (own_name, "sent"):  # that of `sent` stands in its place already
                    draft.keep(key, own_value, part.where(row.name))
            elif first is None or first is part or (value_name, text) not in _values(first, row.name):
                key = scope_of(kind, part.number) + row.key.format(valueName=value_name)
                word = _word(text, _KEPT_WORDS.get(row.name, ()))
                draft.keep(key, word or text, part.where(row.name))


def _values(part: Part, name: str) -> list[tuple[str, str]]:
    """Give the texts of the elements `name`, each with its valueName, which is "" for what is no pair."""
    return [("", text) for text in part.texts.get(name, ())] + part.pairs.get(name, [])


def _gravest(alert: Part, field: str, draft: Draft) -> None:
    order = _GRAVEST_FIRST[field]
    found: list[tuple[Part, str]] = []
    for info in alert.infos:
        text = info.text(field)
        word = _word(_OLD_WORDS.get(text.casefold(), text), order) if text else "Unknown"
        if not text:
            draft.say(f"{info.where(field)}: not said, Unknown")
        if word is None:
            draft.say(
                f"{info.where(field)}: Unknown; {cut(text, 40)} is none of {', '.join(order)}, and is kept"
            )
            draft.keep(f"{scope_of('info', info.number)}{field}", text, info.where(field))
        found.append((info, word or "Unknown"))
    if not alert.infos and "text" in draft.fields and draft.fields.get("type") != "Cancel":
        draft.say(f"{field}: not said, Unknown")
        draft.fields[field] = "Unknown"
    if not found:
        return
    gravest = min((word for _, word in found), key=order.index)
    draft.fields[field] = gravest
    for info, word in found:
        if word != gravest and info.text(field):
            draft.say(
                f"{field}: {gravest}, the gravest of all infos; {word} of {info.at} is kept in correlations"
            )
            draft.keep(f"{scope_of('info', info.number)}{field}", info.text(field), info.where(field))


def _contact(alert: Part, draft: Draft) -> None:
    """Fill `contact` from the first contact with a number that can be dialled from anywhere."""
    if "contact" in draft.fields:
        return  # an export of ours wrote it
    for info in alert.infos:
        text = one_line(info.text("contact"))
        for found in _PHONE.finditer(text):
            phone = "+" + re.sub(r"\D", "", found[0].removeprefix("00"))
            if _E164.fullmatch(phone) is None:
                continue
            around = (text[: found.start()].strip(_SEPARATORS), text[found.end() :].strip(_SEPARATORS))
            desk = ", ".join(words for words in around if words)
            if not _DESK_CHARS <= len(desk) <= limits.LINE_CHARS:
                desk = info.text("senderName") or alert.text("sender") or desk
            draft.fields["contact"] = {
                "desk": cut(draft.line(desk, info.where("contact"), limits.PROSE_CHARS), limits.LINE_CHARS),
                "phone": phone,
            }
            return
