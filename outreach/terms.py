"""What passes between the parts of outreach: frozen and typed. Instants are aware, days are Asia/Shanghai's."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from outreach.plan import Channel, Tier


class Receipt(StrEnum):
    """What became of a message that was to be delivered."""

    QUEUED = "queued"
    """Written down for a carrier, which will say more."""
    DELIVERED = "delivered"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    """This taxpayer cannot be reached this way."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a message says. ``words`` for where the taxpayer has proved who they are, ``about`` (neither amount nor tax
    nor name) for a text or WeChat message. ``attempt_id``: the attempt that ends with the carrier's report.
    """

    words: str
    about: str
    attempt_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of a reminder when one of its steps is due; ``promised_on`` is the day of an open promise.

    ``leave_alone``: why nobody may contact them now (opted out, paused, collection stopped), in Chinese; ``no_calls``: why
    calls alone are out. ``with_human``: a human has the taxpayer's conversation, or a case of theirs is open.
    """

    due: date
    tier: Tier
    region: str
    unpaid: Decimal
    active: bool
    short_of_cash: bool = False
    deferral_pending: bool = False
    deferral_possible: bool = False
    promised_on: date | None = None
    reached: bool = False
    leave_alone: str = ""
    no_calls: str = ""
    with_human: bool = False
    numbers: int = 1
    """How many registered numbers may be called, in all."""


@dataclass(frozen=True, slots=True)
class History:
    """Contacts with a taxpayer, or with whoever answers the number, in the last seven days, by whomever they were made.

    ``tries``: when calls were dialled; ``connected``: when a person answered; ``messages``: when texts or WeChat messages
    were sent. In any order.
    """

    tries: tuple[datetime, ...] = ()
    connected: tuple[datetime, ...] = ()
    messages: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Go:
    """Carry the step out now, by the first of ``channels`` that can be used."""

    channels: tuple[Channel, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """Not now; look again at ``at``."""

    at: datetime
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Skip:
    """Not at all."""

    reasons: tuple[str, ...]


Verdict = Go | Later | Skip


@dataclass(frozen=True, slots=True)
class Again:
    """Try the step again at ``at``, ``other_number``: at the next one; ``channels``: by these instead of its own."""

    at: datetime
    other_number: bool = False
    channels: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """The step is over; ``reached``: somebody was reached or a message delivered."""

    reached: bool


Following = Again | Finished


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step of one reminder with its times; ``key`` names it in the plan."""

    key: str
    lane: str
    due_at: datetime
    stale_at: datetime
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """One indicator of a risk score: what it is, its value, the points it gives, and why in words (Chinese)."""

    indicator: str
    value: str
    points: int
    words: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A risk score with all its reasons; the tier follows from the points."""

    points: int
    tier: Tier
    reasons: tuple[Reason, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Indicators:
    """What the score looks at, all from the store. Amounts in yuan; counts of the last two years."""

    unpaid: Decimal
    overdue_before: int
    """Bills paid after their deadline, or still unpaid after it, other than the one at hand."""
    longest_overdue: int
    """The longest of them, in days."""
    promises_broken: int
    promises_kept: int
    disputes_open: int
    reachable: bool
    """A person was reached in one of the last calls, or they chat with us."""
    unanswered: int
    """Calls in a row that nobody answered."""
    first_time: bool
    """No bill of theirs was ever late."""
    deferred_before: bool
