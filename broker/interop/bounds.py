"""From a draft to a document within the limits of bulletins: nothing is cut silently, and the document is
checked.

What does not fit in the fields (correlations above 256, long values, areas above 64) is the *rest*: one
attachment, `<system>-rest.json`, an array of `{"key", "value"}`. A rest above 128 KiB (with the
files that the import itself needs attached) refuses the source. The embedded files come next, then the
source's own document, where it is signed or says more than the fields; these are left out, with a word, when
they do not fit. Last, outlines are simplified further until the payload fits.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from broker.errors import HarkaraError
from broker.interop.draft import Draft, File
from broker.interop.imported import Import, Imported, Refused
from broker.interop.outlines import simplify
from broker.protocol import limits, times
from broker.protocol.bulletin import read_bulletin_object
from broker.protocol.vocabulary import NAMED_MARKINGS

ORIGINAL_BYTES: Final = 96 * 1024
"""The largest source that travels along."""
_FILLED_BYTES: Final = 1024
"""Room in the payload for what posting fills: originator, exchange, registry, sent, address digest."""
_OUTLINE_POSITIONS: Final = (1000, 500, 250, 120, 60, 30, 16, 8)
"""How far outlines are simplified for the sake of the payload's size, step by step."""
_BEFORE_FILES: Final = 4
"""How many of these steps are gone before a file is left out."""
_SIMPLIFIED: Final = "areas: outlines simplified to"


def finish(draft: Draft, label: str, originator: str, now: int) -> Import:
    """Give the bulletin that `draft` has become, or why it cannot be one."""
    if draft.problems:
        return Refused(label, _reason(draft), tuple(draft.problems))
    fields = dict(draft.fields)
    if correlations := _correlations(draft):
        fields["correlations"] = correlations
    rest = _rest(draft) + draft.needed
    if sum(len(file.content) for file in rest) > limits.ATTACHMENTS_BYTES:
        return Refused(
            label,
            f"what has no field is {sum(len(file.content) for file in rest)} bytes, more than the "
            f"attachments of a bulletin ({limits.ATTACHMENTS_BYTES}): split the source",
        )
    files = _that_fit(draft, rest)
    for document in _smaller_and_smaller(draft, fields, files, len(rest)):
        if len(msgspec.json.encode(document)) <= limits.PAYLOAD_BYTES - _FILLED_BYTES:
            break
    else:
        return Refused(
            label, f"the bulletin would be larger than {limits.PAYLOAD_BYTES} bytes: split the source"
        )
    try:
        read_bulletin_object(document | _filled_later(document, originator, now))
    except HarkaraError as why:
        return Refused(label, why.detail, why.problems)
    alarms, others = draft.losses()
    return Imported(label, document, (*alarms, *draft.announced, *others))


def _reason(draft: Draft) -> str:
    first = draft.problems[0]
    more = f", and {len(draft.problems) - 1} more" if len(draft.problems) > 1 else ""
    hint = f" ({first.hint})" if first.hint else ""
    return f"{first.pointer}: expected {first.expected}, got {first.got}{hint}{more}"


def _correlations(draft: Draft) -> list[dict[str, str]]:
    """Give the correlations of the document; those above the limit go to the rest."""
    pairs = list(draft.correlations)
    room = limits.CORRELATIONS_ITEMS - 1  # one may point to the rest
    if len(pairs) > room:
        draft.say(f"correlations: the first {room} of {len(pairs)}, the others in the attachment of the rest")
        draft.rest += pairs[room:]
        pairs = pairs[:room]
    if pairs:
        names = ", ".join(dict.fromkeys(key for key, _ in pairs))
        draft.say(f"kept in correlations, having no field or more than it: {names}")
    if draft.rest:
        pairs.append(("rest", _rest_name(draft)))
    return [{"system": draft.system, "key": key, "value": value} for key, value in pairs]


def _rest_name(draft: Draft) -> str:
    return f"{draft.system}-rest.json"


def _rest(draft: Draft) -> list[File]:
    if not draft.rest:
        return []
    content = msgspec.json.encode([{"key": key, "value": value} for key, value in draft.rest])
    draft.say(f"the rest, {len(draft.rest)} items that fit in no field, is attached as {_rest_name(draft)}")
    return [File(_rest_name(draft), "application/json", content)]


