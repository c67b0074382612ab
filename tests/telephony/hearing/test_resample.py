from __future__ import annotations

import numpy as np
import pytest

from telephony.hearing.resample import Upsampler

pytestmark = pytest.mark.unit


def _wave(rate: int, seconds: float = 1.0) -> np.ndarray:
    t = np.arange(round(rate * seconds)) / rate
    return (9000 * np.sin(2 * np.pi * 700 * t)).astype(np.int16)


@pytest.mark.parametrize("size", [160, 333, 8000])
def test_twice_the_samples_of_the_same_sound_whatever_the_pieces(size: int) -> None:
    up, sound = Upsampler(), _wave(8000)
    for _ in range(2):
        out = b"".join(up.feed(sound[at : at + size]) for at in range(0, len(sound), size)) + up.end()
        heard = np.frombuffer(out, "<i2").astype(np.int32)
        assert len(heard) == 16000
        assert np.abs(heard - _wave(16000))[200:-200].max() < 20


def test_nothing_in_nothing_out() -> None:
    assert Upsampler().end() == b""
