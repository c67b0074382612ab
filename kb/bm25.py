"""BM25 over a few hundred short documents, scaled so that scores of different queries can be compared."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_K1 = 1.2
_B = 0.5


class Bm25:
    """Robertson/Spärck Jones BM25. A score is the share, 0..1, of the best score the query could reach."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        count = len(documents)
        lengths = np.array([len(words) for words in documents], dtype=np.float64)
        mean = float(lengths.mean()) if count else 0.0
        self._count = count
        self._norm = _K1 * (1 - _B + _B * lengths / (mean or 1.0))
        postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for index, words in enumerate(documents):
            for word, times in Counter(words).items():
                postings[word].append((index, times))
        self._postings = dict(postings)
        self._unseen = _idf(count, 0)

    def scores(self, words: Sequence[str]) -> NDArray[np.float64]:
        """Score of every document for the query ``words``; a word found nowhere lowers all scores."""
        result = np.zeros(self._count)
        reachable = 0.0
        for word in set(words):
            postings = self._postings.get(word)
            if postings is None:
                reachable += self._unseen
                continue
            idf = _idf(self._count, len(postings))
            reachable += idf
            for index, times in postings:
                result[index] += idf * times * (_K1 + 1) / (times + self._norm[index])
        return result / (reachable * (_K1 + 1)) if reachable else result


def _idf(count: int, holding: int) -> float:
    return math.log(1 + (count - holding + 0.5) / (holding + 0.5))
