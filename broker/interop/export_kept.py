"""What an import kept in correlations, while an export puts it back: each text is used, or left over by
name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from broker.protocol.bulletin import Correlation


class Kept:
    """The correlations of one system by key. `forms` tells for an element's name whether a text may stand
    there.
    """

    def __init__(
        self, system: str, correlations: Iterable[Correlation], forms: Mapping[str, Callable[[str], bool]]
    ) -> None:
        self._values: dict[str, list[str]] = {}
        self._used: set[tuple[str, str]] = set()
        self._forms = forms
        for one in correlations:
            if one.system == system:
                self._values.setdefault(one.key, []).append(one.value)

    def has(self, key: str) -> bool:
        """Tell whether there is such a key."""
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        """Give all keys, in order."""
        return iter(self._values)

    def peek(self, key: str) -> str:
        """Give the first text of a key, without using it; "" when there is none."""
        return next(iter(self._values.get(key, ())), "")

    def all(self, key: str) -> list[str]:
        """Use the texts of a key that may stand in the element that it names."""
        form = self._forms.get(key.rpartition(".")[2])
        texts = [text for text in self._values.get(key, ()) if form is None or form(text)]
        self._used |= {(key, text) for text in texts}
        return texts

    def one(self, key: str, otherwise: str, fits: Callable[[str], bool] = lambda _text: True) -> str:
        """Use the first text of a key that may stand in its element and `fits`, or give `otherwise`."""
        form = self._forms.get(key.rpartition(".")[2], fits)
        text = next((text for text in self._values.get(key, ()) if form(text) and fits(text)), None)
        if text is None:
            return otherwise
        self._used.add((key, text))
        return text

    def pairs(self, scope: str, name: str) -> list[tuple[str, str]]:
        """Use the pairs of an element, as (valueName, value)."""
        begin = f"{scope}{name}:"
        keys = [key for key in self._values if key.startswith(begin)]
        return [(key.removeprefix(begin), text) for key in keys for text in self.all(key)]

    def left(self) -> list[tuple[str, str]]:
        """Give what was never used, as (key, text)."""
        return [
            (key, text)
            for key, texts in self._values.items()
            for text in texts
            if (key, text) not in self._used
        ]
