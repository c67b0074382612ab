"""What a run came to: the figures that strategies are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from outreach.plan import Tier
from outreach.simulation.agenda import DAY, HOUR, SECOND
from outreach.simulation.audit import Broken, broken_rules, busiest
from outreach.simulation.trace import BY_A_PERSON, CHANNELS, OUTCOMES
from outreach.simulation.world import World
from tax.calendar import add_workdays
from tax.money import ZERO, to_fen
from tax.rates import rate_spans

CYCLE_WORKDAYS = 10
"""The plan's goal for the time from the deadline to the payment (方案 4.1)."""
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many taxpayers came how far; each is a part of the one before but ``kept``, which is one of ``promised``."""

    reminded: int
    notified: int
    reached: int
    verified: int
    promised: int
    kept: int
    paid: int
    """Within the days simulated."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One strategy's. Money in yuan, hours by [day][hour], shares 0..1.

    ``coming_due``: whose deadline lay ahead; ``paid_by_deadline`` is a part of them. ``paid_in_cycle``: by the tenth
    workday after the deadline. ``days_late``: median and ninth decile of the days from the deadline to the payment, of
    those who paid after it. ``late_fee``: accrued by all until they paid or the last day. ``contacts``: calls tried and
    messages that arrived, of those reminded.
    """

    name: str
    taxpayers: int
    funnel: Funnel
    tiers: Mapping[str, Funnel]
    coming_due: int
    paid_by_deadline: int
    paid_in_cycle: int
    days_late: tuple[float, float]
    late_fee: Decimal
    deferred: int
    calls: int
    connected: int
    call_minutes: int
    messages: int
    officer_tasks: int
    contacts_mean: float
    contacts_most: int
    complaints: int
    opt_outs: int
    peak_lines: int
    calls_by_hour: tuple[tuple[int, ...], ...]
    messages_by_hour: tuple[tuple[int, ...], ...]
    paid_by_day: tuple[int, ...]
    outcomes: Mapping[str, int]
    complaints_by_day: tuple[int, ...]
    broken: Broken

    def per_mille(self) -> float:
        """Complaints per thousand reminded."""
        return 1000 * self.complaints / self.funnel.reminded if self.funnel.reminded else 0.0

    def as_json(self) -> dict[str, Any]:
        """For ``--json``; money as text."""
        return asdict(self) | {"late_fee": str(self.late_fee), "complaints_per_mille": self.per_mille()}


def figures_of(name: str, world: World, bots: int) -> Figures:
    """Counted from what the run left behind."""
    trace = world.trace
    channel = np.frombuffer(trace.channel, dtype=np.int8) if len(trace) else np.zeros(0, np.int8)
    outcome = np.frombuffer(trace.outcome, dtype=np.int8) if len(trace) else np.zeros(0, np.int8)
    who = np.frombuffer(trace.who, dtype=np.int32) if len(trace) else np.zeros(0, np.int32)
    began, answered, ended = (
        np.frombuffer(column, dtype=np.int64) if len(trace) else np.zeros(0, np.int64)
        for column in (trace.began, trace.answered, trace.ended)
    )
    call = channel == CHANNELS.index("call")
    message = np.isin(channel, [CHANNELS.index(each) for each in ("inbox", "wechat", "sms")])
    talked = call & (answered >= 0)
    arrived = message & (outcome == OUTCOMES.index("delivered"))
    contacts = np.bincount(who[call | arrived], minlength=len(world.people))[world.standing.enrolled]
    due_end = np.array([(due - world.agenda.start).days + 1 for due in world.people.due]) * DAY
    paid_at = world.standing.paid_at
    paid = paid_at >= 0
    days = world.days
    tiers = np.array([tier.value for tier in world.tiers])
    late = paid & (paid_at >= due_end)
    days_late = (paid_at[late] // DAY) - (due_end[late] // DAY) + 1
    return Figures(
        name=name,
        taxpayers=len(world.people),
        funnel=_funnel(world, np.ones(len(world.people), dtype=np.bool_)),
        tiers={tier.value: _funnel(world, tiers == tier.value) for tier in Tier},
        coming_due=int((due_end > 0).sum()),
        paid_by_deadline=int((paid & (paid_at < due_end)).sum()),
        paid_in_cycle=int((paid & (paid_at < _cycle_end(world))).sum()),
        days_late=_quantiles(days_late),
        late_fee=_late_fees(world),
        deferred=int(world.standing.deferred.sum()),
        calls=int(call.sum()),
        connected=int((call & np.isin(outcome, [OUTCOMES.index(each) for each in BY_A_PERSON])).sum()),
        call_minutes=round(int((ended - answered)[talked].sum()) / (60 * SECOND)),
        messages=int(message.sum()),
        officer_tasks=int((channel == CHANNELS.index("officer")).sum()),
        contacts_mean=round(float(contacts.mean()), 2) if len(contacts) else 0.0,
        contacts_most=int(contacts.max()) if len(contacts) else 0,
        complaints=len(world.standing.complaints),
        opt_outs=int(world.standing.opted_out.sum()),
        peak_lines=busiest(began[call], ended[call]),
        calls_by_hour=_by_hour(began[call], days),
        messages_by_hour=_by_hour(began[message], days),
        paid_by_day=tuple(int((paid & (paid_at < (day + 1) * DAY)).sum()) for day in range(days)),
        outcomes={
            OUTCOMES[code]: count
            for code, count in enumerate(np.bincount(outcome[call], minlength=len(OUTCOMES)).tolist())
            if count
        },
        complaints_by_day=_by_day(world, days),
        broken=broken_rules(world, bots),
    )


def _funnel(world: World, among: npt.NDArray[np.bool_]) -> Funnel:
    def count(flags: npt.NDArray[np.bool_]) -> int:
        return int((flags & among & world.standing.enrolled).sum())

    return Funnel(
        reminded=count(world.standing.enrolled),
        notified=count(world.standing.notified),
        reached=count(world.standing.reached),
        verified=count(world.standing.verified),
        promised=count(world.standing.promised),
        kept=count(world.standing.kept),
        paid=count(world.standing.paid_at >= 0),
    )


def _cycle_end(world: World) -> npt.NDArray[np.int64]:
    """Midnight after the tenth workday from each deadline."""
    ends = {
        due: ((add_workdays(due, CYCLE_WORKDAYS).date - world.agenda.start).days + 1) * DAY
        for due in set(world.people.due)
    }
    return np.array([ends[due] for due in world.people.due], dtype=np.int64)


def _late_fees(world: World) -> Decimal:
    """By the rule of ``tax.late_fee``, to the fen for each; an approved deferral bears none."""
    last = world.agenda.start + (world.days - 1) * _ONE_DAY
    total = ZERO
    for fen, due, at, deferred in zip(
        world.people.unpaid.tolist(),
        world.people.due,
        world.standing.paid_at.tolist(),
        world.standing.deferred.tolist(),
        strict=True,
    ):
        until = world.agenda.start + timedelta(days=at // DAY) if at >= 0 else last
        if until > due and not deferred:
            tax = Decimal(fen).scaleb(-2)
            total += sum(
                (to_fen(tax * span.row.daily * span.days) for span in rate_spans(due + _ONE_DAY, until)), ZERO
            )
    return total


def _quantiles(days: npt.NDArray[np.int64]) -> tuple[float, float]:
    if not len(days):
        return (0.0, 0.0)
    return float(np.quantile(days, 0.5)), float(np.quantile(days, 0.9))


def _by_hour(at: npt.NDArray[np.int64], days: int) -> tuple[tuple[int, ...], ...]:
    counts = np.bincount(at // HOUR, minlength=days * 24)[: days * 24].reshape(days, 24)
    return tuple(tuple(row) for row in counts.tolist())


def _by_day(world: World, days: int) -> tuple[int, ...]:
    at = np.array([at for at, _ in world.standing.complaints], dtype=np.int64)
    return tuple(np.bincount(at // DAY, minlength=days)[:days].tolist())
