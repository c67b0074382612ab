"""A person on the phone, as a machine that is asked once every 20 ms what it does; no clock, no socket.

What the bot says cannot be known from its sound, so a person reacts to when it speaks and when it has stopped, as
people do who only half listen. One thing they do notice: that their answer was not understood. Questions are named on the
marks of their words (``12:1:digits``, put again ``14:2:digits:again``; ``12:1.1:digits`` where the bot had been held), and a question put
again is answered again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from telephony.events import FRAME_BYTES, FRAME_MS, RATE
from telephony.hearing.mulaw import encode
from telephony.standin.script import (
    HangUp,
    Play,
    Press,
    Say,
    Step,
    Wait,
    WaitForBot,
    WaitForMark,
    WaitForSpeech,
)
from telephony.standin.sound import SILENCE, Pcm, voiced_span
from telephony.standin.speech import Performance

ANSWERED_AGAIN = "对方没听懂，又回答了一遍"
_PAUSE_WITHIN_TALK_MS = 500
"""Shorter silences of the bot belong to one stretch of talk."""
_AT_THE_END_MS = 2_000
"""After such a silence whoever has said all they had to say answers once more."""
_WORDS_MS = 400
"""Less sound of the bot than this is the rest of what it broke off, no answer."""


@dataclass(frozen=True, slots=True)
class Said:
    """Something said or played: on the call's clock, from the first to the last voiced sample."""

    text: str
    began_ms: int
    ended_ms: int
    speech: bool = True

    def earlier(self, ms: int) -> Said:
        """On a clock that began so much later."""
        return replace(self, began_ms=self.began_ms - ms, ended_ms=self.ended_ms - ms)


@dataclass(frozen=True, slots=True)
class Act:
    """What a person does in one slot: 20 ms of µ-law, keys, the words just begun, and whether the receiver goes down."""

    frame: bytes
    keys: tuple[str, ...] = ()
    begins: str | None = None
    hangs_up: bool = False


class Ear:
    """Notices when the bot speaks."""

    def __init__(self) -> None:
        self.began_ms: int | None = None
        """When the present stretch of talk began; None before the first."""
        self.last_ms: int | None = None
        """The end of the last frame with a sound."""
        self.heard_ms = 0
        """How much sound there has been."""

    def hear(self, at_ms: int) -> None:
        """A frame with a sound in it, heard from ``at_ms`` on."""
        if self.last_ms is None or at_ms - self.last_ms > _PAUSE_WITHIN_TALK_MS:
            self.began_ms = at_ms
        self.last_ms = at_ms + FRAME_MS
        self.heard_ms += FRAME_MS

    def talking(self, at_ms: int) -> bool:
        """Whether a stretch of talk goes on."""
        return self.last_ms is not None and at_ms - self.last_ms <= _PAUSE_WITHIN_TALK_MS


