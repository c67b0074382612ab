"""Fit the weights of ``gate.yml``.

What it learns from: the development set, and the indexed questions themselves, each as it looks when it is *not*
indexed (a tenth of every article's questions and of the decoy topics is left out at a time), so that the model learns
what unseen wordings and unseen topics look like. A question counts as answered when the best article is right. The
hold-out sets are never read. Deterministic.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from kb.embed import E5Embedder, Embedder
from kb.evaluate import EvalSet, load_set
from kb.fields import load_fields
from kb.gate import Features, Gate, load_gate
from kb.loader import KB_ROOT, load_articles, load_laws
from kb.search import KnowledgeBase, load_decoys
from kb.text import Words

FOLDS = 10
RIDGE = 1.0
"""Strength of the pull of standardised weights towards zero."""
INDEXED_WEIGHT = 0.4
"""What a left-out indexed question counts beside one of the development set."""
MISRANKED_WEIGHT = 0.3
"""What a question counts that has an article, but not the one found: a wrong find still speaks of our field."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question: its features, whether the best article answers it, and what it counts."""

    features: Features
    right: bool
    weight: float
    question: str


class _Memo:
    """Embeds each text once, however many indexes it goes into."""

    def __init__(self, inner: Embedder) -> None:
        self.name = inner.name
        self._inner = inner
        self._kept: dict[str, NDArray[np.float32]] = {}

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if new:
            self._kept.update(zip(new, self._inner.embed(new), strict=True))
        return np.stack([self._kept[text] for text in texts])


def dev_cases(base: KnowledgeBase, cases: EvalSet) -> list[Case]:
    """The development set, searched in the whole index."""
    found = [_case(base, q, ids, 1.0) for q, ids in cases.answerable.items()]
    found += [_case(base, q, frozenset(), 1.0) for q in cases.unanswerable]
    return [case for case in found if case is not None]


def left_out_cases(root: Path, embedder: Embedder, gate: Gate) -> Iterator[Case]:
    """Every indexed question, searched in an index that lacks it (and, for a decoy, its whole topic)."""
    articles, decoys, words, fields = load_articles(root), load_decoys(root), Words(root), load_fields(root)
    for fold in range(FOLDS):
        kept = [
            replace(a, questions=tuple(q for i, q in enumerate(a.questions) if (i + n) % FOLDS != fold))
            for n, a in enumerate(articles)
        ]
        topics = [topic for i, topic in enumerate(decoys) if i % FOLDS != fold]
        base = KnowledgeBase(kept, load_laws(root), topics, words, fields, gate, embedder)
        asked = [
            (q, frozenset({a.id, *a.related}))
            for a, left in zip(articles, kept, strict=True)
            for q in a.questions
            if q not in left.questions
        ]
        asked += [(q, frozenset()) for i, topic in enumerate(decoys) if i % FOLDS == fold for q in topic]
        for question, ids in asked:
            if (case := _case(base, question, ids, INDEXED_WEIGHT)) is not None:
                yield case


def _case(base: KnowledgeBase, question: str, ids: frozenset[str], weight: float) -> Case | None:
    result = base.search(question, 1)
    if result.features is None:
        return None
    right = result.hits[0].article.id in ids
    if ids and not right:
        weight *= MISRANKED_WEIGHT
    return Case(result.features, right, weight, question)


def fit(cases: Sequence[Case], threshold: float) -> Gate:
    """Weighted ridge logistic regression by Newton's method on standardised features."""
    inputs = np.array([astuple(case.features) for case in cases])
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-9
    scaled = np.hstack([(inputs - mean) / scale, np.ones((len(cases), 1))])
    target = np.array([float(case.right) for case in cases])
    weight = np.array([case.weight for case in cases])
    ridge = np.full(scaled.shape[1], RIDGE)
    ridge[-1] = 0.0
    theta = np.zeros(scaled.shape[1])
    for _ in range(50):
        share = 1 / (1 + np.exp(-np.clip(scaled @ theta, -30, 30)))
        slope = scaled.T @ (weight * (share - target)) + ridge * theta
        curve = (scaled.T * (weight * share * (1 - share))) @ scaled + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        theta -= step
        if float(np.abs(step).max()) < 1e-9:
            break
    weights = theta[:-1] / scale
    bias = float(theta[-1] - weights @ mean)
    named = {name: round(float(w), 3) for name, w in zip(Features.names(), weights, strict=True)}
    return Gate(named, round(bias, 3), threshold)


def cross_validated(cases: Sequence[Case], rest: Sequence[Case], threshold: float) -> list[float]:
    """Probability of each of ``cases`` under a model fitted without its tenth of them."""
    found = [0.0] * len(cases)
    for fold in range(FOLDS):
        gate = fit([c for i, c in enumerate(cases) if i % FOLDS != fold] + list(rest), threshold)
        for i in range(fold, len(cases), FOLDS):
            found[i] = gate.probability(cases[i].features)
    return found


def write(gate: Gate, root: Path = KB_ROOT) -> None:
    """Write ``root``/gate.yml, the comment at its head kept."""
    file = root / "gate.yml"
    head = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    values = {"threshold": gate.threshold, "bias": gate.bias, "weights": dict(gate.weights)}
    body = yaml.safe_dump(values, sort_keys=False)
    file.write_text("\n".join([*head, body]), encoding="utf-8")


def collect(embedder: Embedder, root: Path = KB_ROOT) -> tuple[list[Case], list[Case]]:
    """Development cases and left-out cases."""
    memo, gate = _Memo(embedder), load_gate(root)
    base = KnowledgeBase.load(root, embedder=memo)
    return dev_cases(base, load_set(root / "eval" / "dev.yml")), list(left_out_cases(root, memo, gate))


def main() -> None:
    """``python -m kb.fit [--threshold 0.8]``: fit, write, and print what cross-validation promises."""
    parser = argparse.ArgumentParser(description="知识库“答不答”的权重：重新拟合并写入 kb/gate.yml")
    parser.add_argument("--threshold", type=float, default=load_gate().threshold)
    threshold = parser.parse_args().threshold
    dev, rest = collect(E5Embedder())
    has_article = set(load_set(KB_ROOT / "eval" / "dev.yml").answerable)
    likely = cross_validated(dev, rest, threshold)
    known = [(c, p) for c, p in zip(dev, likely, strict=True) if c.question in has_article]
    none = [p for c, p in zip(dev, likely, strict=True) if c.question not in has_article]
    answered = sum(c.right and p >= threshold for c, p in known) / max(len(known), 1)
    wrong = sum(p >= threshold for p in none) / max(len(none), 1)
    write(fit([*dev, *rest], threshold))
    print(f"交叉验证：有答案的答对 {answered:.1%}，没有答案却答 {wrong:.1%}（{len(known)}、{len(none)} 问）")


if __name__ == "__main__":
    main()
