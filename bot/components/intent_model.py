"""Kernel ridge classification over sentence vectors and surface features, with calibrated probabilities.

Similarity of two sentences is ``exp(-gamma/2 · |a-b|²)`` of their standardised vectors, plus ``surface`` times the
cosine of their written terms, plus ``sound`` times that of their spoken ones. One linear solve fits it; the same solve
yields every example's score as if it and its noisy copies had been left out. On those the temperature of the
probabilities is chosen, so no example is spent on calibration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

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
class Points:
    """Sentences as the kernel compares them: standardised vectors, written and spoken term rows."""

    vectors: np.ndarray
    written: csr_matrix
    spoken: csr_matrix


@dataclass(frozen=True)
class IntentModel:
    """A fitted model with the ``points`` it learned from."""

    intents: tuple[str, ...]
    settings: Settings
    mean: np.ndarray
    scale: np.ndarray
    points: Points
    written: Lexicon
    spoken: Lexicon
    weights: np.ndarray
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
        lexicons = Lexicon.fit(texts, written), Lexicon.fit(texts, spoken)
        points = Points(
            ((vectors - mean) / scale).astype(np.float32), *(lexicon.matrix(texts) for lexicon in lexicons)
        )
        targets = (np.array(labels)[:, None] == np.array(intents)[None, :]) - 1 / len(intents)
        kernel = _kernel(points, points, settings).astype(np.float64)
        kernel[np.diag_indices(len(kernel))] += settings.ridge
        inverse = np.linalg.inv(kernel)
        weights = inverse @ targets
        left_out = _left_out(inverse, weights, targets, sources or texts)
        truth = targets.argmax(axis=1)
        return cls(
            intents,
            settings,
            mean.astype(np.float32),
            scale.astype(np.float32),
            points,
            *lexicons,
            weights.astype(np.float32),
            _temperature(left_out, truth),
            float((left_out.argmax(axis=1) == truth).mean()),
        )

    def probabilities(self, texts: Sequence[str], vectors: np.ndarray) -> np.ndarray:
        """Probability of each intent, shape ``(len(texts), len(intents))``."""
        asked = Points(
            (vectors - self.mean) / self.scale, self.written.matrix(texts), self.spoken.matrix(texts)
        )
        return _softmax(_kernel(asked, self.points, self.settings) @ self.weights / self.temperature)

    def save(self, folder: Path) -> None:
        """Write ``intents.json`` and ``intents.npz`` (plain numbers, no pickles)."""
        described = {
            "intents": self.intents,
            "settings": asdict(self.settings),
            "temperature": self.temperature,
            "left_out_accuracy": self.left_out_accuracy,
            "written": self.written.terms,
            "spoken": self.spoken.terms,
        }
        (folder / "intents.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")
        np.savez_compressed(
            folder / "intents.npz",
            mean=self.mean,
            scale=self.scale,
            vectors=self.points.vectors,
            weights=self.weights,
            **_packed("written", self.points.written, self.written),
            **_packed("spoken", self.points.spoken, self.spoken),
        )

    @classmethod
    def load(cls, folder: Path) -> IntentModel:
        """Read what :meth:`save` wrote."""
        described = json.loads((folder / "intents.json").read_text(encoding="utf-8"))
        with np.load(folder / "intents.npz", allow_pickle=False) as arrays:
            lexicons = (
                Lexicon(described["written"], arrays["written_idf"], written),
                Lexicon(described["spoken"], arrays["spoken_idf"], spoken),
            )
            rows = (_unpacked(name, arrays, len(described[name])) for name in ("written", "spoken"))
            return cls(
                tuple(described["intents"]),
                Settings(**described["settings"]),
                arrays["mean"],
                arrays["scale"],
                Points(arrays["vectors"], *rows),
                *lexicons,
                arrays["weights"],
                described["temperature"],
                described["left_out_accuracy"],
            )


def _packed(name: str, rows: csr_matrix, lexicon: Lexicon) -> dict[str, np.ndarray]:
    return {
        f"{name}_idf": lexicon.weights,
        f"{name}_values": rows.data,
        f"{name}_columns": rows.indices,
        f"{name}_rows": rows.indptr,
    }


def _unpacked(name: str, arrays: Mapping[str, np.ndarray], width: int) -> csr_matrix:
    parts = arrays[f"{name}_values"], arrays[f"{name}_columns"], arrays[f"{name}_rows"]
    return csr_matrix(parts, shape=(len(parts[2]) - 1, width))


def _kernel(left: Points, right: Points, settings: Settings) -> np.ndarray:
    distance = (
        (left.vectors**2).sum(axis=1)[:, None]
        + (right.vectors**2).sum(axis=1)[None, :]
        - 2 * left.vectors @ right.vectors.T
    )
    kernel = np.exp(-settings.gamma / 2 * np.maximum(distance, 0))
    kernel += settings.surface * (left.written @ right.written.T).toarray()
    kernel += settings.sound * (left.spoken @ right.spoken.T).toarray()
    return kernel


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
