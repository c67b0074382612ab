"""Sound that carries its own text, and who hears it: each character is a tone of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dialects.heard import Heard
from telephony.events import FRAME_BYTES, FRAME_MS, RATE, AudioIn, HeardEvent
from telephony.hearing import mulaw
from telephony.hearing.ear import Ear

CHARACTER_MS = 200
_ALPHABET = "喂你好的是不对可以我知道了然后因为幺二三四五六七八九零一万千百元块月号日十打错谁哪位呀您拨电话"
_LOWEST, _STEP = 400.0, 50.0


def spoken(text: str, loud: int = 8000) -> NDArray[np.int16]:
    """200 ms a character, the last 40 ms of which are silent; a blank is 200 ms of silence."""
    t = np.arange(RATE * (CHARACTER_MS - 40) // 1000) / RATE
    gap = np.zeros(RATE * 40 // 1000)
    parts: list[NDArray[Any]] = [np.zeros(0)]
    for character in text:
        place = _ALPHABET.find(character)
        level = 0 if character == " " else loud
        parts += [level * np.sin(2 * np.pi * (_LOWEST + _STEP * place) * t), gap]
    return np.concatenate(parts).astype(np.int16)


def pause(ms: int) -> NDArray[np.int16]:
    return np.zeros(RATE * ms // 1000, np.int16)


def frames(*sounds: NDArray[np.int16], start_ms: int = 0, sequence: int = 1) -> list[AudioIn]:
    """What the carrier sends for these sounds, one after the other."""
    codes = mulaw.encode(np.concatenate(sounds))
    return [
        AudioIn(sequence + n, start_ms + n * FRAME_MS, codes[at : at + FRAME_BYTES])
        for n, at in enumerate(range(0, len(codes), FRAME_BYTES))
    ]


class ByLevel:
    """Takes whatever is loud for a voice."""

    window = 160

    def hear(self, samples: NDArray[np.int16]) -> float:
        return float(np.abs(samples).max() > 500)

    def reset(self) -> None:
        pass


class ToneRecogniser:
    """Reads the tones of :func:`spoken` back."""

    pack = "mandarin"

    def __init__(self) -> None:
        self.expected: list[tuple[str, tuple[str, ...], int | None]] = []
        self.utterances: list[NDArray[np.int16]] = []
        self._heard = b""

    def accept(self, pcm: bytes) -> None:
        self._heard += pcm

    def partial(self) -> str:
        return self._read()

    def finish(self) -> Heard:
        text = self._read()
        self.utterances.append(np.frombuffer(self._heard, "<i2"))
        self._heard = b""
        return Heard(text, text, 0.9 if text else 0.0, self.pack)

    def expect(self, kind: str, phrases: Sequence[str] = (), digits: int | None = None) -> None:
        self.expected.append((kind, tuple(phrases), digits))

    def _read(self) -> str:
        sound = np.frombuffer(self._heard, "<i2").astype(np.float64)
        loud = np.abs(sound[: len(sound) // 160 * 160].reshape(-1, 160)).max(axis=1) > 500
        edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.astype(np.int8), [0]))))
        text = ""
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            if end - begin < 12:
                continue
            text += _character(sound[begin * 160 : end * 160].tobytes())
        return text


@lru_cache(maxsize=4096)
def _character(samples: bytes) -> str:
    part = np.frombuffer(samples)
    power = np.abs(np.fft.rfft(part * np.hanning(len(part)), 16000)) ** 2
    peak = int(power.argmax())
    place = round((peak - _LOWEST) / _STEP)
    pure = power[max(0, peak - 30) : peak + 30].sum() > 0.5 * power.sum()
    return _ALPHABET[place] if pure and 0 <= place < len(_ALPHABET) else ""


class Inline(Executor):
    """Does the work when it is handed in: nothing depends on how fast a thread is."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def ear(recogniser: Any = None, renew: Callable[[], Any] = ToneRecogniser, executor: Executor | None = None, **more: Any) -> Ear:  # fmt: skip
    return Ear(recogniser or ToneRecogniser(), renew, ByLevel(), executor or Inline(), **more)


async def hear(listener: Ear, sent: Iterable[AudioIn]) -> list[HeardEvent]:
    events: list[HeardEvent] = []
    for frame in sent:
        events += await listener.feed(frame)
    return events
