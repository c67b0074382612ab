"""What a call wants done; whoever runs it brings the results back as inputs."""

from __future__ import annotations

from dataclasses import dataclass

from telephony.events import Expectation, Outcome


@dataclass(frozen=True, slots=True)
class Say:
    """Say this after whatever is still being said. ``firm`` cannot be interrupted; ``slow`` for those who asked again.

    ``asks`` names the question these words put, with ``:again`` after it when the answer was not understood.
    """

    say: int
    text: str
    firm: bool = False
    slow: bool = False
    asks: str = ""


@dataclass(frozen=True, slots=True)
class Hush:
    """Stop speaking at once and throw away what is still to be said."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Fall silent at once and keep what is still to be said: somebody makes a sound, and it is not known yet what it is."""


@dataclass(frozen=True, slots=True)
class Resume:
    """It was no interruption: go on from where the caller stopped hearing it."""


@dataclass(frozen=True, slots=True)
class Listen:
    """What kind of answer is likely now."""

    expectation: Expectation


@dataclass(frozen=True, slots=True)
class Foresee:
    """These words will probably be asked about in a moment: whoever reads them may begin to think."""

    text: str


@dataclass(frozen=True, slots=True)
class Understand:
    """Read these words, do nothing with them."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class OpenMatter:
    """Let the dialogue tell why we call; the identity is proven."""

    turn: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Give these words of the taxpayer to the dialogue."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class CheckDigits:
    """Do these digits prove who is speaking?"""

    turn: int
    digits: str


@dataclass(frozen=True, slots=True)
class Book:
    """Book a call back by a human, at the time these words name (``""``: as soon as somebody is there)."""

    turn: int
    words: str


@dataclass(frozen=True, slots=True)
class Exclude:
    """Note a reason not to call this number again: ``opt_out`` or ``wrong_person``."""

    kind: str


@dataclass(frozen=True, slots=True)
class CallHuman:
    """Open a ticket for a human: ``reason`` as the queue names it, and the words that led there."""

    reason: str
    words: str


@dataclass(frozen=True, slots=True)
class JoinLine:
    """Open such a ticket, or find the open one, and say whether the caller can wait for somebody on the line."""

    turn: int
    reason: str
    words: str


@dataclass(frozen=True, slots=True)
class LeaveLine:
    """The caller no longer waits on the line; ``callback``: they would rather be called."""

    turn: int
    callback: bool = False


@dataclass(frozen=True, slots=True)
class BackInLine:
    """Whoever had the ticket did not take the call, or has gone: it waits for anybody again."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Let the caller and the human hear each other."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """They hear each other no longer; the bot has the line."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Keep how the caller rated the talk with the human, 1 to 5."""

    score: int


@dataclass(frozen=True, slots=True)
class SetAlarm:
    """Wake the call after ``after_ms``; one alarm a name, the newest counts."""

    name: str
    after_ms: int


@dataclass(frozen=True, slots=True)
class StopAlarm:
    """Forget an alarm."""

    name: str


@dataclass(frozen=True, slots=True)
class End:
    """Hang up now and store the outcome."""

    outcome: Outcome
    note: str = ""


Command = (
    Say
    | Hush
    | Hold
    | Resume
    | Listen
    | Foresee
    | Understand
    | OpenMatter
    | Ask
    | CheckDigits
    | Book
    | Exclude
    | CallHuman
    | JoinLine
    | LeaveLine
    | BackInLine
    | Connect
    | Disconnect
    | Rate
    | SetAlarm
    | StopAlarm
    | End
)
