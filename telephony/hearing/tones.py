"""What a short stretch of sound is like to somebody who looks for tones: pitch, purity, loudness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telephony.events import RATE

SPAN = 512
"""Samples looked at: 64 ms."""
BIN_HZ = RATE / SPAN


@dataclass(frozen=True, slots=True)
class Feature:
    """``db`` of full scale; the strongest frequency in ``hertz`` and its ``share`` of the power, 0 to 1."""

    at_ms: int
    db: float
    hertz: float
    share: float
    power: NDArray[np.float64]
    """Power by frequency, 257 bins of 15.6 Hz."""


class Tones:
    """Cuts sound into features. One per call. What is quieter than ``quiet_db`` is not analysed: no share, no power."""

    def __init__(self, quiet_db: float = -100.0) -> None:
        self._quiet_db = quiet_db
        self._sound = np.zeros(SPAN, np.float64)
        self._window = np.hanning(SPAN)

    def feed(self, at_ms: int, samples: NDArray[np.int16]) -> Feature:
        """The feature at the end of ``samples``, which follow those before and are at most 64 ms."""
        new = samples[-SPAN:].astype(np.float64) / 32768
        self._sound = np.concatenate((self._sound[len(new) :], new))
        db = float(10 * np.log10(np.mean(new * new) + 1e-10)) if len(new) else -100.0
        if db < self._quiet_db:
            return Feature(at_ms, db, 0.0, 0.0, np.zeros(0))
        power = np.abs(np.fft.rfft(self._sound * self._window)) ** 2
        power[:3] = 0
        total = float(power.sum()) + 1e-12
        peak = int(power.argmax())
        near = power[max(0, peak - 2) : peak + 3]
        centre = float(
            (near * np.arange(max(0, peak - 2), max(0, peak - 2) + len(near))).sum() / (near.sum() + 1e-15)
        )
        return Feature(at_ms, db, centre * BIN_HZ, float(near.sum()) / total, power)
