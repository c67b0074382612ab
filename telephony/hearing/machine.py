"""Our own detection of what is no person: answering machines, faxes, waiting music. Beside the carrier's.

Pure: sound and words in, signs out, each at most once a call. Times are milliseconds of the call's clock.

- *Long greeting*: speech from the answer on, six seconds without a pause, and none of the words people answer with.
- *Beep*: a steady tone of 300 to 2000 Hz and 150 to 1500 ms soon after a greeting.
- *Fax* (ITU-T T.30): CED, 2100 Hz for more than a second, or CNG, 1100 Hz for half a second twice, 3 s apart.
- *Music*: eight seconds of sound that is neither voice nor noise, a dialling tone included.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from telephony.events import MachineHeard, MachineSign
from telephony.hearing.machine_words import of_a_machine, of_a_person
from telephony.hearing.tones import Feature, Tones

ANSWER_MS = 3_000
"""A greeting begins within this time of the answer."""
WORDS_MS = 45_000
"""Until then words may show a machine; later a person may be telling of one."""
GREETING_MS = 6_000
GREETING_PAUSE_MS = 600
BEEP_MS = (150, 1_500)
BEEP_HERTZ = (300, 2_000)
BEEP_AFTER_MS = 5_000
"""A beep follows the last of at least ``BEEP_VOICE_MS`` of voice within this time."""
BEEP_VOICE_MS = 1_000
MUSIC_MS = 8_000

_LOUD_DB = -45.0
_STEP_MS = 40
_BLOCK = 10
"""Features of a block, in which music is told from noise."""
_RIPPLE_DB = 4.0
"""Noise has 1.5 dB whatever its colour, music 6 and more."""


@dataclass(slots=True)
class MachineDetector:
    """One per call."""

    _told: set[MachineSign] = field(default_factory=set)
    _tones: Tones = field(default_factory=lambda: Tones(_LOUD_DB))
    _sound: list[NDArray[np.int16]] = field(default_factory=list)
    _sound_ms: float = 0.0
    _answered_ms: int | None = None
    _stretch_ms: int | None = None
    _voice_ms: int = 0
    _last_voice_ms: int = -1_000_000
    _person: bool = False
    _tone: _Tone | None = None
    _calling_ms: int | None = None
    _block: list[NDArray[np.float64]] = field(default_factory=list)
    _blocks: deque[bool] = field(default_factory=lambda: deque(maxlen=MUSIC_MS // (_STEP_MS * _BLOCK)))

    def hear(self, at_ms: int, samples: NDArray[np.int16], voiced: bool) -> list[MachineHeard]:
        """The next sound of the caller, some 20 ms, and whether it holds a voice."""
        length = len(samples) // 8
        now = at_ms + length
        if self._answered_ms is None:
            self._answered_ms = at_ms
        signs = self._greeting(at_ms, length, now) if voiced else []
        self._sound.append(samples)
        self._sound_ms += length
        if self._sound_ms >= _STEP_MS:
            feature = self._tones.feed(now, np.concatenate(self._sound))
            self._sound, self._sound_ms = [], 0.0
            signs += self._tone_signs(feature, voiced)
            signs += self._music(feature, voiced)
        return self._once(signs, now)

    def words(self, text: str, at_ms: int) -> list[MachineHeard]:
        """What has been recognised of the present utterance, whenever it has grown."""
        if not text:
            return []
        self._blocks.clear()
        self._person = self._person or of_a_person(text)
        early = self._answered_ms is None or at_ms - self._answered_ms < WORDS_MS
        return self._once([MachineSign.MACHINE_WORDS] if early and of_a_machine(text) else [], at_ms)

    def _once(self, signs: list[MachineSign], at_ms: int) -> list[MachineHeard]:
        new = [sign for sign in dict.fromkeys(signs) if sign not in self._told]
        self._told.update(new)
        return [MachineHeard(sign, at_ms) for sign in new]

    def _greeting(self, at_ms: int, length: int, now: int) -> list[MachineSign]:
        assert self._answered_ms is not None
        if at_ms - self._last_voice_ms > GREETING_PAUSE_MS:
            self._stretch_ms = at_ms
        self._last_voice_ms = now
        self._voice_ms += length
        if self._stretch_ms is None or self._stretch_ms - self._answered_ms > ANSWER_MS or self._person:
            return []
        return [MachineSign.LONG_GREETING] if now - self._stretch_ms >= GREETING_MS else []

    def _tone_signs(self, feature: Feature, voiced: bool) -> list[MachineSign]:
        if voiced or feature.db < _LOUD_DB or feature.share < 0.8:
            return self._tone_ended()
        if self._tone is None or not self._tone.goes_on(feature):
            signs = self._tone_ended()
            self._tone = _Tone(feature.at_ms - _STEP_MS, feature.at_ms, feature.hertz, feature.db)
            return signs
        self._tone.ends_ms, self._tone.db = feature.at_ms, feature.db
        if abs(self._tone.hertz - 2100) < 35 and self._tone.length_ms >= 1_000:
            return [MachineSign.FAX]
        return []

    def _tone_ended(self) -> list[MachineSign]:
        tone, self._tone = self._tone, None
        if tone is None:
            return []
        signs: list[MachineSign] = []
        if abs(tone.hertz - 1100) < 45 and 400 <= tone.length_ms <= 640:
            if self._calling_ms is not None and 3_000 <= tone.began_ms - self._calling_ms <= 4_000:
                signs.append(MachineSign.FAX)
            self._calling_ms = tone.began_ms
        greeted = self._voice_ms >= BEEP_VOICE_MS and tone.began_ms - self._last_voice_ms <= BEEP_AFTER_MS
        whole = BEEP_MS[0] <= tone.length_ms <= BEEP_MS[1] + _STEP_MS
        if greeted and whole and BEEP_HERTZ[0] <= tone.hertz <= BEEP_HERTZ[1]:
            signs.append(MachineSign.BEEP)
        return signs

    def _music(self, feature: Feature, voiced: bool) -> list[MachineSign]:
        if not voiced and feature.db > _LOUD_DB:
            self._block.append(feature.power)
        else:
            self._block.append(np.zeros(0))
        if len(self._block) < _BLOCK:
            return []
        loud = [power for power in self._block if len(power)]
        self._block = []
        self._blocks.append(len(loud) >= 0.7 * _BLOCK and _ripple(loud) >= _RIPPLE_DB)
        full = len(self._blocks) == self._blocks.maxlen and sum(self._blocks) >= 0.85 * len(self._blocks)
        return [MachineSign.MUSIC] if full else []


@dataclass(slots=True)
class _Tone:
    began_ms: int
    ends_ms: int
    hertz: float
    db: float

    @property
    def length_ms(self) -> int:
        return self.ends_ms - self.began_ms

    def goes_on(self, feature: Feature) -> bool:
        """Whether pitch and loudness are still the same; the first 64 ms are not all tone yet, so loudness may rise."""
        return abs(feature.hertz - self.hertz) < 20 and -3 < feature.db - self.db < (
            12 if self.length_ms < 100 else 3
        )


def _ripple(powers: list[NDArray[np.float64]]) -> float:
    """How far, in dB, the mean spectrum of the telephone band departs from a smooth one."""
    mean = np.mean(powers, axis=0)[16:220]
    decibels = 10 * np.log10(mean + 1e-14)
    smooth = np.convolve(decibels, np.ones(25) / 25, "same")
    return float((decibels - smooth)[12:-12].std())
