"""How far a campaign has come: its funnel, its steps, what its attempts came to, what it cost and how long it took."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.plan import Tier, read_plan
from store.outreach_models import Campaign, CampaignStatus, StepState


@dataclass(frozen=True, slots=True)
class Funnel:
    """Reminders by the stations they have passed; ``tier`` ``None``: all of them. Each counts all that got there."""

    tier: Tier | None
    planned: int
    notified: int
    reached: int
    verified: int
    promised: int
    paid: int
    active: int


@dataclass(frozen=True, slots=True)
class StepCount:
    """How many of one step are in which state; states nobody is in are 0."""

    key: str
    title: str
    states: Mapping[StepState, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """Attempts by one way with one outcome (see ``store.outreach_models.Attempt``); ``None``: under way."""

    channel: str
    outcome: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 90th percentile of ``count`` values; ``None`` when there are none."""

    count: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class Progress:
    """``funnels``: all reminders first, then each tier there is.

    Attributes:
        closed: reminders closed, by reason (``outreach_reminder.closed_reason``).
        calls: calls dialled.
        messages: texts, WeChat and inbox messages that went out.
        response: hours from planning a reminder to a person answering.
        cycle: calendar days from the effective deadline to payment, negative when paid before it.
    """

    campaign_id: uuid.UUID
    name: str
    title: str
    status: CampaignStatus
    started_at: datetime | None
    enrolled_at: datetime | None
    funnels: tuple[Funnel, ...]
    closed: Mapping[str, int]
    steps: tuple[StepCount, ...]
    outcomes: tuple[OutcomeCount, ...]
    calls: int
    messages: int
    response: Spread
    cycle: Spread


async def progress(session: AsyncSession, campaign_id: uuid.UUID) -> Progress:
    """Everything of one campaign. Raises LookupError when there is none."""
    campaign = await session.get(Campaign, campaign_id)
    if campaign is None:
        raise LookupError("没有这个外呼活动。")
    plan = read_plan(campaign.plan)
    about = {"campaign": campaign_id}
    outcomes = (await session.execute(_OUTCOMES, about)).all()
    spreads = (await session.execute(_SPREADS, about)).one()
    return Progress(
        campaign_id=campaign.id,
        name=campaign.name,
        title=plan.title,
        status=CampaignStatus(campaign.status),
        started_at=campaign.started_at,
        enrolled_at=campaign.enrolled_at,
        funnels=await _funnels(session, campaign_id),
        closed={row.closed_reason: row.reminders for row in await session.execute(_CLOSED, about)},
        steps=await _steps(session, campaign_id, {step.key: step.title for step in plan.steps}),
        outcomes=tuple(OutcomeCount(row.channel, row.outcome, row.attempts) for row in outcomes),
        calls=sum(row.dialled for row in outcomes),
        messages=sum(row.sent for row in outcomes),
        response=Spread(spreads.responses, *_pair(spreads.response)),
        cycle=Spread(spreads.cycles, *_pair(spreads.cycle)),
    )


async def _funnels(session: AsyncSession, campaign_id: uuid.UUID) -> tuple[Funnel, ...]:
    rows = (await session.execute(_FUNNEL, {"campaign": campaign_id})).all()
    found = {row.tier: Funnel(Tier(row.tier) if row.tier else None, *row[1:]) for row in rows}
    return tuple(found[tier] for tier in (None, *Tier) if tier in found)


async def _steps(
    session: AsyncSession, campaign_id: uuid.UUID, titles: Mapping[str, str]
) -> tuple[StepCount, ...]:
    counts: dict[str, dict[StepState, int]] = {key: dict.fromkeys(StepState, 0) for key in titles}
    for row in await session.execute(_STEPS, {"campaign": campaign_id}):
        counts[row.key][StepState(row.state)] = row.steps
    return tuple(StepCount(key, title, counts[key]) for key, title in titles.items())


def _pair(found: list[float] | None) -> tuple[float | None, float | None]:
    return (None, None) if found is None else (found[0], found[1])


_FUNNEL = text("""
select tier, count(*) as planned, count(notified_at) as notified, count(reached_at) as reached,
       count(verified_at) as verified, count(promised_at) as promised, count(paid_at) as paid,
       count(*) filter (where active) as active
  from outreach_reminder
 where campaign_id = :campaign
 group by grouping sets ((), (tier))
""")
_CLOSED = text("""
select closed_reason, count(*) as reminders
  from outreach_reminder
 where campaign_id = :campaign and not active
 group by closed_reason
 order by reminders desc
""")
_STEPS = text("""
select key, state, count(*) as steps from outreach_step where campaign_id = :campaign group by key, state
""")
_OUTCOMES = text("""
select a.channel, a.outcome, count(*) as attempts,
       count(a.call_id) filter (where a.intent_at is not null or c.intent_at is not null) as dialled,
       count(*) filter (where a.channel in ('inbox', 'wechat', 'sms') and a.state in ('intent', 'placed', 'ended')
                          and a.outcome is distinct from 'unreachable'
                          and a.outcome is distinct from 'cancelled') as sent
  from outreach_step s
  join outreach_attempt a on a.step_id = s.id
  left join call c on c.id = a.call_id
 where s.campaign_id = :campaign and a.channel is not null
 group by a.channel, a.outcome
 order by a.channel, attempts desc
""")
_SPREADS = text("""
select count(reached_at) as responses,
       percentile_cont(array[0.5, 0.9]) within group
         (order by (extract(epoch from reached_at - created_at) / 3600)::float8) as response,
       count(paid_at) as cycles,
       percentile_cont(array[0.5, 0.9]) within group
         (order by ((paid_at at time zone 'Asia/Shanghai')::date - due)::float8) as cycle
  from outreach_reminder
 where campaign_id = :campaign
""")
