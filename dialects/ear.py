"""The acoustic half of a recogniser: 16 kHz audio in, hypotheses out, through stock Vosk."""

from __future__ import annotations

import json
from typing import Any, Protocol

from dialects.nbest import Hypothesis, read_result

RATE = 16_000
BYTES_PER_S = RATE * 2
ALTERNATIVES = 40
LONGEST_S = 20.0
"""An utterance that goes on longer is cut inside, where Vosk finds a pause, so that its lattice cannot grow for ever."""


class Engine(Protocol):
    """What is used of ``vosk.KaldiRecognizer``."""

    def SetWords(self, enable_words: bool) -> None: ...
    def SetMaxAlternatives(self, max_alternatives: int) -> None: ...
    def AcceptWaveform(self, data: bytes) -> int: ...
    def Result(self) -> str: ...
    def PartialResult(self) -> str: ...
    def FinalResult(self) -> str: ...


def vosk_engine(model: Any) -> Engine:
    """A decoder of its own on a shared ``model``."""
    import vosk

    engine: Engine = vosk.KaldiRecognizer(model, RATE)
    return engine


def digit_engine(model: Any) -> Engine:
    """One that knows nothing but digits, in an order in which twins and neighbours are no rarer than others."""
    import vosk

    order = "零 一 二 三 四 五 六 七 八 九 幺 零 二 幺 三 九 五 七 六 四 八 二 九 三 幺"
    words = json.dumps([order, "两 洞 拐"], ensure_ascii=False)
    engine: Engine = vosk.KaldiRecognizer(model, RATE, words)
    return engine


class Ear:
    """One call's decoder on one model; not to be used by two threads at once."""

    def __init__(self, engine: Engine) -> None:
        """``engine`` must be fresh: its clock is taken to stand at 0."""
        engine.SetWords(True)
        engine.SetMaxAlternatives(ALTERNATIVES)
        self._engine = engine
        self._earlier = Hypothesis()
        self._partial: str | None = ""
        self._clock_s = 0.0
        self._began_s = 0.0
        self._cut_s = 0.0

    def accept(self, pcm: bytes) -> None:
        """Take in 16 kHz mono signed 16-bit samples; a lone last byte is refused with ValueError."""
        if len(pcm) % 2:
            raise ValueError(f"{len(pcm)} bytes are no whole number of 16-bit samples")
        if not pcm:
            return
        pause = self._engine.AcceptWaveform(pcm)
        self._clock_s += len(pcm) / BYTES_PER_S
        self._partial = None
        if pause and self._clock_s - self._cut_s > LONGEST_S:
            self._earlier += read_result(self._engine.Result(), self._began_s)
            self._cut_s = self._clock_s

    def partial(self) -> str:
        """The best text so far, without spaces."""
        if self._partial is None:
            heard = str(json.loads(self._engine.PartialResult()).get("partial") or "")
            self._partial = self._earlier.text + heard.replace(" ", "")
        return self._partial

    def finish(self) -> Hypothesis:
        """End the utterance; the next sample belongs to the next one."""
        if self._clock_s == self._began_s:
            return Hypothesis()
        heard = self._earlier + read_result(self._engine.FinalResult(), self._began_s)
        self._earlier, self._partial = Hypothesis(), ""
        self._began_s = self._cut_s = self._clock_s
        return heard
