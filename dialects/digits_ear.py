"""Hears an utterance once more as nothing but digits, where so many digits were asked for.

The general language model hears 七幺九五 of an unfamiliar voice as 甭英请五. A second decoder that knows only digits hears
the digits, and makes digits of everything else too; which of both it was shows in the score: of 240 sets of four digits
99 of 100 lost at most 8 nats a second to the general one, 40 other short answers at least 24. Of sets of four digits in several
pitches and speeds 92 % came out right, 82 % without it (``python -m tests.load.voice.digits``).
"""

from __future__ import annotations

from dialects.ear import BYTES_PER_S, LONGEST_S
from dialects.ears import EarMaker
from dialects.nbest import Hypothesis

MOST_LOST = 15.0
"""Nats a second by which digits may score below what was heard freely."""


class DigitsAgain:
    """Keeps the sound of the present utterance while digits are asked for."""

    def __init__(self, make_ear: EarMaker | None) -> None:
        """Without ``make_ear`` nothing is heard again."""
        self._make_ear = make_ear
        self._sound = bytearray()

    def accept(self, pcm: bytes, digits: int | None) -> None:
        """More of the utterance, 16 kHz; kept only where ``digits`` are expected."""
        if self._make_ear and digits and len(self._sound) < LONGEST_S * BYTES_PER_S:
            self._sound += pcm

    def hear(self, model: str, freely: Hypothesis) -> Hypothesis | None:
        """The utterance as digits, unless it was something else; it is forgotten afterwards."""
        sound, self._sound = bytes(self._sound), bytearray()
        if self._make_ear is None or not sound or not freely.text:
            return None
        ear = self._make_ear(model)
        ear.accept(sound)
        digits = ear.finish()
        lost = (freely.score - digits.score) * 1000 / max(1, digits.voiced_ms)
        return digits if digits.text and lost <= MOST_LOST else None
