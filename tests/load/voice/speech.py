"""Mandarin speech for benches and tests: the product's own neural voice, at other pitches to imitate other people."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from telephony.events import RATE
from telephony.voice.neural import NeuralVoice
from telephony.voice.phones import symbols
from telephony.voice.reading import reading
from telephony.voice.weights import phone_table


class Speaker:
    """One voice; ``pitch`` and ``slow`` imitate others."""

    def __init__(self) -> None:
        self._voice = NeuralVoice()
        self._parts = phone_table()[1]

    def say(self, text: str, *, slow: float = 1.0, pitch: float = 1.0) -> NDArray[np.float32]:
        """8 kHz, -1 to 1."""
        sound = self._voice.render(symbols(reading(text), self._parts), 1 / slow, pitch)
        return soxr.resample(sound, self._voice.rate, RATE).astype(np.float32)
