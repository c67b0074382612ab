"""Is the article found an answer? A logistic model over a few readable features says how likely.

Its weights stand in ``gate.yml``, fitted by :mod:`kb.fit`; each feature's share of a decision can be shown
(:meth:`Gate.shares`). Silence is better than a wrong article of law: the threshold was set for that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from kb.fields import Scan
from kb.loader import KB_ROOT, KnowledgeError


@dataclass(frozen=True, slots=True)
class Features:
    """What the decision looks at. Similarities are -1..1, shares 0..1, the rest 0 or 1."""

    score: float
    """Of the best article: whitened cosine plus BM25."""
    bm25: float
    """Of the best article alone: words of being late are shared by every debt, so they weigh less than meaning."""
    rival_lead: float
    """Score of the best article less that of the best decoy topic."""
    margin: float
    """Score of the best article less that of the next one that it does not name as related."""
    nearest_lead: float
    """Similarity to the nearest single question of the best article less that to any decoy topic's."""
    side: float
    """Which side of the border between all articles and all decoys its meaning lies on; positive is ours."""
    letters: float
    """The same for its letters."""
    unknown: float
    """Share of the text's rare words that no article uses; 0 where it names something of tax."""
    elsewhere: float
    """Names a debt, paper or office of others, and nothing of tax."""
    elsewhere_beside: float
    """Names one beside a word of tax."""
    other_tax: float
    """Names a matter of tax that is not arrears, and no word of being late."""
    other_tax_late: float
    """Names one beside a word of being late."""
    orders: float
    """Tells the machine to leave its work, whatever else it says."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(field.name for field in fields(cls))


def field_features(scan: Scan, unknown: float) -> dict[str, float]:
    """The features that come from the word lists, and from the share of unknown words beside them."""
    ours, late = bool(scan.ours), bool(scan.shared)
    return {
        "unknown": 0.0 if ours else unknown,
        "elsewhere": float(bool(scan.elsewhere) and not ours),
        "elsewhere_beside": float(bool(scan.elsewhere) and ours),
        "other_tax": float(bool(scan.other_tax) and not late),
        "other_tax_late": float(bool(scan.other_tax) and late),
        "orders": float(bool(scan.orders)),
    }


@dataclass(frozen=True, slots=True)
class Gate:
    """``weights``: feature -> log-odds per unit; ``bias``: log-odds at zero; ``threshold``: least probability
    of an answer."""

    weights: Mapping[str, float]
    bias: float
    threshold: float

    def probability(self, features: Features) -> float:
        """How likely the best article is the answer, 0..1."""
        return logistic(self.bias + sum(self.shares(features).values()))

    def shares(self, features: Features) -> dict[str, float]:
        """What each feature adds to the log-odds."""
        values = astuple(features)
        return {
            name: self.weights[name] * value for name, value in zip(features.names(), values, strict=True)
        }


def logistic(odds: float) -> float:
    """Probability of log-odds; far-off values are cut, not overflown."""
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, odds))))


def load_gate(root: Path = KB_ROOT) -> Gate:
    """Read ``root``/gate.yml. Raises KnowledgeError when a weight is missing, unknown or no number."""
    file = root / "gate.yml"
    try:
        values: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise KnowledgeError(file, "file", str(error)) from error
    if not isinstance(values, dict) or set(values) != {"threshold", "bias", "weights"}:
        raise KnowledgeError(file, "file", "must hold threshold, bias and weights")
    weights = values["weights"]
    if not isinstance(weights, dict) or set(weights) != set(Features.names()):
        raise KnowledgeError(file, "weights", f"must name {', '.join(Features.names())}")
    for name, value in (*weights.items(), ("bias", values["bias"]), ("threshold", values["threshold"])):
        if type(value) not in (int, float) or not math.isfinite(value):
            raise KnowledgeError(file, str(name), "must be a number")
    if not 0 < values["threshold"] < 1:
        raise KnowledgeError(file, "threshold", "must lie between 0 and 1")
    return Gate(
        {str(k): float(v) for k, v in weights.items()}, float(values["bias"]), float(values["threshold"])
    )
