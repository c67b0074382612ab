"""Sounds and what is done to them."""

from __future__ import annotations

import numpy as np
import pytest

from telephony.hearing.mulaw import encode
from telephony.standin import tones
from telephony.standin.sound import audible, band_limited, louder, pitched, rms, voiced_span, wav

pytestmark = pytest.mark.unit


def share_at(pcm: np.ndarray, hertz: float, width: float = 30) -> float:
    """How much of the energy lies around a frequency."""
    power = np.abs(np.fft.rfft(pcm.astype(float))) ** 2
    axis = np.fft.rfftfreq(pcm.size, 1 / 8000)
    return float(power[np.abs(axis - hertz) < width].sum() / power.sum())


def test_a_beep_a_fax_and_music_are_what_they_are_called() -> None:
    assert share_at(tones.beep(), 1000) > 0.9
    fax = tones.fax(5000)
    assert share_at(fax[:24000], 2100) > 0.9
    assert share_at(fax[25000:29000], 1650) + share_at(fax[25000:29000], 1850) > 0.7
    music = tones.music(5000)
    assert music.size == 40_000
    assert max(share_at(music, hertz) for hertz in range(200, 1200, 20)) < 0.5


@pytest.mark.parametrize("kind", tones.NOISES)
def test_noise_lies_as_far_below_speech_as_it_should(kind: tones.NoiseKind) -> None:
    for snr in (20.0, 10.0, 0.0):
        made = rms(tones.noise(kind, 4000, snr, seed=3))
        assert 20 * np.log10(tones.SPEECH_RMS / made) == pytest.approx(snr, abs=0.5)


def test_louder_is_louder_and_clips() -> None:
    plain = tones.tone(400, 500, level=4000)
    assert rms(louder(plain, 6)) == pytest.approx(2 * rms(plain), rel=0.02)
    assert np.max(louder(plain, 40)) == 32767


def test_a_lower_pitch_is_lower_and_longer() -> None:
    low = pitched(tones.tone(400, 1000), 0.8)
    assert low.size == pytest.approx(10_000, abs=20)
    assert share_at(low, 320) > 0.9


def test_a_narrow_band_keeps_the_middle_only() -> None:
    mixed = tones.tone(1000, 1000, 4000) + tones.tone(3000, 1000, 4000)
    assert share_at(band_limited(mixed, "narrow"), 1000) > 0.95
    assert share_at(band_limited(mixed, "telephone"), 3000) > 0.4


def test_the_voiced_span_leaves_out_silence_at_both_ends() -> None:
    quiet = np.zeros(1600, dtype=np.int16)
    span = voiced_span(np.concatenate([quiet, tones.tone(400, 500), quiet]))
    assert span is not None
    assert span[0] == pytest.approx(1600, abs=80)
    assert span[1] == pytest.approx(5600, abs=80)
    assert voiced_span(quiet) is None


def test_silence_and_line_noise_are_not_audible_but_speech_is() -> None:
    assert not audible(b"\xff" * 160)
    assert not audible(encode(tones.noise("white", 20, 30)))
    assert audible(encode(tones.tone(400, 20)))


def test_the_wav_is_stereo_mulaw_of_equal_sides() -> None:
    data = wav(b"\x10" * 800, b"\x20" * 400)
    assert data[20:24] == b"\x07\x00\x02\x00"
    assert len(data) == 58 + 1600
    assert data[58:62] == b"\x10\x20\x10\x20"
    assert data[-2:] == b"\x10\xff"
