"""What reaches a call: things heard, keys, what has been played, answers of those it asked, alarms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from telephony.events import KeyPressed, MachineHeard, Partial, SpeechBegan, SpeechPaused, Utterance


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

    ``asks`` is the slot of the form it waits for, ``action`` and ``intent`` what it acted on. ``queued``: a human is wanted,
    and the conversation waits for one.
    """

    texts: tuple[str, ...]
    choices: tuple[Choice, ...] = ()
    asks: str | None = None
    action: str = ""
    intent: str = ""
    queued: bool = False


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
class Standing:
    """Where the caller stands: ``ahead`` are taken first, ``agents`` are there for it, ``minutes`` to wait if that is known.

    ``claimed``: somebody is taking the call already.
    """

    ahead: int
    agents: int
    minutes: int | None = None
    claimed: bool = False


@dataclass(frozen=True, slots=True)
class Lined:
    """Whether one can wait on the line, asked for under ``turn``; ``None``: nobody is there to take the call."""

    turn: int
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class LineLeft:
    """The line was left, as asked for under ``turn``; not ``gone``: a human has taken the ticket meanwhile."""

    turn: int
    gone: bool


@dataclass(frozen=True, slots=True)
class PlaceChanged:
    """The line has moved."""

    standing: Standing


@dataclass(frozen=True, slots=True)
class AgentClaimed:
    """A human has taken the ticket and hears first what it is about."""


@dataclass(frozen=True, slots=True)
class AgentJoined:
    """The human wants to talk now."""


class Leaving(StrEnum):
    """How a human leaves a call they had taken."""

    DONE = "done"
    TO_BOT = "to_bot"
    """Done, and the bot is to go on."""
    IN_LINE = "in_line"
    """The ticket waits again: for a colleague, or because they went offline."""
    DECLINED = "declined"
    """Did not want to take the call after all."""
    VANISHED = "vanished"
    """Their end broke off; they may come back."""


@dataclass(frozen=True, slots=True)
class AgentLeft:
    """The human is no longer in the call."""

    how: Leaving


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
    | SpeechPaused
    | Partial
    | Utterance
    | KeyPressed
    | Played
    | VoiceFailed
    | Read
    | Replied
    | Checked
    | Booked
    | Lined
    | LineLeft
    | PlaceChanged
    | AgentClaimed
    | AgentJoined
    | AgentLeft
    | Broke
    | Alarm
    | MachineHeard
    | MachineSaid
    | HungUp
)
