"""Hears an utterance once more as nothing but digits, where so many digits were asked for.

The general language model hears 七幺九五 of an unfamiliar voice as 甭英请五. A second decoder that knows only digits hears
the digits, and makes digits of everything else too; which of both it was shows in the score: of 240 sets of four digits
99 of 100 lost at most 8 nats a second to the general one, 40 other short answers at least 24. Of sets of four digits in several
pitches and speeds 98 % came out right, 87 % without it and without counting twins (``python -m tests.load.voice.digits``).

Who begins with words, 我想想，是七幺九五, is heard again from behind them: as many signs as digits were asked for are what
follows a word with which people lead up to a number.
"""

from __future__ import annotations

from dialects.ear import BYTES_PER_S, LONGEST_S, Ear
from dialects.ears import EarMaker
from dialects.nbest import Hypothesis
from dialects.numerals import READ_OUT
from dialects.syllables import toned
from dialects.twins import with_twins

MOST_LOST = 15.0
"""Nats a second by which digits may score below what was heard freely."""
_LEADS = frozenset(["shi", "si", "en", "e", "a", "o", "ai", "xiang", "ma", "hao", "wei", "shu"])
"""Syllables behind which a number is read out: 是 嗯 呃 啊 哦 唉 想想 号码 后四位 数."""
_BEFORE_MS = 40
_MS = BYTES_PER_S // 1000


class DigitsAgain:
    """Keeps the sound of the present utterance while digits are asked for."""

    def __init__(self, make_ear: EarMaker | None, make_free_ear: EarMaker) -> None:
        """Without ``make_ear`` nothing is heard again."""
        self._make_ear = make_ear
        self._make_free_ear = make_free_ear
        self._sound = bytearray()
        self._wanted = 0

    def accept(self, pcm: bytes, digits: int | None) -> None:
        """More of the utterance, 16 kHz; kept only where ``digits`` are expected."""
        if self._make_ear and digits and len(self._sound) < LONGEST_S * BYTES_PER_S:
            self._sound += pcm
            self._wanted = digits

    def hear(self, model: str, freely: Hypothesis) -> Hypothesis | None:
        """The utterance as digits, unless it was something else; it is forgotten afterwards."""
        sound, self._sound = bytes(self._sound), bytearray()
        if self._make_ear is None or not sound or not freely.text:
            return None
        words, row = freely.text[: -self._wanted], freely.text[-self._wanted :]
        if words and not set(words) & READ_OUT.keys() and set(row) <= READ_OUT.keys():
            # Of 呃六九九三 digits would make 二六九三.
            return None
        behind = self._behind_words(model, sound, freely)
        if behind is not None and len(behind.text) == self._wanted:
            return behind
        whole = _digits(self._make_ear(model), sound, freely)
        return whole and (with_twins(whole, self._wanted) or whole)

    def _behind_words(self, model: str, sound: bytes, freely: Hypothesis) -> Hypothesis | None:
        at = len(freely.text) - self._wanted
        if self._make_ear is None or at <= 0:
            return None
        if toned(freely.text)[at - 1][0] not in _LEADS:
            return None
        rest = sound[max(0, round(_began_ms(freely, at)) - _BEFORE_MS) * _MS :]
        free = self._make_free_ear(model)
        free.accept(rest)
        return _digits(self._make_ear(model), rest, free.finish())


def _digits(ear: Ear, sound: bytes, freely: Hypothesis) -> Hypothesis | None:
    """``sound`` as digits, unless it scores too far below ``freely``."""
    ear.accept(sound)
    digits = ear.finish()
    lost = (freely.score - digits.score) * 1000 / max(1, digits.voiced_ms)
    return digits if digits.text and lost <= MOST_LOST else None


def _began_ms(heard: Hypothesis, sign: int) -> float:
    """When a character of ``heard`` began; those of one word last equally long."""
    for word in heard.words:
        if sign < len(word.text):
            return word.began_ms + (word.ended_ms - word.began_ms) * sign / len(word.text)
        sign -= len(word.text)
    raise IndexError(sign)
