"""Who pays when: a hazard by the days from the deadline, raised by contacts. Everybody pays once theirs has summed up to
the threshold they were drawn with, so what raises it brings the payment forward and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import numpy as np

from outreach.hours import is_contact_day
from outreach.simulation.agenda import DAY, HOUR, MINUTE, Agenda
from outreach.simulation.behaviour import Behaviour
from outreach.simulation.chance import Chance
from outreach.simulation.draws import Reals
from outreach.simulation.population import Population
from outreach.simulation.standing import Standing

_FARTHEST = 200
"""Days from the deadline beyond which the chance to pay no longer changes."""


class Payments:
    """All payments of a run; ``known`` hears of each when the bureau does."""

    def __init__(
        self,
        agenda: Agenda,
        people: Population,
        standing: Standing,
        behaviour: Behaviour,
        chance: Chance,
        known: Callable[[int, int], None],
    ) -> None:
        self._agenda, self._people, self._standing = agenda, people, standing
        self._about, self._fades = behaviour.payment, 0.5 ** (1 / behaviour.effect.half_life_days)
        self._chance, self._tell = chance, known
        self._due_day = np.array([(due - agenda.start).days for due in people.due], dtype=np.int64)
        self._table = _by_day(self._about.daily)
        whole = sum(self._about.hours.values())
        self._hours = {hour: weight / whole for hour, weight in sorted(self._about.hours.items())}
        self._boost = np.zeros(len(people))
        self._summed = np.zeros(len(people))
        self._today: Reals = np.zeros(len(people))
        self._open = np.arange(len(people))

    def plan(self, days: int) -> None:
        """Put every hour of all days on the agenda."""
        for day in range(days):
            self._agenda.put(day * DAY, self._new_day, day)
            for hour in self._hours:
                self._agenda.put(day * DAY + hour * HOUR, self._hour, hour)

    def encourage(self, who: int, by: float) -> None:
        """Raise somebody's chance to pay by this multiple of itself, fading."""
        self._boost[who] += by

    def pay(self, now: int, who: int) -> None:
        """They pay, unless they have or need not any more."""
        standing = self._standing
        if standing.paid_at[who] >= 0 or standing.deferred[who]:
            return
        standing.paid_at[who] = now
        self._agenda.put(now + self._about.known_after_minutes * MINUTE, self._known, who)

    def _known(self, now: int, who: int) -> None:
        self._standing.known_at[who] = now
        self._tell(now, who)

    def _new_day(self, now: int, day: int) -> None:
        if day:
            self._boost *= self._fades
        self._open = np.flatnonzero((self._standing.paid_at < 0) & ~self._standing.deferred)
        who = self._open
        away = np.clip(day - self._due_day[who], -_FARTHEST, _FARTHEST)
        working = is_contact_day(self._agenda.start + timedelta(days=day))
        self._today = (
            self._table[away + _FARTHEST]
            * self._people.pace[who]
            * np.where(self._people.cash_on[who] > day, self._about.short_of_cash, 1.0)
            * (1.0 if working else self._about.day_off)
        )

    def _hour(self, now: int, hour: int) -> None:
        who = self._open
        self._summed[who] += self._today * self._hours[hour] * (1 + self._boost[who])
        crossed = who[(self._summed[who] >= self._people.threshold[who]) & (self._standing.paid_at[who] < 0)]
        for each in crossed.tolist():
            self._summed[each] = -np.inf
            self._agenda.put(now + int(self._chance.minute(each) * HOUR), self.pay, each)


def _by_day(daily: Mapping[int, float]) -> Reals:
    """The hazard of each day from the deadline: that of the latest day named up to it."""
    table = np.zeros(2 * _FARTHEST + 1)
    for day, hazard in sorted(daily.items()):
        table[max(day + _FARTHEST, 0) :] = hazard
    return table
