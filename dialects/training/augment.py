"""What a room and a telephone do to speech. All take and give float64 samples at 16 kHz in −1…1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, lfilter, resample_poly, sosfilt

from dialects.training.speech import RATE, Utterance

Wave = NDArray[np.float64]
_MU = 255.0
RUMBLE_HZ = 250.0
_BANDED = 0.75
_WIDE = ((100, 400), (3100, 3900))
_NARROW = ((300, 600), (2200, 3000))
_ORDERS = (2, 10)
_SHARP = 0.4
_DULL = ((40, 250), (500, 3000))


def mulaw(wave: Wave) -> Wave:
    """There and back through 8-bit µ-law (G.711's curve)."""
    squeezed = np.sign(wave) * np.log1p(_MU * np.abs(wave)) / np.log1p(_MU)
    steps = np.round((squeezed + 1) / 2 * _MU) / _MU * 2 - 1
    return np.asarray(np.sign(steps) * ((1 + _MU) ** np.abs(steps) - 1) / _MU)


@dataclass(frozen=True)
class Band:
    """What a line lets through, in Hz; ``order`` is how steeply it ends: 2 gently, 8 as the network's filters (ITU-T G.712), None at once."""

    low: float
    high: float
    order: int | None = 2

    def of(self, wave: Wave, rate: int) -> Wave:
        """What is left of ``wave``, ``rate`` samples a second."""
        if self.order is None:
            spectrum, hertz = np.fft.rfft(wave), np.fft.rfftfreq(len(wave), 1 / rate)
            spectrum[(hertz < self.low) | (hertz > self.high)] = 0
            return np.asarray(np.fft.irfft(spectrum, len(wave)))
        return np.asarray(
            sosfilt(butter(self.order, (self.low, self.high), "bandpass", fs=rate, output="sos"), wave)
        )


def telephone(wave: Wave, band: Band | None = None, coded: bool = True) -> Wave:
    """8 kHz, optionally a narrower band, µ-law, and back to 16 kHz."""
    narrow = resample_poly(wave, 1, 2)
    if band is not None:
        narrow = band.of(narrow, RATE // 2)
    narrow = np.clip(narrow, -1, 1)
    return np.asarray(resample_poly(mulaw(narrow) if coded else narrow, 2, 1))


def without_rumble(wave: Wave) -> Wave:
    """As calls are heard: nothing below :data:`RUMBLE_HZ` (``telephony.hearing.rumble``), which is only traffic and hum."""
    return np.asarray(sosfilt(butter(2, RUMBLE_HZ, "highpass", fs=RATE, output="sos"), wave))


def swelling(noise: Wave, draw: np.random.Generator) -> Wave:
    """``noise`` that comes and goes within seconds, as cars and crowds do."""
    times = np.arange(len(noise)) / RATE
    turns, deep = draw.uniform(0.1, 1.0), draw.uniform(0.2, 0.9)
    return np.asarray(noise * (1 + deep * np.sin(2 * np.pi * (turns * times + draw.random()))))


def with_noise(wave: Wave, noise: Wave, snr: float) -> Wave:
    """``noise`` (at least as long) added ``snr`` dB below the wave's mean power."""
    noise = noise[: len(wave)]
    level = np.sqrt((wave**2).mean()) * 10 ** (-snr / 20) / (np.sqrt((noise**2).mean()) + 1e-9)
    return np.asarray(wave + noise * level)


def coloured(length: int, draw: np.random.Generator) -> Wave:
    """White noise or, twice as often, noise that falls with frequency as in streets and rooms."""
    white = draw.standard_normal(length)
    if draw.random() < 1 / 3:
        return white
    return np.asarray(lfilter([1.0], [1.0, -draw.uniform(0.6, 0.98)], white))


def dull(noise: Wave, draw: np.random.Generator) -> Wave:
    """Only the low part of ``noise``, as of motors and of what comes through walls."""
    return Band(draw.uniform(*_DULL[0]), draw.uniform(*_DULL[1]), None).of(noise, RATE)


def in_room(wave: Wave, draw: np.random.Generator) -> Wave:
    """Echoes that die away within 0.08–0.4 s."""
    length = int(draw.uniform(0.08, 0.4) * RATE)
    echo = draw.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    echo *= draw.uniform(0.1, 0.5) / np.sqrt((echo**2).sum())
    echo[0] += 1.0
    return np.asarray(fftconvolve(wave, echo)[: len(wave)])


@dataclass(frozen=True)
class Damage:
    """How often each harm happens to a training utterance."""

    room: float = 0.35
    tilt: float = 0.5
    noise: float = 0.8
    babble: float = 0.25
    telephone: float = 0.8
    narrow: float = 0.3
    """Of lines with a band of their own, those of poor instruments, which carry little."""
    rumble: float = 0.7
    """Of telephone lines, those whose rumble is taken away afterwards."""
    swelling: float = 0.4
    dull: float = 0.25
    speed: float = 0.5


def _band(draw: np.random.Generator, damage: Damage) -> Band | None:
    if draw.random() >= _BANDED:
        return None
    low, high = _NARROW if draw.random() < damage.narrow else _WIDE
    order = None if draw.random() < _SHARP else int(draw.integers(*_ORDERS, endpoint=True))
    return Band(draw.uniform(*low), draw.uniform(*high), order)


def damaged(
    utterance: Utterance,
    draw: np.random.Generator,
    crowd: Sequence[Utterance] = (),
    damage: Damage | None = None,
) -> tuple[NDArray[np.float32], float, float]:
    """The utterance as a bad line would carry it: samples in 16-bit scale, seconds of lead put before it, and how much
    longer it lasts (factor)."""
    damage = damage or Damage()
    wave, factor = utterance.audio.astype(np.float64) / 32768, 1.0
    if draw.random() < damage.speed:
        percent = int(draw.integers(87, 116))
        wave, factor = resample_poly(wave, 100, percent), 100 / percent
    lead, trail = (int(draw.uniform(0.02, 0.5) * RATE) for _ in range(2))
    wave = np.concatenate([np.zeros(lead), wave, np.zeros(trail)])
    if draw.random() < damage.room:
        wave = in_room(wave, draw)
    if draw.random() < damage.tilt:
        wave = lfilter([1.0, draw.uniform(-0.5, 0.5)], [1.0], wave)
    wave = wave * 10 ** (draw.uniform(-32, -13) / 20) / (np.sqrt((wave**2).mean()) + 1e-9)
    if draw.random() < damage.noise:
        snr = draw.uniform(5, 35)
        if crowd and draw.random() < damage.babble:
            others = [np.resize(crowd[int(draw.integers(len(crowd)))].audio, len(wave)) for _ in range(3)]
            wave = with_noise(wave, np.sum(others, axis=0, dtype=np.float64), max(snr, 12))
        else:
            noise = coloured(len(wave), draw)
            if draw.random() < damage.dull:
                noise = dull(noise, draw)
            if draw.random() < damage.swelling:
                noise = swelling(noise, draw)
            wave = with_noise(wave, noise, snr)
    if draw.random() < damage.telephone:
        wave = telephone(wave, _band(draw, damage), draw.random() < 0.75)
        if draw.random() < damage.rumble:
            wave = without_rumble(wave)
    return np.clip(np.round(wave * 32768), -32768, 32767).astype(np.float32), lead / RATE, factor
