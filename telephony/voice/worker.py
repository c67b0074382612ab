"""The process in which a voice lives: ``python -m telephony.voice.worker neural`` or ``… espeak yue``."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from telephony.voice.base import VoiceError
from telephony.voice.protocol import FAILED, LENGTH, READY
from telephony.voice.sound import Samples, finish

_NICE = 5


class _Engine(Protocol):
    rate: int

    def render(self, words: Any, speed: float) -> Samples: ...


def serve(engine: _Engine, requests: BinaryIO, answer: Callable[[bytes], None]) -> None:
    """Answer requests until the input ends.

    A request that cannot be rendered is answered with the error's kind only, as its text could hold what was said.
    An OSError means that the engine itself is broken, and is passed on.
    """
    while (body := _read(requests)) is not None:
        try:
            request = json.loads(body)
            sound = engine.render(request["words"], float(request["speed"]))
            answer(READY + finish(sound, engine.rate, int(request["pause_ms"])))
        except OSError:
            raise
        except Exception as error:
            answer(FAILED + type(error).__name__.encode())


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    body = stream.read(size)
    return body if len(body) == size else None


def _engine(kind: str, *arguments: str) -> _Engine:
    if kind == "espeak":
        from telephony.voice.espeak import EspeakVoice

        return EspeakVoice(arguments[0])
    from telephony.voice.neural import NeuralVoice

    return NeuralVoice()


def stand_back() -> None:
    """Let hearing and understanding go first: answers begin with pieces rendered ahead, and speech comes faster than it is said."""
    os.nice(_NICE)
    if os.getsid(0) == os.getpid():
        # Linux may share the processors out by session first (sched(7), autogroup); niceness then counts within one.
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(_NICE), encoding="ascii")


def main() -> int:
    """Exit status 0 when the input ended, 2 when the voice cannot run here, 1 when it broke."""
    # pyttsx3 and the C libraries print: the answers need a channel of their own.
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def answer(body: bytes) -> None:
        frame = memoryview(LENGTH.pack(len(body)) + body)
        while frame:
            frame = frame[channel.write(frame) or 0 :]

    try:
        engine = _engine(*sys.argv[1:])
    except VoiceError as error:
        answer(FAILED + str(error).encode())
        return 2
    stand_back()
    try:
        answer(READY)
        serve(engine, sys.stdin.buffer, answer)
    except OSError:
        return 1
    return 0


if __name__ == "__main__":
    # espeak-ng's threads crash an orderly exit.
    os._exit(main())
