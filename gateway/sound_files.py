"""WAV files as recognisers want them: 16 kHz, mono, one stretch of bytes an utterance."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from telephony.hearing import mulaw

RATE = 16_000
_RATES = (8_000, 16_000)
_PCM, _MULAW, _EXTENSIBLE = 1, 7, 0xFFFE
_LONGEST_S = 2 * 3600
_FRAME = RATE // 50
_PAUSE = 35
"""Quiet frames of 20 ms that part two utterances."""
_EDGE = 15
"""Frames kept before and after one."""
_LEAST = 5
"""Loud frames that make an utterance."""
_OVER_FLOOR_DB, _QUIETEST_DB = 9.0, -55.0


class SoundFileError(ValueError):
    """A file that cannot be heard; the text (Chinese) says why."""


def read_wav(path: Path) -> NDArray[np.int16]:
    """All samples at 16 kHz, channels mixed: µ-law or 16-bit PCM, 8 or 16 kHz, one channel or two.

    Raises:
        SoundFileError: missing, not such a file, cut off, empty, or longer than two hours.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise SoundFileError("没有这个文件") from None
    except OSError as error:
        raise SoundFileError(f"读不出来（{error.strerror}）") from None
    form: tuple[int, int, int, int] | None = None
    data: bytes | None = None
    for name, body in _chunks(raw):
        if name == b"fmt ":
            form = _form(body)
        elif name == b"data":
            data = body
            break
    if form is None or data is None:
        raise SoundFileError("WAV 文件不完整，缺少格式或声音数据")
    kind, channels, rate, bits = form
    if (kind, bits) not in ((_PCM, 16), (_MULAW, 8)):
        raise SoundFileError("只支持 16 位 PCM 或 8 位 µ-law 编码的 WAV，请先转换格式")
    if rate not in _RATES:
        raise SoundFileError(f"采样率是 {rate} Hz，只支持 8000 或 16000 Hz，请先转换")
    if channels not in (1, 2):
        raise SoundFileError(f"有 {channels} 个声道，只支持单声道或双声道")
    size = channels * bits // 8
    data = data[: len(data) // size * size]
    if not data:
        raise SoundFileError("文件里没有声音")
    if len(data) // size > _LONGEST_S * rate:
        raise SoundFileError("录音超过两小时，请先切开")
    samples = mulaw.decode(data) if kind == _MULAW else np.frombuffer(data, "<i2").astype(np.int16)
    if channels == 2:
        samples = np.mean(samples.reshape(-1, 2), axis=1).astype(np.int16)
    if rate == RATE:
        return samples
    return np.asarray(soxr.resample(samples, rate, RATE), np.int16)


def utterances(samples: NDArray[np.int16]) -> list[bytes]:
    """The parts in which somebody may be speaking, cut at pauses; all of it when it is one."""
    whole = len(samples) // _FRAME
    if not whole:
        return [samples.astype("<i2").tobytes()] if len(samples) else []
    frames = samples[: whole * _FRAME].reshape(whole, _FRAME).astype(np.float64)
    loudness = 10 * np.log10(np.mean(np.square(frames / 32768), axis=1) + 1e-10)
    # In a file without pauses the floor is speech itself: the threshold must stay below what is loud in it.
    floor = min(float(np.percentile(loudness, 10)), float(np.percentile(loudness, 95)) - 2 * _OVER_FLOOR_DB)
    loud = np.flatnonzero(loudness > max(floor + _OVER_FLOOR_DB, _QUIETEST_DB))
    if not len(loud):
        return []
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > _PAUSE) + 1)
    return [
        samples[max(0, part[0] - _EDGE) * _FRAME : (part[-1] + 1 + _EDGE) * _FRAME].astype("<i2").tobytes()
        for part in parts
        if len(part) >= _LEAST
    ]


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(raw) < 12 or raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        raise SoundFileError("不是 WAV 文件")
    at = 12
    while at + 8 <= len(raw):
        name, size = raw[at : at + 4], struct.unpack_from("<I", raw, at + 4)[0]
        # Recorders that stream write a size of 0 or of all ones: the data goes on to the end of the file.
        if name == b"data" and size in (0, 0xFFFFFFFF):
            size = len(raw) - at - 8
        yield name, raw[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _form(body: bytes) -> tuple[int, int, int, int]:
    """Codec, channels, samples a second, bits a sample."""
    if len(body) < 16:
        raise SoundFileError("WAV 文件的格式部分不完整")
    kind, channels, rate = struct.unpack_from("<HHI", body)
    bits = struct.unpack_from("<H", body, 14)[0]
    if kind == _EXTENSIBLE and len(body) >= 26:
        kind = struct.unpack_from("<H", body, 24)[0]
    return kind, channels, rate, bits