class Person:
    """Plays one script once."""

    def __init__(self, performance: Performance) -> None:
        self._script = performance.script
        self._sounds = performance.sounds
        self._bed = performance.bed
        self._ear = Ear()
        self._at_ms = -FRAME_MS
        self._quiet_since_ms = 0
        self._heard_before_ms = 0
        self._marks: set[str] = set()
        self._asked = ""
        """The question heard since we last spoke, as its mark names it."""
        self._answered: dict[str, int] = {}
        """By question, the step that first answered it."""
        self._repeats = performance.script.repeats
        self._keys: list[str] = []
        self._begins: str | None = None
        self._hung_up = False
        self.said: list[Said] = []
        """Everything said and played so far."""
        self.notes: list[str] = []
        """What did not come about, in Chinese."""
        self._frames = self._live()

    @property
    def bot_talking(self) -> bool:
        """Whether the bot is being heard."""
        return self._ear.talking(self._at_ms)

    @property
    def clock_ms(self) -> int:
        """Since they picked up: where the next slot begins."""
        return self._at_ms + FRAME_MS

    def act(self, hears_bot: bool, marks: tuple[str, ...] = ()) -> Act:
        """The next slot of 20 ms; whether the bot can be heard in it, and the marks returned by now."""
        self._at_ms += FRAME_MS
        if hears_bot:
            self._ear.hear(self._at_ms)
        for mark in marks:
            self._marks.add(mark)
            self._asked = mark.split(":", 2)[2] if mark.count(":") >= 2 else self._asked
        pcm = next(self._frames, None)
        keys, begins = tuple(self._keys), self._begins
        self._keys.clear()
        self._begins = None
        return Act(self._on_the_line(pcm), keys, begins, self._hung_up)

    def _on_the_line(self, pcm: Pcm | None) -> bytes:
        if self._bed is not None:
            first = self._at_ms * RATE // 1000 % (self._bed.size - FRAME_BYTES)
            bed = self._bed[first : first + FRAME_BYTES]
            mixed = bed if pcm is None else np.clip(pcm.astype(np.int32) + bed, -32768, 32767)
            return encode(mixed.astype(np.int16))
        return SILENCE if pcm is None else encode(pcm)

    def _live(self) -> Iterator[Pcm | None]:
        at, steps = 0, self._script.steps
        while not self._hung_up:
            if at < len(steps):
                yield from self._step(at, steps[at])
                back = self._not_understood() if isinstance(steps[at], WaitForBot) else None
                at = at + 1 if back is None else back
            elif (back := self._not_understood()) is not None and self._silent_for_ms >= _AT_THE_END_MS:
                at = back
            elif self._silent_for_ms >= self._script.patience_ms:
                self.notes.append("对方一直没有声音，挂断了")
                self._hung_up = True
            else:
                yield None

    @property
    def _silent_for_ms(self) -> int:
        """How long neither side has said anything."""
        return self._at_ms - max(self._quiet_since_ms, self._ear.last_ms or 0)

    def _not_understood(self) -> int | None:
        """The step that answered the question now put again, if it is to be given again."""
        name, _, again = self._asked.partition(":")
        step = self._answered.get(name) if again else None
        return step if self._repeats > 0 else None

    def _answers(self, index: int) -> None:
        """Something is about to be said or keyed."""
        name, _, again = self._asked.partition(":")
        if again and self._answered.get(name) == index:
            self._repeats -= 1
            self.notes.append(ANSWERED_AGAIN)
        if name:
            self._answered.setdefault(name, index)
        self._asked = ""

    def _step(self, index: int, step: Step) -> Iterator[Pcm | None]:
        match step:
            case Say(text=text):
                self._answers(index)
                yield from self._sound(text, self._sounds[index], speech=True)
            case Play(what=what):
                yield from self._sound(what, self._sounds[index], speech=False)
            case Wait(ms=ms):
                yield from self._until(ms)
            case Press(keys=keys, every_ms=every):
                self._answers(index)
                for key in keys:
                    self._keys.append(key)
                    yield from self._until(every)
                self._fall_silent(self._at_ms)
            case HangUp():
                self._hung_up = True
            case WaitForBot() | WaitForSpeech() | WaitForMark():
                yield from self._wait(step)

    def _wait(self, step: WaitForBot | WaitForSpeech | WaitForMark) -> Iterator[None]:
        deadline = self._at_ms + step.within_ms
        while not self._come_about(step):
            if self._at_ms >= deadline:
                self.notes.append(f"等了 {step.within_ms / 1000:g} 秒：{_WAITED[type(step)]}")
                return
            yield None

    def _come_about(self, step: WaitForBot | WaitForSpeech | WaitForMark) -> bool:
        last = self._ear.last_ms
        match step:
            case WaitForMark(name=name):
                return name in self._marks
            case WaitForBot(silence_ms=silence):
                answered = self._ear.heard_ms - self._heard_before_ms >= _WORDS_MS
                return answered and last is not None and self._at_ms + FRAME_MS - last >= silence
            case WaitForSpeech(after_ms=after):
                if not self.bot_talking or self._ear.began_ms is None or (last or 0) <= self._quiet_since_ms:
                    return False
                return self._at_ms + FRAME_MS - max(self._ear.began_ms, self._quiet_since_ms) >= after

    def _until(self, ms: int) -> Iterator[None]:
        end = self._at_ms + ms
        while self._at_ms < end:
            yield None

    def _sound(self, text: str, pcm: Pcm, *, speech: bool) -> Iterator[Pcm]:
        began = self._at_ms
        self._begins = text
        span = voiced_span(pcm) or (0, pcm.size)
        self.said.append(Said(text, began + span[0] * 1000 // RATE, began + span[1] * 1000 // RATE, speech))
        for first in range(0, pcm.size, FRAME_BYTES):
            piece = pcm[first : first + FRAME_BYTES]
            yield piece if piece.size == FRAME_BYTES else np.pad(piece, (0, FRAME_BYTES - piece.size))
        self._fall_silent(began + span[1] * 1000 // RATE)

    def _fall_silent(self, since_ms: int) -> None:
        self._quiet_since_ms = since_ms
        self._heard_before_ms = self._ear.heard_ms


_WAITED: dict[type[Step], str] = {
    WaitForBot: "没等到对方说完",
    WaitForSpeech: "没等到对方开口",
    WaitForMark: "没等到标记",
}
