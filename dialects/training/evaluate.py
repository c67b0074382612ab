"""How well a model folder hears: character errors and exact sentences through stock Vosk, as a call would feed it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dialects.training.augment import Band, Wave, coloured, telephone, with_noise
from dialects.training.speech import RATE, Utterance

_CHUNK = RATE // 5
_EDGE = RATE // 4


def _noisy(snr: float) -> Callable[[Wave], Wave]:
    def change(wave: Wave) -> Wave:
        return with_noise(wave, coloured(len(wave), np.random.default_rng(len(wave))), snr)

    return change


CONDITIONS: Mapping[str, Callable[[Wave], Wave]] = {
    "16k": lambda wave: wave,
    "8k": lambda wave: telephone(wave),
    "8k-steep": lambda wave: telephone(wave, Band(300, 3400, 8)),
    "8k-narrow": lambda wave: telephone(wave, Band(500, 2400, None)),
    "16k-20dB": _noisy(20),
    "16k-10dB": _noisy(10),
    "8k-20dB": lambda wave: telephone(_noisy(20)(wave)),
    "8k-10dB": lambda wave: telephone(_noisy(10)(wave)),
}
"""16 kHz as it is, or 8 kHz µ-law; with the network's steep filters (ITU-T G.712), a poor instrument's narrow band, or noise so
many dB below the speech."""


@dataclass(frozen=True)
class Score:
    """Sums over a set. ``seconds`` of sound took ``spent`` seconds to decode."""

    utterances: int
    exact: int
    characters: int
    errors: int
    seconds: float
    spent: float
    heard: tuple[tuple[str, str], ...]

    @property
    def cer(self) -> float:
        """Character error rate."""
        return self.errors / max(self.characters, 1)

    @property
    def exact_share(self) -> float:
        """Sentences without any error."""
        return self.exact / max(self.utterances, 1)

    def __str__(self) -> str:
        factor = self.spent / max(self.seconds, 1e-9)
        return f"CER {self.cer:6.2%}  exact {self.exact_share:5.1%}  n={self.utterances}  rtf {factor:.3f}"


def distance(one: str, other: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(above + (a != b), row[j] + 1, row[j - 1] + 1)
    return row[-1]


def measure(folder: Path, utterances: Iterable[Utterance], condition: str = "16k") -> Score:
    """Hear all ``utterances`` under one of :data:`CONDITIONS`; ``heard`` lists what was said and heard."""
    import vosk

    vosk.SetLogLevel(-1)
    model = vosk.Model(str(folder))
    # One recogniser for all, as in a call: what it has worked out about words stays.
    recogniser = vosk.KaldiRecognizer(model, RATE)
    change = CONDITIONS[condition]
    exact = characters = errors = 0
    seconds = spent = 0.0
    heard: list[tuple[str, str]] = []
    for utterance in utterances:
        wave = np.pad(utterance.audio.astype(np.float64) / 32768, _EDGE)
        pcm = np.clip(np.round(change(wave) * 32768), -32768, 32767).astype("<i2").tobytes()
        began = time.process_time()
        text = transcribe(recogniser, pcm)
        spent += time.process_time() - began
        wrong = distance(utterance.text, text)
        exact += wrong == 0
        errors += wrong
        characters += len(utterance.text)
        seconds += len(wave) / RATE
        heard.append((utterance.text, text))
    return Score(len(heard), exact, characters, errors, seconds, spent, tuple(heard))


def transcribe(recogniser: object, pcm: bytes) -> str:
    """All that is heard in ``pcm`` (16 kHz, 16 bit), fed 0.2 s at a time, without spaces."""
    parts: list[str] = []
    hears: object = recogniser
    for at in range(0, len(pcm), 2 * _CHUNK):
        if hears.AcceptWaveform(pcm[at : at + 2 * _CHUNK]):  # type: ignore[attr-defined]
            parts.append(json.loads(hears.Result())["text"])  # type: ignore[attr-defined]
    parts.append(json.loads(hears.FinalResult())["text"])  # type: ignore[attr-defined]
    return "".join(parts).replace(" ", "")
