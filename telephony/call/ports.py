"""What a call needs from elsewhere: a desk that knows the taxpayer's affairs, a wire, an ear, a recorder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from telephony.call.inputs import Reading, Reply, Standing, Verdict
from telephony.events import AudioIn, Expectation, HeardEvent, Outcome, WireIn, WireOut


class Stage(StrEnum):
    """What a reply waits for, one after the other."""

    PAUSE = "pause"
    """From the last voiced sample until the pause is long enough, on the clock of the frames."""
    RECOGNISE = "recognise"
    """Until the last words of the utterance are known."""
    UNDERSTAND = "understand"
    DIALOGUE = "dialogue"
    CHECK = "check"
    """Until the digits are compared, or a call back is booked."""
    VOICE = "voice"
    """From a sentence's turn to be said until its first frame is sent."""


Timed = Callable[[Stage, float], None]
"""Told of each stage how many seconds it took."""


class DeskError(Exception):
    """Whoever was asked does not answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the transcript; ``heard`` is the part of a bot's line that a returned mark proves."""

    speaker: str
    text: str
    began_ms: int
    ended_ms: int
    heard: str = ""
    confidence: float | None = None
    pack: str | None = None


class Desk(Protocol):
    """What one call may ask and report; every method may raise :class:`DeskError`."""

    async def understand(self, text: str) -> Reading:
        """How these words are read; nothing is done with them."""

    async def foresee(self, text: str) -> None:
        """These words may have to be read or answered in a moment; nothing is done with them."""

    async def open_matter(self) -> Reply:
        """Why we call; only after the identity is proven."""

    async def answer(self, text: str) -> Reply:
        """The dialogue's answer to the taxpayer's words."""

    async def check_digits(self, digits: str) -> tuple[Verdict, int]:
        """Whether these digits prove who speaks, and how many tries are left."""

    async def book(self, words: str) -> tuple[str, str]:
        """Book a call back: ``(time in words, "")``, or ``("", why that time cannot be)``."""

    async def exclude(self, kind: str) -> None:
        """Note a reason not to call again."""

    async def call_human(self, reason: str, words: str) -> None:
        """Open a ticket."""

    async def join_line(self, reason: str, words: str) -> Standing | None:
        """Open a ticket, or find the open one, and say where it stands; ``None``: nobody is there to take the call."""

    async def leave_line(self, *, callback: bool) -> bool:
        """Take the ticket out of the queue; false when a human has it already."""

    async def back_in_line(self) -> None:
        """Whoever has the ticket does not take the call: anybody may."""

    async def rate(self, score: int) -> None:
        """Keep the caller's rating of the talk with the human, 1 to 5."""

    async def line(self, line: Line) -> None:
        """Add to the transcript."""

    async def finish(self, outcome: Outcome, note: str, pack: str) -> None:
        """Store how the call ended, once."""


class Wire(Protocol):
    """The media stream of one call."""

    async def receive(self) -> WireIn:
        """What comes next; ``StreamStopped`` when it is over, also when the socket breaks."""

    async def send(self, item: WireOut) -> None:
        """Send; silently nothing when the stream is gone."""


class Ear(Protocol):
    """From frames to what was heard."""

    async def feed(self, frame: AudioIn) -> Sequence[HeardEvent]:
        """Take in a frame."""

    def expect(self, expectation: Expectation) -> None:
        """What has just been asked."""

    def bot_speaking(self, speaking: bool) -> None:
        """Whether our own voice may be in the line."""

    @property
    def pack(self) -> str:
        """The dialect pack that hears now."""

    async def close(self) -> object:
        """Let go of the recogniser."""


class Recorder(Protocol):
    """Keeps both sides; never raises."""

    def caller(self, at_ms: int, mulaw: bytes) -> None:
        """The caller's voice."""

    def bot(self, at_ms: int, mulaw: bytes) -> None:
        """The bot's voice, as it goes out."""

    def cut(self, at_ms: int) -> None:
        """What the bot would have said after this was cleared."""
