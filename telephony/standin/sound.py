"""Sound as the stand-in handles it: 8 kHz mono, signed 16 bit in numpy arrays; G.711 µ-law on the wire."""

from __future__ import annotations

import io
import math
import struct
from typing import Literal

import numpy as np
import numpy.typing as npt
import soxr

from telephony.events import FRAME_BYTES, RATE
from telephony.hearing.mulaw import decode

Pcm = npt.NDArray[np.int16]
"""One channel at 8 kHz."""

Band = Literal["telephone", "narrow"]
BANDS: dict[str, tuple[float, float]] = {"telephone": (300.0, 3400.0), "narrow": (500.0, 2400.0)}

SILENCE = b"\xff" * FRAME_BYTES
"""A frame without sound."""
_POWER = np.square(decode(bytes(range(256))).astype(np.float32))
AUDIBLE_RMS = 200.0
"""Louder than this (of 32,768) is a sound somebody hears: about −44 dBFS, far above a line's idle noise."""


def rms(pcm: Pcm) -> float:
    """Root mean square; 0 for nothing."""
    return float(math.sqrt(np.mean(np.square(pcm.astype(np.float64))))) if pcm.size else 0.0


def audible(mulaw: bytes) -> bool:
    """Whether a frame holds a sound somebody would hear."""
    power = np.add.reduce(_POWER[np.frombuffer(mulaw, dtype=np.uint8)])
    return bool(power > AUDIBLE_RMS**2 * len(mulaw))


def clipped(samples: npt.NDArray[np.float64]) -> Pcm:
    """Floats in sample units to samples, cut at the limits."""
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def louder(pcm: Pcm, decibels: float) -> Pcm:
    """With a gain; what exceeds full scale is clipped, as a shout into a handset is."""
    return pcm if decibels == 0 else clipped(pcm.astype(np.float64) * 10 ** (decibels / 20))


def pitched(pcm: Pcm, factor: float) -> Pcm:
    """Played ``factor`` times as fast, so higher (or, below 1, lower) and shorter; another person's throat."""
    if factor == 1 or not pcm.size:
        return pcm
    turned = soxr.resample(pcm.astype(np.float32), RATE * factor, RATE)
    return clipped(np.asarray(turned, dtype=np.float64))


def band_limited(pcm: Pcm, band: Band) -> Pcm:
    """Without what lies outside a band."""
    low, high = BANDS[band]
    spectrum = np.fft.rfft(pcm.astype(np.float64))
    hertz = np.fft.rfftfreq(pcm.size, 1 / RATE) if pcm.size else np.zeros(0)
    spectrum[(hertz < low) | (hertz > high)] = 0
    return clipped(np.fft.irfft(spectrum, pcm.size)) if pcm.size else pcm


def voiced_span(pcm: Pcm) -> tuple[int, int] | None:
    """The first voiced sample and the one after the last, found in steps of 10 ms; None where nothing is audible."""
    step = RATE // 100
    whole = pcm[: pcm.size - pcm.size % step].reshape(-1, step).astype(np.float64)
    loud = np.flatnonzero(np.mean(np.square(whole), axis=1) > AUDIBLE_RMS**2)
    return (int(loud[0]) * step, (int(loud[-1]) + 1) * step) if loud.size else None


def wav(left: bytes, right: bytes) -> bytes:
    """A stereo µ-law WAV (format 7, RIFF); the shorter side is filled with silence."""
    length = max(len(left), len(right))
    both = np.full((length, 2), 0xFF, dtype=np.uint8)
    both[: len(left), 0] = np.frombuffer(left, dtype=np.uint8)
    both[: len(right), 1] = np.frombuffer(right, dtype=np.uint8)
    body = both.tobytes()
    out = io.BytesIO()
    form = struct.pack("<HHIIHHH", 7, 2, RATE, RATE * 2, 2, 8, 0)
    out.write(b"RIFF" + struct.pack("<I", 4 + 8 + len(form) + 12 + 8 + len(body)) + b"WAVE")
    out.write(b"fmt " + struct.pack("<I", len(form)) + form)
    out.write(b"fact" + struct.pack("<II", 4, length))
    out.write(b"data" + struct.pack("<I", len(body)) + body)
    return out.getvalue()
