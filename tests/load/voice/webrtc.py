"""WebRTC's detector of voices behind our seam, for comparison only."""

from __future__ import annotations

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from telephony.events import RATE


class WebRtcActivity:
    """WebRTC's detector: 20 ms, a yes or a no; ``strictness`` 0 to 3."""

    window = 160

    def __init__(self, strictness: int = 3) -> None:
        self._strictness = strictness
        self._vad = webrtcvad.Vad(strictness)

    def hear(self, samples: NDArray[np.int16]) -> float:
        return float(self._vad.is_speech(samples.tobytes(), RATE))

    def reset(self) -> None:
        self._vad = webrtcvad.Vad(self._strictness)
