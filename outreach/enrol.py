"""Taking a campaign's audience in: reminders with their bills and steps, in batches, as often as one likes.

The taxpayers stream from a server-side cursor, so memory does not grow with their number. Each batch is a transaction
of its own that reads everything again under the locks of its bills: a payment that comes at the same time either is seen
here or finds the reminder and closes it. Bills that somebody else is changing are not waited for; they are tried again
in the end, and a minute later by the alarm.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, cast

import psycopg
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.alarms import set_alarm
from outreach.audience import LeftOut, groups, parameters, uncalled
from outreach.clock import SHANGHAI
from outreach.indicators import Subject, indicators_of
from outreach.plan import Plan, Tier, read_plan
from outreach.ports import Clock
from outreach.risk import RiskRules, score
from outreach.schedule import plan_steps
from outreach.terms import PlannedStep, Scored
from store import audit
from store.engine import SessionFactory
from store.locks import Lock, take
from store.outreach_models import Campaign, CampaignStatus

BATCH = 500
"""Taxpayers a transaction."""
_TRIES = 3
_PAUSE_S = 0.5
_AGAIN = timedelta(minutes=1)
_REOPENED = frozenset({"disputed", "deferred", "moved", "withdrawn", "paid"})
"""Reasons of closing that no longer hold once the bills call again."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What one look through the audience came to.

    Attributes:
        reminders: new ones.
        reopened: closed ones whose bills call again.
        steps: planned for both.
        left_out: groups that are not reminded, by reason.
        busy: taxpayers whose bills somebody was changing; looked at again a minute later.
    """

    reminders: int = 0
    reopened: int = 0
    steps: int = 0
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)
    busy: int = 0


async def enrol(sessions: SessionFactory, clock: Clock, campaign_id: uuid.UUID, rules: RiskRules) -> Enrolled:
    """Look through the audience of a campaign and plan reminders for whom none is planned yet.

    Does nothing unless the campaign is running. Two at once are harmless, and so is one that was cut off.
    Raises LookupError when there is no such campaign.
    """
    async with sessions() as session:
        now = await clock.now(session)
        campaign = await session.get(Campaign, campaign_id)
        if campaign is None:
            raise LookupError("没有这个外呼活动。")
        plan = read_plan(campaign.plan)
    if campaign.status != CampaignStatus.RUNNING:
        return Enrolled()
    intake = _Intake(sessions, campaign_id, plan, rules, now)
    busy: list[uuid.UUID] = []
    try:
        busy = await intake.all()
        for _ in range(_TRIES - 1):
            if not busy:
                break
            await asyncio.sleep(_PAUSE_S)
            busy = await intake.batches(busy)
    except _Stopped:
        busy = []
    await intake.finish(busy)
    return intake.result(len(busy))


class _Stopped(Exception):
    """The campaign is not running any more."""


@dataclass(frozen=True, slots=True)
class _Reminder:
    id: uuid.UUID
    known: bool
    taxpayer_id: uuid.UUID
    due: date
    bills: Sequence[uuid.UUID]
    scored: Scored
    steps: Sequence[PlannedStep]


class _Intake:
    def __init__(
        self, sessions: SessionFactory, campaign_id: uuid.UUID, plan: Plan, rules: RiskRules, now: datetime
    ) -> None:
        self._sessions = sessions
        self._campaign_id = campaign_id
        self._plan = plan
        self._rules = rules
        self._now = now
        self._today = now.astimezone(SHANGHAI).date()
        self._parameters = parameters(plan.audience, self._today, now, campaign_id)
        self._steps: dict[tuple[date, Tier, str], tuple[PlannedStep, ...]] = {}
        self._counts: Counter[str] = Counter()
        self._left_out: Counter[LeftOut] = Counter()

    async def all(self) -> list[uuid.UUID]:
        """The whole audience; returns who was busy."""
        busy: list[uuid.UUID] = []
        async with self._sessions() as reading:
            found = await reading.stream_scalars(
                uncalled(self._plan.audience), self._parameters, execution_options={"yield_per": BATCH}
            )
            async for taxpayers in found.partitions(BATCH):
                busy += await self.batches(taxpayers)
        return busy

    async def batches(self, taxpayers: Sequence[uuid.UUID]) -> list[uuid.UUID]:
        """These, a transaction each :data:`BATCH`; returns who was busy."""
        busy: list[uuid.UUID] = []
        for start in range(0, len(taxpayers), BATCH):
            async with self._sessions() as session, session.begin():
                busy += await self._batch(session, taxpayers[start : start + BATCH])
        return busy

    async def finish(self, busy: Sequence[uuid.UUID]) -> None:
        """Note that the audience was looked through, and look again soon for those who were busy."""
        async with self._sessions() as session, session.begin():
            await session.execute(
                update(Campaign).where(Campaign.id == self._campaign_id).values(enrolled_at=self._now)
            )
            if busy:
                await alarm_enrolment(session, self._campaign_id, _AGAIN)
            if self._counts["reminders"] or self._counts["reopened"]:
                await audit.record(
                    session,
                    actor="system",
                    action="campaign.enrolled",
                    subject=f"campaign:{self._campaign_id}",
                    detail={key: self._counts[key] for key in ("reminders", "reopened", "steps")},
                )

    def result(self, busy: int) -> Enrolled:
        return Enrolled(
            reminders=self._counts["reminders"],
            reopened=self._counts["reopened"],
            steps=self._counts["steps"],
            left_out={why: self._left_out[why] for why in LeftOut if self._left_out[why]},
            busy=busy,
        )

    async def _batch(self, session: AsyncSession, taxpayers: Sequence[uuid.UUID]) -> list[uuid.UUID]:
        await session.execute(take(Lock.ENROL))
        status = await session.scalar(
            select(Campaign.status).where(Campaign.id == self._campaign_id).with_for_update(read=True)
        )
        if status != CampaignStatus.RUNNING:
            raise _Stopped
        about = self._parameters | {"taxpayers": list(taxpayers)}
        held = set(await session.scalars(_LOCK_BILLS, about))
        rows = (await session.execute(groups(self._plan.audience, of_taxpayers=True), about)).all()
        busy = {row.taxpayer_id for row in rows if not held.issuperset(row.bills)}
        rows = [row for row in rows if row.taxpayer_id not in busy]
        left_out = Counter(LeftOut(row.left_out) for row in rows if row.left_out is not None)
        called = [row for row in rows if row.left_out is None]
        await self._add_bills(session, [row for row in called if row.active])
        wanted = [
            row for row in called if row.known is None or (not row.active and row.closed_reason in _REOPENED)
        ]
        reminders = await self._reminders(session, wanted)
        left_out[LeftOut.TOO_LATE] += sum(not each.steps for each in reminders)
        of_use = [each for each in reminders if each.steps]
        counts = Counter(await self._insert(session, [each for each in of_use if not each.known]))
        counts.update(await self._reopen(session, [each for each in of_use if each.known]))
        self._counts.update(counts)
        self._left_out.update(left_out)
        return list(busy)

    async def _reminders(self, session: AsyncSession, rows: Sequence[Any]) -> list[_Reminder]:
        subjects = [Subject(row.taxpayer_id, row.due, row.unpaid) for row in rows]
        indicators = await indicators_of(session, subjects, self._today) if subjects else ()
        reminders = []
        for row, each in zip(rows, indicators, strict=True):
            scored = score(each, self._rules)
            steps = self._planned(row.due, scored.tier, row.region)
            reminders.append(
                _Reminder(
                    row.known or uuid.uuid4(),
                    row.known is not None,
                    row.taxpayer_id,
                    row.due,
                    row.bills,
                    scored,
                    steps,
                )
            )
        return reminders

    def _planned(self, due: date, tier: Tier, region: str) -> tuple[PlannedStep, ...]:
        key = (due, tier, region)
        if key not in self._steps:
            self._steps[key] = plan_steps(self._plan, due, tier, region, self._now)
        return self._steps[key]

    async def _insert(self, session: AsyncSession, reminders: Sequence[_Reminder]) -> Mapping[str, int]:
        if not reminders:
            return {}
        made = set(
            await session.scalars(
                _INSERT,
                {
                    "campaign": self._campaign_id,
                    "now": self._now,
                    "ids": [each.id for each in reminders],
                    "taxpayers": [each.taxpayer_id for each in reminders],
                    "dues": [each.due for each in reminders],
                    "scores": [each.scored.points for each in reminders],
                    "tiers": [each.scored.tier.value for each in reminders],
                    "reasons": [_reasons(each.scored) for each in reminders],
                },
            )
        )
        new = [each for each in reminders if each.id in made]
        connection = await _driver(session)
        async with connection.cursor() as cursor:
            async with cursor.copy(_COPY_BILLS) as copy:
                copy.set_types(["uuid", "uuid"])
                for each in new:
                    for bill_id in each.bills:
                        await copy.write_row((each.id, bill_id))
            async with cursor.copy(_COPY_STEPS) as copy:
                copy.set_types(_STEP_TYPES)
                for each in new:
                    for step in each.steps:
                        await copy.write_row(self._step_row(each, step))
        return {"reminders": len(new), "steps": sum(len(each.steps) for each in new)}

    async def _reopen(self, session: AsyncSession, reminders: Sequence[_Reminder]) -> Mapping[str, int]:
        """Bring closed reminders back with the steps that were cancelled and are still of use."""
        counts: Counter[str] = Counter()
        for each in reminders:
            if await session.scalar(_LOCK_CLOSED, {"reminder": each.id}) is None:
                continue
            spent = set(await session.scalars(_SPENT_STEPS, {"reminder": each.id}))
            steps = [step for step in each.steps if step.key not in spent]
            if not steps:
                continue
            await session.execute(
                _REOPEN,
                {
                    "reminder": each.id,
                    "score": each.scored.points,
                    "tier": each.scored.tier.value,
                    "reasons": _reasons(each.scored),
                },
            )
            await session.execute(_ADD_BILLS, {"reminders": [each.id] * len(each.bills), "bills": each.bills})
            await session.execute(
                _PUT_STEP,
                [dict(zip(_STEP_COLUMNS, self._step_row(each, step), strict=True)) for step in steps],
            )
            counts.update({"reopened": 1, "steps": len(steps)})
        return counts

    async def _add_bills(self, session: AsyncSession, rows: Sequence[Any]) -> None:
        """Bills that came after the reminder was planned."""
        pairs = [(row.known, bill_id) for row in rows for bill_id in row.bills]
        if pairs:
            await session.execute(
                _ADD_BILLS, {"reminders": [one for one, _ in pairs], "bills": [bill for _, bill in pairs]}
            )

    def _step_row(self, reminder: _Reminder, step: PlannedStep) -> tuple[object, ...]:
        return (
            uuid.uuid4(),
            reminder.id,
            self._campaign_id,
            reminder.taxpayer_id,
            step.key,
            step.lane,
            step.priority,
            step.due_at,
            step.due_at,
            step.stale_at,
            self._now,
        )


async def alarm_enrolment(
    session: AsyncSession, campaign_id: uuid.UUID, wait: timedelta = timedelta()
) -> None:
    """Have the audience looked through ``wait`` after this transaction is committed."""
    await set_alarm(session, "outreach.enrol", f"enrol:{campaign_id}", {"campaign_id": campaign_id}, wait)


async def _driver(session: AsyncSession) -> psycopg.AsyncConnection[Any]:
    pooled = await (await session.connection()).get_raw_connection()
    return cast("psycopg.AsyncConnection[Any]", pooled.driver_connection)


def _reasons(scored: Scored) -> str:
    return json.dumps([asdict(reason) for reason in scored.reasons], ensure_ascii=False)


_STEP_TYPES = (
    "uuid", "uuid", "uuid", "uuid", "varchar", "varchar", "int2",
    "timestamptz", "timestamptz", "timestamptz", "timestamptz",
)  # fmt: skip
_STEP_COLUMNS = (
    "id", "reminder_id", "campaign_id", "taxpayer_id", "key", "lane", "priority",
    "due_at", "next_at", "stale_at", "created_at",
)  # fmt: skip
_STEP = ", ".join(_STEP_COLUMNS)
_STEP_VALUES = ", ".join(f":{name}" for name in _STEP_COLUMNS)
_COPY_STEPS = f"copy outreach_step ({_STEP}) from stdin"
_COPY_BILLS = "copy outreach_reminder_bill (reminder_id, bill_id) from stdin"
_PUT_STEP = text(
    f"""
