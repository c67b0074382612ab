"""Phonetic repair: words of the field put where the recogniser was unsure and heard something that sounds like them.

A phrase is laid over the hypothesis syllable by syllable, weighed by what the pack's accent confuses. Only characters of
low confidence may change; none in or of a number ever does, so amounts, dates and ids come out as they were heard and the
dialogue reads them back.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dialects.likeness import Likeness, Syllable
from dialects.numerals import NUMERAL, protected
from dialects.sounds import folded
from dialects.syllables import toned

TERMS = Path(__file__).parent / "terms.txt"
_DROPPED = 1.0
"""Cost of a syllable heard but not meant, or meant but not heard."""
_LIMIT_SHORT, _LIMIT = 0.03, 0.18
"""Greatest mean cost of a syllable, for phrases of two and of more: too many pairs of words differ in one sound only."""
_BACKED = 0.6
"""What is left of a cost when one of the recogniser's own alternatives has the phrase."""
_EXPECTED = 0.75
"""... when the phrase is expected at this point of the talk."""
_LONGEST = 16
_SHARED = 0.4
"""Share of a phrase's syllables, folded, that must occur in the hypothesis for it to be looked at."""


@dataclass(frozen=True)
class Phrase:
    """What may be meant: its characters and their syllables."""

    text: str
    sounds: tuple[Syllable, ...]
    expected: bool = False


@dataclass(frozen=True)
class Repaired:
    """The text afterwards, with a confidence for each character; those put in have 1."""

    text: str
    signs: tuple[float, ...]
    changed: bool


@dataclass(frozen=True)
class _Candidate:
    start: int
    end: int
    phrase: Phrase
    gain: float


@lru_cache(maxsize=1)
def shared_terms() -> tuple[str, ...]:
    """The words of ``dialects/terms.txt``."""
    lines = TERMS.read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


@lru_cache(maxsize=4096)
def _phrase(text: str, expected: bool) -> Phrase:
    return Phrase(text, tuple(toned(text)), expected)


def _usable(text: str) -> bool:
    return 2 <= len(text) <= _LONGEST and all("\u4e00" <= sign <= "\u9fff" for sign in text)


