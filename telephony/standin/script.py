"""What a person on the phone does, as frozen values; ``loader`` reads them from YAML and explains every key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from telephony.standin.faults import NO_FAULTS, Faults
from telephony.standin.sound import Band
from telephony.standin.tones import NoiseKind

_HAN = {**dict(zip("0123456789", "零幺二三四五六七八九", strict=True)), "X": "叉"}
_PLACEHOLDER = re.compile(r"\{(\w+)(?::(\w+))?\}")


class FillError(ValueError):
    """A placeholder that cannot be filled in; the text says which, in Chinese."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How something is said. ``accent`` is a pack's name (None: that of the run), ``volume`` decibels, ``noise`` an SNR in dB.

    ``pitch`` above 1 is a higher voice, below 1 a lower one.
    """

    accent: str | None = None
    voice: str = ""
    speed: float = 1.0
    volume: float = 0.0
    pitch: float = 1.0
    noise: float | None = None
    band: Band | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """Speak; what the bot does meanwhile is not waited for."""

    text: str
    manner: Manner


@dataclass(frozen=True, slots=True)
class Wait:
    """Say nothing for so long."""

    ms: int


@dataclass(frozen=True, slots=True)
class WaitForBot:
    """Until the bot has spoken since we last did and has then been silent for ``silence_ms``."""

    silence_ms: int = 900
    within_ms: int = 25_000


@dataclass(frozen=True, slots=True)
class WaitForSpeech:
    """Until the bot has been talking for ``after_ms``; what follows interrupts it."""

    after_ms: int = 0
    within_ms: int = 25_000


@dataclass(frozen=True, slots=True)
class WaitForMark:
    """Until a mark of that name has come back."""

    name: str
    within_ms: int = 25_000


@dataclass(frozen=True, slots=True)
class Press:
    """Keys, one every ``every_ms``."""

    keys: str
    every_ms: int = 250


Sound = Literal["music", "fax", "noise", "beep"]
SOUNDS: tuple[Sound, ...] = ("music", "fax", "noise", "beep")


@dataclass(frozen=True, slots=True)
class Play:
    """A sound that is no speech."""

    what: Sound
    ms: int
    snr: float = 3.0


@dataclass(frozen=True, slots=True)
class HangUp:
    """Put the receiver down."""


Step = Say | Wait | WaitForBot | WaitForSpeech | WaitForMark | Press | Play | HangUp


class Answer(StrEnum):
    """What becomes of the ringing."""

    PERSON = "person"
    MACHINE = "machine"
    FAX = "fax"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECT = "reject"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Background:
    """Noise under the whole call, ``snr`` dB below speech."""

    kind: NoiseKind
    snr: float


@dataclass(frozen=True, slots=True)
class Expect:
    """How the call must end: one of these outcomes (``telephony.events.Outcome``), and the digits that must have been taken."""

    outcomes: tuple[str, ...]
    digits: str | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """A person. ``who`` are persona keys, any of which may be called (empty: anybody); ``packs`` the runs to make of it.

    ``detected`` is what the carrier's own machine detection says instead of the truth. When the steps are over the
    person stays on the line and puts the receiver down after ``patience_ms`` without a word from the bot. Not understood,
    they answer the same question again, ``repeats`` times at most, and go on from there.
    """

    name: str
    title: str
    steps: tuple[Step, ...]
    expect: Expect
    who: tuple[str, ...] = ()
    packs: tuple[str, ...] = ("mandarin",)
    answer: Answer = Answer.PERSON
    ring_ms: int = 2000
    patience_ms: int = 25_000
    repeats: int = 2
    background: Background | None = None
    detected: str | None = None
    beep: bool = False
    faults: Faults = NO_FAULTS
    source: str = field(default="", repr=False)

    def filled(self, fields: Mapping[str, str]) -> Script:
        """With every placeholder replaced, see :func:`fill`."""
        steps = tuple(_filled(step, fields) for step in self.steps)
        digits = fill(self.expect.digits, fields) if self.expect.digits else None
        return replace(self, steps=steps, expect=replace(self.expect, digits=digits))


def _filled(step: Step, fields: Mapping[str, str]) -> Step:
    match step:
        case Say(text=text):
            return replace(step, text=fill(text, fields))
        case Press(keys=keys):
            return replace(step, keys=fill(keys, fields))
        case _:
            return step


def fill(text: str, fields: Mapping[str, str]) -> str:
    """``{last4}`` as it is, ``{last4:han}`` sign by sign (幺二三四), ``{last4:groups}`` in pairs with a pause, and
    ``{last4:wrong}`` other digits of the same length.

    Raises:
        FillError: nobody knows the field, or the form.
    """

    def one(match: re.Match[str]) -> str:
        name, form = match[1], match[2]
        value = fields.get(name)
        if value is None:
            known = "、".join(sorted(fields)) or "无"
            raise FillError(f"不知道 {{{name}}} 该填什么；这个人有：{known}")
        match form:
            case None:
                return value
            case "han":
                return _han(value)
            case "groups":
                return "，".join(_han(value[at : at + 2]) for at in range(0, len(value), 2))
            case "wrong":
                return "".join(str((int(sign) + 5) % 10) if sign.isdecimal() else "0" for sign in value)
            case _:
                raise FillError(f"不认识的写法 {{{name}:{form}}}，可用 han、groups、wrong")

    return _PLACEHOLDER.sub(one, text)


def _han(value: str) -> str:
    return "".join(_HAN.get(sign.upper(), sign) for sign in value)
