"""What people do, by chance: how a call ends, whether they promise, apply, complain. Draws are named, so they repeat."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import exp
from typing import Protocol

from outreach.plan import Channel
from outreach.simulation.agenda import SECOND
from outreach.simulation.behaviour import Behaviour
from outreach.simulation.draws import For, draw, normal
from outreach.simulation.population import FAX, INVALID, WRONG, Population

_HOURS = range(24)


@dataclass(frozen=True, slots=True)
class CallRun:
    """How a call goes: its outcome (``telephony.events.Outcome``), microseconds of ringing and, once answered by whomever
    or whatever, of talk."""

    outcome: str
    ring: int
    talk: int = 0

    @property
    def answered(self) -> bool:
        """Whether somebody or something picked up, so that a bot was needed."""
        return self.talk > 0


@dataclass(frozen=True, slots=True)
class Promise:
    """A day promised, in days from today, and whether it will be kept."""

    in_days: int
    kept: bool


class Chance(Protocol):
    """All that is left to chance. ``nth`` counts what has happened to the person of that kind, from 0."""

    def call(self, who: int, nth: int, hour: int, number: int, *, asked_for: bool) -> CallRun:
        """How the person's ``nth`` call goes, to their ``number``-th number."""

    def delivery(self, who: int, nth: int, channel: Channel) -> int | None:
        """After how many microseconds a message arrives; ``None`` if it does not."""

    def promise(self, who: int, nth: int, *, overdue: bool, short: bool) -> Promise | None:
        """What they promise when told of the deadline."""

    def says_short_of_cash(self, who: int) -> bool:
        """Whether somebody short of cash says so when asked."""

    def applies(self, who: int, nth: int, *, told: bool) -> bool:
        """Whether somebody short of cash applies for deferral after a call (``told``) or a message."""

    def approved(self, who: int) -> bool:
        """Whether the bureau approves."""

    def minute(self, who: int) -> float:
        """When within an hour (0..1) they pay."""

    def visit(self, who: int) -> tuple[float, bool]:
        """When within the time an officer has (0..1) they come, and whether they meet anybody."""

    def complains(self, who: int, nth: int, way: str, *, lately: int, early: bool, paid: bool) -> bool:
        """Whether this contact, with ``lately`` others in seven days, brings a complaint."""

    def opts_out(self, who: int, nth: int, *, lately: int) -> bool:
        """Whether a message makes them ask for no more."""


