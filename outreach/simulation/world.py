"""A campaign on virtual time: the engine's own decisions over a ledger in memory.

What PostgreSQL does for the engine is done here by an event queue: steps come due, wait for a line and for their turn at
the carrier's pace, are decided by :mod:`outreach.decide`, and what follows from their outcome by :mod:`outreach.retry`.
A step is decided when its turn at the pace has come; the engine decides a moment earlier and looks again before it dials.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from heapq import heappop, heappush
from typing import Any

import numpy as np
import numpy.typing as npt

from outreach.clock import SHANGHAI
from outreach.decide import decide
from outreach.hours import ContactHours, is_contact_day
from outreach.limits import WEEK, earliest_message
from outreach.plan import LANES, Channel, Lane, Plan, StepPlan, Tier
from outreach.promises import judged_at
from outreach.retry import MESSAGES, delivered, following, reached
from outreach.schedule import plan_steps
from outreach.simulation.behaviour import Behaviour, Carrier
from outreach.simulation.chance import SECOND, Chance
from outreach.simulation.population import Population, in_audience
from outreach.simulation.trace import BY_A_PERSON, CALLED_BACK, PROMISE_REMINDER, THANKED, Trace
from outreach.terms import Again, Facts, Go, History, Later, PlannedStep
from outreach.word import WHILE_WITH_HUMAN
from tax.calendar import add_workdays

DAY = 86_400 * SECOND
HOUR = 3_600 * SECOND
_MINUTE = 60 * SECOND
_NEVER = -1
_BANKS_OPEN, _BANKING = time(9), 9 * HOUR
_ENROL_AT = 7 * HOUR + 5 * _MINUTE
"""When running campaigns look through their audience every morning (``outreach.jobs``)."""
_SOON = 30 * SECOND
"""What is put off is never looked at again sooner (``outreach.lanes``)."""
_FARTHEST = 200
"""Days from the deadline beyond which the chance to pay no longer changes."""
_FIRST = 99
"""The priority of a call that was asked for: above all steps'."""
_NOTHING = History()
_VERIFIED = frozenset({"completed", "human", "opted_out"})

Flags = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Kept:
    """What was kept of somebody's contacts in the last seven days."""

    tries: list[datetime]
    connected: list[datetime]
    messages: list[datetime]
    extra: int = 0


