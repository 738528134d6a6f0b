"""What no field took of a story's objects: correlations while they hold it, else the objects themselves.

Correlations keep every property that is left, so that a recipient without any STIX program can read and
search them. When they cannot (more than 255, or a value that is too long), the objects are attached whole as
`stix-bundle.json`, a valid bundle, and correlations hold the ids, and of the other properties the most
telling ones that find room.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from broker.interop.draft import Draft, File
from broker.interop.imported import derived_id
from broker.interop.layout import paragraphs
from broker.interop.stix_document import Story
from broker.interop.stix_markings import OFFICIAL
from broker.interop.stix_source import Taking
from broker.protocol import limits

BUNDLE_NAME: Final = "stix-bundle.json"
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
_SHORT_CHARS: Final = 512
"""With the objects attached, longer values need not stand in correlations too."""


def keep_rest(story: Story, takings: list[Taking], main: Taking, draft: Draft) -> None:
    """Keep what is left of all objects; `main` is the one that the bulletin is made of."""
    if story.bundle:
        draft.keep("bundle", story.bundle, "/id")
    _name_scopes(takings, main)
    kept = [(one, name, as_text(value)) for one in takings for name, value in _left(one)]
    if len(kept) <= _ROOM_ITEMS and all(len(text) <= limits.NOTE_CHARS for _, _, text in kept):
        for one, name, text in kept:
            draft.keep(_key(one, name), text, f"{one.at}/{name}")
        return
    ranked = sorted(
        (item for item in kept if len(item[2]) <= _SHORT_CHARS or item[0] is main),
        key=lambda item: _rank(item[0] is main, item[1]),
    )
    for one, name, text in ranked[:_ROOM_ITEMS]:
        if len(text) <= limits.NOTE_CHARS:
            draft.keep(_key(one, name), text, f"{one.at}/{name}")
    draft.needed.append(File(BUNDLE_NAME, "application/json", bundle_json(story, takings)))
    draft.say(
        f"correlations have no room for everything: the {len(takings)} objects are attached as {BUNDLE_NAME}"
    )


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
    if one.id in OFFICIAL:
        return []  # the marking says it
    return [("id", one.id), *((name, value) for name, value in one.thing.items() if name not in one.taken)]


def _key(one: Taking, name: str) -> str:
    return f"{one.scope}.{name}" if one.scope else name


def _rank(main: bool, name: str) -> int:
    return 0 if main or name == "id" else _TELLING.index(name) if name in _TELLING else len(_TELLING)


def as_text(value: Any) -> str:
    """Give a string as it stands, unless it would read as JSON (or is blank); everything else as JSON."""
    if isinstance(value, str) and value and paragraphs(value) == value:
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
