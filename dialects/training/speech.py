"""Utterances: sound, what was said, and when each phone sounds; kept in one ``.npz`` a batch (no pickles)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
"""Samples a second of all sound in training."""

Interval = tuple[str, float, float]
"""A phone with its beginning and end in seconds."""


@dataclass(frozen=True)
class Utterance:
    """``audio`` is mono, signed 16 bit, :data:`RATE`. ``phones`` are what the network shall say, silences left out; ``said``
    are those really heard where an accent changes them, one for one, which alignment goes by."""

    text: str
    audio: NDArray[np.int16]
    phones: tuple[str, ...]
    intervals: tuple[Interval, ...] = ()
    voice: str = ""
    said: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.audio) / RATE

    def stretched(self, audio: NDArray[np.int16], factor: float) -> Utterance:
        """The same, said ``factor`` times as long."""
        return replace(
            self, audio=audio, intervals=tuple((p, b * factor, e * factor) for p, b, e in self.intervals)
        )


def save(path: Path, utterances: Sequence[Utterance]) -> None:
    """Write a batch; a reader never sees half of it."""
    meta = [
        [u.text, list(u.phones), [list(i) for i in u.intervals], u.voice, list(u.said)] for u in utterances
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(
        part,
        audio=np.concatenate([u.audio for u in utterances]) if utterances else np.zeros(0, np.int16),
        lengths=np.array([len(u.audio) for u in utterances], np.int64),
        meta=np.frombuffer(json.dumps(meta, ensure_ascii=False).encode(), np.uint8),
    )
    part.replace(path)


def load(path: Path) -> list[Utterance]:
    """Read a batch."""
    with np.load(path) as batch:
        audio, lengths, meta = batch["audio"], batch["lengths"], json.loads(batch["meta"].tobytes())
    ends = np.cumsum(lengths)
    return [
        Utterance(
            text,
            audio[end - length : end],
            tuple(phones),
            tuple((p, float(b), float(e)) for p, b, e in spans),
            voice,
            tuple(said),
        )
        for (text, phones, spans, voice, said), end, length in zip(meta, ends, lengths, strict=True)
    ]


def load_all(paths: Iterable[Path]) -> list[Utterance]:
    """Several batches in a row."""
    return [utterance for path in paths for utterance in load(path)]
