"""The clocks of the service level: how long a taxpayer may wait for the first answer, the next one, and the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from handoff.office import Hours


class Clock(StrEnum):
    """What is being waited for."""

    FIRST_ANSWER = "first_answer"
    NEXT_ANSWER = "next_answer"
    RESOLUTION = "resolution"


CLOCK_ZH: Mapping[Clock, str] = {
    Clock.FIRST_ANSWER: "首次应答",
    Clock.NEXT_ANSWER: "后续应答",
    Clock.RESOLUTION: "办结",
}
FIRST_ANSWER_MIN: Mapping[int, int] = {1: 2, 2: 3, 3: 5, 4: 8, 5: 10}
"""Staffed minutes until a human's first answer, by priority."""
NEXT_ANSWER_MIN = 3
RESOLUTION_MIN = 8 * 60
WARN_AT = 0.8
"""The share of a clock after which it is called nearly out."""


@dataclass(frozen=True, slots=True)
class Due:
    """How long from now on a clock may still run, closed hours included."""

    clock: Clock
    within: timedelta


def due(clock: Clock, priority: int, now: datetime, hours: Hours) -> Due:
    """How long the clock may run from the local instant ``now``; only staffed minutes count."""
    minutes = {
        Clock.FIRST_ANSWER: FIRST_ANSWER_MIN.get(priority, FIRST_ANSWER_MIN[5]),
        Clock.NEXT_ANSWER: NEXT_ANSWER_MIN,
        Clock.RESOLUTION: RESOLUTION_MIN,
    }[clock]
    return Due(clock, hours.after(now, minutes) - now)
