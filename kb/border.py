"""On which side a text lies: of what the articles answer, or of what the decoys ask. By meaning, and by letters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WIDTH = 4.0
"""How fast the influence of an indexed text fades with its distance."""
RIDGE = 0.3
"""How far the border may bend around single texts; larger is straighter."""
SMOOTHING = 0.3
"""Added to every count of letters."""


class Border:
    """Kernel ridge regression of +1 (articles) and -1 (decoys) over unit vectors, both sides weighing alike."""

    def __init__(self, points: NDArray[np.float32], ours: NDArray[np.bool_]) -> None:
        """``points``: shape (texts, dimension), rows of length 1; ``ours``: which belong to articles."""
        share = np.where(ours, 1 / max(int(ours.sum()), 1), 1 / max(int((~ours).sum()), 1))
        kernel = _kernel(points @ points.T)
        slack = np.diag(RIDGE / (share * len(points) / 2))
        self._pull = np.linalg.solve(kernel + slack, np.where(ours, 1.0, -1.0))

    def side(self, alike: NDArray[np.float32]) -> float:
        """About +1 for ours, -1 for others', 0 far from everything. ``alike``: cosine to each indexed text."""
        return float(_kernel(alike) @ self._pull)


def _kernel(cosine: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.exp(WIDTH * (cosine.astype(np.float64) - 1))


class Letters:
    """Naive Bayes over characters and pairs of characters."""

    def __init__(self, texts: Sequence[Sequence[str]], ours: NDArray[np.bool_]) -> None:
        """``texts``: characters and pairs of each text; ``ours``: which belong to articles."""
        counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        totals = [0, 0]
        for letters, own in zip(texts, ours, strict=True):
            counts[bool(own)].update(set(letters))
            totals[bool(own)] += 1
        self._odds = {
            gram: math.log((counts[1][gram] + SMOOTHING) / (totals[1] + 2 * SMOOTHING))
            - math.log((counts[0][gram] + SMOOTHING) / (totals[0] + 2 * SMOOTHING))
            for gram in counts[0].keys() | counts[1].keys()
        }

    def side(self, letters: Sequence[str]) -> float:
        """Log-odds that a text of these letters is ours, damped so that long texts are not sure for their length."""
        grams = set(letters)
        return sum(self._odds.get(gram, 0.0) for gram in grams) / math.sqrt(max(len(grams), 1))