insert into outreach_step ({_STEP}) values ({_STEP_VALUES})
on conflict (reminder_id, key) do update
   set state = 'planned', due_at = excluded.due_at, next_at = excluded.next_at, stale_at = excluded.stale_at,
       lane = excluded.lane, priority = excluded.priority, tries = 0, wanted = null, ended_at = null
 where outreach_step.state = 'cancelled'
"""  # noqa: S608
)
# Against payments too: whatever refers to a bill holds its row's key.
_LOCK_BILLS = text("""
select id from bill
 where taxpayer_id = any (cast(:taxpayers as uuid[])) and status = 'open' and due_date between :earliest and :last
   for update skip locked
""")
_INSERT = text("""
insert into outreach_reminder (id, campaign_id, taxpayer_id, due, score, tier, reasons, created_at)
select n.id, :campaign, n.taxpayer_id, n.due, n.score, n.tier, n.reasons::jsonb, :now
  from unnest(cast(:ids as uuid[]), cast(:taxpayers as uuid[]), cast(:dues as date[]), cast(:scores as int[]),
              cast(:tiers as text[]), cast(:reasons as text[])) as n (id, taxpayer_id, due, score, tier, reasons)
on conflict (campaign_id, taxpayer_id, due) do nothing
returning id
""")
_ADD_BILLS = text("""
insert into outreach_reminder_bill (reminder_id, bill_id)
select * from unnest(cast(:reminders as uuid[]), cast(:bills as uuid[]))
on conflict do nothing
""")
_LOCK_CLOSED = text("select id from outreach_reminder where id = :reminder and not active for update")
_SPENT_STEPS = text("select key from outreach_step where reminder_id = :reminder and state <> 'cancelled'")
_REOPEN = text("""
with again as (
  update outreach_reminder
     set active = true, closed_at = null, closed_reason = null, paid_at = null,
         score = :score, tier = :tier, reasons = cast(:reasons as jsonb)
   where id = :reminder
  returning id
)
insert into outreach_event (reminder_id, kind) select id, 'reopened' from again
""")
