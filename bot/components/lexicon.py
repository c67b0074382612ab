"""Surface features: weighted character n-grams and jieba words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import jieba
import numpy as np
from scipy.sparse import csr_matrix

_LONGEST = 400
_GRAMS = (1, 2, 3)


class Lexicon:
    """Term list with inverse document frequencies, fixed when it is fitted."""

    def __init__(self, terms: Sequence[str], weights: np.ndarray) -> None:
        """``weights[i]`` is the inverse document frequency of ``terms[i]``."""
        self.terms = list(terms)
        self.weights = np.asarray(weights, dtype=np.float32)
        self._index = {term: place for place, term in enumerate(self.terms)}

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Lexicon:
        """Every term of ``texts``, weighted ``1 + ln((1 + n) / (1 + df))``."""
        frequency: Counter[str] = Counter()
        for text in texts:
            frequency.update(set(_terms(text)))
        terms = sorted(frequency)
        counts = np.array([frequency[term] for term in terms], dtype=np.float32)
        return cls(terms, 1 + np.log((1 + len(texts)) / (1 + counts)))

    def matrix(self, texts: Sequence[str]) -> csr_matrix:
        """Rows of unit length (or empty), one per text, with logarithmic term counts."""
        values: list[float] = []
        columns: list[int] = []
        rows = [0]
        for text in texts:
            counts = Counter(place for term in _terms(text) if (place := self._index.get(term)) is not None)
            row = np.array([1 + np.log(count) for count in counts.values()]) * self.weights[list(counts)]
            norm = float(np.linalg.norm(row)) or 1.0
            values.extend(row / norm)
            columns.extend(counts)
            rows.append(len(values))
        return csr_matrix((values, columns, rows), shape=(len(texts), len(self.terms)), dtype=np.float32)


def _terms(text: str) -> list[str]:
    cut = text[:_LONGEST]
    grams = [cut[at : at + size] for size in _GRAMS for at in range(len(cut) - size + 1)]
    return grams + [f"{word}|" for word in jieba.lcut(cut) if len(word) > 1]
