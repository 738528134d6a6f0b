"""What no field took of a story's objects: correlations while they hold it, else the objects themselves.

Correlations keep every property that is left, so that a recipient without any STIX program can read and
search them. When they cannot (more than 255, or a value that is too long), the objects are attached whole as
`stix-bundle.json`, a valid bundle (a large one compressed), and correlations hold the ids, and of the other
properties the most telling ones that find room.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from typing import Any, Final

import msgspec

from broker.interop.draft import Draft, File
from broker.interop.imported import IMPORT_SOURCE_BYTES, derived_id
from broker.interop.layout import paragraphs
from broker.interop.stix_document import Story
from broker.interop.stix_source import Taking
from broker.protocol import limits

BUNDLE_NAME: Final = "stix-bundle.json"
COMPRESSED_NAME: Final = "stix-bundle.json.gz"
_PLAIN_BYTES: Final = 96 * 1024
"""A larger bundle is attached compressed: to about a tenth."""
_OTHERS_BYTES: Final = 16 * 1024
"""Of the payload, for what posting fills and for names and quotation marks."""
_TELLING: Final = (
    "id",
    "relationship_type",
    "source_ref",
    "target_ref",
    "name",
    "value",
    "pattern",
    "description",
)
"""What finds room first when not all does."""
_ROOM_ITEMS: Final = limits.CORRELATIONS_ITEMS - 2
"""One is for the bundle's id, one may point to the rest."""
_FRAME_BYTES: Final = 64
"""Of a correlation in JSON, beside key and value."""
_SHORT_CHARS: Final = 512
"""With the objects attached, longer values need not stand in correlations too."""


def keep_rest(story: Story, takings: list[Taking], main: Taking, draft: Draft) -> None:
    """Keep what is left of all objects; `main` is the one that the bulletin is made of."""
    if story.bundle:
        draft.keep("bundle", story.bundle, "/id")
    _name_scopes(takings, main)
    left = [(one, name, value) for one in takings for name, value in _left(one)]
    if not draft.rest and len(left) <= _ROOM_ITEMS:
        kept = [(one, name, as_text(value)) for one, name, value in left]
        if all(len(text) <= limits.NOTE_CHARS for _, _, text in kept):
            for one, name, text in kept:
                draft.keep(_key(one, name), text, f"{one.at}/{name}")
            return
    _attach(story, takings, main, left, draft)


def _attach(
    story: Story, takings: list[Taking], main: Taking, left: list[tuple[Taking, str, Any]], draft: Draft
) -> None:
    """Attach the objects, and keep of what is `left` the most telling properties that find room."""
    file = _bundle_file(story, takings)
    room = limits.PAYLOAD_BYTES - _OTHERS_BYTES - len(file.content) * 4 // 3
    room -= len(msgspec.json.encode(draft.fields))
    items = _ROOM_ITEMS
    for one, name, value in sorted(left, key=lambda item: _rank(item[0] is main, item[1])):
        key, text = _key(one, name), as_text(value)
        size = len(f"{key}{text}".encode()) + _FRAME_BYTES
        if len(text) > (limits.NOTE_CHARS if one is main else _SHORT_CHARS) or size > room:
            continue
        draft.keep(key, text, f"{one.at}/{name}")
        items, room = items - 1, room - size
        if items == 0:
            break
    draft.rest.clear()  # the objects hold it
    draft.needed.append(file)
    draft.say(
        f"correlations have no room for everything: the {len(takings)} objects are attached as {file.name}"
    )


def _bundle_file(story: Story, takings: list[Taking]) -> File:
    content = bundle_json(story, takings)
    if len(content) <= _PLAIN_BYTES:
        return File(BUNDLE_NAME, "application/json", content)
    compressed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=compressed, mtime=0) as file:  # the same bytes again
        file.write(content)
    return File(COMPRESSED_NAME, "application/gzip", compressed.getvalue())


def attached_bundle(name: str, content: bytes) -> bytes | None:
    """Give the JSON of an attachment that `keep_rest` made; None for another, or when it is larger than what
    is ever read.
    """
    if name == BUNDLE_NAME:
        return content
    if name != COMPRESSED_NAME:
        return None
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        found = reader.decompress(content, IMPORT_SOURCE_BYTES)
    except zlib.error:
        return None
    return found if reader.eof else None


def bundle_json(story: Story, takings: list[Taking]) -> bytes:
    """Give the objects of the story as a STIX bundle."""
    objects = [one.thing for one in takings]
    bundle = story.bundle if story.bundle.startswith("bundle--") else ""
    name = bundle or f"bundle--{derived_id('stix bundle', '', *(one['id'] for one in objects))}"
    return msgspec.json.encode({"type": "bundle", "id": name, "objects": objects})


def _name_scopes(takings: list[Taking], main: Taking) -> None:
    counts: dict[str, int] = {}
    for one in takings:
        if one is main and one.scope is None:
            one.scope = ""
        elif one.scope is None:
            counts[one.type] = number = counts.get(one.type, 0) + 1
            one.scope = one.type if number == 1 else f"{one.type}{number}"


def _left(one: Taking) -> list[tuple[str, Any]]:
    return [] if one.whole else [("id", one.id), *one.left().items()]


def _key(one: Taking, name: str) -> str:
    return f"{one.scope}.{name}" if one.scope else name


def _rank(main: bool, name: str) -> int:
    return 0 if main or name == "id" else _TELLING.index(name) if name in _TELLING else len(_TELLING)


_JSON_BEGINS: Final = '"{[-0123456789tfnNI'
"""With anything else no JSON begins, nor what Python's reader takes for it."""


def as_text(value: Any) -> str:
    """Give a string as it stands, unless it would read as JSON (or is blank); everything else as JSON."""
    if isinstance(value, str) and value and paragraphs(value) == value:
        if value[0] not in _JSON_BEGINS:
            return value
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