class Modelled:
    """Chance as ``behaviour.yml`` has it."""

    def __init__(self, behaviour: Behaviour, people: Population) -> None:
        self._behaviour = behaviour
        self._people = people
        calls, times = behaviour.calls, behaviour.times
        segments = behaviour.people.segments
        self._answers = [
            [min(calls.answered * calls.hours.get(hour, 0.8) * segment.answers, 0.99) for hour in _HOURS]
            for segment in segments
        ]
        self._proves = [segment.proves for segment in segments]
        self._unanswered = _Picker(calls.unanswered)
        self._talk = _Picker(
            {
                "hung_up": calls.hung_up,
                "silent": calls.silent,
                "callback": calls.callback,
                "wrong_person": calls.wrong_person,
            }
        )
        self._told = _Picker({"human": calls.human, "opted_out": calls.opted_out})
        self._ring, self._talks, self._spread = times.ring, times.talk, times.spread

    def call(self, who: int, nth: int, hour: int, number: int, *, asked_for: bool) -> CallRun:
        """Somebody who asked to be called back picks up where they did before."""
        seed = self._people.seeds[who]
        kind = self._people.numbers[who][number]
        if kind == INVALID:
            return self._run("invalid_number", seed, nth)
        if kind == FAX:
            return self._run("fax", seed, nth)
        segment = self._people.segment[who]
        if not asked_for and draw(seed, For.ANSWERED, nth) >= self._answers[segment][hour]:
            return self._run(self._unanswered(draw(seed, For.UNANSWERED, nth)) or "no_answer", seed, nth)
        if kind == WRONG:
            return self._run("wrong_person", seed, nth)
        outcome = self._talk(draw(seed, For.TALK, nth))
        if outcome is None or asked_for:
            if draw(seed, For.PROOF, nth) >= self._proves[segment]:
                outcome = "not_verified"
            else:
                outcome = self._told(draw(seed, For.AFTER_PROOF, nth)) or "completed"
        return self._run(outcome, seed, nth)

    def delivery(self, who: int, nth: int, channel: Channel) -> int | None:
        """The inbox is our own: at once."""
        seed, messages = self._people.seeds[who], self._behaviour.messages
        if draw(seed, For.DELIVERED, nth) >= messages.delivered[channel.value]:
            return None
        if channel is Channel.INBOX:
            return 0
        return int(messages.after_seconds * SECOND * (0.5 + draw(seed, For.DELIVERY_TIME, nth)))

    def promise(self, who: int, nth: int, *, overdue: bool, short: bool) -> Promise | None:
        """As the shares have it."""
        seed, about = self._people.seeds[who], self._behaviour.promises
        if draw(seed, For.PROMISES, nth) >= (about.overdue if overdue else about.before_due):
            return None
        day = 1 + int(draw(seed, For.PROMISED_DAY, nth) * about.within_days)
        keeps = about.kept_short_of_cash if short else about.kept
        return Promise(day, draw(seed, For.KEEPS, nth) < keeps)

    def says_short_of_cash(self, who: int) -> bool:
        """Once and for all: asked again they say the same."""
        return draw(self._people.seeds[who], For.SAYS_SO) < self._behaviour.cash.says_so

    def applies(self, who: int, nth: int, *, told: bool) -> bool:
        """A call explains how; a message only says that there is something to look at."""
        cash = self._behaviour.cash
        share = cash.applies_after_call if told else cash.applies_after_message
        return draw(self._people.seeds[who], For.APPLIES, nth) < share

    def approved(self, who: int) -> bool:
        """As the share has it."""
        return draw(self._people.seeds[who], For.APPROVED) < self._behaviour.cash.approved

    def minute(self, who: int) -> float:
        """Evenly over the hour."""
        return draw(self._people.seeds[who], For.PAYING_MINUTE)

    def visit(self, who: int) -> tuple[float, bool]:
        """Evenly over the time they have."""
        seed = self._people.seeds[who]
        return draw(seed, For.VISIT_TIME), draw(seed, For.VISIT_MET) < self._behaviour.officers.met

    def complains(self, who: int, nth: int, way: str, *, lately: int, early: bool, paid: bool) -> bool:
        """More likely with every contact beyond those people put up with."""
        about = self._behaviour.complaints
        share = {"call": about.call, "message": about.message, "visit": about.visit}[way]
        share *= about.each_more ** max(lately + 1 - about.contacts, 0)
        if early and way == "call":
            share *= about.early_times
        if paid:
            share *= about.paid_times
        return draw(self._people.seeds[who], For.COMPLAINS, nth) < share

    def opts_out(self, who: int, nth: int, *, lately: int) -> bool:
        """Likewise."""
        about = self._behaviour.opt_outs
        share = about.message * about.each_more ** max(lately + 1 - self._behaviour.complaints.contacts, 0)
        return draw(self._people.seeds[who], For.OPTS_OUT, nth) < share

    def _run(self, outcome: str, seed: int, nth: int) -> CallRun:
        talk = self._talks.get(outcome)
        ring = self._ring.get(outcome, self._ring["answered"])
        return CallRun(
            outcome,
            self._time(ring, draw(seed, For.RING_TIME, nth)),
            0 if talk is None else self._time(talk, draw(seed, For.TALK_TIME, nth)),
        )

    def _time(self, median: float, u: float) -> int:
        return max(int(median * exp(self._spread * normal(u)) * SECOND), SECOND)


class _Picker:
    """Which of some shares a draw falls into; ``None`` when it is beyond them."""

    def __init__(self, shares: Mapping[str, float]) -> None:
        self._names = tuple(shares)
        self._edges = tuple(accumulate(shares.values()))

    def __call__(self, u: float) -> str | None:
        index = bisect_right(self._edges, u)
        return self._names[index] if index < len(self._names) else None
