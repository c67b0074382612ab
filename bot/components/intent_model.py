"""Kernel ridge classification over sentence vectors and surface features, with calibrated probabilities.

Similarity of two sentences is ``exp(-gamma/2 · |a-b|²)`` of their standardised vectors, plus ``surface`` times the
cosine of their written terms, plus ``sound`` times that of their spoken ones. One linear solve fits it; the same solve
yields every example's score as if it and its noisy copies had been left out. On those the temperature of the
probabilities is chosen, and what an intent that is costly to hear wrongly needs, so no example is spent on calibration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri

from bot.components.lexicon import Lexicon, spoken, written

_BLOCK = 512
_SUREST = 0.95
"""No intent needs more: what is certain must be heard."""
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
    needed: Mapping[str, float]

    @classmethod
    def fit(
        cls,
        texts: Sequence[str],
        vectors: np.ndarray,
        labels: Sequence[str],
        settings: Settings = Settings(),
        sources: Sequence[str] | None = None,
        guarded: Mapping[str, float] = MappingProxyType({}),
    ) -> IntentModel:
        """Fit on ``texts`` with their vectors ``(n, d)`` and labels.

        ``sources[i]`` names what ``texts[i]`` was made from; those made from the same are left out together.
        ``guarded`` has for some intents the share of their readings that must be right.

        Raises ValueError with fewer than two intents.
        """
        intents = tuple(sorted(set(labels)))
        if len(intents) < 2:
            raise ValueError("at least two intents are needed")
        mean = vectors.mean(axis=0)
        scale = (vectors.std(axis=0) + 1e-6) * np.sqrt(vectors.shape[1])
        standard = ((vectors - mean) / scale).astype(np.float32)
        (by_sign, signs), (by_sound, sounds) = Lexicon.fit(texts, written), Lexicon.fit(texts, spoken)
        lexicons, terms = (by_sign, by_sound), (signs, sounds)
        targets = (np.array(labels)[:, None] == np.array(intents)[None, :]) - 1 / len(intents)
        kernel = _likeness(standard, standard, settings).astype(np.float64)
        for share, rows in zip((settings.surface, settings.sound), terms, strict=True):
            kernel += share * (rows @ rows.T).toarray()
        kernel[np.diag_indices(len(kernel))] += settings.ridge
        inverse = _inverse(kernel)
        weights = inverse @ targets
        left_out = _left_out(inverse, weights, targets, sources or texts)
        truth = targets.argmax(axis=1)
        temperature = _temperature(left_out, truth)
        probabilities = _softmax(left_out / temperature)
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
            temperature,
            float((left_out.argmax(axis=1) == truth).mean()),
            {
                intent: _needed(probabilities, truth, intents.index(intent), share)
                for intent, share in guarded.items()
                if intent in intents
            },
        )

    def probabilities(self, texts: Sequence[str], vectors: np.ndarray) -> np.ndarray:
        """Probability of each intent, shape ``(len(texts), len(intents))``."""
        standard = ((vectors - self.mean) / self.scale).astype(np.float32)
        likeness = _likeness(standard, self.vectors, self.settings, self._squares)
        return _softmax((likeness @ self.weights + self._by_terms(texts)) / self.temperature)

    def at_a_glance(self, texts: Sequence[str]) -> list[str]:
        """The intent of each text by its terms alone: rougher, but without the time a vector takes."""
        return [self.intents[place] for place in self._by_terms(texts).argmax(axis=1)]

    def _by_terms(self, texts: Sequence[str]) -> np.ndarray:
        found = (
            lexicon.matrix(texts) @ weights
            for lexicon, weights in zip(self.lexicons, self.term_weights, strict=True)
        )
        return np.asarray(sum(found))

    @cached_property
    def _squares(self) -> np.ndarray:
        return _squared(self.vectors)

    def save(self, folder: Path) -> None:
        """Write ``intents.json`` and ``intents.npz`` (plain numbers, no pickles)."""
        described = {
            "intents": self.intents,
            "settings": asdict(self.settings),
            "temperature": self.temperature,
            "left_out_accuracy": self.left_out_accuracy,
            "needed": dict(self.needed),
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
                described["needed"],
            )


def _squared(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)


def _likeness(
    left: np.ndarray, right: np.ndarray, settings: Settings, squares: np.ndarray | None = None
) -> np.ndarray:
    """``squares``: of the rows of ``right``, where they are known."""
    known = _squared(right) if squares is None else squares
    apart = _squared(left)[:, None] + known[None, :] - 2 * left @ right.T
    return np.exp(-settings.gamma / 2 * np.maximum(apart, 0, out=apart))


def _inverse(kernel: np.ndarray) -> np.ndarray:
    """Inverse of a symmetric positive definite matrix, in half the work of a general one."""
    factor, failed = dpotrf(kernel, lower=1, overwrite_a=1)
    lower, failed_too = dpotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise ValueError("the kernel is not positive definite: raise ridge")
    for start in range(0, len(lower), _BLOCK):
        end = start + _BLOCK
        square = lower[start:end, start:end]
        square[:] = np.tril(square) + np.tril(square, -1).T
        lower[start:end, end:] = lower[end:, start:end].T
    return np.asarray(lower)


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


def _needed(probabilities: np.ndarray, truth: np.ndarray, intent: int, share: float) -> float:
    """The least probability from which ``share`` of the readings as ``intent`` are right, at most :data:`_SUREST`."""
    read = probabilities.argmax(axis=1) == intent
    found = probabilities[read, intent]
    order = np.argsort(-found)
    right = np.cumsum(truth[read][order] == intent) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(right >= share)
    return min(float(found[order[enough[-1]]]), _SUREST) if len(enough) else _SUREST


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
