"""STIX 2.1 in: reports, or bundles without one, become bulletins (docs/stix.md, made from `stix_table`).

One bulletin for each report, else one for the bundle; each is imported or refused by itself. Ids are derived
from originator and the report's id and version, so that a later version finds the first one, and posting the
same report again is a repeat.
"""

from __future__ import annotations

from typing import Final

from broker.interop.bounds import finish
from broker.interop.draft import Draft
from broker.interop.imported import Import, ImportDefaults, Refused
from broker.interop.stix_document import Story, find_stories
from broker.interop.stix_mapping import map_story

SYSTEM: Final = "stix"


def read_stix(source: bytes, *, originator: str, defaults: ImportDefaults, now: int) -> list[Import]:
    """Give a bulletin, or a refusal, for each story of a STIX document, in order.

    `now` is µs since the epoch. Raises Malformed for what is no STIX 2, TooLarge above IMPORT_SOURCE_BYTES.
    """
    return [
        found if isinstance(found, Refused) else _import(found, originator, defaults, now)
        for found in find_stories(source)
    ]


def _import(story: Story, originator: str, defaults: ImportDefaults, now: int) -> Import:
    draft = Draft(SYSTEM)
    map_story(story, originator, defaults, now, draft)
    return finish(draft, story.label, originator, now)
