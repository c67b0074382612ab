from __future__ import annotations

import numpy as np
import pytest

from telephony.hearing.mulaw import decode
from telephony.voice.sound import LOUDNESS_DB, PEAK_DB, finish, level, limit, trim

pytestmark = pytest.mark.unit

RATE = 24000


def tone(seconds: float, amplitude: float, rate: int = RATE, hertz: float = 440) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def decibel(samples: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))


@pytest.mark.parametrize("amplitude", [0.02, 0.2, 0.9])
def test_loud_and_quiet_voices_come_out_alike(amplitude: float) -> None:
    mulaw = finish(tone(1, amplitude), RATE, 0)
    assert decibel(decode(mulaw)[400:-400] / 32768) == pytest.approx(LOUDNESS_DB, abs=0.6)


def test_pauses_do_not_count_for_loudness() -> None:
    words = np.concatenate([tone(0.5, 0.1, 8000), np.zeros(16000, np.float32), tone(0.5, 0.1, 8000)])
    assert decibel(level(words)[:4000]) == pytest.approx(LOUDNESS_DB, abs=0.3)


@pytest.mark.parametrize("silence", [0.0, 0.13, 0.9])
def test_silence_around_the_words_is_always_the_same(silence: float) -> None:
    quiet = np.zeros(int(silence * RATE), np.float32)
    mulaw = finish(np.concatenate([quiet, tone(0.5, 0.3), quiet]), RATE, 250)
    assert len(mulaw) / 8000 == pytest.approx(0.5 + 0.25, abs=0.06)
    assert set(mulaw[-1900:]) == {0xFF}


def test_peaks_between_samples_stay_below_the_ceiling_and_quiet_parts_are_not_touched() -> None:
    samples = np.concatenate([tone(0.2, 0.1, 8000), tone(0.05, 1.4, 8000, 3300), tone(0.2, 0.1, 8000)])
    limited = limit(samples)
    assert np.abs(limited).max() <= 10 ** (PEAK_DB / 20) + 1e-6
    np.testing.assert_array_equal(limited[:1200], samples[:1200])


def test_nothing_audible_gives_nothing() -> None:
    assert finish(np.zeros(5000, np.float32), RATE, 200) == b""
    assert finish(np.zeros(0, np.float32), RATE, 200) == b""
    assert len(trim(np.zeros(100, np.float32), RATE)) == 0
