"""From the telephone's 8 kHz to the 16 kHz that recognisers expect, while it streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from telephony.events import RATE

RECOGNISER_RATE = 16000


class Upsampler:
    """One stretch of speech at a time. Output lags by up to 150 ms until :meth:`end` gives the rest."""

    def __init__(self) -> None:
        self._stream: Any = soxr.ResampleStream(RATE, RECOGNISER_RATE, 1, dtype="int16", quality="HQ")

    def feed(self, samples: NDArray[np.int16]) -> bytes:
        """16 kHz little-endian samples that are ready; may be none yet."""
        return self._bytes(self._stream.resample_chunk(samples))

    def end(self) -> bytes:
        """What was still held back; afterwards the next stretch may begin."""
        rest = self._bytes(self._stream.resample_chunk(np.zeros(0, np.int16), last=True))
        self._stream.clear()
        return rest

    @staticmethod
    def _bytes(samples: NDArray[np.int16]) -> bytes:
        return samples.astype("<i2", copy=False).tobytes()
