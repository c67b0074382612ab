"""What a run must never have done, counted from what it did by other code than decided it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from outreach.hours import is_contact_day
from outreach.plan import Limits, Span
from outreach.simulation.agenda import DAY, SECOND
from outreach.simulation.trace import BY_A_PERSON, CALLED_BACK, CHANNELS, OUTCOMES
from outreach.simulation.world import World

Numbers = npt.NDArray[np.int64]
_WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Broken:
    """How often each rule was broken; all must be 0. ``closed``: contacts after the payment was known."""

    tries_a_day: int = 0
    tries_a_week: int = 0
    connected_a_day: int = 0
    messages_a_day: int = 0
    hours: int = 0
    closed: int = 0
    abandoned: int = 0
    """Answered calls that found no free bot."""

    @property
    def limits(self) -> int:
        """All but ``abandoned``."""
        return (
            self.tries_a_day
            + self.tries_a_week
            + self.connected_a_day
            + self.messages_a_day
            + self.hours
            + self.closed
        )


def broken_rules(world: World, bots: int) -> Broken:
    """Counted over a whole run. Calls back that were asked for come on top of the limits (they asked); a message that did
    not arrive is no contact."""
    plan = world.plan
    if plan is None or not len(world.trace):
        return Broken()
    trace, limits = world.trace, plan.limits
    who = np.frombuffer(trace.who, dtype=np.int32).astype(np.int64)
    step = np.frombuffer(trace.step, dtype=np.int32)
    channel = np.frombuffer(trace.channel, dtype=np.int8)
    outcome = np.frombuffer(trace.outcome, dtype=np.int8)
    began = np.frombuffer(trace.began, dtype=np.int64)
    answered = np.frombuffer(trace.answered, dtype=np.int64)
    ended = np.frombuffer(trace.ended, dtype=np.int64)
    call = channel == CHANNELS.index("call")
    planned = call & (step != CALLED_BACK)
    person = planned & np.isin(outcome, [OUTCOMES.index(each) for each in BY_A_PERSON])
    text = np.isin(channel, [CHANNELS.index("wechat"), CHANNELS.index("sms")])
    message = text | (channel == CHANNELS.index("inbox"))
    counted = text & (outcome == OUTCOMES.index("delivered"))
    known = world.standing.known_at[who]
    picked_up = call & (answered >= 0)
    return Broken(
        tries_a_day=_beyond_a_day(who[planned], began[planned], limits.tries_a_day),
        tries_a_week=_beyond_a_week(who[planned], began[planned], limits.tries_a_week),
        connected_a_day=_beyond_a_day(who[person], answered[person], limits.connected_a_day),
        messages_a_day=_beyond_a_day(who[counted], began[counted], limits.messages_a_day),
        hours=_outside(world, limits, who[call], began[call], calls=True)
        + _outside(world, limits, who[message], began[message], calls=False),
        closed=int(((step >= 0) & (known >= 0) & (began > known)).sum()),
        abandoned=beyond(answered[picked_up], ended[picked_up], bots),
    )


def busiest(began: Numbers, ended: Numbers) -> int:
    """The most that went on at once."""
    going_on = _going_on(began, ended)
    return int(going_on.max()) if len(going_on) else 0


def beyond(began: Numbers, ended: Numbers, most: int) -> int:
    """How many began while ``most`` were going on already."""
    return int((_going_on(began, ended) > most).sum())


def _going_on(began: Numbers, ended: Numbers) -> Numbers:
    """At each beginning, in order of time, how many go on, itself included; what ends at that instant has ended."""
    starts = np.sort(began)
    going_on: Numbers = np.arange(1, len(starts) + 1) - np.searchsorted(np.sort(ended), starts, side="right")
    return going_on


def _beyond_a_day(who: Numbers, at: Numbers, most: int) -> int:
    if not len(who):
        return 0
    _, counts = np.unique(who * 100_000 + at // DAY, return_counts=True)
    return int(np.maximum(counts - most, 0).sum())


def _beyond_a_week(who: Numbers, at: Numbers, most: int) -> int:
    order = np.lexsort((at, who))
    who, at = who[order], at[order]
    same = who[most:] == who[:-most]
    return int((same & (at[most:] - at[:-most] < _WEEK)).sum())


def _outside(world: World, limits: Limits, who: Numbers, at: Numbers, *, calls: bool) -> int:
    worked = np.array(
        [
            not limits.workdays_only or is_contact_day(world.agenda.start + timedelta(days=day))
            for day in range(world.days)
        ]
    )
    inside = np.zeros(len(at), dtype=np.bool_)
    region = np.array(world.people.region)[who] if calls and limits.region_hours else np.full(len(who), "")
    for name in np.unique(region).tolist():
        here = region == name
        inside |= here & _within(_spans(limits, name, calls=calls), at % DAY)
    return int((~inside | ~worked[at // DAY]).sum())


def _spans(limits: Limits, region: str, *, calls: bool) -> tuple[Span, ...]:
    if not calls:
        return limits.message_hours
    own = [name for name in limits.region_hours if region.startswith(name)]
    return limits.region_hours[max(own, key=len)] if own else limits.hours


def _within(spans: tuple[Span, ...], time: Numbers) -> npt.NDArray[np.bool_]:
    inside = np.zeros(len(time), dtype=np.bool_)
    for span in spans:
        starts, ends = (
            (each.hour * 3600 + each.minute * 60 + each.second) * SECOND for each in (span.starts, span.ends)
        )
        inside |= (time >= starts) & (time < ends)
    return inside
