from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from gateway.sound_files import RATE, SoundFileError, read_wav, utterances
from telephony.hearing import mulaw

pytestmark = pytest.mark.unit


def _wav(
    data: bytes,
    *,
    kind: int = 1,
    channels: int = 1,
    rate: int = 8000,
    bits: int = 16,
    size: int | None = None,
) -> bytes:
    block = channels * bits // 8
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, kind, channels, rate, rate * block, block, bits)
    odd = struct.pack("<4sI4s", b"LIST", 3, b"abc\0")
    body = form + odd + struct.pack("<4sI", b"data", len(data) if size is None else size) + data
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body


def _tone(seconds: float, rate: int, loud: int = 8000) -> np.ndarray:
    return (loud * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype("<i2")


def _read(path: Path, raw: bytes) -> np.ndarray:
    path.write_bytes(raw)
    return read_wav(path)


def test_every_supported_form_gives_the_same_sound(tmp_path: Path) -> None:
    wide, narrow = _tone(0.5, 16_000), _tone(0.5, 8_000)
    both = np.stack([narrow, narrow], axis=1)
    forms = {
        "16 kHz": _wav(wide.tobytes(), rate=16_000),
        "8 kHz": _wav(narrow.tobytes()),
        "µ-law": _wav(mulaw.encode(narrow), kind=7, bits=8),
        "stereo": _wav(both.tobytes(), channels=2),
        "streamed": _wav(narrow.tobytes(), size=0xFFFFFFFF),
    }
    for name, raw in forms.items():
        heard = _read(tmp_path / "one.wav", raw)
        assert len(heard) == RATE // 2, name
        middle = slice(1000, 7000)
        error = heard[middle].astype(float) - wide[middle]
        assert np.sqrt(np.mean(error**2)) < 0.05 * np.sqrt(np.mean(wide[middle].astype(float) ** 2)), name


def test_two_channels_are_mixed(tmp_path: Path) -> None:
    left = _tone(0.1, 16_000)
    heard = _read(
        tmp_path / "a.wav", _wav(np.stack([left, -left], axis=1).tobytes(), channels=2, rate=16_000)
    )
    assert not heard.any()


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"", "不是 WAV"),
        (b"ID3 this is an mp3 file, really", "不是 WAV"),
        (_wav(b""), "没有声音"),
        (_wav(b"\0" * 100)[:30], "不完整"),
        (_wav(b"\0" * 100, rate=44_100), "44100 Hz"),
        (_wav(b"\0" * 100, bits=24), "只支持 16 位 PCM"),
        (_wav(b"\0" * 100, kind=6, bits=8), "只支持 16 位 PCM"),
        (_wav(b"\0" * 96, channels=6), "6 个声道"),
        (b"RIFF\0\0\0\0WAVE" + struct.pack("<4sI", b"data", 4) + b"\0" * 4, "不完整"),
    ],
)
def test_a_file_that_cannot_be_heard_says_why(tmp_path: Path, raw: bytes, complaint: str) -> None:
    with pytest.raises(SoundFileError, match=complaint):
        _read(tmp_path / "bad.wav", raw)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SoundFileError, match="没有这个文件"):
        read_wav(tmp_path / "none.wav")
    with pytest.raises(SoundFileError, match="读不出来"):
        read_wav(tmp_path)


def test_a_file_cut_off_in_the_middle_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    raw = _wav(_tone(1.0, 8_000).tobytes())
    assert RATE * 0.4 < len(_read(tmp_path / "cut.wav", raw[: len(raw) // 2 + 1])) < RATE * 0.6


def test_long_silences_are_cut_out() -> None:
    hush = (np.random.default_rng(1).standard_normal(3 * RATE) * 5).astype(np.int16)
    sound = np.concatenate(
        [hush, _tone(1.0, RATE), hush, _tone(0.5, RATE), hush[: RATE // 5], _tone(0.5, RATE), hush]
    )
    parts = utterances(sound)
    assert [round(len(part) / 2 / RATE, 1) for part in parts] == pytest.approx([1.6, 1.8], abs=0.11)


def test_speech_without_a_pause_stays_whole_and_silence_is_nothing() -> None:
    tone = _tone(2.0, RATE)
    assert len(utterances(tone)) == 1 and len(utterances(tone)[0]) == len(tone) * 2
    assert utterances(np.zeros(RATE, np.int16)) == []
    assert utterances(np.zeros(0, np.int16)) == []


def test_a_click_is_no_utterance() -> None:
    sound = np.zeros(RATE, np.int16)
    sound[8000:8040] = 20_000
    assert utterances(sound) == []
