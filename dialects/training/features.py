"""MFCCs exactly as Vosk computes them (Kaldi's defaults, 40 bins and coefficients, 20–7600 Hz)."""

from __future__ import annotations

import kaldi_native_fbank
import numpy as np
from numpy.typing import NDArray

from dialects.training.speech import RATE

COEFFICIENTS = 40
SHIFT_S = 0.01
WINDOW_S = 0.025


def _options() -> kaldi_native_fbank.MfccOptions:
    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 1.0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = COEFFICIENTS
    options.mel_opts.low_freq = 20
    options.mel_opts.high_freq = 7600
    options.num_ceps = COEFFICIENTS
    options.use_energy = False
    return options


_OPTIONS = _options()


def mfcc(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames × 40 of mono samples in 16-bit scale, :data:`RATE` a second; none for less than one window."""
    computer = kaldi_native_fbank.OnlineMfcc(_OPTIONS)
    computer.accept_waveform(RATE, samples)
    computer.input_finished()
    count = computer.num_frames_ready
    if not count:
        return np.zeros((0, COEFFICIENTS), np.float32)
    return np.stack([computer.get_frame(i) for i in range(count)])
