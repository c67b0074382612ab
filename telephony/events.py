"""What passes between the stages of a call: frozen and typed, times in milliseconds of the call's own clock.

The call's clock is 0 when the carrier says that the media stream has started. Audio on the wire is G.711 µ-law, 8 kHz,
mono; a frame is 20 ms, 160 bytes (Twilio Media Streams, ``mediaFormat``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

RATE = 8000
"""Samples a second on the wire."""
FRAME_MS = 20
FRAME_BYTES = RATE * FRAME_MS // 1000


# --- from the wire ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamStarted:
    """The carrier opened the stream of a call; ``parameters`` are those of ``<Parameter>`` in the TwiML."""

    stream_id: str
    carrier_id: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AudioIn:
    """A piece of the caller's voice, µ-law; ``at_ms`` is the carrier's timestamp of its first sample."""

    sequence: int
    at_ms: int
    mulaw: bytes


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """One key: ``0``–``9``, ``*`` or ``#``."""

    digit: str


@dataclass(frozen=True, slots=True)
class MarkReturned:
    """Everything sent before this mark was played, or was cleared."""

    name: str


@dataclass(frozen=True, slots=True)
class StreamStopped:
    """The carrier closed the stream: the caller hung up, or the call was ended."""


WireIn = StreamStarted | AudioIn | KeyPressed | MarkReturned | StreamStopped


# --- to the wire ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AudioOut:
    """Bot speech, µ-law, any length."""

    mulaw: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Asks the carrier to say when everything sent so far has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Throws away whatever the carrier has not played yet."""


WireOut = AudioOut | Mark | Clear


# --- hearing ----------------------------------------------------------------------------------------------------------


class Expected(StrEnum):
    """What kind of answer was asked for; decides how long a pause ends it."""

    YES_NO = "yes_no"
    DIGITS = "digits"
    AMOUNT = "amount"
    DATE = "date"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the bot has just asked: the kind, phrases likely as an answer, and how many digits if it asked for some."""

    kind: Expected = Expected.OPEN
    phrases: tuple[str, ...] = ()
    digits: int | None = None


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The caller has begun to make sound that may be speech, or goes on with it after :class:`SpeechPaused`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """The voice rests: a pause within the utterance, or its end. ``text`` is what has been recognised so far."""

    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Partial:
    """What has been recognised so far of an utterance that goes on; no spaces."""

    text: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance of the caller, ended. ``text`` is empty when there was sound but no word.

    ``raw`` is the recogniser's own hypothesis; ``text`` after phonetic repair and with digits, amounts and dates
    restored. ``ended_ms`` is the end of the last voiced sample, ``decided_ms`` when the pause was long enough.
    """

    text: str
    raw: str
    confidence: float
    pack: str
    began_ms: int
    ended_ms: int
    decided_ms: int
    alternatives: tuple[str, ...] = ()


class MachineSign(StrEnum):
    """What shows that no person is speaking."""

    LONG_GREETING = "long_greeting"
    MACHINE_WORDS = "machine_words"
    BEEP = "beep"
    FAX = "fax"
    MUSIC = "music"


@dataclass(frozen=True, slots=True)
class MachineHeard:
    """Our own detection of an answering machine, a fax or waiting music."""

    sign: MachineSign
    at_ms: int


HeardEvent = SpeechBegan | SpeechPaused | Partial | Utterance | MachineHeard


# --- outcomes ---------------------------------------------------------------------------------------------------------


class Outcome(StrEnum):
    """How a call ended; exactly one a call."""

    COMPLETED = "completed"
    """Verified, and the matter was told."""
    NOT_VERIFIED = "not_verified"
    """Somebody spoke, but the identity was not proven."""
    WRONG_PERSON = "wrong_person"
    CALLBACK = "callback"
    OPTED_OUT = "opted_out"
    HUMAN = "human"
    """Handed to a human agent."""
    VOICEMAIL = "voicemail"
    """A machine answered; only the neutral message was left."""
    SILENT = "silent"
    """Answered, but nobody spoke."""
    HUNG_UP = "hung_up"
    """The caller hung up before anything was settled."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    INVALID_NUMBER = "invalid_number"
    FAX = "fax"
    CARRIER_FAILURE = "carrier_failure"
    OUR_FAILURE = "our_failure"
    """Something of ours broke; the taxpayer was told kindly if possible, and a callback is booked."""
