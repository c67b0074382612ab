"""A stand-in for ``vosk.KaldiRecognizer`` that hears scripted utterances instead of sound."""

from __future__ import annotations

import json
from collections.abc import Sequence

from dialects.ear import BYTES_PER_S, Ear

Alternatives = Sequence[tuple[str, float]]
"""Texts with words separated by blanks, and their scores."""


class FakeEngine:
    """Gives one of ``script`` for each utterance in which sound arrived; words last 300 ms each."""

    def __init__(self, script: Sequence[Alternatives]) -> None:
        self._script = list(script)
        self._utterance_began = 0.0
        self.clock = 0.0
        self.pause = 0
        self.alternatives = 0

    def SetWords(self, enable_words: bool) -> None:
        assert enable_words

    def SetMaxAlternatives(self, max_alternatives: int) -> None:
        self.alternatives = max_alternatives

    def AcceptWaveform(self, data: bytes) -> int:
        self.clock += len(data) / BYTES_PER_S
        return self.pause

    def PartialResult(self) -> str:
        return json.dumps({"partial": self._script[0][0][0] if self._script and self._script[0] else ""})

    def Result(self) -> str:
        return self.FinalResult()

    def FinalResult(self) -> str:
        heard = self._script.pop(0) if self._script else []
        began = self._utterance_began
        self._utterance_began = self.clock
        return json.dumps(
            {
                "alternatives": [
                    {
                        "text": text,
                        "confidence": score,
                        "result": [
                            {"word": word, "start": began + 0.3 * n, "end": began + 0.3 * (n + 1)}
                            for n, word in enumerate(text.split())
                        ],
                    }
                    for text, score in heard
                ]
            }
        )


def ear(*script: Alternatives) -> Ear:
    return Ear(FakeEngine(script))
