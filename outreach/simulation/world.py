"""A campaign on virtual time: the engine's own decisions over a ledger in memory.

Steps come due, wait for a line and for their turn at the carrier's pace, are decided by :mod:`outreach.decide`, and what
follows from their outcome by :mod:`outreach.retry`. A step is decided when its turn has come; the engine on PostgreSQL
decides a moment earlier and looks again before it dials. ``tests/outreach/test_simulation_agrees.py`` holds both together.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from heapq import heappop, heappush
from typing import Any

import numpy as np

from outreach.decide import decide
from outreach.hours import ContactHours
from outreach.limits import earliest_message
from outreach.plan import LANES, Channel, Lane, Plan, StepPlan, Tier
from outreach.retry import MESSAGES, delivered, following, reached
from outreach.schedule import plan_steps
from outreach.simulation.agenda import DAY, HOUR, MINUTE, SECOND, Agenda, Handler
from outreach.simulation.behaviour import Behaviour, Carrier
from outreach.simulation.chance import Chance
from outreach.simulation.payments import Payments
from outreach.simulation.population import Population, in_audience
from outreach.simulation.reactions import Reactions
from outreach.simulation.standing import NEVER, Standing
from outreach.simulation.trace import BY_A_PERSON, CALLED_BACK, PROMISE_REMINDER, THANKED, Trace
from outreach.terms import Again, Facts, Go, Later, PlannedStep
from outreach.word import WHILE_WITH_HUMAN

_ENROL_AT = 7 * HOUR + 5 * MINUTE
"""When running campaigns look through their audience every morning (``outreach.jobs``)."""
_SOON = 30 * SECOND
"""What is put off is never looked at again sooner (``outreach.lanes``)."""
_FIRST = 99
"""The priority of a call that was asked for: above all steps'."""


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


@dataclass(frozen=True, slots=True)
class _Message:
    """A message on its way; ``then`` hears what became of it."""

    who: int
    step: int
    at: datetime
    channel: Channel
    outcome: str
    then: Callable[[int, str], None] | None


