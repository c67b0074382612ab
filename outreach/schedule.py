"""When the steps of a reminder are due: the plan's days, moved into contact hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from outreach.clock import SHANGHAI
from outreach.hours import ContactHours
from outreach.plan import Lane, Plan, StepPlan, Tier
from outreach.terms import PlannedStep

_ONE_DAY = timedelta(days=1)


def plan_steps(plan: Plan, due: date, tier: Tier, region: str, now: datetime) -> tuple[PlannedStep, ...]:
    """The steps for one taxpayer of this tier whose effective deadline is ``due``, in the order of their times.

    A step waits for the next contact hour of its lane. What the plan wants before the deadline's day stays before it:
    it is brought forward where waiting would reach that day, falls on the day where that is past, and never goes out
    later. Steps of one lane that are days apart stay on different days after the deadline.
    Of what is past, each lane catches up on its latest step alone, if that is not stale and can still go out.
    """
    planned = sorted(_times(plan, due, tier, region, now), key=lambda step: step.due_at)
    latest = {step.lane: step for step in planned if step.due_at <= now}
    return tuple(step for step in planned if step.due_at > now or step is latest[step.lane])


def _times(plan: Plan, due: date, tier: Tier, region: str, now: datetime) -> Iterator[PlannedStep]:
    """All that are not stale."""
    hours = {lane: ContactHours.of(plan.limits, lane) for lane in Lane}
    after = {lane: _After(due) for lane in Lane}
    for step in sorted(plan.steps, key=lambda step: (step.day, step.at)):
        if step.when.tiers and tier not in step.when.tiers:
            continue
        open_hours = hours[step.lane]
        due_at = _due_at(step, due, open_hours, region, now)
        if due_at is None:
            continue
        if step.day > 0:
            first_day = after[step.lane].first_day(step.day)
            due_at = open_hours.next_open(max(due_at, _midnight(first_day)), region)
            after[step.lane].taken = due_at.date()
        stale_at = _stale_at(step, due, due_at)
        if stale_at > max(due_at, open_hours.next_open(now, region)):
            yield PlannedStep(step.key, step.lane.value, due_at, stale_at, step.priority)


@dataclass(slots=True)
class _After:
    """The days of one lane after the deadline: up to ``taken`` they belong to steps planned so far."""

    taken: date
    _day: int = 0
    _first: date = date.min

    def first_day(self, day: int) -> date:
        """From when on the steps of this day of the plan may be; asked in the plan's order."""
        if day > self._day:
            self._day, self._first = day, self.taken + _ONE_DAY
        return self._first


def _due_at(step: StepPlan, due: date, hours: ContactHours, region: str, now: datetime) -> datetime | None:
    """When a step is due; ``None`` if it was to be before the deadline and cannot be any more."""
    wished = datetime.combine(due + timedelta(days=step.day), step.at, SHANGHAI)
    later = hours.next_open(wished, region)
    last_day = due if step.day == 0 else due - _ONE_DAY
    if step.day > 0 or later.date() <= last_day:
        return later
    earlier = hours.back_to_open(wished, region)
    if earlier >= now:
        return earlier
    return later if later.date() <= due else None


def _stale_at(step: StepPlan, due: date, due_at: datetime) -> datetime:
    """The end of the last day on which it is of use; what speaks of a deadline to come is of none after it."""
    last = due_at.date() + timedelta(days=step.good_for)
    return _midnight((last if step.day > 0 else min(last, due)) + _ONE_DAY)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)
