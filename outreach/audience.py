"""Whom a campaign is about: its filter as SQL over the bills, and a look at it before anything is started."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.clock import SHANGHAI
from outreach.indicators import Subject, indicators_of
from outreach.plan import Audience, Plan, Tier
from outreach.risk import RiskRules, score
from outreach.schedule import plan_steps

SAMPLE = 20
BATCH = 1000
_LONGEST_DEFERRAL = timedelta(days=100)
"""An approved deferral ends within three months of the deadline (征管法 31)."""


class LeftOut(StrEnum):
    """Why somebody the filter finds is not reminded."""

    OTHER_CAMPAIGN = "other_campaign"
    OPTED_OUT = "opted_out"
    STOPPED = "stopped"
    PAUSED = "paused"
    NO_PHONE = "no_phone"
    TOO_LATE = "too_late"


LEFT_OUT_ZH: Mapping[LeftOut, str] = {
    LeftOut.OTHER_CAMPAIGN: "已在另一个活动里",
    LeftOut.OPTED_OUT: "要求不再提醒",
    LeftOut.STOPPED: "因本人处境已停止提醒",
    LeftOut.PAUSED: "暂停联系",
    LeftOut.NO_PHONE: "没有登记手机",
    LeftOut.TOO_LATE: "所有步骤都已过时",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One of those who would be reminded, masked. ``first``: the day of the first step."""

    name_mask: str
    phone_mask: str
    region: str
    due: date
    bills: int
    unpaid: Decimal
    tier: Tier
    points: int
    first: date | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a campaign would do. A reminder is one taxpayer and effective due day; ``unpaid`` in yuan.

    Attributes:
        tiers: reminders by risk tier.
        first_days: reminders by the day of their first step; empty without a plan.
        left_out: reminders that will not be made, by reason.
        sample: the first twenty reminders.
    """

    taxpayers: int
    reminders: int
    bills: int
    unpaid: Decimal
    tiers: Mapping[Tier, int]
    first_days: Mapping[date, int]
    left_out: Mapping[LeftOut, int]
    sample: tuple[Sample, ...]


async def preview(
    session: AsyncSession,
    audience: Audience,
    today: date,
    rules: RiskRules,
    *,
    plan: Plan | None = None,
    campaign_id: uuid.UUID | None = None,
) -> Preview:
    """Look through the audience as enrolment would, read only. ``plan`` tells the days of first steps.

    ``campaign_id``: reminders of this campaign do not count as another's.
    """
    now = datetime.combine(today, time(), SHANGHAI)
    tally = _Tally(plan, now)
    found = await session.stream(
        groups(audience),
        parameters(audience, today, now, campaign_id),
        execution_options={"yield_per": BATCH},
    )
    async for rows in found.partitions(BATCH):
        called = [row for row in rows if row.left_out is None]
        tally.left_out.update(LeftOut(row.left_out) for row in rows if row.left_out is not None)
        indicators = await indicators_of(
            session, [Subject(row.taxpayer_id, row.due, row.unpaid) for row in called], today
        )
        for row, each in zip(called, indicators, strict=True):
            scored = score(each, rules)
            tally.add(row, scored.tier, scored.points)
    return tally.result()


class _Tally:
    def __init__(self, plan: Plan | None, now: datetime) -> None:
        self._plan = plan
        self._now = now
        self._firsts: dict[tuple[date, Tier, str], date | None] = {}
        self._last: uuid.UUID | None = None
        self._taxpayers = self._bills = 0
        self._unpaid = Decimal("0.00")
        self._tiers: Counter[Tier] = Counter()
        self._days: Counter[date] = Counter()
        self._sample: list[Sample] = []
        self.left_out: Counter[LeftOut] = Counter()

    def add(self, row: Any, tier: Tier, points: int) -> None:
        first = self._first(row.due, tier, row.region)
        if self._plan is not None and first is None:
            self.left_out[LeftOut.TOO_LATE] += 1
            return
        # The rows come by taxpayer.
        self._taxpayers += row.taxpayer_id != self._last
        self._last = row.taxpayer_id
        self._bills += len(row.bills)
        self._unpaid += row.unpaid
        self._tiers[tier] += 1
        if first is not None:
            self._days[first] += 1
        if len(self._sample) < SAMPLE:
            self._sample.append(
                Sample(
                    mask_name(row.name),
                    row.phone_mask,
                    row.region,
                    row.due,
                    len(row.bills),
                    row.unpaid,
                    tier,
                    points,
                    first,
                )
            )

    def _first(self, due: date, tier: Tier, region: str) -> date | None:
        if self._plan is None:
            return None
        key = (due, tier, region)
        if key not in self._firsts:
            steps = plan_steps(self._plan, due, tier, region, self._now)
            self._firsts[key] = (
                max(min(step.due_at for step in steps), self._now).astimezone(SHANGHAI).date()
                if steps
                else None
            )
        return self._firsts[key]

    def result(self) -> Preview:
        return Preview(
            taxpayers=self._taxpayers,
            reminders=self._tiers.total(),
            bills=self._bills,
            unpaid=self._unpaid,
            tiers={tier: self._tiers[tier] for tier in Tier},
            first_days=dict(sorted(self._days.items())),
            left_out={why: self.left_out[why] for why in LeftOut if self.left_out[why]},
            sample=tuple(self._sample),
        )


_IN_BRACKETS = re.compile(r"（[^）]*）|\([^)]*\)")


def mask_name(name: str) -> str:
    """A name of which enough is left to know it again by: 王**, 成都***公司."""
    plain = _IN_BRACKETS.sub("", name) or name
    if len(plain) <= 4:
        return plain[:1] + "*" * (len(plain) - 1)
    return f"{plain[:2]}***{plain[-2:]}"


def parameters(
    audience: Audience, today: date, now: datetime, campaign_id: uuid.UUID | None
) -> dict[str, Any]:
    """What the statements of this module are run with."""
    first = today - timedelta(days=audience.overdue_within)
    return {
        "campaign": campaign_id,
        "now": now,
        "first": first,
        "last": today + timedelta(days=audience.due_within),
        "earliest": first - _LONGEST_DEFERRAL,
        "regions": list(audience.regions),
        "kinds": list(audience.kinds),
        "tax_types": list(audience.tax_types),
        "industries": list(audience.industries),
        "sizes": list(audience.sizes),
        "min_unpaid": audience.min_unpaid,
        "max_unpaid": audience.max_unpaid,
    }


def groups(audience: Audience, *, of_taxpayers: bool = False) -> TextClause:
    """One row a reminder to be: taxpayer, due, name, region, bills (ids), unpaid, phone_mask, left_out; by taxpayer.

    ``left_out`` is a value of :class:`LeftOut` or null. ``known``, ``active`` and ``closed_reason``: the reminder of
    ``:campaign`` there is already, or null. ``of_taxpayers``: only those in ``:taxpayers``.
    """
    only = ["b.taxpayer_id = any (cast(:taxpayers as uuid[]))"] if of_taxpayers else []
    return text(_GROUPS.format(calling=_calling([*only, *_filters(audience)]), having=_having(audience)))


def uncalled(audience: Audience) -> TextClause:
    """Ids of taxpayers with a bill the filter finds that no reminder is about yet; in order, each once."""
    return text(_UNCALLED.format(calling=_calling(_filters(audience))))


def _filters(audience: Audience) -> list[str]:
    by_list = {
        "t.region": ("regions", audience.regions),
        "t.kind": ("kinds", audience.kinds),
        "b.tax_type": ("tax_types", audience.tax_types),
        "t.industry": ("industries", audience.industries),
        "t.size": ("sizes", audience.sizes),
    }
    return [
        f"{column} = any (cast(:{name} as text[]))" for column, (name, wanted) in by_list.items() if wanted
    ]


def _calling(conditions: Sequence[str]) -> str:
    return _CALLING + "".join(f"\n     and {condition}" for condition in conditions)


def _having(audience: Audience) -> str:
    bounds = []
    if audience.min_unpaid is not None:
        bounds.append("sum(b.unpaid) >= :min_unpaid")
    if audience.max_unpaid is not None:
        bounds.append("sum(b.unpaid) <= :max_unpaid")
    return f"\n  having {' and '.join(bounds)}" if bounds else ""


# The stored deadline bounds the search by its index; the effective one decides.
_CALLING = """
    from outreach_bill b
    join taxpayer t on t.id = b.taxpayer_id
   where b.status = 'open'
     and b.due_date between :earliest and :last
     and b.due between :first and :last
     and b.unpaid > 0"""
_GROUPS = """
with called as (
  select b.taxpayer_id, b.due, array_agg(b.id order by b.id) as bills, sum(b.unpaid) as unpaid{calling}
   group by b.taxpayer_id, b.due{having}
)
select g.taxpayer_id, g.due, t.name, t.region, g.bills, g.unpaid, p.phone_mask,
       r.id as known, r.active, r.closed_reason,
       case
         when exists (
           select 1 from outreach_reminder o
            where o.taxpayer_id = g.taxpayer_id and o.due = g.due and o.active
              and o.campaign_id is distinct from cast(:campaign as uuid)) then 'other_campaign'
         when g.taxpayer_id in (
           select coalesce(x.taxpayer_id, c.taxpayer_id)
             from contact_exclusion x left join call c on c.conversation_id = x.conversation_id
            where x.kind = 'opt_out' and coalesce(x.taxpayer_id, c.taxpayer_id) is not null) then 'opted_out'
         when exists (
           select 1 from conversation s where s.taxpayer_id = g.taxpayer_id and s.collection_stopped) then 'stopped'
         when exists (
           select 1 from contact_pause z
            where z.taxpayer_id = g.taxpayer_id and not z.calls_only and z.lifted_at is null
              and (z.until is null or z.until > :now)) then 'paused'
         when p.phone_mask is null then 'no_phone'
       end as left_out
  from called g
  join taxpayer t on t.id = g.taxpayer_id
  left join contact p on p.taxpayer_id = g.taxpayer_id and p.is_primary
  left join outreach_reminder r
    on r.campaign_id = cast(:campaign as uuid) and r.taxpayer_id = g.taxpayer_id and r.due = g.due
 order by g.taxpayer_id, g.due
"""
_UNCALLED = """
  select distinct b.taxpayer_id{calling}
     and not exists (
       select 1 from outreach_reminder_bill rb join outreach_reminder r on r.id = rb.reminder_id
        where rb.bill_id = b.id and r.due = b.due
          and (r.active or (r.campaign_id = :campaign and r.closed_reason in ('finished', 'stopped'))))
   order by b.taxpayer_id
"""
