"""Reads a recording: as a WAV that can be asked for piece by piece, and as the loudness of each side."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np

from telephony.events import RATE
from telephony.hearing.mulaw import decode
from telephony.recording_format import (
    CHANNELS,
    CHUNK_BYTES,
    CHUNK_SAMPLES,
    SEALED_CHUNK,
    SEALED_END,
    End,
    Header,
    Problem,
    RecordingDamaged,
    RecordingError,
    RecordingKeys,
)

_WAVE_MULAW = 7
_HEAD = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI")
WAV_HEADER = _HEAD.size


_POWER = (decode(bytes(range(256))) / 32124.0) ** 2
"""Power of each µ-law code, full scale being 1."""


class RecordingReader:
    """One recording, complete or cut off by a crash. Raises :class:`RecordingError` when it cannot be read.

    Attributes:
        call_id: whose recording it is.
        started: when the call's clock was 0.
        samples: length in samples of one channel.
        complete: whether its end was written and nothing is missing.
        lost_ms: milliseconds of speech that could not be kept, as far as known.
        problem: why.
    """

    def __init__(self, path: Path, keys: RecordingKeys) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                header = Header.read(file)
                self._seal = header.seal(keys)
                self._body = file.tell()
                chunks, rest = divmod(path.stat().st_size - self._body, SEALED_CHUNK)
                file.seek(chunks * SEALED_CHUNK, 1)
                end = self._end(file.read(rest)) if rest == SEALED_END else None
        except OSError as error:
            raise RecordingError("录音文件读不出来：请检查磁盘和文件权限。") from error
        if end is not None and end.chunks != chunks:
            raise RecordingDamaged("录音的长度和结尾的记录不符，内容被改动过。")
        self.call_id: uuid.UUID = header.call_id
        self.started: datetime = header.started
        self.samples = end.samples if end else chunks * CHUNK_SAMPLES
        self.lost_ms = end.lost_ms if end else 0
        self.problem = end.problem if end else Problem.NONE
        self.complete = end is not None and not end.lost_ms and not end.problem

    def _end(self, sealed: bytes) -> End | None:
        # What does not open may as well be the beginning of a second that a crash cut off just there.
        try:
            return self._seal.open_end(sealed)
        except RecordingDamaged:
            return None

    @property
    def duration_ms(self) -> int:
        """Its length."""
        return self.samples * 1000 // RATE

    @property
    def wav_size(self) -> int:
        """Bytes of the whole WAV."""
        return WAV_HEADER + self.samples * CHANNELS

    def wav(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Bytes ``start`` to ``stop`` of a stereo µ-law WAV, a second at a time.

        Raises :class:`RecordingDamaged` at the first second that was changed.
        """
        stop = self.wav_size if stop is None else min(stop, self.wav_size)
        if start < min(stop, WAV_HEADER):
            yield self._wav_header()[start:stop]
        first, last = max(start - WAV_HEADER, 0), stop - WAV_HEADER
        if first >= last:
            return
        with self._path.open("rb") as file:
            for number in range(first // CHUNK_BYTES, -(-last // CHUNK_BYTES)):
                file.seek(self._body + number * SEALED_CHUNK)
                audio = self._seal.open_chunk(number, file.read(SEALED_CHUNK))
                begin = number * CHUNK_BYTES
                yield audio[max(first - begin, 0) : min(last - begin, CHUNK_BYTES)]

    def levels(self, per_second: int = 10) -> tuple[list[int], list[int]]:
        """Loudness of the caller and the bot, 0 to 100, ``per_second`` values a second (a divisor of 8000).

        100 is full scale, 0 is 50 dB below it or softer.
        """
        span = CHUNK_SAMPLES // per_second
        found: tuple[list[int], list[int]] = ([], [])
        for piece in self.wav(WAV_HEADER):
            power = _POWER[np.frombuffer(piece, np.uint8).reshape(-1, CHANNELS)]
            whole = len(power) - len(power) % span
            means = power[:whole].reshape(-1, span, CHANNELS).mean(1)
            if whole < len(power):
                means = np.concatenate([means, power[whole:].mean(0, keepdims=True)])
            levels = (100 + 20 * np.log10(np.maximum(means, 1e-5))).round().astype(int)
            for channel, values in enumerate(found):
                values.extend(levels[:, channel].tolist())
        return found

    def _wav_header(self) -> bytes:
        data = self.samples * CHANNELS
        return _HEAD.pack(
            *(b"RIFF", _HEAD.size - 8 + data, b"WAVE"),
            *(b"fmt ", 18, _WAVE_MULAW, CHANNELS, RATE, RATE * CHANNELS, CHANNELS, 8, 0),
            *(b"fact", 4, self.samples, b"data", data),
        )
