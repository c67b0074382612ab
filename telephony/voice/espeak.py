"""The robot voice of espeak-ng through pyttsx3: Cantonese, and Mandarin when the neural voice fails. Runs in a worker.

What pyttsx3 2.99 does not forgive, and what is done here: it crashes with threads (one process, one thread); of two
queued files only the last is written (one utterance at a time); ``runAndWait`` returns before the file exists (wait for
a whole WAV); it throws away a change of speed that espeak-ng has not taken up yet (wait until it has); it ignores an
unknown voice (the voice is checked after every utterance, and once at the start).
"""

from __future__ import annotations

import importlib
import os
import struct
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from telephony.voice.base import VoiceError
from telephony.voice.sound import Samples

_WORDS_A_MINUTE = 165
_PATIENCE_S = 10.0
_LOOK_EVERY_S = 0.005
_HEADER = 44
_INSTALL = "请安装系统软件包 espeak-ng 和 Python 包 pyttsx3（重新运行 make setup）。"


class EspeakVoice:
    """One voice of espeak-ng, such as ``cmn-latn-pinyin`` (takes pinyin with tone numbers) or ``yue`` (takes characters).

    To be used by one thread of a process that has no other.
    """

    rate = 22050

    def __init__(self, voice: str, patience_s: float = _PATIENCE_S) -> None:
        """Raises VoiceError when espeak-ng, pyttsx3 or the voice is missing."""
        self._voice = voice
        self._patience_s = patience_s
        try:
            self._engine: Any = importlib.import_module("pyttsx3").init("espeak")
            self._library: Any = importlib.import_module("pyttsx3.drivers._espeak")
        except Exception as error:
            raise VoiceError(f"后备语音无法启动。{_INSTALL}") from error
        try:
            self.render("a", 1.0)
        except OSError as error:
            raise VoiceError(f"后备语音 {voice} 不可用：{error}。{_INSTALL}") from error

    def render(self, text: str, speed: float) -> Samples:
        """The sound at 22.05 kHz; ``speed`` 1 is usual, less is slower.

        Raises:
            OSError: espeak-ng gave nothing in time, or in another voice; start anew.
        """
        # A file of its own for each utterance, and in memory: what is said to a taxpayer must not touch the disk.
        handle = os.memfd_create("utterance")
        try:
            samples = self._utter(text, speed, Path(f"/proc/self/fd/{handle}"))
        finally:
            os.close(handle)
        used = str(self._engine.getProperty("voice") or "")
        if used.rpartition("/")[2] != self._voice.lower():
            raise OSError(f"espeak-ng 用的是 {used or '未知语音'}")
        return samples

    def _utter(self, text: str, speed: float, path: Path) -> Samples:
        self._settle()
        self._engine.setProperty("voice", self._voice)
        self._engine.setProperty("rate", round(_WORDS_A_MINUTE * speed))
        self._settle()
        self._engine.save_to_file(text, str(path))
        self._engine.runAndWait()
        return whole_wav(path, self._patience_s)

    def _settle(self) -> None:
        """Wait until espeak-ng has done all it was told."""
        waited = 0.0
        while self._library.IsPlaying():
            if waited >= self._patience_s:
                raise OSError("espeak-ng 没有按时完成")
            time.sleep(_LOOK_EVERY_S)
            waited += _LOOK_EVERY_S


def whole_wav(path: Path, patience_s: float, wait: Callable[[float], None] = time.sleep) -> Samples:
    """The samples of a 16 bit mono WAV file once it is complete.

    Raises:
        OSError: it is not there, or not whole, after ``patience_s``.
    """
    waited = 0.0
    while not _complete(path):
        if waited >= patience_s:
            raise OSError("espeak-ng 没有按时写出声音文件")
        wait(_LOOK_EVERY_S)
        waited += _LOOK_EVERY_S
    with wave.open(str(path), "rb") as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float32)
    return samples / np.float32(32768)


def _complete(path: Path) -> bool:
    """Whether the file holds as many bytes as its header promises, and at least one sample."""
    try:
        with path.open("rb") as handle:
            header = handle.read(_HEADER)
            size = os.fstat(handle.fileno()).st_size
    except OSError:
        return False
    if len(header) < _HEADER or header[36:40] != b"data":
        return False
    (promised,) = struct.unpack("<I", header[40:44])
    return bool(promised) and size == _HEADER + promised
