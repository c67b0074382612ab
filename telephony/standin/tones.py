"""Sounds that are not speech: beep, fax, music, noise. All reproducible, 8 kHz, signed 16 bit."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from telephony.events import RATE
from telephony.standin.sound import Pcm, clipped, rms

NoiseKind = Literal["white", "street", "babble"]
NOISES: tuple[NoiseKind, ...] = ("white", "street", "babble")
SPEECH_RMS = 2900.0
"""What a signal-to-noise ratio is measured against: speech at about −21 dBFS, as the voices speak."""

_Floats = npt.NDArray[np.float64]


def _time(ms: int) -> _Floats:
    return np.arange(RATE * ms // 1000, dtype=np.float64) / RATE


def tone(hertz: float, ms: int, level: float = 8000.0) -> Pcm:
    """A sine with 5 ms ramps; ``level`` is its peak."""
    t = _time(ms)
    ramp = np.minimum(1, np.minimum(t, t[::-1]) / 0.005)
    return clipped(level * ramp * np.sin(2 * np.pi * hertz * t))


def beep() -> Pcm:
    """An answering machine's: 1,000 Hz for 400 ms."""
    return tone(1000, 400)


def fax(ms: int) -> Pcm:
    """A fax machine that answers: 2,100 Hz for 3 s (ITU-T T.30, CED), then V.21 flags at 300 bit/s, over and over."""
    gap = np.zeros(RATE * 75 // 1000, dtype=np.int16)
    flags = np.tile([0, 1, 1, 1, 1, 1, 1, 0], 37)
    each = RATE // 300
    hertz = np.repeat(np.where(flags == 1, 1650.0, 1850.0), each)
    speech = clipped(8000.0 * np.sin(2 * np.pi * np.cumsum(hertz) / RATE))
    return _repeated(np.concatenate([tone(2100, 3000), gap, speech, gap]), ms)


def music(ms: int) -> Pcm:
    """Waiting music: a slow arpeggio over four chords, each note with its overtones."""
    notes: list[_Floats] = []
    t = _time(300)
    for root in (261.6, 220.0, 174.6, 196.0):
        for ratio in (1.0, 1.25, 1.5, 2.0, 1.5, 1.25):
            base = 2 * np.pi * root * ratio * t
            voice = np.sin(base) + 0.5 * np.sin(2 * base) + 0.25 * np.sin(3 * base)
            notes.append(3500 * np.exp(-3 * t) * voice)
    return _repeated(clipped(np.concatenate(notes)), ms)


def noise(kind: NoiseKind, ms: int, snr_db: float, seed: int = 0) -> Pcm:
    """Background noise ``snr_db`` below speech.

    ``street`` is low and swells as cars pass, ``babble`` has the band and rhythm of many people talking, ``white`` is flat.
    """
    random = np.random.default_rng(seed)
    t = _time(ms)
    if not t.size:
        return np.zeros(0, dtype=np.int16)
    flat = random.standard_normal(t.size)
    if kind == "white":
        shaped = flat
    elif kind == "street":
        swell = 1 + 0.6 * np.sin(2 * np.pi * t / 4.7 + random.uniform(0, 6))
        shaped = _coloured(flat, 60, 900) * swell
    else:
        talkers = [_talker(random, t) for _ in range(6)]
        shaped = np.sum(talkers, axis=0)
    level = rms(clipped(shaped / np.max(np.abs(shaped)) * 30000))
    return clipped(shaped / np.max(np.abs(shaped)) * 30000 * (SPEECH_RMS / level) * 10 ** (-snr_db / 20))


def _talker(random: np.random.Generator, t: _Floats) -> _Floats:
    syllables = 0.5 + 0.5 * np.sin(2 * np.pi * random.uniform(3, 5) * t + random.uniform(0, 6))
    shaped: _Floats = _coloured(random.standard_normal(t.size), 250, 2500) * syllables
    return shaped


def _coloured(flat: _Floats, low: float, high: float) -> _Floats:
    spectrum = np.fft.rfft(flat)
    hertz = np.fft.rfftfreq(flat.size, 1 / RATE)
    spectrum *= ((hertz >= low) & (hertz <= high)) / np.sqrt(np.maximum(hertz, 1))
    return np.asarray(np.fft.irfft(spectrum, flat.size), dtype=np.float64)


def _repeated(once: Pcm, ms: int) -> Pcm:
    length = RATE * ms // 1000
    return np.tile(once, length // once.size + 1)[:length]
