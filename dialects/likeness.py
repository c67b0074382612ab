"""How easily one syllable is taken for another: 0 the same, 1 nothing in common."""

from __future__ import annotations

from collections.abc import Iterable

from dialects.confusions import Confusions
from dialects.syllables import split

Syllable = tuple[str, int]
"""Toneless pinyin and tone 1 to 5."""
_INITIAL, _FINAL, _TONE = 0.45, 0.45, 0.1
"""Shares of a syllable's parts. Tones weigh little: accents change them first, and unstressed syllables lose them."""
_LIPPED = {"ua": "a", "uan": "an", "uang": "ang", "ui": "ei", "un": "en", "uo": "o"}
"""Who says f for h says it for hu: 花 as 发, 回 as 肥."""
_EASED = 0.85
"""How much of a difference a confusion of weight 1 takes away."""


class Likeness:
    """Costs under the confusions of some packs together."""

    def __init__(self, tables: Iterable[Confusions], tones: Iterable[tuple[int, int, float]] = ()) -> None:
        """``tones`` as in a pack: ``(tone, heard as, weight)``, read in both directions."""
        self._initials: dict[tuple[str, str], float] = {}
        self._finals: dict[tuple[str, str], float] = {}
        self._tones: dict[tuple[int, int], float] = {}
        for table in tables:
            for pairs, costs in ((table.initials, self._initials), (table.finals, self._finals)):
                for one, other, weight in pairs:
                    cost = 1 - _EASED * weight
                    for pair in ((one, other), (other, one)):
                        costs[pair] = min(cost, costs.get(pair, 1.0))
        for tone, heard, weight in tones:
            self._tones[tone, heard] = self._tones[heard, tone] = 1 - _EASED * weight
        self._known: dict[tuple[Syllable, Syllable], float] = {}

    def cost(self, one: Syllable, other: Syllable) -> float:
        """From 0 to 1; signs that are no syllables (tone 0) match only themselves."""
        found = self._known.get((one, other))
        if found is None:
            found = self._known[one, other] = self._cost(one, other)
        return found

    def _cost(self, one: Syllable, other: Syllable) -> float:
        if one == other:
            return 0.0
        if not one[1] or not other[1]:
            return 1.0
        (initial, final), (initial2, final2) = split(one[0]), split(other[0])
        if {initial, initial2} == {"h", "f"} and ("h", "f") in self._initials:
            final = _LIPPED.get(final, final) if initial == "h" else final
            final2 = _LIPPED.get(final2, final2) if initial2 == "h" else final2
        tone = (
            0.0 if one[1] == other[1] or 5 in (one[1], other[1]) else self._tones.get((one[1], other[1]), 1.0)
        )
        return (
            _INITIAL * self._part(self._initials, initial, initial2)
            + _FINAL * self._part(self._finals, final, final2)
            + _TONE * tone
        )

    @staticmethod
    def _part(costs: dict[tuple[str, str], float], one: str, other: str) -> float:
        return 0.0 if one == other else costs.get((one, other), 1.0)