class World:
    """One strategy, or none, over one population. ``run`` plays it; ``trace`` and ``standing`` then say what happened."""

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
        self.plan, self.people, self.tiers, self.days = plan, people, tiers, days
        self.agenda, self.standing, self.trace = Agenda(start), Standing(len(people)), Trace()
        self.planned: list[Planned] = []
        self._payments = Payments(self.agenda, people, self.standing, behaviour, chance, self._paid)
        self._reactions = Reactions(
            self.agenda, people, self.standing, self._payments, behaviour, chance, self._remind_of_promise
        )
        self._chance = chance
        self._call_back_after = behaviour.calls.callback_after_minutes * MINUTE
        self._queues: dict[Lane, list[tuple[int, int, int, Turn]]] = {lane: [] for lane in Lane}
        self._order = 0
        self._stirred: set[Lane] = set()
        """Lanes in which something has changed at this instant."""
        self._lines = min(carrier.lines, carrier.bots)
        self._busy = 0
        self._gap = {
            Lane.CALL: round(SECOND / carrier.a_second),
            Lane.MESSAGE: round(SECOND / carrier.messages_a_second),
            Lane.OFFICER: 0,
        }
        self._next_slot = dict.fromkeys(Lane, 0)
        self._woken_for = dict.fromkeys(Lane, NEVER)
        self._left = bytearray(len(people))
        self._due_day = np.array([(due - start).days for due in people.due], dtype=np.int64)
        self._to_look_at = np.zeros(len(people), dtype=np.bool_)
        if plan is not None:
            self._to_look_at = in_audience(people, behaviour, plan.audience)

    def run(self) -> None:
        """Play all days."""
        self._payments.plan(self.days)
        if self.plan is not None:
            for day in range(self.days):
                self.agenda.put(day * DAY + _ENROL_AT, self._enrol, self.plan)
        self.agenda.play(self.days * DAY, self._settle)

    def _settle(self, now: int) -> None:
        # Of all that is due at an instant the most urgent goes first, so all of it has to be there.
        for lane in sorted(self._stirred):
            self._work(now, lane)
        self._stirred.clear()

    @property
    def _strategy(self) -> Plan:
        """Nothing is contacted without one."""
        assert self.plan is not None
        return self.plan

    # Enrolment and the queue

    def _enrol(self, now: int, plan: Plan) -> None:
        """Whoever has come into the audience's days; a bill that is known to be paid is no matter of ours."""
        standing = self.standing
        ahead = self._due_day - now // DAY
        inside = np.where(
            ahead >= 0, ahead <= plan.audience.due_within, -ahead <= plan.audience.overdue_within
        )
        found = np.flatnonzero(inside & self._to_look_at & (standing.known_at < 0) & ~standing.deferred)
        self._to_look_at[found] = False
        at = self.agenda.moment(now)
        schedules: dict[tuple[date, Tier, str], tuple[int, ...]] = {}
        cohorts: dict[int, array[int]] = defaultdict(lambda: array("i"))
        for who in found.tolist():
            group = (self.people.due[who], self.tiers[who], self.people.region[who])
            steps = schedules.get(group)
            if steps is None:
                steps = schedules[group] = self._plan_group(plan, *group, at)
            if steps:
                standing.enrolled[who] = standing.active[who] = True
                self._left[who] = len(steps)
                for step in steps:
                    cohorts[step].append(who)
        for step, members in cohorts.items():
            due_at = self.agenda.instant(self.planned[step].times.due_at)
            self.agenda.put(max(due_at, now), self._come_due, (step, members))

    def _plan_group(self, plan: Plan, due: date, tier: Tier, region: str, at: datetime) -> tuple[int, ...]:
        first = len(self.planned)
        for times in plan_steps(plan, due, tier, region, at):
            self.planned.append(Planned(times, plan.step(times.key)))
        return tuple(range(first, len(self.planned)))

    def _come_due(self, now: int, cohort: tuple[int, array[int]]) -> None:
        step, members = cohort
        planned = self.planned[step]
        since = self.agenda.instant(planned.times.due_at)
        for who in members:
            if self.standing.active[who]:
                self._queue(planned.step.lane, since, Turn(who, step, planned.times.priority))

    def _look_again(self, now: int, turn: Turn) -> None:
        lane = LANES[turn.channels[0]] if turn.channels else self.planned[turn.step].step.lane
        self._queue(lane, now, turn)

    def _queue(self, lane: Lane, since: int, turn: Turn) -> None:
        self._order += 1
        heappush(self._queues[lane], (-turn.priority, since, self._order, turn))
        self._stirred.add(lane)

    def _work(self, now: int, lane: Lane) -> None:
        """Take what is due while the carrier has room for it."""
        queue = self._queues[lane]
        while queue and (lane is not Lane.CALL or self._busy < self._lines):
            slot = self._next_slot[lane]
            if slot > now:
                if self._woken_for[lane] != slot:
                    self._woken_for[lane] = slot
                    self.agenda.put(slot, self._wake, lane)
                return
            turn = heappop(queue)[3]
            if turn.step == CALLED_BACK:
                self._dial(now, turn)
            elif self.standing.active[turn.who]:
                self._decide(now, lane, turn)

    def _wake(self, now: int, lane: Lane) -> None:
        self._stirred.add(lane)

    # Decisions

    def _decide(self, now: int, lane: Lane, turn: Turn) -> None:
        planned, at = self.planned[turn.step], self.agenda.moment(now)
        verdict = decide(
            planned.step,
            self._facts(turn.who, at, now),
            self.standing.history(turn.who, at),
            self._strategy.limits,
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
            self.agenda.put(max(self.agenda.instant(verdict.at), now + _SOON), self._look_again, turn)
        else:
            self._finish(turn.who)

    def _facts(self, who: int, at: datetime, now: int) -> Facts:
        standing, due = self.standing, self.people.due[who]
        numbers = len(self._callable(who))
        return Facts(
            due=due,
            tier=self.tiers[who],
            region=self.people.region[who],
            unpaid=Decimal(int(self.people.unpaid[who])).scaleb(-2),
            active=True,
            short_of_cash=bool(standing.says_short[who] or standing.applied[who]),
            deferral_pending=bool(standing.pending[who]),
            deferral_possible=at.date() <= due and not standing.pending[who],
            promised_on=standing.promised_on.get(who),
            reached=bool(standing.reached[who]),
            leave_alone="纳税人要求不再联系" if standing.opted_out[who] else "",
            no_calls="" if numbers else "登记的电话都不能拨打",
            with_human=standing.with_human.get(who, 0) > now,
            numbers=numbers,
        )

    def _conclude(self, now: int, turn: Turn, outcome: str) -> None:
        """What follows from an outcome; where the reminder has closed meanwhile, the stations alone."""
        who, standing = turn.who, self.standing
        ways = turn.channels or self.planned[turn.step].step.channels
        if reached(outcome):
            standing.reached[who] = standing.notified[who] = True
        elif delivered(outcome) and LANES[ways[0]] is not Lane.OFFICER:
            standing.notified[who] = True
        if not standing.active[who]:
            return
        after = following(
            outcome,
            self.planned[turn.step].step,
            turn.tries,
            self.agenda.moment(now),
            self._strategy,
            self.people.region[who],
            numbers=len(self.people.numbers[who]),
            untried=sum(number not in turn.tried for number in self._callable(who)),
        )
        if isinstance(after, Again):
            turn.other, turn.channels = after.other_number, after.channels
            self.agenda.put(self.agenda.instant(after.at), self._look_again, turn)
        else:
            self._finish(who)

    def _finish(self, who: int) -> None:
        """A step is over; with the last one the reminder is."""
        self._left[who] -= 1
        if not self._left[who]:
            self.standing.active[who] = False

    def _paid(self, now: int, who: int) -> None:
        """The reminder closes in the moment in which the payment is known; thanks to whoever knew of it."""
        standing = self.standing
        standing.promised_on.pop(who, None)
        if standing.active[who]:
            standing.active[who] = False
            if standing.notified[who]:
                self._thank(now, who)

    # Calls

    def _dial(self, now: int, turn: Turn) -> None:
        who, standing, agenda = turn.who, self.standing, self.agenda
        number = self._choose(turn)
        turn.tried += (number,)
        run = self._chance.call(
            who, standing.calls[who], now % DAY // HOUR, number, asked_for=turn.step == CALLED_BACK
        )
        standing.calls[who] += 1
        answered, ended = now + run.ring, now + run.ring + run.talk
        standing.called(
            who, agenda.moment(now), agenda.moment(answered) if run.outcome in BY_A_PERSON else None
        )
        self.trace.add(
            who, turn.step, turn.tries, "call", now, ended, run.outcome, answered if run.answered else NEVER
        )
        self._busy += 1
        self._next_slot[Lane.CALL] = now + self._gap[Lane.CALL]
        agenda.put(ended, self._hung_up, (turn, run.outcome))

    def _hung_up(self, now: int, ended: tuple[Turn, str]) -> None:
        turn, outcome = ended
        who = turn.who
        self._busy -= 1
        self._stirred.add(Lane.CALL)
        if outcome == "wrong_person":
            self.standing.wrong[who] = self.standing.wrong.get(who, 0) | 1 << turn.tried[-1]
        self._reactions.to_call(now, who, outcome)
        if outcome == "callback":
            hours = ContactHours.of(self._strategy.limits, Lane.CALL)
            wished = self.agenda.moment(now + self._call_back_after)
            opening = self.agenda.instant(hours.next_open(wished, self.people.region[who]))
            self.agenda.put(opening, self._call_back, who)
        if turn.step != CALLED_BACK:
            self._conclude(now, turn, outcome)
        elif reached(outcome):
            self.standing.reached[who] = True

    def _call_back(self, now: int, who: int) -> None:
        """They asked for it: it goes before all others, unless the matter is settled or they want no more."""
        if self.standing.known_at[who] < 0 and not self.standing.opted_out[who] and self._callable(who):
            self._queue(Lane.CALL, now, Turn(who, CALLED_BACK, _FIRST, 1))

    def _callable(self, who: int) -> Sequence[int]:
        """The numbers that may be called, by their place: not those where somebody else answered."""
        everything = range(len(self.people.numbers[who]))
        wrong = self.standing.wrong.get(who)
        return everything if wrong is None else [each for each in everything if not wrong >> each & 1]

    def _choose(self, turn: Turn) -> int:
        """As ``outreach.facts.choose``: another one if that is wanted, else that of the last try, else the first."""
        allowed = self._callable(turn.who)
        untried = [each for each in allowed if each not in turn.tried]
        if turn.other and untried:
            return untried[0]
        tried = [each for each in turn.tried if each in allowed]
        return tried[-1] if tried else allowed[0]

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
            self._reactions.to_task(now, who)
            self._conclude(now, turn, "delivered")
        else:
            self._write(
                now, who, channel, turn.step, turn.tries, lambda at, end: self._conclude(at, turn, end)
            )

    def _write(
        self,
        now: int,
        who: int,
        channel: Channel,
        step: int,
        number: int,
        then: Callable[[int, str], None] | None = None,
    ) -> None:
        after = self._chance.delivery(who, self.standing.sent[who], channel)
        self.standing.sent[who] += 1
        outcome = "failed" if after is None else "delivered"
        ended, at = now + (after or 0), self.agenda.moment(now)
        self.trace.add(who, step, number, channel.value, now, ended, outcome)
        if channel is not Channel.INBOX:
            self.standing.texted(who, at)
        self.agenda.put(ended, self._arrived, _Message(who, step, at, channel, outcome, then))

    def _arrived(self, now: int, message: _Message) -> None:
        """Thanks move nobody to anything."""
        if message.outcome == "failed":
            self.standing.not_texted(message.who, message.at)
        elif message.step != THANKED:
            self._reactions.to_message(now, message.who)
        if message.then is not None:
            message.then(now, message.outcome)

    def _usable(self, who: int, channel: Channel) -> bool:
        match channel:
            case Channel.INBOX:
                return self.people.inbox[who]
            case Channel.WECHAT:
                return self.people.wechat[who]
            case Channel.SMS:
                # Texts go to the primary number, if it is a mobile one that nobody else answered.
                return self.people.mobile[who] and not self.standing.wrong.get(who, 0) & 1
            case _:
                return True

    # Words beside the steps

    def _thank(self, now: int, who: int) -> None:
        self._leave_word(now, who, THANKED, self._thank, who)

    def _remind_of_promise(self, now: int, promise: tuple[int, date]) -> None:
        who, _ = promise
        if self.standing.active[who]:
            self._leave_word(now, who, PROMISE_REMINDER, self._remind_of_promise, promise)

    def _leave_word(self, now: int, who: int, what: int, again: Handler, about: Any) -> None:
        """As ``outreach.word``: within the hours and limits of the campaign, to whoever wants to hear from us."""
        standing, at, limits = self.standing, self.agenda.moment(now), self._strategy.limits
        if standing.opted_out[who]:
            return
        earliest = earliest_message(standing.history(who, at), limits, at)
        allowed = ContactHours.of(limits, Lane.MESSAGE).next_open(earliest, self.people.region[who])
        if standing.with_human.get(who, 0) > now:
            allowed = max(allowed, at + WHILE_WITH_HUMAN)
        if allowed > at:
            self.agenda.put(self.agenda.instant(allowed), again, about)
            return
        channel = next((each for each in MESSAGES if self._usable(who, each)), None)
        if channel is not None:
            self._write(now, who, channel, what, 1)
