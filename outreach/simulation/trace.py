"""What was done, kept in columns: a row for every contact, in the order in which they began."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

CHANNELS = ("call", "inbox", "wechat", "sms", "officer", "")
"""Channels by code; the last: none could be used."""
OUTCOMES = (
    "completed",
    "human",
    "callback",
    "opted_out",
    "not_verified",
    "wrong_person",
    "hung_up",
    "silent",
    "voicemail",
    "fax",
    "busy",
    "no_answer",
    "rejected",
    "invalid_number",
    "carrier_failure",
    "our_failure",
    "delivered",
    "failed",
    "unreachable",
)
"""Outcomes by code."""
BY_A_PERSON = OUTCOMES[:7]
"""Outcomes of calls that a person answered."""
CALLED_BACK, THANKED, PROMISE_REMINDER = -1, -2, -3
"""What a contact outside the steps was, in place of its step."""

_CHANNEL = {name: code for code, name in enumerate(CHANNELS)}
_OUTCOME = {name: code for code, name in enumerate(OUTCOMES)}
_NEVER = -1


@dataclass(slots=True)
class Trace:
    """Columns of equal length. Instants are microseconds since midnight of the first day; ``answered``: -1 if never.

    ``step`` is a place in the world's planned steps or one of the negative codes; ``number`` counts the step's tries.
    """

    who: array[int] = field(default_factory=lambda: array("i"))
    step: array[int] = field(default_factory=lambda: array("i"))
    number: array[int] = field(default_factory=lambda: array("b"))
    channel: array[int] = field(default_factory=lambda: array("b"))
    began: array[int] = field(default_factory=lambda: array("q"))
    answered: array[int] = field(default_factory=lambda: array("q"))
    ended: array[int] = field(default_factory=lambda: array("q"))
    outcome: array[int] = field(default_factory=lambda: array("b"))

    def __len__(self) -> int:
        return len(self.who)

    def add(
        self,
        who: int,
        step: int,
        number: int,
        channel: str,
        began: int,
        ended: int,
        outcome: str,
        answered: int = _NEVER,
    ) -> None:
        """A contact whose end is known."""
        self.who.append(who)
        self.step.append(step)
        self.number.append(number)
        self.channel.append(_CHANNEL[channel])
        self.began.append(began)
        self.answered.append(answered)
        self.ended.append(ended)
        self.outcome.append(_OUTCOME[outcome])
