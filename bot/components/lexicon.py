"""Surface features: weighted n-grams of characters and words, or of sounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import List

import jieba
import numpy as np
from scipy.sparse import csr_matrix

from dialects.sounds import syllables

_LONGEST = 400
_GRAMS = (1, 2, 3)
Terms = Callable[[str], List[str]]


class Lexicon:
    """Term list with inverse document frequencies, fixed when it is fitted."""

    def __init__(self, terms: Sequence[str], weights: np.ndarray, of: Terms) -> None:
        """``weights[i]`` is the inverse document frequency of ``terms[i]``; ``of`` takes a text apart."""
        self.terms = list(terms)
        self._of = of
        self.weights = np.asarray(weights, dtype=np.float32)
        self._index = {term: place for place, term in enumerate(self.terms)}

    @classmethod
    def fit(cls, texts: Sequence[str], of: Terms) -> tuple[Lexicon, csr_matrix]:
        """Every term that ``of`` finds in ``texts``, weighted ``1 + ln((1 + n) / (1 + df))``; and their :meth:`matrix`."""
        found = [of(text) for text in texts]
        frequency: Counter[str] = Counter()
        for each in found:
            frequency.update(set(each))
        terms = sorted(frequency)
        counts = np.array([frequency[term] for term in terms], dtype=np.float32)
        lexicon = cls(terms, 1 + np.log((1 + len(texts)) / (1 + counts)), of)
        return lexicon, lexicon._rows(found)

    def matrix(self, texts: Sequence[str]) -> csr_matrix:
        """Rows of unit length (or empty), one per text, with logarithmic term counts."""
        return self._rows(self._of(text) for text in texts)

    def _rows(self, found: Iterable[Sequence[str]]) -> csr_matrix:
        values: list[float] = []
        columns: list[int] = []
        rows = [0]
        for terms in found:
            counts = Counter(place for term in terms if (place := self._index.get(term)) is not None)
            row = np.array([1 + np.log(count) for count in counts.values()]) * self.weights[list(counts)]
            norm = float(np.linalg.norm(row)) or 1.0
            values.extend(row / norm)
            columns.extend(counts)
            rows.append(len(values))
        return csr_matrix((values, columns, rows), shape=(len(rows) - 1, len(self.terms)), dtype=np.float32)


def written(text: str) -> List[str]:
    """Character n-grams, and the words jieba finds."""
    cut = text[:_LONGEST]
    grams = [cut[at : at + size] for size in _GRAMS for at in range(len(cut) - size + 1)]
    return grams + [f"{word}|" for word in jieba.lcut(cut) if len(word) > 1]


def spoken(text: str) -> List[str]:
    """N-grams of syllables, so that words misheard as others that sound alike still count."""
    sounds = syllables(text[:_LONGEST])
    return [" ".join(sounds[at : at + size]) for size in _GRAMS for at in range(len(sounds) - size + 1)]