@dataclass(slots=True)
class Turn:
    """A planned step of one taxpayer on its way through the queue.

    ``tries``: how many there were; ``tried``: the numbers called in it, by their place, in order; ``other``: the next try
    goes to another number; ``channels``: what the last try asked for instead of the step's own.
    """

    who: int
    step: int
    priority: int = 0
    tries: int = 0
    tried: tuple[int, ...] = ()
    other: bool = False
    channels: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned step with its words in the plan."""

    times: PlannedStep
    step: StepPlan


class World:
    """One strategy, or none, over one population. ``run`` plays it; then the columns say what happened."""

    def __init__(
        self,
        plan: Plan | None,
        people: Population,
        tiers: tuple[Tier, ...],
        behaviour: Behaviour,
        chance: Chance,
        carrier: Carrier,
        start: date,
        days: int,
    ) -> None:
        count = len(people)
        self.plan, self.people, self.tiers, self.start, self.days = plan, people, tiers, start, days
        self.trace = Trace()
        self.planned: list[Planned] = []
        self.enrolled: Flags = np.zeros(count, dtype=np.bool_)
        self.notified: Flags = np.zeros(count, dtype=np.bool_)
        self.reached: Flags = np.zeros(count, dtype=np.bool_)
        self.verified: Flags = np.zeros(count, dtype=np.bool_)
        self.promised: Flags = np.zeros(count, dtype=np.bool_)
        self.kept: Flags = np.zeros(count, dtype=np.bool_)
        self.deferred: Flags = np.zeros(count, dtype=np.bool_)
        self.opted_out: Flags = np.zeros(count, dtype=np.bool_)
        self.paid_at = np.full(count, _NEVER, dtype=np.int64)
        self.known_at = np.full(count, _NEVER, dtype=np.int64)
        self.complaints: list[tuple[int, int]] = []
        """When and by whom."""
        self._behaviour, self._chance = behaviour, chance
        self._base = datetime.combine(start, time(), SHANGHAI)
        self._end = days * DAY
        self._active = bytearray(count)
        self._left = bytearray(count)
        self._looked_at: Flags = np.zeros(count, dtype=np.bool_)
        self._wrong: dict[int, int] = {}
        self._short_said = bytearray(count)
        self._pending = bytearray(count)
        self._applied = bytearray(count)
        self._promised_on: dict[int, date] = {}
        self._with_human: dict[int, int] = {}
        self._contacts: dict[int, Kept] = {}
        self._calls = bytearray(count)
        self._sent = bytearray(count)
        self._promises = bytearray(count)
        self._events: list[tuple[int, int, Callable[..., None], Any]] = []
        self._order = 0
        self._lines = min(carrier.lines, carrier.bots)
        self._busy = 0
        self._ready: dict[Lane, list[tuple[int, int, int, Turn]]] = {lane: [] for lane in Lane}
        self._gap = {
            Lane.CALL: round(SECOND / carrier.a_second),
            Lane.MESSAGE: round(SECOND / carrier.messages_a_second),
            Lane.OFFICER: 0,
        }
        self._next_slot = dict.fromkeys(Lane, 0)
        self._stirred: set[Lane] = set()
        """Lanes in which something has changed at this instant."""
        self._woken: dict[Lane, int] = dict.fromkeys(Lane, _NEVER)
        self._due_day = np.array([(due - start).days for due in people.due], dtype=np.int64)
        self._summed = np.zeros(count)
        self._boost = np.zeros(count)
        self._base_hazard = np.zeros(count)
        self._open = np.arange(count)
        self._hazards = _by_day(behaviour.payment.daily)
        self._hours = _normalised(behaviour.payment.hours)

    def run(self) -> None:
        """Play all days."""
        for day in range(self.days):
            self._at(day * DAY, self._new_day, day)
            for hour in self._hours:
                self._at(day * DAY + hour * HOUR, self._pay_hour, hour)
            if self.plan is not None:
                self._at(day * DAY + _ENROL_AT, self._enrol, None)
        if self.plan is not None:
            audience = self.plan.audience
            self._audience = in_audience(self.people, self._behaviour, audience)
        events, end = self._events, self._end
        while events:
            now, _, handler, about = heappop(events)
            if now >= end:
                return
            handler(now, about)
            if self._stirred and (not events or events[0][0] > now):
                # Of all that is due at an instant the most urgent goes first, so all of it has to be there.
                for lane in sorted(self._stirred):
                    self._work(now, lane)
                self._stirred.clear()

    def moment(self, at: int) -> datetime:
        """The instant in Asia/Shanghai."""
        return self._base + timedelta(microseconds=at)

    # Payments

    def _new_day(self, now: int, day: int) -> None:
        payment = self._behaviour.payment
        if day:
            self._boost *= 0.5 ** (1 / self._behaviour.effect.half_life_days)
        self._open = np.flatnonzero((self.paid_at < 0) & ~self.deferred)
        who = self._open
        away = np.clip(day - self._due_day[who], -_FARTHEST, _FARTHEST)
        cash_on = np.asarray(self.people.cash_on)[who]
        self._base_hazard = (
            self._hazards[away + _FARTHEST]
            * np.asarray(self.people.pace)[who]
            * np.where(cash_on > day, payment.short_of_cash, 1.0)
            * (1.0 if is_contact_day(self.start + timedelta(days=day)) else payment.day_off)
        )

    def _pay_hour(self, now: int, hour: int) -> None:
        who = self._open
        self._summed[who] += self._base_hazard * self._hours[hour] * (1 + self._boost[who])
        crossed = who[(self._summed[who] >= self.people.threshold[who]) & (self.paid_at[who] < 0)]
        for each in crossed.tolist():
            self._summed[each] = -np.inf
            self._at(now + int(self._chance.minute(each) * HOUR), self._paid, each)

    def _paid(self, now: int, who: int) -> None:
        if self.paid_at[who] >= 0 or self.deferred[who]:
            return
        self.paid_at[who] = now
        lag = self._behaviour.payment.known_after_minutes * _MINUTE
        self._at(now + lag, self._known, who)

    def _known(self, now: int, who: int) -> None:
        """The bureau knows of the payment: the reminder closes in the same moment."""
        self.known_at[who] = now
        self._promised_on.pop(who, None)
        if self._active[who]:
            self._active[who] = False
            if self.notified[who] and not self.opted_out[who]:
                self._at(now, self._thank, who)

    # Enrolment and the queue

    def _enrol(self, now: int, _: None) -> None:
        """Whoever has come into the audience's days; a bill that is paid by then is no matter of ours."""
        plan = self.plan
        assert plan is not None
        today = now // DAY
        ahead = self._due_day - today
        inside = np.where(
            ahead >= 0, ahead <= plan.audience.due_within, -ahead <= plan.audience.overdue_within
        )
        fresh = np.flatnonzero(
            inside & self._audience & ~self._looked_at & (self.known_at < 0) & ~self.deferred
        )
        self._looked_at[fresh] = True
        at = self.moment(now)
        schedules: dict[tuple[date, Tier, str], tuple[int, ...]] = {}
        cohorts: dict[int, array[int]] = defaultdict(lambda: array("i"))
        for who in fresh.tolist():
            group = (self.people.due[who], self.tiers[who], self.people.region[who])
            steps = schedules.get(group)
            if steps is None:
                steps = schedules[group] = self._plan_group(plan, *group, at)
            if steps:
                self.enrolled[who] = True
                self._active[who] = True
                self._left[who] = len(steps)
                for step in steps:
                    cohorts[step].append(who)
        for step, members in cohorts.items():
            due_at = max(self._microseconds(self.planned[step].times.due_at), now)
            self._at(due_at, self._come_due, (step, members))

    def _plan_group(self, plan: Plan, due: date, tier: Tier, region: str, at: datetime) -> tuple[int, ...]:
        first = len(self.planned)
        for times in plan_steps(plan, due, tier, region, at):
            self.planned.append(Planned(times, plan.step(times.key)))
        return tuple(range(first, len(self.planned)))

    def _come_due(self, now: int, cohort: tuple[int, array[int]]) -> None:
        step, members = cohort
        planned = self.planned[step]
        due_at = self._microseconds(planned.times.due_at)
        lane = planned.step.lane
        for who in members:
            if self._active[who]:
                self._queue(lane, due_at, Turn(who, step, planned.times.priority))
        self._stirred.add(lane)

    def _queue(self, lane: Lane, since: int, turn: Turn) -> None:
        self._order += 1
        heappush(self._ready[lane], (-turn.priority, since, self._order, turn))

    def _look_again(self, now: int, turn: Turn) -> None:
        lane = LANES[turn.channels[0]] if turn.channels else self.planned[turn.step].step.lane
        self._queue(lane, now, turn)
        self._stirred.add(lane)

    def _work(self, now: int, lane: Lane) -> None:
        """Take what is due while the carrier has room for it."""
        ready = self._ready[lane]
        while ready:
            if lane is Lane.CALL and self._busy >= self._lines:
                return
            slot = self._next_slot[lane]
            if slot > now:
                if self._woken[lane] != slot:
                    self._woken[lane] = slot
                    self._at(slot, self._wake, lane)
                return
            turn = heappop(ready)[3]
            if turn.step == CALLED_BACK:
                self._dial(now, turn)
            elif self._active[turn.who]:
                self._decide(now, lane, turn)

    def _wake(self, now: int, lane: Lane) -> None:
        self._stirred.add(lane)

    # Decisions

    def _decide(self, now: int, lane: Lane, turn: Turn) -> None:
        plan = self.plan
        assert plan is not None
        planned = self.planned[turn.step]
        at = self.moment(now)
        verdict = decide(
            planned.step,
            self._facts(turn.who, at, now),
            self._history(turn.who, at),
            plan.limits,
            at,
            stale_at=planned.times.stale_at,
            channels=turn.channels,
        )
        if isinstance(verdict, Go):
            turn.tries += 1
            if lane is Lane.CALL:
                self._dial(now, turn)
            else:
                self._send(now, turn, verdict.channels)
        elif isinstance(verdict, Later):
            self._at(max(self._microseconds(verdict.at), now + _SOON), self._look_again, turn)
        else:
            self._finish(turn.who)

    def _facts(self, who: int, at: datetime, now: int) -> Facts:
        due = self.people.due[who]
        numbers = len(self._callable(who))
        return Facts(
            due=due,
            tier=self.tiers[who],
            region=self.people.region[who],
            unpaid=Decimal(int(self.people.unpaid[who])).scaleb(-2),
            active=True,
            short_of_cash=bool(self._short_said[who] or self._applied[who]),
            deferral_pending=bool(self._pending[who]),
            deferral_possible=at.date() <= due and not self._pending[who],
            promised_on=self._promised_on.get(who),
            reached=bool(self.reached[who]),
            leave_alone="纳税人已要求不再联系" if self.opted_out[who] else "",
            no_calls="" if numbers else "登记的电话都不能拨打",
            with_human=self._with_human.get(who, 0) > now,
            numbers=numbers,
        )

    def _history(self, who: int, at: datetime) -> History:
        kept = self._contacts.get(who)
        if kept is None:
            return _NOTHING
        since = at - WEEK
        for instants in (kept.tries, kept.connected, kept.messages):
            while instants and instants[0] <= since:
                instants.pop(0)
        return History(tuple(kept.tries), tuple(kept.connected), tuple(kept.messages))

    def _conclude(self, now: int, turn: Turn, outcome: str) -> None:
        """What follows from an outcome; of a reminder that has closed, the stations only."""
        plan = self.plan
        assert plan is not None
        who = turn.who
        if reached(outcome):
            self.reached[who] = self.notified[who] = True
        elif delivered(outcome):
            self.notified[who] = True
        if not self._active[who]:
            return
        after = following(
            outcome,
            self.planned[turn.step].step,
            turn.tries,
            self.moment(now),
            plan,
            self.people.region[who],
            len(self._callable(who)),
        )
        if isinstance(after, Again):
            turn.other, turn.channels = after.other_number, after.channels
            self._at(self._microseconds(after.at), self._look_again, turn)
        else:
            self._finish(who)

    def _finish(self, who: int) -> None:
        """A step is over; with the last one the reminder is."""
        self._left[who] -= 1
        if not self._left[who]:
            self._active[who] = False

    # Calls

    def _dial(self, now: int, turn: Turn) -> None:
        who = turn.who
        asked_for = turn.step == CALLED_BACK
        number = self._choose(turn)
        turn.tried += (number,)
        nth = self._calls[who]
        self._calls[who] += 1
        run = self._chance.call(who, nth, now % DAY // HOUR, number, asked_for=asked_for)
        answered = now + run.ring if run.answered else _NEVER
        ended = now + run.ring + run.talk
        self.trace.add(who, turn.step, turn.tries, "call", now, ended, run.outcome, answered)
        kept = self._of(who)
        kept.tries.append(self.moment(now))
        if run.outcome in BY_A_PERSON:
            kept.connected.append(self.moment(answered))
        self._busy += 1
        self._next_slot[Lane.CALL] = now + self._gap[Lane.CALL]
        self._at(ended, self._hung_up, (turn, run.outcome))

    def _hung_up(self, now: int, ended: tuple[Turn, str]) -> None:
        turn, outcome = ended
        self._busy -= 1
        if outcome == "wrong_person":
            self._wrong[turn.who] = self._wrong.get(turn.who, 0) | 1 << turn.tried[-1]
        self._after_call(now, turn.who, outcome)
        if turn.step != CALLED_BACK:
            self._conclude(now, turn, outcome)
        elif reached(outcome):
            self.reached[turn.who] = True
        self._stirred.add(Lane.CALL)

    def _callable(self, who: int) -> Sequence[int]:
        """The numbers that may be called, by their place: not those where somebody else answered."""
        everything = range(len(self.people.numbers[who]))
        wrong = self._wrong.get(who)
        return everything if wrong is None else [each for each in everything if not wrong >> each & 1]

    def _choose(self, turn: Turn) -> int:
        """As ``outreach.facts.choose``: another one if that is wanted, else that of the last try, else the first."""
        allowed = self._callable(turn.who)
        if turn.other and (untried := [each for each in allowed if each not in turn.tried]):
            return untried[0]
        tried = [each for each in turn.tried if each in allowed]
        return (tried or allowed)[-1 if tried else 0]

    def _after_call(self, now: int, who: int, outcome: str) -> None:
        effect, calls = self._behaviour.effect, self._behaviour.calls
        match outcome:
            case "voicemail":
                self._boost[who] += effect.voicemail
            case "callback":
                self._call_back(now, who)
            case "opted_out":
                self._opt_out(who)
            case "human":
                self._with_human[who] = now + calls.with_human_days * DAY
            case _:
                pass
        if outcome in BY_A_PERSON:
            self._boost[who] += effect.told if outcome in _VERIFIED else effect.not_told
            self._may_complain(now, who, "call")
        if outcome in _VERIFIED:
            self.verified[who] = True
            if outcome != "opted_out":
                self._told(now, who)

    def _told(self, now: int, who: int) -> None:
        """Somebody knows the matter: they may say that they are short of cash, apply for deferral, promise a day."""
        if self.paid_at[who] >= 0:
            return
        today = self.moment(now).date()
        short = self.people.cash_on[who] > now // DAY
        if short and self._chance.says_short_of_cash(who):
            self._short_said[who] = True
        if short and self._may_apply(now, who, told=True):
            return
        if who in self._promised_on:
            return
        nth = self._promises[who]
        self._promises[who] += 1
        promise = self._chance.promise(who, nth, overdue=today > self.people.due[who], short=bool(short))
        if promise is None:
            return
        self.promised[who] = True
        day = today + timedelta(days=promise.in_days)
        self._promised_on[who] = day
        if promise.kept:
            within = int(self._chance.minute(who) * _BANKING)
            self._at(
                self._microseconds(datetime.combine(day, _BANKS_OPEN, SHANGHAI)) + within, self._paid, who
            )
        self._at(self._microseconds(judged_at(day)), self._judge_promise, (who, day))

    def _judge_promise(self, now: int, promise: tuple[int, date]) -> None:
        """Kept, or a kind word."""
        who, day = promise
        if self.paid_at[who] >= 0:
            self.kept[who] |= self.moment(int(self.paid_at[who])).date() <= day
        elif self._promised_on.get(who) == day:
            del self._promised_on[who]
            if not self._pending[who]:
                self._remind_of_promise(now, promise)

    def _call_back(self, now: int, who: int) -> None:
        at = now + self._behaviour.calls.callback_after_minutes * _MINUTE
        plan = self.plan
        assert plan is not None
        hours = ContactHours.of(plan.limits, Lane.CALL)
        opening = hours.next_open(self.moment(at), self.people.region[who])
        self._at(self._microseconds(opening), self._ask_for_line, who)

    def _ask_for_line(self, now: int, who: int) -> None:
        """They asked for it: it goes before all others, unless the matter is settled."""
        if self.known_at[who] < 0 and not self.opted_out[who] and self._callable(who):
            self._queue(Lane.CALL, now, Turn(who, CALLED_BACK, _FIRST, 1))
            self._stirred.add(Lane.CALL)

    # Messages and tasks

    def _send(self, now: int, turn: Turn, channels: tuple[Channel, ...]) -> None:
        who, lane = turn.who, LANES[channels[0]]
        self._next_slot[lane] = now + self._gap[lane]
        channel = next((each for each in channels if self._usable(who, each)), None)
        if channel is None:
            self.trace.add(who, turn.step, turn.tries, "", now, now, "unreachable")
            self._conclude(now, turn, "unreachable")
        elif channel is Channel.OFFICER:
            self.trace.add(who, turn.step, turn.tries, channel.value, now, now, "delivered")
            self._open_task(now, who)
            self._conclude(now, turn, "delivered")
        else:
            self._write(now, who, channel, turn.step, turn.tries, self._arrive, turn)

    def _write(
        self,
        now: int,
        who: int,
        channel: Channel,
        step: int,
        number: int,
        then: Callable[..., None],
        about: Any,
    ) -> None:
        """Send a message; ``then`` hears of its fate with the outcome, the channel and ``about``."""
        nth = self._sent[who]
        self._sent[who] += 1
        after = self._chance.delivery(who, nth, channel)
        outcome = "failed" if after is None else "delivered"
        ended = now + (after or 0)
        self.trace.add(who, step, number, channel.value, now, ended, outcome)
        at = self.moment(now)
        if channel is not Channel.INBOX:
            self._of(who).messages.append(at)
        self._at(ended, self._sent_off, (who, step, at, channel, outcome, then, about))

    def _sent_off(
        self, now: int, sent: tuple[int, int, datetime, Channel, str, Callable[..., None], Any]
    ) -> None:
        """What did not arrive is no contact. Thanks move nobody to anything."""
        who, step, at, channel, outcome, then, about = sent
        if outcome == "delivered":
            if step != THANKED:
                self._after_message(now, who)
        elif channel is not Channel.INBOX:
            messages = self._of(who).messages
            if at in messages:
                messages.remove(at)
        then(now, about, outcome)

    def _arrive(self, now: int, turn: Turn, outcome: str) -> None:
        self._conclude(now, turn, outcome)

    def _after_message(self, now: int, who: int) -> None:
        self._boost[who] += self._behaviour.effect.message
        self._may_complain(now, who, "message")
        if self._chance.opts_out(who, self._sent[who], lately=self._lately(who, now)):
            self._opt_out(who)
        if self.paid_at[who] < 0 and self.people.cash_on[who] > now // DAY:
            self._may_apply(now, who, told=False)

    def _usable(self, who: int, channel: Channel) -> bool:
        match channel:
            case Channel.INBOX:
                return self.people.inbox[who]
            case Channel.WECHAT:
                return self.people.wechat[who]
            case Channel.SMS:
                # Texts go to the primary number, unless somebody else answered it; a landline takes none, which shows later.
                return not self._wrong.get(who, 0) & 1
            case _:
                return True

    def _thank(self, now: int, who: int) -> None:
        if not self.opted_out[who]:
            self._leave_word(now, who, THANKED, self._thank, who)

    def _remind_of_promise(self, now: int, promise: tuple[int, date]) -> None:
        who, day = promise
        if self._active[who] and self._promised_on.get(who) != day and not self.opted_out[who]:
            self._leave_word(now, who, PROMISE_REMINDER, self._remind_of_promise, promise)

    def _leave_word(self, now: int, who: int, what: int, again: Callable[..., None], about: Any) -> None:
        """As ``outreach.word``: a message of no step, within the hours and limits of the campaign."""
        plan = self.plan
        assert plan is not None
        at = self.moment(now)
        hours = ContactHours.of(plan.limits, Lane.MESSAGE)
        allowed = hours.next_open(
            earliest_message(self._history(who, at), plan.limits, at), self.people.region[who]
        )
        if self._with_human.get(who, 0) > now:
            allowed = max(allowed, at + WHILE_WITH_HUMAN)
        if allowed > at:
            self._at(self._microseconds(allowed), again, about)
            return
        channel = next((each for each in MESSAGES if self._usable(who, each)), None)
        if channel is not None:
            self._write(now, who, channel, what, 1, _nothing_follows, None)

    def _open_task(self, now: int, who: int) -> None:
        within, met = self._chance.visit(who)
        days = 1 + int(within * self._behaviour.officers.within_workdays)
        day = add_workdays(self.moment(now).date(), days).date
        at = self._microseconds(datetime.combine(day, time(10), SHANGHAI)) + int(within * 6 * HOUR)
        self._at(at, self._visit, (who, met))

    def _visit(self, now: int, visit: tuple[int, bool]) -> None:
        """The task is dropped when the reminder has closed by then."""
        who, met = visit
        if self.known_at[who] >= 0 or self.deferred[who]:
            return
        if met:
            self.notified[who] = self.reached[who] = True
            self._boost[who] += self._behaviour.effect.visit
            self._may_complain(now, who, "visit")
            self._told(now, who)

    # What people do of their own accord

    def _may_apply(self, now: int, who: int, *, told: bool) -> bool:
        """Whether an application for deferral is under way now (Rules 42: before the deadline has passed)."""
        today = self.moment(now).date()
        if self._applied[who] or today > self.people.due[who]:
            return bool(self._pending[who])
        if not self._chance.applies(who, self._sent[who] + self._calls[who], told=told):
            return False
        self._applied[who] = self._pending[who] = True
        day = add_workdays(today, self._behaviour.cash.decided_after_workdays).date
        self._at(self._microseconds(datetime.combine(day, time(15), SHANGHAI)), self._decided, who)
        return True

    def _decided(self, now: int, who: int) -> None:
        self._pending[who] = False
        if self.paid_at[who] < 0 and self._chance.approved(who):
            self.deferred[who] = True
            self._active[who] = False

    def _opt_out(self, who: int) -> None:
        self.opted_out[who] = True

    def _may_complain(self, now: int, who: int, way: str) -> None:
        about = self._behaviour.complaints
        midnight = now - now % DAY
        early = now - midnight < (about.early.hour * 60 + about.early.minute) * _MINUTE
        kept = self._of(who)
        nth = self._calls[who] + self._sent[who] + kept.extra
        kept.extra += way == "visit"
        if self._chance.complains(
            who, nth, way, lately=self._lately(who, now), early=early, paid=bool(self.paid_at[who] >= 0)
        ):
            self.complaints.append((now, who))
            day = add_workdays(self.moment(now).date(), about.with_human_workdays).date
            self._with_human[who] = self._microseconds(datetime.combine(day, time(18), SHANGHAI))

    def _lately(self, who: int, now: int) -> int:
        """Contacts in seven days besides this one: messages and calls that a person answered."""
        history = self._history(who, self.moment(now))
        return max(len(history.connected) + len(history.messages) - 1, 0)

    def _of(self, who: int) -> Kept:
        kept = self._contacts.get(who)
        if kept is None:
            kept = self._contacts[who] = Kept([], [], [])
        return kept

    def _at(self, at: int, handler: Callable[..., None], about: Any) -> None:
        self._order += 1
        heappush(self._events, (at, self._order, handler, about))

    def _microseconds(self, at: datetime) -> int:
        since = at - self._base
        return since.days * DAY + since.seconds * SECOND + since.microseconds


def _nothing_follows(now: int, about: None, outcome: str) -> None:
    """A word beside the steps is said once, whatever becomes of it."""


def _by_day(daily: Mapping[int, float]) -> npt.NDArray[np.float64]:
    """The hazard of each day from the deadline: that of the latest day named up to it."""
    table = np.zeros(2 * _FARTHEST + 1)
    for day, hazard in sorted(daily.items()):
        table[max(day + _FARTHEST, 0) :] = hazard
    return table


def _normalised(hours: Mapping[int, float]) -> dict[int, float]:
    whole = sum(hours.values())
    return {hour: weight / whole for hour, weight in sorted(hours.items())}
