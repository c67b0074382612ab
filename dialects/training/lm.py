"""A back-off language model of up to three words, mixed from several texts.

Each text gives a model smoothed by absolute discounting (discount 0.75, lower orders interpolated); the models are mixed
linearly, pruned, and written as probabilities with back-off weights that sum to one in every context.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

START, END = "<s>", "</s>"
History = tuple[str, ...]
_DISCOUNT = 0.75
_FLOOR = 1e-9


@dataclass(frozen=True)
class Counts:
    """How often each word followed each history of none, one or two words. ``first``: of single words."""

    first: Mapping[str, float]
    second: Mapping[str, Mapping[str, float]]
    third: Mapping[tuple[str, str], Mapping[str, float]]


def count(sentences: Iterable[Sequence[str]], known: frozenset[str]) -> Counts:
    """Count a text; a word that is not ``known`` interrupts the histories and is not counted."""
    first: Counter[str] = Counter()
    second: defaultdict[str, Counter[str]] = defaultdict(Counter)
    third: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for words in sentences:
        before: str | None = None
        last: str | None = START
        for word in (*words, END):
            if word != END and word not in known:
                before = last = None
                continue
            first[word] += 1
            if last is not None:
                second[last][word] += 1
                if before is not None:
                    third[before, last][word] += 1
            before, last = last, word
    return Counts(first, second, third)


class Source:
    """One text's model."""

    def __init__(self, counts: Counts, base: Mapping[str, float]) -> None:
        """``base`` gives every word of the vocabulary a probability; they sum to one."""
        self._counts = counts
        self._base = base
        self._total = sum(counts.first.values())
        self._loose = _DISCOUNT * len(counts.first) / self._total if self._total else 1.0
        self._sums2 = {h: sum(c.values()) for h, c in counts.second.items()}
        self._sums3 = {h: sum(c.values()) for h, c in counts.third.items()}

    def one(self, word: str) -> float:
        """P(word)."""
        seen = max(self._counts.first.get(word, 0.0) - _DISCOUNT, 0.0) / self._total if self._total else 0.0
        return seen + self._loose * self._base.get(word, _FLOOR)

    def two(self, last: str, word: str) -> float:
        """P(word | last)."""
        followers = self._counts.second.get(last)
        if not followers:
            return self.one(word)
        total = self._sums2[last]
        loose = _DISCOUNT * len(followers) / total
        return max(followers.get(word, 0.0) - _DISCOUNT, 0.0) / total + loose * self.one(word)

    def three(self, before: str, last: str, word: str) -> float:
        """P(word | before last)."""
        followers = self._counts.third.get((before, last))
        if not followers:
            return self.two(last, word)
        total = self._sums3[before, last]
        loose = _DISCOUNT * len(followers) / total
        return max(followers.get(word, 0.0) - _DISCOUNT, 0.0) / total + loose * self.two(last, word)


@dataclass(frozen=True)
class Model:
    """``words[history][word]`` is a probability, ``backoff[history]`` the factor for words not listed there.

    A history is none, one or two words; the empty one lists every word.
    """

    words: Mapping[History, Mapping[str, float]]
    backoff: Mapping[History, float]

    def probability(self, history: Sequence[str], word: str) -> float:
        """P(word | history); only the last two words count."""
        key = tuple(history[-2:])
        factor = 1.0
        while True:
            followers = self.words.get(key)
            if followers is not None:
                if word in followers:
                    return factor * followers[word]
                factor *= self.backoff.get(key, 1.0)
            if not key:
                return factor * _FLOOR
            key = key[1:]

    def perplexity(self, sentences: Iterable[Sequence[str]], known: frozenset[str]) -> tuple[float, float]:
        """Perplexity a word over known words, and the share of words that are unknown."""
        log, seen, unknown = 0.0, 0, 0
        for words in sentences:
            history = [START]
            for word in (*words, END):
                if word != END and word not in known:
                    unknown += 1
                    history = []
                    continue
                log += math.log(max(self.probability(history, word), _FLOOR))
                seen += 1
                history.append(word)
        return math.exp(-log / max(seen, 1)), unknown / max(seen + unknown, 1)


def mixed(sources: Sequence[tuple[Source, Counts, float, int]], words: Sequence[str]) -> Model:
    """Mix ``(model, counts, weight, least)``; longer histories are kept where one text saw them ``least`` times.

    Weights sum to one.
    """
    every = (*words, END)
    first = {w: sum(weight * s.one(w) for s, _, weight, _ in sources) for w in every}
    total = sum(first.values())
    first = {w: p / total for w, p in first.items()}
    kept2: defaultdict[str, set[str]] = defaultdict(set)
    kept3: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for _, counts, _, least in sources:
        for last, followers in counts.second.items():
            kept2[last].update(w for w, n in followers.items() if n >= least)
        for pair, followers in counts.third.items():
            kept3[pair].update(w for w, n in followers.items() if n > least)
    listed: dict[History, Mapping[str, float]] = {(): first}
    backoff: dict[History, float] = {}
    for last in sorted(kept2):
        chosen = sorted(kept2[last])
        if chosen:
            found = {w: sum(weight * s.two(last, w) for s, _, weight, _ in sources) for w in chosen}
            listed[(last,)], backoff[(last,)] = _fitted(found, first)
    for pair in sorted(kept3):
        chosen = sorted(kept3[pair])
        below = listed.get(pair[1:])
        if chosen and below is not None and pair[1] in listed.get(pair[:1], ()):
            found = {w: sum(weight * s.three(*pair, w) for s, _, weight, _ in sources) for w in chosen}
            lower = {w: below.get(w, backoff[pair[1:]] * first[w]) for w in chosen}
            listed[pair], backoff[pair] = _fitted(found, lower)
    return Model(listed, backoff)


def _fitted(found: dict[str, float], lower: Mapping[str, float]) -> tuple[dict[str, float], float]:
    listed, below = sum(found.values()), sum(lower[w] for w in found)
    if listed >= 1 - _FLOOR:
        found = {w: p * (1 - 1e-4) / listed for w, p in found.items()}
        listed = 1 - 1e-4
    return found, (1 - listed) / max(1 - below, _FLOOR)
