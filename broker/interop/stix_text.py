"""What a story says: headline and description of its main object, and their translations."""

from __future__ import annotations

from typing import Any, Final

from broker.interop.draft import Draft
from broker.interop.stix_languages import stix_language
from broker.interop.stix_source import Taking
from broker.interop.wording import cut, language_tag, one_line
from broker.protocol import limits

DEFAULT_LANGUAGE: Final = "en"
_VALUES_ITEMS: Final = 3
_VALUE_CHARS: Final = 80


def map_text(main: Taking, takings: list[Taking], draft: Draft) -> None:
    """Fill `text` from the main object and from the language-content objects that translate it."""
    language = main.reads("language")
    raw = language.text("lang")
    tag = language_tag(raw) if raw else DEFAULT_LANGUAGE
    if tag != raw:
        draft.say(f"{main.at}/lang: {f'{raw[:40]} is written {tag}' if raw else f'not said, taken as {tag}'}")
    elif main.type == "report":
        language.take("lang")
    if main.type != "report":
        draft.say(f"text: the source has no report, its first {main.type} gives the headline")
    said = main.reads("headline").said() | main.reads("description").said()
    block = _block(main, said, main.at, draft)
    if "headline" not in block:
        made = _made_headline(main, takings)
        draft.say(
            f"{main.at}/name: nothing there, the headline is {'made of its objects' if made else 'its id'}"
        )
        block = {"headline": draft.line(made, main.at, limits.HEADLINE_CHARS) or main.id} | block
    draft.fields["text"] = {tag: block}
    for one in takings:
        if one.reads("translation").get("object_ref") == main.id:
            _translate(one, main, draft)


def _made_headline(main: Taking, takings: list[Taking]) -> str:
    """Give type and first values of what the main object names; "" when nothing of it has one."""
    holding = main.reads("holding")
    refs = holding.get("object_refs")
    inner = holding.get("objects")  # STIX 2.0 wrote observables into observed-data
    things = [one.reads("held").said() for one in takings if isinstance(refs, list) and one.id in refs]
    things += [one for one in inner.values() if isinstance(one, dict)] if isinstance(inner, dict) else []
    names = main.reads("held").names
    words = [
        next((text for name in names if isinstance(text := one.get(name), str) and text), "")
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
        said_again = main.reads("own")
        said_again.take(*(name for name, value in pairs if said_again.get(name) == value))
    for one in takings:
        translation = one.reads("translation")
        if translation.get("object_ref") == main.id:
            contents = translation.get("contents")
            if isinstance(contents, dict) and set(contents) <= {stix_language(tag) for tag in blocks}:
                one.reads("own").take("contents")


def _translate(one: Taking, main: Taking, draft: Draft) -> None:
    contents = one.reads("translation").get("contents")
    if not isinstance(contents, dict):
        return
    text: dict[str, Any] = draft.fields["text"]
    whole = True
    for raw, said in contents.items():
        tag = language_tag(raw)
        block = _block(main, said, f"{one.at}/contents/{tag}", draft) if isinstance(said, dict) else {}
        if not block.get("headline") or tag in text or len(text) == limits.LANGUAGES_BLOCKS:
            draft.say(f"{one.at}/contents: {raw[:40]} cannot be a block of text, kept as it is")
            whole = False
            continue
        whole = whole and tag == raw and set(said) <= {"name", "description"}
        text[tag] = block
    if whole:
        one.reads("translation").take("contents")


def _block(main: Taking, said: dict[str, Any], at: str, draft: Draft) -> dict[str, str]:
    """Give the block of text that the main object says, or that a translation says in the same words."""
    headline, prose = main.reads("headline"), main.reads("description")
    head, body = (
        next(
            ((name, said[name]) for name in names if isinstance(said.get(name), str) and said[name].strip()),
            ("", ""),
        )
        for names in (headline.names, prose.names)
    )
    whole = draft.line(head[1], f"{at}/{head[0]}", limits.PROSE_CHARS)
    block = {"headline": cut(whole, limits.HEADLINE_CHARS)} if whole else {}
    description = body[1]
    if whole and block["headline"] != whole:
        draft.say(f"{at}/{head[0]}: cut to {limits.HEADLINE_CHARS} characters, whole in the description")
        description = f"{whole}\n\n{description}"
    if text := draft.prose(description, f"{at}/{body[0] or head[0]}"):
        block["description"] = text
    if main.type == "report" and at == main.at and len(description) <= limits.PROSE_CHARS:
        prose.take(body[0])
        if block.get("headline") == whole:
            headline.take(head[0])
    return block
