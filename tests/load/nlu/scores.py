"""How good predictions are: pure functions on truths and readings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """One prediction: the label given, the intent predicted, its probability."""

    text: str
    truth: str
    intent: str
    confidence: float

    @property
    def right(self) -> bool:
        """Whether the prediction is the label."""
        return self.truth == self.intent


@dataclass(frozen=True)
class Bin:
    """Predictions of like confidence: how sure they were on average, how often right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def accuracy(readings: Sequence[Reading]) -> float:
    """Share of right predictions; 0 without any."""
    return sum(r.right for r in readings) / len(readings) if readings else 0.0


def macro_f1(readings: Sequence[Reading]) -> float:
    """Mean over the labels of the harmonic mean of precision and recall."""
    labels = {r.truth for r in readings}
    total = 0.0
    for label in labels:
        hit = sum(r.right for r in readings if r.truth == label)
        said = sum(r.intent == label for r in readings)
        meant = sum(r.truth == label for r in readings)
        total += 2 * hit / (said + meant)
    return total / len(labels) if labels else 0.0


def reliability(readings: Sequence[Reading], bins: int = 10) -> list[Bin]:
    """Predictions by confidence in ``bins`` equal steps; empty steps are left out."""
    found: list[Bin] = []
    for place in range(bins):
        low, high = place / bins, (place + 1) / bins
        inside = [r for r in readings if low < r.confidence <= high or (place == 0 and r.confidence == 0)]
        if inside:
            mean = sum(r.confidence for r in inside) / len(inside)
            found.append(Bin(low, high, len(inside), mean, accuracy(inside)))
    return found


def calibration_error(readings: Sequence[Reading], bins: int = 10) -> float:
    """Expected calibration error: mean gap of confidence and accuracy over the bins, weighed by their size."""
    if not readings:
        return 0.0
    return sum(b.count * abs(b.confidence - b.accuracy) for b in reliability(readings, bins)) / len(readings)


def confusions(readings: Sequence[Reading], most: int = 10) -> list[tuple[str, str, int]]:
    """The commonest mistakes: label, prediction, how often."""
    counted = Counter((r.truth, r.intent) for r in readings if not r.right)
    return [(truth, intent, count) for (truth, intent), count in counted.most_common(most)]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of ``values`` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]
