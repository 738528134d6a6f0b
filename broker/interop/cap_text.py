"""What an alert says: one block of text for each language, from as many infos as there are.

Several infos of one language (other areas, other levels) are put together: the gravest is the block, as its
severity is the bulletin's; what the others say differently is appended to it, so that a reader of one
language sees all of the alert.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import Any, Final

from broker.interop.cap_alert import Part
from broker.interop.cap_own import is_ours
from broker.interop.cap_table import scope_of
from broker.interop.draft import Draft
from broker.interop.markup import without_markup
from broker.interop.wording import UNKNOWN_LANGUAGE, cut, language_tag
from broker.protocol import limits
from broker.protocol.vocabulary import SEVERITIES

_SEVERITIES: Final[tuple[str, ...]] = SEVERITIES
"""The gravest first."""
DEFAULT_LANGUAGE: Final = "en-US"
"""CAP 1.2, section 3.2.2: "If not present, an implicit default value of "en-US" SHALL be assumed."""


@dataclass(slots=True)
class _Block:
    """A language's text in the making: each paragraph once, in order."""

    headline: str = ""
    description: dict[str, None] = field(default_factory=dict)
    instruction: dict[str, None] = field(default_factory=dict)


def map_text(alert: Part, draft: Draft) -> None:
    """Fill `text` from the infos, or from the note of an alert that has none. A Cancel may say nothing."""
    infos: dict[str, list[Part]] = {}
    for info in alert.infos:
        tag = _language(info, draft)
        if tag in infos:
            draft.say(f"{info.at}: a further info in {tag}, put together with the first")
        elif info.number != len(infos) + 1:  # an export must find which info this block was
            draft.keep(f"{scope_of('info', info.number)}language", tag, info.where("language"))
        infos.setdefault(tag, []).append(info)
    blocks = {tag: _together(same, is_ours(alert), draft) for tag, same in infos.items()}
    if not alert.infos and alert.text("note"):
        draft.say("text: the alert has no info, its note is the text")
        note = draft.prose(_plain(alert, "note", is_ours(alert), draft), "/alert/note", sys.maxsize)
        blocks[UNKNOWN_LANGUAGE] = _Block(cut(note.split("\n")[0], limits.HEADLINE_CHARS), {note: None})
    if not blocks and draft.fields.get("type") in ("Alert", "Update"):
        draft.refuse("/alert/info", "an info or a note: what the alert says", "neither")
    text = {tag: _block(tag, block, draft) for tag, block in blocks.items()}
    for tag in list(text)[limits.LANGUAGES_BLOCKS :]:
        draft.say(
            f"text: more than {limits.LANGUAGES_BLOCKS} languages, {tag} is in the attachment of the rest"
        )
        draft.rest.append((f"text:{tag}", json.dumps(text.pop(tag), ensure_ascii=False)))
    if text:
        draft.fields["text"] = text


def _together(infos: list[Part], ours: bool, draft: Draft) -> _Block:
    """Give the block of the infos of one language: the gravest is its headline, and is read first."""
    block = _Block()
    for info in sorted(infos, key=_gravity):
        _add(info, block, ours, draft)
    return block


def _gravity(info: Part) -> int:
    severity = info.text("severity").capitalize()
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _language(info: Part, draft: Draft) -> str:
    raw = info.text("language")
    if not raw:
        draft.say(f"{info.where('language')}: not said, taken as {DEFAULT_LANGUAGE} as CAP asks")
        return DEFAULT_LANGUAGE
    if (tag := language_tag(raw)) != raw:
        draft.say(f"{info.where('language')}: {raw[:40]} is written {tag}")
        draft.keep(f"{scope_of('info', info.number)}language", raw, info.where("language"))
    return tag


def _add(info: Part, block: _Block, ours: bool, draft: Draft) -> None:
    at = info.where("headline")
    whole = draft.line(_plain(info, "headline", ours, draft), at, limits.PROSE_CHARS)
    if not whole and (
        whole := draft.line(_plain(info, "event", ours, draft), info.where("event"), limits.PROSE_CHARS)
    ):
        draft.say(f"{at}: not there, the event stands for it")
    if not whole:
        draft.refuse(info.where("event"), "an event: CAP requires it", "neither event nor headline")
    headline = cut(whole, limits.HEADLINE_CHARS)
    if headline != whole:
        draft.say(
            f"{at}: cut to {limits.HEADLINE_CHARS} of {len(whole)} characters, whole in the description"
        )
    if not block.headline:
        block.headline = headline
    if whole != block.headline:  # cut, or that of a further info
        block.description[whole] = None
    for name, said in (("description", block.description), ("instruction", block.instruction)):
        # Only the whole block is bounded: what is cut of it stands in the rest once.
        if text := draft.prose(_plain(info, name, ours, draft), info.where(name), sys.maxsize):
            said[text] = None


def _plain(part: Part, name: str, ours: bool, draft: Draft) -> str:
    """Give the text of an element without the HTML in it; in an export of ours there is none."""
    raw = part.text(name)
    if ours:
        return raw
    if (text := without_markup(raw)) != raw:
        draft.say(f"{part.where(name)}: read as text, without the HTML in it")
        draft.changed = True
    return text


def _block(tag: str, block: _Block, draft: Draft) -> dict[str, Any]:
    found = {"headline": block.headline}
    for name, said in (("description", block.description), ("instruction", block.instruction)):
        if said:
            found[name] = draft.prose("\n\n".join(said), f"text/{tag}/{name}")
    return found
