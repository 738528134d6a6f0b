"""What a story says: headline and description of its main object, and their translations."""

from __future__ import annotations

from typing import Any, Final

from broker.interop.draft import Draft
from broker.interop.stix_languages import stix_language
from broker.interop.stix_source import Taking
from broker.interop.wording import cut, language_tag, one_line
from broker.protocol import limits

DEFAULT_LANGUAGE: Final = "en"
_HEADLINES: Final = ("name", "abstract", "value", "pattern", "opinion")
_VALUES: Final = ("value", "name", "account_login", "number", "path", "key", "subject")
"""What an observable is called by."""
_VALUES_ITEMS: Final = 3
_VALUE_CHARS: Final = 80
_DESCRIPTIONS: Final = ("description", "content", "explanation")


def map_text(main: Taking, takings: list[Taking], draft: Draft) -> None:
    """Fill `text` from the main object and from the language-content objects that translate it."""
    raw = main.text("lang")
    tag = language_tag(raw) if raw else DEFAULT_LANGUAGE
    if tag != raw:
        draft.say(f"{main.at}/lang: {f'{raw[:40]} is written {tag}' if raw else f'not said, taken as {tag}'}")
    elif main.type == "report":
        main.taken.add("lang")
    if main.type != "report":
        draft.say(f"text: the source has no report, its first {main.type} gives the headline")
    block = _block(main, main.thing, tag, draft)
    if "headline" not in block:
        made = _made_headline(main, takings)
        draft.say(
            f"{main.at}/name: nothing there, the headline is {'made of its objects' if made else 'its id'}"
        )
        block = {"headline": draft.line(made, main.at, limits.HEADLINE_CHARS) or main.id} | block
    draft.fields["text"] = {tag: block}
    for one in takings:
        if one.type == "language-content" and one.thing.get("object_ref") == main.id:
            _translate(one, draft)


def _made_headline(main: Taking, takings: list[Taking]) -> str:
    """Give type and first values of what the main object names; "" when nothing of it has one."""
    refs = main.thing.get("object_refs")
    inner = main.thing.get("objects")  # STIX 2.0 wrote observables into observed-data
    things = [one.thing for one in takings if isinstance(refs, list) and one.id in refs]
    things += [one for one in inner.values() if isinstance(one, dict)] if isinstance(inner, dict) else []
    words = [
        next((text for name in _VALUES if isinstance(text := one.get(name), str) and text), "")
        for one in things
    ]
    found = [cut(one_line(word), _VALUE_CHARS) for word in words if word]
    more = ["…"] if len(found) > _VALUES_ITEMS else []
    return f"{main.type}: {', '.join([*found[:_VALUES_ITEMS], *more])}" if found else ""


def take_text(main: Taking, takings: list[Taking], text: Any, draft: Draft) -> None:
    """Fill `text` with what an export of ours wrote whole; what says the same in STIX's words is taken
    too.
    """
    draft.fields["text"] = text
    blocks = text if isinstance(text, dict) else {}
    said = [block for block in blocks.values() if isinstance(block, dict)]
    if main.type == "report":
        first = said[0] if said else {}
        pairs = (
            ("name", first.get("headline")),
            ("description", first.get("description")),
            ("lang", stix_language(next(iter(blocks), ""))),
        )
        main.taken |= {name for name, value in pairs if main.thing.get(name) == value}
    for one in takings:
        if one.type == "language-content" and one.thing.get("object_ref") == main.id:
            contents = one.thing.get("contents")
            if isinstance(contents, dict) and set(contents) <= {stix_language(tag) for tag in blocks}:
                one.taken.add("contents")


def _translate(one: Taking, draft: Draft) -> None:
    contents = one.thing.get("contents")
    if not isinstance(contents, dict):
        return
    text: dict[str, Any] = draft.fields["text"]
    whole = True
    for raw, said in contents.items():
        tag = language_tag(raw)
        block = _block(one, said, tag, draft) if isinstance(said, dict) else {}
        if not block.get("headline") or tag in text or len(text) == limits.LANGUAGES_BLOCKS:
            draft.say(f"{one.at}/contents: {raw[:40]} cannot be a block of text, kept as it is")
            whole = False
            continue
        whole = whole and tag == raw and set(said) <= {"name", "description"}
        text[tag] = block
    if whole:
        one.taken.add("contents")


def _block(one: Taking, said: dict[str, Any], tag: str, draft: Draft) -> dict[str, str]:
    at = one.at if said is one.thing else f"{one.at}/contents/{tag}"
    head, body = (
        next(
            ((name, said[name]) for name in names if isinstance(said.get(name), str) and said[name].strip()),
            ("", ""),
        )
        for names in (_HEADLINES, _DESCRIPTIONS)
    )
    whole = draft.line(head[1], f"{at}/{head[0]}", limits.PROSE_CHARS)
    block = {"headline": cut(whole, limits.HEADLINE_CHARS)} if whole else {}
    description = body[1]
    if whole and block["headline"] != whole:
        draft.say(f"{at}/{head[0]}: cut to {limits.HEADLINE_CHARS} characters, whole in the description")
        description = f"{whole}\n\n{description}"
    if text := draft.prose(description, f"{at}/{body[0] or head[0]}"):
        block["description"] = text
    if one.type == "report" and said is one.thing and len(description) <= limits.PROSE_CHARS:
        one.taken |= {head[0], body[0]} if block.get("headline") == whole else {body[0]}
    return block