def _that_fit(draft: Draft, rest: list[File]) -> list[File]:
    files = list(rest)
    names = {file.name.casefold() for file in files} | ({draft.original.name} if draft.original else set())
    room = limits.ATTACHMENTS_BYTES - sum(len(file.content) for file in files)
    for file in draft.files:
        if len(files) == limits.ATTACHMENTS_ITEMS or len(file.content) > room:
            draft.say(f"attachments: no room for {file.name}, {len(file.content)} bytes, left out")
            draft.changed = True
            continue
        name, n = file.name, 1
        while name.casefold() in names:
            n += 1
            name = f"{n}-{file.name}"
        names.add(name.casefold())
        files.append(File(name, file.media_type, file.content))
        room -= len(file.content)
    if (original := draft.original) is not None and draft.changed:
        if len(original.content) <= min(room, ORIGINAL_BYTES) and len(files) < limits.ATTACHMENTS_ITEMS:
            draft.say(f"the source itself is attached as {original.name}")
            files.append(original)
        else:
            draft.say(f"the source itself, {len(original.content)} bytes, has no room and is not attached")
    return files


def _smaller_and_smaller(
    draft: Draft, fields: dict[str, Any], files: list[File], needed: int
) -> Iterator[dict[str, Any]]:
    """Give the document with all files; then without the source itself, then with simpler outlines, with
    fewer files, and with ever simpler outlines: a picture says more than the last corner of an outline.
    """
    yield fields | _attachments(files)
    if len(files) > needed and files[-1] is draft.original:
        _leave_out(draft, files)
        yield fields | _attachments(files)
    for most in _OUTLINE_POSITIONS[:_BEFORE_FILES]:
        if _simplify(draft, fields, most):
            yield fields | _attachments(files)
    while len(files) > needed:
        _leave_out(draft, files)
        yield fields | _attachments(files)
    for most in _OUTLINE_POSITIONS[_BEFORE_FILES:]:
        if _simplify(draft, fields, most):
            yield fields | _attachments(files)


def _leave_out(draft: Draft, files: list[File]) -> None:
    file = files.pop()
    draft.say(f"attachments: the payload has no room for {file.name}, {len(file.content)} bytes, left out")


def _simplify(draft: Draft, fields: dict[str, Any], most: int) -> bool:
    """Simplify all outlines to `most` positions; False when nothing changes."""
    areas = fields.get("areas", [])
    simpler = [_simpler(area, most) for area in areas]
    if simpler == areas:
        return False
    fields["areas"] = simpler
    for sentence in [one for one in draft.announced if one.startswith(_SIMPLIFIED)]:
        del draft.announced[sentence]
    draft.say(f"{_SIMPLIFIED} {most} positions each, to fit")
    return True


def _simpler(area: dict[str, Any], most: int) -> dict[str, Any]:
    match area.get("geometry"):
        case {"type": "Polygon", "coordinates": rings}:
            simpler: list[Any] = [simplify(ring, most) for ring in rings]
        case {"type": "MultiPolygon", "coordinates": polygons}:
            simpler = [[simplify(ring, most) for ring in rings] for rings in polygons]
        case _:
            return area
    return area | {"geometry": area["geometry"] | {"coordinates": simpler}}


def _attachments(files: list[File]) -> dict[str, Any]:
    return {"attachments": [_attachment(file) for file in files]} if files else {}


def _attachment(file: File) -> dict[str, Any]:
    return {
        "name": file.name,
        "media_type": file.media_type,
        "size": len(file.content),
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "content": base64.b64encode(file.content).decode(),
    }


def _filled_later(document: dict[str, Any], originator: str, now: int) -> dict[str, Any]:
    """Give what posting fills, so that the whole can be checked now."""
    filled: dict[str, Any] = {
        "originator": originator,
        "exchange": "0" * 64,
        "registry": 1,
        "sent": times.format(now),
    }
    return filled | ({"address_digest": "0" * 64} if document["marking"] in NAMED_MARKINGS else {})
