"""Kernel ridge classification over sentence vectors and surface features, with calibrated probabilities.

Similarity of two sentences is ``exp(-gamma/2 · |a-b|²)`` of their standardised vectors, plus ``surface`` times the
cosine of their written terms, plus ``sound`` times that of their spoken ones. One linear solve fits it; the same solve
yields every example's score as if it and its noisy copies had been left out. On those the temperature of the
probabilities is chosen, so no example is spent on calibration.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from bot.components.lexicon import Lexicon, spoken, written

_TEMPERATURES = tuple(np.geomspace(0.02, 0.4, 25))


@dataclass(frozen=True)
class Settings:
    """``gamma``: width of the vector kernel; ``surface``, ``sound``: weights of the terms; ``ridge``: regularisation."""

    gamma: float = 1.5
    surface: float = 0.4
    sound: float = 0.2
    ridge: float = 0.2


@dataclass(frozen=True)
class IntentModel:
    """A fitted model.

    ``vectors`` are the standardised vectors it learned from, ``weights`` what each of them says for each intent;
    ``term_weights`` are the same summed up by term, for the written and the spoken ones.
    """

    intents: tuple[str, ...]
    settings: Settings
    mean: np.ndarray
    scale: np.ndarray
    vectors: np.ndarray
    weights: np.ndarray
    lexicons: tuple[Lexicon, Lexicon]
    term_weights: tuple[np.ndarray, np.ndarray]
    temperature: float
    left_out_accuracy: float

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        vectors: np.ndarray,
        labels: Sequence[str],
        settings: Settings = Settings(),
        sources: Sequence[str] | None = None,
    ) -> IntentModel:
        """Fit on ``texts`` with their vectors ``(n, d)`` and labels.

        ``sources[i]`` names what ``texts[i]`` was made from; those made from the same are left out together.

        Raises ValueError with fewer than two intents.
        """
        intents = tuple(sorted(set(labels)))
        if len(intents) < 2:
            raise ValueError("at least two intents are needed")
        mean = vectors.mean(axis=0)
        scale = (vectors.std(axis=0) + 1e-6) * np.sqrt(vectors.shape[1])
        standard = ((vectors - mean) / scale).astype(np.float32)
        lexicons = Lexicon.fit(texts, written), Lexicon.fit(texts, spoken)
        terms = tuple(lexicon.matrix(texts) for lexicon in lexicons)
        targets = (np.array(labels)[:, None] == np.array(intents)[None, :]) - 1 / len(intents)
        kernel = _likeness(standard, standard, settings).astype(np.float64)
        for share, rows in zip((settings.surface, settings.sound), terms, strict=True):
            kernel += share * (rows @ rows.T).toarray()
        kernel[np.diag_indices(len(kernel))] += settings.ridge
        inverse = _inverse(kernel)
        weights = inverse @ targets
        left_out = _left_out(inverse, weights, targets, sources or texts)
        truth = targets.argmax(axis=1)
        by_term = [
            (share * (rows.T @ weights)).astype(np.float32)
            for share, rows in zip((settings.surface, settings.sound), terms, strict=True)
        ]
        return cls(
            intents,
            settings,
            mean.astype(np.float32),
            scale.astype(np.float32),
            standard,
            weights.astype(np.float32),
            lexicons,
            (by_term[0], by_term[1]),
            _temperature(left_out, truth),
            float((left_out.argmax(axis=1) == truth).mean()),
        )

    def probabilities(self, texts: Sequence[str], vectors: np.ndarray) -> np.ndarray:
        """Probability of each intent, shape ``(len(texts), len(intents))``."""
        standard = ((vectors - self.mean) / self.scale).astype(np.float32)
        scores = _likeness(standard, self.vectors, self.settings) @ self.weights
        for lexicon, weights in zip(self.lexicons, self.term_weights, strict=True):
            scores = scores + lexicon.matrix(texts) @ weights
        return _softmax(scores / self.temperature)

    def save(self, folder: Path) -> None:
        """Write ``intents.json`` and ``intents.npz`` (plain numbers, no pickles)."""
        described = {
            "intents": self.intents,
            "settings": asdict(self.settings),
            "temperature": self.temperature,
            "left_out_accuracy": self.left_out_accuracy,
            "written": self.lexicons[0].terms,
            "spoken": self.lexicons[1].terms,
        }
        (folder / "intents.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
        np.savez_compressed(
            folder / "intents.npz",
            mean=self.mean,
            scale=self.scale,
            vectors=self.vectors,
            weights=self.weights,
            written_idf=self.lexicons[0].weights,
            spoken_idf=self.lexicons[1].weights,
            written_weights=self.term_weights[0],
            spoken_weights=self.term_weights[1],
        )

    @classmethod
    def load(cls, folder: Path) -> IntentModel:
        """Read what :meth:`save` wrote."""
        described = json.loads((folder / "intents.json").read_text(encoding="utf-8"))
        with np.load(folder / "intents.npz", allow_pickle=False) as arrays:
            return cls(
                tuple(described["intents"]),
                Settings(**described["settings"]),
                arrays["mean"],
                arrays["scale"],
                arrays["vectors"],
                arrays["weights"],
                (
                    Lexicon(described["written"], arrays["written_idf"], written),
                    Lexicon(described["spoken"], arrays["spoken_idf"], spoken),
                ),
                (arrays["written_weights"], arrays["spoken_weights"]),
                described["temperature"],
                described["left_out_accuracy"],
            )


def _likeness(left: np.ndarray, right: np.ndarray, settings: Settings) -> np.ndarray:
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :]
    return np.exp(-settings.gamma / 2 * np.maximum(squares - 2 * left @ right.T, 0))


def _inverse(kernel: np.ndarray) -> np.ndarray:
    """Inverse of a symmetric positive definite matrix, in half the work of a general one."""
    factor, failed = dpotrf(kernel, lower=1, overwrite_a=1)
    lower, failed_too = dpotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise ValueError("the kernel is not positive definite: raise ridge")
    return np.tril(lower) + np.tril(lower, -1).T


def _left_out(
    inverse: np.ndarray, weights: np.ndarray, targets: np.ndarray, sources: Sequence[str]
) -> np.ndarray:
    """Scores of each row by a model fitted without it and without the others of its source."""
    together: dict[str, list[int]] = {}
    for place, source in enumerate(sources):
        together.setdefault(source, []).append(place)
    scores = np.empty_like(weights)
    for rows in together.values():
        scores[rows] = targets[rows] - np.linalg.solve(inverse[np.ix_(rows, rows)], weights[rows])
    return scores


def _temperature(scores: np.ndarray, truth: np.ndarray) -> float:
    """The divisor under which the left-out scores explain the truth best."""
    rows = np.arange(len(truth))
    return float(min(_TEMPERATURES, key=lambda t: -np.log(_softmax(scores / t)[rows, truth] + 1e-12).mean()))


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
