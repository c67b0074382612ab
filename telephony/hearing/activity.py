"""Whether a short window of sound holds a voice.

Silero's detector: measured by ``python -m tests.load.voice.activity``, it keeps quiet in noise and music where WebRTC's
does not, and costs more (see there).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from telephony.events import RATE


class Activity(Protocol):
    """Hears one call, window after window; keeps what it must remember."""

    @property
    def window(self) -> int:
        """Samples at 8 kHz that :meth:`hear` takes at once."""

    def hear(self, samples: NDArray[np.int16]) -> float:
        """How likely the next window holds a voice, 0 to 1."""

    def reset(self) -> None:
        """Forget what came before."""


class ModelMissing(Exception):
    """The detector's weights cannot be found; the text says what to do, in Chinese."""


class SileroActivity:
    """Silero VAD (ONNX, 8 kHz): 256 samples with the 32 before them, and a state; single thread, shared session."""

    window = 256
    _BEFORE = 32

    def __init__(self) -> None:
        self._session = _silero()
        self._rate = np.array(RATE, np.int64)
        self._input = np.zeros((1, self._BEFORE + self.window), np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)

    def hear(self, samples: NDArray[np.int16]) -> float:
        self._input[0, : self._BEFORE] = self._input[0, -self._BEFORE :]
        self._input[0, self._BEFORE :] = samples
        self._input[0, self._BEFORE :] /= 32768
        given = {"input": self._input, "state": self._state, "sr": self._rate}
        probability, self._state = self._session.run(None, given)
        return float(probability[0, 0])

    def reset(self) -> None:
        self._input[:] = 0
        self._state = np.zeros((2, 1, 128), np.float32)


@cache
def _silero() -> Any:
    spec = find_spec("silero_vad")
    places = spec.submodule_search_locations if spec else None
    weights = Path(places[0], "data", "silero_vad.onnx") if places else None
    if weights is None or not weights.is_file():
        raise ModelMissing("找不到语音检测模型 silero_vad.onnx，请重新运行 make setup 安装 silero-vad。")
    onnxruntime = import_module("onnxruntime")  # a tenth of a second, only where it is used
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
