"""Takes away what lies below a telephone's band: traffic and hum, of which the recogniser makes words (五, 我).

The network carries 300 to 3,400 Hz (ITU-T G.712); what a carrier passes on below that is no speech. Measured with the
reference model on 18 short answers (``python -m tests.load.voice.rumble``).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter

from telephony.events import RATE

CUT_HZ = 250.0
_ORDER = 2
_B, _A = butter(_ORDER, CUT_HZ, "highpass", fs=RATE)


class HighPass:
    """One call's: what it returns goes on where the piece before ended."""

    def __init__(self) -> None:
        self._state = np.zeros(_ORDER)

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """The next samples, as many as were given."""
        if not samples.size:
            return samples
        passed, self._state = lfilter(_B, _A, samples.astype(np.float64), zi=self._state)
        return np.asarray(np.clip(np.rint(passed), -32768, 32767), np.int16)
