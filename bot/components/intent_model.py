"""Kernel ridge classification over sentence vectors and surface features, with calibrated probabilities.

Similarity of two sentences is ``exp(-gamma/2 · |a-b|²)`` of their standardised vectors plus ``surface`` times the
cosine of their term weights. One linear solve fits it; the same solve yields every example's leave-one-out score, on
which the temperature of the probabilities is chosen, so no example is spent on calibration.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from bot.components.lexicon import Lexicon

_TEMPERATURES = tuple(np.geomspace(0.02, 0.4, 25))


@dataclass(frozen=True)
class Settings:
    """``gamma``: width of the vector kernel; ``surface``: weight of the terms; ``ridge``: regularisation."""

    gamma: float = 1.5
    surface: float = 0.4
    ridge: float = 0.2


@dataclass(frozen=True)
class IntentModel:
    """A fitted model. ``vectors`` are the standardised training vectors, ``terms`` their term rows."""

    intents: tuple[str, ...]
    settings: Settings
    mean: np.ndarray
    scale: np.ndarray
    vectors: np.ndarray
    terms: csr_matrix
    lexicon: Lexicon
    weights: np.ndarray
    temperature: float
    left_out_accuracy: float

    @classmethod
    def fit(
        cls, texts: Sequence[str], vectors: np.ndarray, labels: Sequence[str], settings: Settings = Settings()
    ) -> IntentModel:
        """Fit on ``texts`` with their vectors ``(n, d)`` and labels.

        Raises ValueError with fewer than two intents.
        """
        intents = tuple(sorted(set(labels)))
        if len(intents) < 2:
            raise ValueError("at least two intents are needed")
        mean = vectors.mean(axis=0)
        scale = (vectors.std(axis=0) + 1e-6) * np.sqrt(vectors.shape[1])
        standard = ((vectors - mean) / scale).astype(np.float32)
        lexicon = Lexicon.fit(texts)
        terms = lexicon.matrix(texts)
        targets = (np.array(labels)[:, None] == np.array(intents)[None, :]).astype(np.float64) - 1 / len(
            intents
        )
        kernel = _kernel(standard, standard, terms, terms, settings).astype(np.float64)
        inverse = np.linalg.inv(kernel + settings.ridge * np.eye(len(kernel)))
        weights = inverse @ targets
        left_out = targets - weights / np.diag(inverse)[:, None]
        truth = targets.argmax(axis=1)
        return cls(
            intents,
            settings,
            mean.astype(np.float32),
            scale.astype(np.float32),
            standard,
            terms,
            lexicon,
            weights.astype(np.float32),
            _temperature(left_out, truth),
            float((left_out.argmax(axis=1) == truth).mean()),
        )

    def probabilities(self, texts: Sequence[str], vectors: np.ndarray) -> np.ndarray:
        """Probability of each intent, shape ``(len(texts), len(intents))``."""
        standard = (vectors - self.mean) / self.scale
        kernel = _kernel(standard, self.vectors, self.lexicon.matrix(texts), self.terms, self.settings)
        return _softmax(kernel @ self.weights / self.temperature)

    def save(self, folder: Path) -> None:
        """Write ``intents.json`` and ``intents.npz`` (plain numbers, no pickles)."""
        described = {
            "intents": self.intents,
            "gamma": self.settings.gamma,
            "surface": self.settings.surface,
            "ridge": self.settings.ridge,
            "temperature": self.temperature,
            "left_out_accuracy": self.left_out_accuracy,
            "terms": self.lexicon.terms,
        }
        (folder / "intents.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
        np.savez_compressed(
            folder / "intents.npz",
            mean=self.mean,
            scale=self.scale,
            vectors=self.vectors.astype(np.float32),
            term_values=self.terms.data,
            term_columns=self.terms.indices,
            term_rows=self.terms.indptr,
            term_weights=self.lexicon.weights,
            weights=self.weights,
        )

    @classmethod
    def load(cls, folder: Path) -> IntentModel:
        """Read what :meth:`save` wrote."""
        described = json.loads((folder / "intents.json").read_text(encoding="utf-8"))
        with np.load(folder / "intents.npz", allow_pickle=False) as arrays:
            lexicon = Lexicon(described["terms"], arrays["term_weights"])
            terms = csr_matrix(
                (arrays["term_values"], arrays["term_columns"], arrays["term_rows"]),
                shape=(len(arrays["vectors"]), len(lexicon.terms)),
            )
            return cls(
                tuple(described["intents"]),
                Settings(described["gamma"], described["surface"], described["ridge"]),
                arrays["mean"],
                arrays["scale"],
                arrays["vectors"],
                terms,
                lexicon,
                arrays["weights"],
                described["temperature"],
                described["left_out_accuracy"],
            )


def _kernel(
    left: np.ndarray, right: np.ndarray, left_terms: csr_matrix, right_terms: csr_matrix, settings: Settings
) -> np.ndarray:
    distance = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :] - 2 * left @ right.T
    surface = (left_terms @ right_terms.T).toarray()
    return np.exp(-settings.gamma / 2 * np.maximum(distance, 0)) + settings.surface * surface


def _temperature(scores: np.ndarray, truth: np.ndarray) -> float:
    """The divisor under which the left-out scores explain the truth best."""
    rows = np.arange(len(truth))
    return float(min(_TEMPERATURES, key=lambda t: -np.log(_softmax(scores / t)[rows, truth] + 1e-12).mean()))


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
