"""What reaches a call: things heard, keys, what has been played, answers of those it asked, alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from telephony.events import KeyPressed, MachineHeard, Partial, SpeechBegan, Utterance


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody, or something, took the call and the stream is open."""


@dataclass(frozen=True, slots=True)
class Played:
    """What was said under ``say`` has been played to its end, at ``at_ms``."""

    say: int
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class VoiceFailed:
    """What should have been said under ``say`` could not be rendered."""

    say: int


@dataclass(frozen=True, slots=True)
class Reading:
    """How words are understood, nothing done with them: ``entities`` by kind, values as ``bot.parsing`` gives them."""

    intent: str
    confidence: float
    entities: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """The reading that was asked for under ``turn``."""

    turn: int
    reading: Reading


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that can be said to an answer: its name, and the words it stands for."""

    title: str
    says: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the dialogue answers: sentences to say, choices, what it asks for next, and what it has done.

    ``asks`` is the slot of the form it waits for, ``action`` and ``intent`` what it acted on.
    """

    texts: tuple[str, ...]
    choices: tuple[Choice, ...] = ()
    asks: str | None = None
    action: str = ""
    intent: str = ""


@dataclass(frozen=True, slots=True)
class Replied:
    """The dialogue's answer to ``turn``."""

    turn: int
    reply: Reply


class Verdict(StrEnum):
    """What the digits proved."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict on the digits given under ``turn``; ``left`` tries remain."""

    turn: int
    verdict: Verdict
    left: int = 0


@dataclass(frozen=True, slots=True)
class Booked:
    """The call back asked for under ``turn``: the time in words, or why that time cannot be."""

    turn: int
    when: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Broke:
    """Whoever was asked under ``turn`` did not answer."""

    turn: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """A timer that was set has run out."""

    name: str


@dataclass(frozen=True, slots=True)
class MachineSaid:
    """The carrier's own detection: ``human``, ``machine_start``, ``machine_end_beep``, ``fax`` … (Twilio's AnsweredBy)."""

    answered_by: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """The other side is gone."""


Input = (
    Answered
    | SpeechBegan
    | Partial
    | Utterance
    | KeyPressed
    | Played
    | VoiceFailed
    | Read
    | Replied
    | Checked
    | Booked
    | Broke
    | Alarm
    | MachineHeard
    | MachineSaid
    | HungUp
)
