"""What people do once they were contacted: pay sooner, promise, apply for deferral, complain, ask for no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from outreach.clock import SHANGHAI
from outreach.promises import judged_at
from outreach.simulation.agenda import DAY, HOUR, MINUTE, Agenda
from outreach.simulation.behaviour import Behaviour
from outreach.simulation.chance import Chance
from outreach.simulation.payments import Payments
from outreach.simulation.population import Population
from outreach.simulation.standing import Standing
from outreach.simulation.trace import BY_A_PERSON
from tax.calendar import add_workdays

_VERIFIED = frozenset({"completed", "human", "opted_out"})
"""Outcomes of calls in which the identity was proven."""
_BANKS_OPEN, _BANKING = time(9), 9 * HOUR
_DECIDED_AT = time(15)
_VISITS_FROM, _VISITING = time(10), 6 * HOUR
_OFFICE_CLOSES = time(18)


class Reactions:
    """Everybody's reactions; ``broken`` hears of promises that were not kept, with the day promised."""

    def __init__(
        self,
        agenda: Agenda,
        people: Population,
        standing: Standing,
        payments: Payments,
        behaviour: Behaviour,
        chance: Chance,
        broken: Callable[[int, tuple[int, date]], None],
    ) -> None:
        self._agenda, self._people, self._standing, self._payments = agenda, people, standing, payments
        self._behaviour, self._chance, self._broken = behaviour, chance, broken
        early = behaviour.complaints.early
        self._early = early.hour * HOUR + early.minute * MINUTE
        self._promises: dict[int, int] = {}

    def to_call(self, now: int, who: int, outcome: str) -> None:
        """A call has ended so."""
        effect, standing = self._behaviour.effect, self._standing
        if outcome == "voicemail":
            self._payments.encourage(who, effect.voicemail)
        if outcome not in BY_A_PERSON:
            return
        verified = outcome in _VERIFIED
        self._payments.encourage(who, effect.told if verified else effect.not_told)
        if outcome == "opted_out":
            standing.opted_out[who] = True
        elif outcome == "human":
            standing.with_human[who] = now + self._behaviour.calls.with_human_days * DAY
        self._complain(now, who, "call")
        if verified:
            standing.verified[who] = True
            if outcome != "opted_out":
                self._told(now, who)

    def to_message(self, now: int, who: int) -> None:
        """A message has arrived."""
        standing = self._standing
        self._payments.encourage(who, self._behaviour.effect.message)
        self._complain(now, who, "message")
        lately = standing.lately(who, self._agenda.moment(now))
        if self._chance.opts_out(who, standing.sent[who], lately=lately):
            standing.opted_out[who] = True
        if standing.paid_at[who] < 0 and self._short_of_cash(now, who):
            self._applies(now, who, told=False)

    def to_task(self, now: int, who: int) -> None:
        """An officer has got a task: they come within the time they have."""
        within, met = self._chance.visit(who)
        days = 1 + int(within * self._behaviour.officers.within_workdays)
        day = add_workdays(self._agenda.day(now), days).date
        self._agenda.put(self._on(day, _VISITS_FROM) + int(within * _VISITING), self._visit, (who, met))

    def _visit(self, now: int, visit: tuple[int, bool]) -> None:
        """The task was dropped if the matter is settled by then."""
        who, met = visit
        standing = self._standing
        if not met or standing.known_at[who] >= 0 or standing.deferred[who]:
            return
        standing.notified[who] = standing.reached[who] = True
        self._payments.encourage(who, self._behaviour.effect.visit)
        self._complain(now, who, "visit")
        standing.visits[who] += 1
        self._told(now, who)

    def _told(self, now: int, who: int) -> None:
        """Somebody knows the matter: they may say that they are short of cash, apply for deferral, or promise a day."""
        standing = self._standing
        if standing.paid_at[who] >= 0:
            return
        short = self._short_of_cash(now, who)
        if short and self._chance.says_short_of_cash(who):
            standing.says_short[who] = True
        if short and self._applies(now, who, told=True):
            return
        if who not in standing.promised_on:
            self._promise(now, who, short=short)

    def _promise(self, now: int, who: int, *, short: bool) -> None:
        nth = self._promises.get(who, 0)
        self._promises[who] = nth + 1
        today = self._agenda.day(now)
        promise = self._chance.promise(who, nth, overdue=today > self._people.due[who], short=short)
        if promise is None:
            return
        day = today + timedelta(days=promise.in_days)
        self._standing.promised[who] = True
        self._standing.promised_on[who] = day
        if promise.kept:
            within = int(self._chance.minute(who) * _BANKING)
            self._agenda.put(self._on(day, _BANKS_OPEN) + within, self._payments.pay, who)
        self._agenda.put(self._agenda.instant(judged_at(day)), self._judge, (who, day))

    def _judge(self, now: int, promise: tuple[int, date]) -> None:
        who, day = promise
        standing = self._standing
        if standing.paid_at[who] >= 0:
            standing.kept[who] |= self._agenda.day(int(standing.paid_at[who])) <= day
        elif standing.promised_on.get(who) == day:
            del standing.promised_on[who]
            self._broken(now, promise)

    def _applies(self, now: int, who: int, *, told: bool) -> bool:
        """Whether an application for deferral is under way now: one, before the deadline has passed (Rules 42)."""
        standing, today = self._standing, self._agenda.day(now)
        if standing.applied[who] or today > self._people.due[who]:
            return bool(standing.pending[who])
        if not self._chance.applies(who, standing.sent[who] + standing.calls[who], told=told):
            return False
        standing.applied[who] = standing.pending[who] = True
        # Deferral takes a promise's place.
        standing.promised_on.pop(who, None)
        day = add_workdays(today, self._behaviour.cash.decided_after_workdays).date
        self._agenda.put(self._on(day, _DECIDED_AT), self._decided, who)
        return True

    def _decided(self, now: int, who: int) -> None:
        standing = self._standing
        standing.pending[who] = False
        if standing.paid_at[who] < 0 and self._chance.approved(who):
            standing.deferred[who] = True
            standing.active[who] = False

    def _complain(self, now: int, who: int, way: str) -> None:
        standing = self._standing
        if self._chance.complains(
            who,
            standing.calls[who] + standing.sent[who] + standing.visits[who],
            way,
            lately=standing.lately(who, self._agenda.moment(now)),
            early=now % DAY < self._early,
            paid=bool(standing.paid_at[who] >= 0),
        ):
            standing.complaints.append((now, who))
            days = self._behaviour.complaints.with_human_workdays
            day = add_workdays(self._agenda.day(now), days).date
            standing.with_human[who] = self._on(day, _OFFICE_CLOSES)

    def _short_of_cash(self, now: int, who: int) -> bool:
        return bool(self._people.cash_on[who] > now // DAY)

    def _on(self, day: date, at: time) -> int:
        return self._agenda.instant(datetime.combine(day, at, SHANGHAI))
