"""How far STIX objects may be shared: the narrowest TLP of all that a bulletin is made of.

A marking counts by its official id (TLP 2.0 of FIRST and OASIS, TLP 1 of the STIX specification) and by what
its definition says; many public files carry a wrong id, and then what the definition says is what its author
meant. A TLP among the labels of an object counts too (MISP and OTX write it there). A marking of which
nothing is known could be narrower than anything, so it needs `--marking`.
"""

from __future__ import annotations

from typing import Any, Final

from broker.interop.draft import Draft
from broker.interop.filling import fill_marking
from broker.interop.imported import ImportDefaults, narrowest, tlp_labels
from broker.interop.stix_document import Story
from broker.interop.stix_source import Taking
from broker.interop.stix_table import named
from broker.protocol.vocabulary import Marking

TLP2_IDS: Final[dict[Marking, str]] = {
    "TLP:CLEAR": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "TLP:GREEN": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "TLP:AMBER": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "TLP:AMBER+STRICT": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    "TLP:RED": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
TLP2_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
TLP1_IDS: Final[dict[str, Marking]] = {
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": "TLP:CLEAR",
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "TLP:GREEN",
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "TLP:AMBER",
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "TLP:RED",
}
"""STIX 2.1, section 7.2.1.4. WHITE is CLEAR."""
_TLP2_MARKINGS: Final[dict[str, Marking]] = {name: marking for marking, name in TLP2_IDS.items()}
OFFICIAL: Final = _TLP2_MARKINGS | TLP1_IDS


def map_marking(story: Story, takings: list[Taking], defaults: ImportDefaults, draft: Draft) -> None:
    """Fill `marking` from the markings of all objects of the story."""
    definitions = {one.id: one for one in takings if one.type == "marking-definition"}
    labels: list[Marking] = []
    unknown: list[str] = []
    for name in dict.fromkeys(ref for one in takings for ref in _refs_of(one)):
        said = _labels_of(name, definitions.get(name))
        if said is None:
            unknown.append(name)
        else:
            labels += said
    for one in takings:
        one.whole = one.id in OFFICIAL and _is_read_by_id()
    marked = narrowest(*labels)
    listed = [text for one in takings for text in _list(one.reads("marking").get("labels"))]
    texts = [text for text in listed if isinstance(text, str)]
    written: list[Marking] = [label for text in texts for label in tlp_labels(text)]
    said = narrowest(marked, *written)
    if said != marked:
        draft.say(f"marking: {said}, because a label says so")
    at = story.where.get(story.report["id"], "/objects") if story.report else "/objects"
    if unknown and defaults.marking is None:
        draft.refuse(f"{at}/object_marking_refs", "a TLP marking", unknown[0], "say it with --marking")
        return
    if unknown:
        draft.say(f"marking: {', '.join(unknown)} is not in the source: what it asks is not known")
    fill_marking(draft, said, defaults, f"{at}/object_marking_refs", "no TLP")


def _refs_of(one: Taking) -> list[str]:
    """Give the ids of the markings of an object and of parts of it."""
    said = one.reads("marking")
    granular = [part for part in _list(said.get("granular_markings")) if isinstance(part, dict)]
    refs = [*_list(said.get("object_marking_refs")), *(part.get("marking_ref") for part in granular)]
    return [ref for ref in refs if isinstance(ref, str)]


def _is_read_by_id() -> bool:
    """Whether an official id says all of a marking, in the source or not."""
    return named("marking-definition", "official").get("id", False)


def _labels_of(name: str, definition: Taking | None) -> list[Marking] | None:
    """Give the TLP labels that a marking means; [] for a statement; None when nothing is known of it."""
    labels: list[Marking] = [OFFICIAL[name]] if name in OFFICIAL and _is_read_by_id() else []
    if definition is None:
        return labels or None
    said = definition.reads("marking")
    texts = [said.get("name")]
    match said.get("definition"):
        case {"tlp": str() as tlp}:
            texts.append(f"TLP:{tlp}")
    match said.get("extensions"):
        case dict() as extensions:
            texts += [part.get("tlp_2_0") for part in extensions.values() if isinstance(part, dict)]
            texts += [
                f"TLP:{text}"
                for text in texts[-len(extensions) :]
                if isinstance(text, str) and ":" not in text
            ]
    return labels + [label for text in texts if isinstance(text, str) for label in tlp_labels(text)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
