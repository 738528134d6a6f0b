"""When an alert counts: the latest `expires` and the earliest `onset` of all its infos. The others are
kept.
"""

from __future__ import annotations

from broker.interop.cap_alert import Part
from broker.interop.cap_table import scope_of
from broker.interop.draft import Draft
from broker.interop.filling import fill_expires
from broker.interop.imported import ImportDefaults
from broker.interop.source_times import as_written, offset_of, read_time
from broker.interop.wording import cut
from broker.protocol import times


def _times(alert: Part, field: str, draft: Draft) -> list[tuple[int, str, Part]]:
    """Give the times of all infos, sorted. One without offset has that of `sent`; what is no time is kept."""
    found: list[tuple[int, str, Part]] = []
    for info in alert.infos:
        if not (text := info.text(field)):
            continue
        if (at := _time(text)) is None and (at := _time(text + offset_of(alert.text("sent")))) is not None:
            draft.say(f"{info.where(field)}: {text} has no offset, that of sent is taken")
            text += offset_of(alert.text("sent"))
        if at is None:
            draft.say(f"{info.where(field)}: {cut(text, 40)} is no time, kept in correlations")
            draft.keep(f"{scope_of('info', info.number)}{field}", text, info.where(field))
        else:
            found.append((at, text, info))
    return sorted(found, key=lambda one: one[0])


def _time(text: str) -> int | None:
    try:
        return read_time(text)
    except ValueError:
        return None


def _keep_other_times(
    found: list[tuple[int, str, Part]], chosen: int | None, field: str, draft: Draft
) -> None:
    known: set[int | None] = {chosen}
    for at, text, info in sorted(found, key=lambda one: one[2].number):
        if at not in known:
            known.add(at)
            draft.keep(f"{scope_of('info', info.number)}{field}", text, info.where(field))


def map_expires(alert: Part, defaults: ImportDefaults, now: int, draft: Draft) -> None:
    """Fill `expires`: the source's, else what is told, else a day from `now`, at most 90 days ahead."""
    found = _times(alert, "expires", draft)
    chosen = fill_expires(draft, found[-1][1] if found else "", defaults, now, "/alert/info/expires")
    if len({one[0] for one in found}) > 1:
        draft.say("expires: the latest of all infos, the others are kept in correlations")
    _keep_other_times(found, chosen, "expires", draft)


def map_onset(alert: Part, draft: Draft) -> None:
    """Fill `onset`, once `expires` stands: it may not lie behind it."""
    found = _times(alert, "onset", draft)
    if not found:
        return
    earliest, text, _ = found[0]
    written = as_written(text)
    if written is None or ("expires" in draft.fields and earliest > times.parse(draft.fields["expires"])):
        draft.say(
            f"onset: {text} is kept in correlations: in a bulletin it lies after 1999 and before expires"
        )
        _keep_other_times(found, None, "onset", draft)
        return
    draft.fields["onset"] = written
    if found[-1][0] != earliest:
        draft.say("onset: the earliest of all infos, the others are kept in correlations")
    _keep_other_times(found, earliest, "onset", draft)
