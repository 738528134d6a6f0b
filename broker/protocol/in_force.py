"""Which keys are in force when: a table over time, made of cards and revocations.

Between two moments at which any key begins, ends or is revoked nothing changes, so each such span is computed
once, when it is first asked for. Every post and every read asks; computing it each time cost 2.5 ms with 500
members. The table is a memory of a pure function: nothing that is asked of it changes an answer.
Source: schemas/protocol.md, "Trust".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from broker.protocol.card import Card, PublicKey, Use


@dataclass(frozen=True, slots=True)
class Span:
    """What holds from one change to the next: the key of each member and use, and the active agencies."""

    keys: Mapping[tuple[str, Use], PublicKey]
    active: frozenset[str]


class InForce:
    """The table of one registry. `revoked` gives kid -> from when (µs)."""

    def __init__(self, cards: Iterable[Card], revoked: Mapping[bytes, int]) -> None:
        self._cards = tuple(cards)
        self._revoked = revoked
        changes = {at for card in self._cards for key in card.keys for at in (key.not_before, key.not_after)}
        self._changes = sorted(changes | set(revoked.values()))
        self._spans: dict[int, Span] = {}

    def at(self, now: int) -> Span:
        """Give what holds at `now` (µs since the epoch)."""
        place = bisect_right(self._changes, now)
        found = self._spans.get(place)
        if found is None:
            found = self._spans[place] = self._compute(now)
        return found

    def is_revoked(self, kid: bytes, at: int) -> bool:
        """Tell whether a key was revoked at `at`."""
        return kid in self._revoked and at >= self._revoked[kid]

    def _compute(self, now: int) -> Span:
        chosen: dict[tuple[str, Use], PublicKey] = {}
        for card in self._cards:
            for key in card.keys:
                if not key.in_force(now) or self.is_revoked(key.kid, now):
                    continue
                place = card.id, key.use
                other = chosen.get(place)
                # Of several the one valid longest; the id only breaks a tie, alike everywhere.
                if other is None or (key.not_after, key.kid) > (other.not_after, other.kid):
                    chosen[place] = key
        active = frozenset(
            card.id
            for card in self._cards
            if card.role == "agency" and (card.id, "sign") in chosen and (card.id, "seal") in chosen
        )
        return Span(chosen, active)