class _Index:
    """Phrases found by the folded syllables they share with a hypothesis."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._phrases = tuple(phrases)
        self._by_sound: Mapping[str, list[int]] = defaultdict(list)
        for number, phrase in enumerate(self._phrases):
            for sound in {folded(syllable) for syllable, _ in phrase.sounds}:
                self._by_sound[sound].append(number)

    def near(self, sounds: Sequence[Syllable]) -> Iterable[Phrase]:
        shared: Counter[int] = Counter()
        for sound in {folded(syllable) for syllable, _ in sounds}:
            shared.update(self._by_sound.get(sound, ()))
        for number, count in shared.items():
            if count >= _SHARED * len({s for s, _ in self._phrases[number].sounds}):
                yield self._phrases[number]


class Repairer:
    """Repairs what one pack's ears have heard."""

    def __init__(self, likeness: Likeness, below: float, phrases: Iterable[str] = ()) -> None:
        """Characters surer than ``below`` are never changed; ``phrases`` beside the terms of the field."""
        self._likeness = likeness
        self._below = below
        known = [text for text in dict.fromkeys((*shared_terms(), *phrases)) if _usable(text)]
        self._known = frozenset(known)
        self._index = _Index(_phrase(text, False) for text in known)
        self._expected: dict[tuple[str, ...], _Index] = {}

    def repair(
        self,
        text: str,
        signs: Sequence[float],
        expected: Sequence[str] = (),
        alternatives: Sequence[str] = (),
    ) -> Repaired:
        """``text`` with one confidence a character; raises ValueError when the lengths differ."""
        if len(text) != len(signs):
            raise ValueError(f"{len(signs)} confidences for {len(text)} characters")
        changed = False
        sure = tuple(signs)
        # Each round makes what it puts in sure, so that the number of changeable characters falls.
        while found := self._best(text, sure, tuple(expected), alternatives):
            text = text[: found.start] + found.phrase.text + text[found.end :]
            sure = sure[: found.start] + (1.0,) * len(found.phrase.text) + sure[found.end :]
            changed = True
        return Repaired(text, sure, changed)

    def _best(
        self, text: str, signs: tuple[float, ...], expected: tuple[str, ...], alternatives: Sequence[str]
    ) -> _Candidate | None:
        free = self._changeable(text, signs)
        if not any(free):
            return None
        sounds = toned(text)
        nearest: dict[tuple[str, Syllable], float] = {}

        def least(sign: str, sound: Syllable) -> float:
            key = (sign, sound)
            if key not in nearest:
                steps = (self._step(*heard, sign, sound) for heard in zip(text, sounds, free, strict=True))
                nearest[key] = min(_DROPPED, *steps)
            return nearest[key]

        best: _Candidate | None = None
        for index in (self._index, self._index_of(expected)):
            for phrase in index.near(sounds):
                # No place can be better than each syllable at the place that suits it best.
                bound = sum(least(*each) for each in zip(phrase.text, phrase.sounds, strict=True))
                if bound * _BACKED * _EXPECTED > _LIMIT * len(phrase.text):
                    continue
                found = self._place(text, sounds, free, phrase, alternatives)
                if found and (
                    best is None or (found.gain, found.phrase.text) > (best.gain, best.phrase.text)
                ):
                    best = found
        return best

    def _index_of(self, expected: tuple[str, ...]) -> _Index:
        index = self._expected.get(expected)
        if index is None:
            if len(self._expected) > 64:
                self._expected.clear()
            index = _Index(_phrase(text, True) for text in dict.fromkeys(expected) if _usable(text))
            self._expected[expected] = index
        return index

    def _changeable(self, text: str, signs: Sequence[float]) -> list[bool]:
        """Which characters may change: unsure ones, outside numbers and outside words that are known as they are."""
        numbers = protected(text)
        free = [sure < self._below and not number for sure, number in zip(signs, numbers, strict=True)]
        for start in range(len(text)):
            if not free[start]:
                continue
            for end in range(start + 2, min(len(text), start + _LONGEST) + 1):
                if text[start:end] in self._known:
                    free[start:end] = [False] * (end - start)
        return free

    def _place(
        self,
        text: str,
        sounds: Sequence[Syllable],
        free: Sequence[bool],
        phrase: Phrase,
        alternatives: Sequence[str],
    ) -> _Candidate | None:
        """The best place for ``phrase`` where it changes something, ``None`` when nowhere is near enough."""
        size = len(phrase.text)
        may_slip = size > 3
        # costs[j]: cheapest way to lay the syllables so far so that they end before character j, and where it begins.
        costs = [(0.0, place) for place in range(len(text) + 1)]
        for number, (sign, sound) in enumerate(zip(phrase.text, phrase.sounds, strict=True)):
            # At its ends a slip would only eat what stands beside the phrase, or make a phrase of its half.
            inside = may_slip and 0 < number < size - 1
            row: list[tuple[float, int]] = []
            for place in range(len(text) + 1):
                options = [(math.inf, place)]
                if place:
                    at = place - 1
                    step = self._step(text[at], sounds[at], free[at], sign, sound)
                    options.append((costs[at][0] + step, costs[at][1]))
                    if inside and free[at]:
                        options.append((row[at][0] + _DROPPED, row[at][1]))
                if inside and sign not in NUMERAL and any(free[max(0, place - 1) : place + 1]):
                    options.append((costs[place][0] + _DROPPED, costs[place][1]))
                row.append(min(options))
            costs = row
        ease = (_EXPECTED if phrase.expected else 1.0) * (
            _BACKED if any(phrase.text in other for other in alternatives) else 1.0
        )
        limit = (_LIMIT if size > 2 else _LIMIT_SHORT) * size
        best: _Candidate | None = None
        for end, (cost, start) in enumerate(costs):
            gain = limit - cost * ease
            if gain < 0 or start == end or text[start:end] == phrase.text:
                continue
            if best is None or gain > best.gain:
                best = _Candidate(start, end, phrase, gain)
        return best

    def _step(self, heard: str, heard_sound: Syllable, free: bool, meant: str, sound: Syllable) -> float:
        if heard == meant:
            return 0.0
        if not free or meant in NUMERAL:
            return math.inf
        return self._likeness.cost(sound, heard_sound)
