"""From a voice's samples to what the telephone carries: trimmed, even in loudness, 8 kHz, µ-law."""

from __future__ import annotations

import math

import numpy as np
import soxr
from numpy.typing import NDArray

from telephony.events import RATE
from telephony.hearing.mulaw import SILENCE, encode

Samples = NDArray[np.float32]
"""Mono, full scale is 1."""

LOUDNESS_DB = -20.0
"""Level of the speech itself, pauses left out, against full scale (RMS)."""
PEAK_DB = -1.5
"""No sample, nor what lies between two of them, is above this."""

_QUIET_DB = -38.0
_WINDOW_S = 0.01
_LEAD_S = 0.02
_FADE_S = 0.005
_MOST_GAIN_DB = 20.0


def finish(samples: Samples, rate: int, pause_ms: int) -> bytes:
    """µ-law at 8 kHz: 20 ms of quiet, the speech, ``pause_ms`` of silence. Empty if nothing sounds."""
    speech = trim(samples, rate)
    if not len(speech):
        return b""
    narrow = soxr.resample(speech, rate, RATE, quality="HQ") if rate != RATE else speech
    narrow = limit(level(narrow.astype(np.float32, copy=False)))
    return encode((narrow * 32767).round().astype(np.int16)) + SILENCE * (pause_ms * RATE // 1000)


def trim(samples: Samples, rate: int) -> Samples:
    """Without the silence at both ends, but 20 ms before and after; the edges fade."""
    window = max(1, int(rate * _WINDOW_S))
    energy = _energy(samples, window)
    if not len(energy) or energy.max() <= 1e-8:
        return samples[:0]
    loud = np.flatnonzero(energy > energy.max() * 10 ** (_QUIET_DB / 10))
    lead = int(rate * _LEAD_S)
    begin = max(0, int(loud[0]) * window - lead)
    end = min(len(samples), (int(loud[-1]) + 1) * window + lead)
    cut = samples[begin:end].copy()
    fade = min(int(rate * _FADE_S), len(cut) // 2)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    cut[:fade] *= ramp
    if fade:
        cut[-fade:] *= ramp[::-1]
    return cut


def level(samples: Samples, rate: int = RATE) -> Samples:
    """Speech brought to :data:`LOUDNESS_DB`; only windows within 20 dB of the loudest count."""
    energy = _energy(samples, int(rate * 2 * _WINDOW_S))
    if not len(energy) or energy.max() <= 1e-8:
        return samples
    active = energy[energy > energy.max() / 100]
    gain = LOUDNESS_DB - 10 * math.log10(float(active.mean()))
    return samples * np.float32(10 ** (min(gain, _MOST_GAIN_DB) / 20))


def limit(samples: Samples, rate: int = RATE) -> Samples:
    """Peaks, judged at four times the rate, turned down around themselves for 10 ms; the rest untouched."""
    ceiling = 10 ** (PEAK_DB / 20)
    between = np.abs(soxr.resample(samples, rate, 4 * rate, quality="HQ"))[: 4 * len(samples)]
    peaks = np.abs(samples)
    whole = len(between) // 4
    peaks[:whole] = np.maximum(peaks[:whole], between[: 4 * whole].reshape(-1, 4).max(axis=1))
    if peaks.max(initial=0) <= ceiling:
        return samples
    wanted = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    reach = int(rate * _WINDOW_S)
    padded = np.pad(wanted, reach, mode="edge")
    held = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).min(axis=1)
    smooth = np.convolve(
        np.pad(held, reach, mode="edge"), np.full(2 * reach + 1, 1 / (2 * reach + 1)), "valid"
    )
    return (samples * np.minimum(smooth, 1.0)).clip(-ceiling, ceiling).astype(np.float32)


def _energy(samples: Samples, window: int) -> NDArray[np.float64]:
    whole = len(samples) // window * window
    energy: NDArray[np.float64] = (
        np.square(samples[:whole].astype(np.float64)).reshape(-1, window).mean(axis=1)
    )
    return energy
