"""What else a telephone line carries: noise, music, tones. All at 8 kHz, -1 to 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 8000
Sound = NDArray[np.float32]


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.float32)


def level(sound: Sound) -> float:
    """Root mean square of what is louder than 40 dB under the loudest 20 ms."""
    blocks = sound[: len(sound) // 160 * 160].reshape(-1, 160)
    power = np.mean(blocks**2, axis=1)
    return float(np.sqrt(np.mean(power[power > power.max() * 1e-4])))


def line_noise(seconds: float, rng: np.random.Generator) -> Sound:
    """Noise of a telephone line and a room behind it: coloured, in the telephone band, with mains hum; RMS 1."""
    size = round(seconds * RATE)
    spectrum = np.fft.rfft(rng.standard_normal(size))
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    spectrum *= ((hertz > 250) & (hertz < 3450)) / np.sqrt(np.maximum(hertz, 250))
    noise = np.fft.irfft(spectrum, size)
    noise /= np.sqrt(np.mean(noise**2))
    t = np.arange(size) / RATE
    hum = sum(np.sin(2 * np.pi * 50 * k * t) / k for k in (2, 3, 6))
    return _unit(noise + 0.15 * hum)


def street(seconds: float, rng: np.random.Generator) -> Sound:
    """Line noise that swells and falls by 12 dB as traffic does; RMS 1."""
    noise = line_noise(seconds, rng)
    t = np.arange(len(noise)) / RATE
    swell = 6 * np.sin(2 * np.pi * t / 5.3) + 3 * np.sin(2 * np.pi * t / 1.7 + 1)
    return _unit(noise * 10 ** (swell / 20))


def music(seconds: float, rng: np.random.Generator) -> Sound:
    """Waiting music: chords of plucked notes with overtones, one about every third of a second; RMS 1."""
    sound = silence(seconds + 2)
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
    at = 0.0
    while at < seconds:
        notes = rng.choice(scale, size=int(rng.integers(1, 4)), replace=False)
        t = np.arange(RATE) / RATE
        chord = sum(
            np.exp(-t * (2 + k)) * np.sin(2 * np.pi * note * k * t) / k
            for note in notes
            for k in (1, 2, 3, 4)
        )
        start = round(at * RATE)
        sound[start : start + RATE] += chord[: len(sound) - start]
        at += float(rng.choice((0.25, 0.33, 0.5)))
    return _unit(sound[: round(seconds * RATE)])


def tone(hertz: float, seconds: float, second: float = 0.0) -> Sound:
    """A steady tone, or two together; amplitude 1 in all."""
    t = np.arange(round(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * hertz * t)
    if second:
        wave = (wave + np.sin(2 * np.pi * second * t)) / 2
    return wave.astype(np.float32)


def ringing(seconds: float) -> Sound:
    """China's ringing tone, 450 Hz, one second in five (GB 3380)."""
    cycle = np.concatenate((tone(450, 1), silence(4)))
    return np.resize(cycle, round(seconds * RATE))


def to_samples(sound: Sound) -> NDArray[np.int16]:
    return np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16)


def _unit(sound: NDArray[np.floating]) -> Sound:
    return (sound / np.sqrt(np.mean(sound**2))).astype(np.float32)
