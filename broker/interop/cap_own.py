"""What an export of ours wrote into an alert beside CAP's own elements, read back: parameters `harkara:…`, or
codes where there was no info (`cap_table.OWN_FIELDS`).
"""

from __future__ import annotations

from typing import Any

from broker.errors import HarkaraError
from broker.interop.cap_alert import Part
from broker.interop.cap_table import (
    CATEGORY,
    KEPT_PARAMETER,
    MARKING,
    OWN_FIELDS,
    OWN_PARAMETERS,
    REFERENCE,
    Own,
)
from broker.interop.draft import Draft
from broker.interop.source_times import read_time
from broker.protocol import limits, strictjson


def parameters(alert: Part, name: str) -> list[str]:
    """Give the values of a parameter of all infos; an export writes it as code where there is no info."""
    pairs = [pair for info in alert.infos for pair in info.pairs.get("parameter", ())]
    pairs += [own_code(code) for code in alert.texts.get("code", ())]
    return [value for value_name, value in pairs if value_name.casefold() == name]


def own_code(code: str) -> tuple[str, str]:
    """Give the name and value of a code that an export of ours wrote (`harkara:…=…`), else blanks."""
    name, _, value = code.partition("=")
    return (name, value) if name.startswith(OWN_PARAMETERS) else ("", "")


def is_ours(alert: Part) -> bool:
    """Tell whether an export of ours wrote the alert: its texts are plain, whatever they look like."""
    return bool(parameters(alert, MARKING.parameter))


def take_sent(alert: Part) -> None:
    """Take `sent` as its source wrote it, where an export had to write it in the way of CAP."""
    said = alert.text("sent")
    for own in parameters(alert, KEPT_PARAMETER + "sent"):
        try:
            if read_time(own) // limits.SECOND_US == read_time(said) // limits.SECOND_US:
                alert.texts["sent"] = [own]
        except ValueError:
            continue


def take_fields(alert: Part, draft: Draft) -> None:
    """Fill the fields that CAP has no element for with what an export of ours wrote; a wrong word is refused
    with the document.
    """
    for own in OWN_FIELDS:
        if own in (CATEGORY, MARKING, REFERENCE):
            continue
        found: list[Any] = list(dict.fromkeys(parameters(alert, own.parameter)))
        if own.form == "json":
            found = [value for text in found if (value := _decoded(text, own, draft)) is not None]
        if found:
            draft.fields[own.field] = found if own.many else found[0]


def _decoded(text: str, own: Own, draft: Draft) -> Any:
    try:
        return strictjson.decode(text.encode())
    except HarkaraError as why:
        draft.refuse("/alert/info/parameter", f"a {own.parameter} as an export writes it", text, why.detail)
        return None
