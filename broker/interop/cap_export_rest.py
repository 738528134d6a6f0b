"""What an import attached as the rest of an alert, put back where it came from before the alert is written.

The rest is `cap-rest.json`, an array of `{"key", "value"}`: correlations beyond their number or length, areas
and languages beyond theirs, and texts that were cut. The bulletin that comes out is for writing only: it may
be beyond the limits of bulletins.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from broker.errors import HarkaraError
from broker.interop.cap_table import REST_NAME
from broker.interop.wording import cut, mend, one_line
from broker.protocol import limits, strictjson
from broker.protocol.areas import Area
from broker.protocol.attachments import Attachment
from broker.protocol.bulletin import Bulletin, Correlation, TextBlock

_AREA: Final = re.compile(r"area\d+")
_WORDS: Final = frozenset({"headline", "description", "instruction"})


def with_rest(bulletin: Bulletin) -> Bulletin:
    """Give the bulletin with its rest in its fields. What cannot be put back stays attached."""
    file = next((one for one in bulletin.attachments if one.name == REST_NAME), None)
    if file is None or (items := _items(file)) is None:
        return bulletin
    whole = _Whole(bulletin)
    left = [key for key, value in items if not whole.take(key, value)]
    return whole.bulletin(tuple(one for one in bulletin.attachments if left or one is not file))


def _items(file: Attachment) -> list[tuple[str, str]] | None:
    try:
        found = strictjson.decode(file.decoded())
    except HarkaraError:
        return None  # somebody else's file of that name
    match found:
        case list() if all(_is_item(one) for one in found):
            return [(one_line(mend(one["key"]).text), mend(one["value"]).text) for one in found]
    return None


def _is_item(one: Any) -> bool:
    return isinstance(one, dict) and all(isinstance(one.get(name), str) for name in ("key", "value"))


class _Whole:
    """A bulletin's fields while the rest goes back into them."""

    def __init__(self, bulletin: Bulletin) -> None:
        self._of = bulletin
        self._areas = list(bulletin.areas)
        self._text = dict(bulletin.text or {})
        self._kept = {(one.key, one.value): one for one in bulletin.correlations if one.system == "cap"}
        self._others = [one for one in bulletin.correlations if one.system != "cap"]

    def take(self, key: str, value: str) -> bool:
        """Put one item back. False when there is no place for it."""
        if key.startswith("/"):
            return False
        if _AREA.fullmatch(key):
            return self._take_area(value)
        if key.startswith("text:"):
            return self._take_block(key.removeprefix("text:"), value)
        match key.split("/"):
            case ["text", tag, name] if name in _WORDS and (block := self._text.get(tag)) is not None:
                if getattr(block, name) == cut(value, limits.PROSE_CHARS):
                    self._text[tag] = msgspec.structs.replace(block, **{name: value})
                    return True
                return False
        short = (cut(key, limits.LINE_CHARS), cut(value, limits.NOTE_CHARS))
        one = Correlation(system="cap", key=key, value=value)
        if short in self._kept:  # in its place, so that the order stays
            self._kept = {name: one if name == short else there for name, there in self._kept.items()}
        else:
            self._kept[key, value] = one
        return True

    def _take_area(self, value: str) -> bool:
        try:
            area = msgspec.json.decode(value.encode(), type=Area)
        except msgspec.MsgspecError:
            return False
        self._areas.append(msgspec.structs.replace(area, name=one_line(mend(area.name).text)))
        return True

    def _take_block(self, tag: str, value: str) -> bool:
        try:
            block = msgspec.json.decode(value.encode(), type=TextBlock)
        except msgspec.MsgspecError:
            return False
        said = {name: mend(text).text for name in _WORDS if (text := getattr(block, name)) is not None}
        self._text.setdefault(tag, TextBlock(**said))
        return True

    def bulletin(self, attachments: tuple[Attachment, ...]) -> Bulletin:
        """Give the bulletin, beyond the limits perhaps."""
        kept = [one for one in self._kept.values() if one.key != "rest"]
        return msgspec.structs.replace(
            self._of,
            areas=tuple(self._areas),
            text=self._text or None,
            correlations=(*kept, *self._others),
            attachments=attachments,
        )
