"""The ledger: what is leased, put back, skipped and ended. Each change is part of its caller's transaction.

Rows are locked in the order reminder, step, attempt (:func:`hold`). Who carries an attempt out must still hold the token
it was leased with; once its intent is written nobody else may carry it out.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import exists, func, insert, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.plan import Channel, Lane, Plan, StepPlan, read_plan
from store.outreach_models import (
    AttemptState,
    CampaignStatus,
    OutreachEvent,
    Reminder,
    Step,
    StepState,
)

OTHER_NUMBER = "other_number"
"""What ``Step.wanted`` says when the next try goes to another number."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An attempt that somebody has leased."""

    attempt_id: uuid.UUID
    token: int
    taxpayer_id: uuid.UUID
    lane: Lane


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt with its step, reminder and campaign, locked until the transaction ends.

    ``in_time``: its lease has not run out. ``stopped``: the red button is pressed.
    """

    attempt_id: uuid.UUID
    state: AttemptState
    token: int
    in_time: bool
    contact_id: uuid.UUID | None
    call_id: uuid.UUID | None
    outcome: str | None
    ended_at: datetime | None
    concluded_at: datetime | None
    step_id: uuid.UUID
    key: str
    lane: Lane
    step_state: StepState
    tries: int
    wanted: str | None
    stale_at: datetime
    reminder_id: uuid.UUID
    active: bool
    taxpayer_id: uuid.UUID
    due: date
    region: str
    status: CampaignStatus
    stopped: bool
    plan: Plan

    @property
    def step(self) -> StepPlan:
        """The step as the strategy has it."""
        return self.plan.step(self.key)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What the last try asked for instead of the step's own ways; empty when nothing."""
        if self.wanted is None or self.wanted == OTHER_NUMBER:
            return ()
        return tuple(Channel(name) for name in self.wanted.split(","))

    @property
    def over(self) -> bool:
        """Whether its reminder or its campaign has ended."""
        return not self.active or self.status is CampaignStatus.ENDED

    @property
    def held_back(self) -> bool:
        """Whether nothing may be begun now, by the red button or because the campaign does not run."""
        return self.stopped or self.status is not CampaignStatus.RUNNING


async def lease(
    session: AsyncSession, lane: Lane, most: int, now: datetime, *, by: str, lease_s: float
) -> list[Lease]:
    """Lease the ``most`` urgent steps of a lane that are due: by priority, then by the time they are due.

    What others are changing just now is passed over. Reminders are not locked here, so nothing that refers to them may be
    written before :func:`hold`.
    """
    found = await session.execute(
        _LEASE,
        {
            "lane": lane.value,
            "most": most,
            "now": now,
            "channel": Channel.CALL.value if lane is Lane.CALL else None,
            "by": by,
            "seconds": lease_s,
        },
    )
    return [Lease(row.id, row.token, row.taxpayer_id, lane) for row in found]


async def any_due(session: AsyncSession, lane: Lane, now: datetime) -> bool:
    """Whether :func:`lease` would find something; locks nothing."""
    return bool(await session.scalar(_ANY_DUE, {"lane": lane.value, "now": now}))


async def hold(session: AsyncSession, attempt_id: uuid.UUID) -> Held | None:
    """Lock an attempt with its step and reminder; ``None`` when it is gone."""
    row = (await session.execute(_HOLD, {"attempt": attempt_id})).one_or_none()
    if row is None:
        return None
    return Held(
        attempt_id=row.attempt_id,
        state=AttemptState(row.state),
        token=row.token,
        in_time=row.in_time,
        contact_id=row.contact_id,
        call_id=row.call_id,
        outcome=row.outcome,
        ended_at=row.ended_at,
        concluded_at=row.concluded_at,
        step_id=row.step_id,
        key=row.key,
        lane=Lane(row.lane),
        step_state=StepState(row.step_state),
        tries=row.tries,
        wanted=row.wanted,
        stale_at=row.stale_at,
        reminder_id=row.reminder_id,
        active=row.active,
        taxpayer_id=row.taxpayer_id,
        due=row.due,
        region=row.region,
        status=CampaignStatus(row.status),
        stopped=row.stopped,
        plan=_plan(row.plan),
    )


async def hold_leased(session: AsyncSession, lease: Lease) -> Held | None:
    """The same for who leased it: ``None`` when the lease is no longer theirs or has run out."""
    held = await hold(session, lease.attempt_id)
    if held is None or held.token != lease.token or held.state is not AttemptState.LEASED or not held.in_time:
        return None
    return held


async def put_back(session: AsyncSession, held: Held) -> None:
    """Undo a lease: the step is planned again for when it was, and the try does not count.

    Where the reminder or the campaign is over, so is the step.
    """
    await _undo(session, held)


async def put_off(
    session: AsyncSession, held: Held, at: datetime, now: datetime, reasons: Sequence[str]
) -> None:
    """Undo a lease likewise, and look at the step again at ``at``."""
    await _undo(session, held, next_at=at, reasons={"verdict": "later", "reasons": list(reasons)})
    if not held.over:
        await note(session, held, "later", now, {"at": at.isoformat(), "reasons": list(reasons)})


async def skip(session: AsyncSession, held: Held, now: datetime, reasons: Sequence[str]) -> None:
    """The step is decided against; the lease is undone."""
    await _remove(session, held)
    await session.execute(
        update(Step)
        .where(Step.id == held.step_id)
        .values(
            state=StepState.SKIPPED,
            ended_at=now,
            tries=held.tries - 1,
            reasons={"verdict": "skip", "reasons": list(reasons)},
        )
    )
    await note(session, held, "skipped", now, {"reasons": list(reasons)})
    await close_if_finished(session, held, now)


async def note_go(session: AsyncSession, held: Held, reasons: Sequence[str]) -> None:
    """Keep with the step why it is carried out."""
    await session.execute(
        update(Step)
        .where(Step.id == held.step_id)
        .values(reasons={"verdict": "go", "reasons": list(reasons)})
    )


async def close_if_finished(session: AsyncSession, held: Held, now: datetime) -> None:
    """Close the reminder when no step of it is left."""
    left = exists().where(
        Step.reminder_id == held.reminder_id, Step.state.in_([StepState.PLANNED, StepState.RUNNING])
    )
    closed = await session.scalar(
        update(Reminder)
        .where(Reminder.id == held.reminder_id, Reminder.active, ~left)
        .values(active=False, closed_at=now, closed_reason="finished")
        .returning(Reminder.id),
        execution_options={"synchronize_session": False},
    )
    if closed is not None:
        await session.execute(
            insert(OutreachEvent).values(
                reminder_id=held.reminder_id, kind="closed", detail={"reason": "finished"}, at=now
            )
        )


async def note(session: AsyncSession, held: Held, kind: str, at: datetime, detail: Mapping[str, Any]) -> None:
    """Add to the reminder's history; ``detail`` holds no personal data."""
    # An attempt that is undone takes no part in it: its number is given to the next one.
    attempt_id = None if kind in ("later", "skipped") else held.attempt_id
    await session.execute(
        insert(OutreachEvent).values(
            reminder_id=held.reminder_id,
            step_id=held.step_id,
            attempt_id=attempt_id,
            kind=kind,
            detail=detail,
            at=at,
        )
    )


async def _undo(session: AsyncSession, held: Held, **values: Any) -> None:
    await _remove(session, held)
    if held.step_state is not StepState.RUNNING:
        return
    if held.over:
        values = {"state": StepState.CANCELLED, "ended_at": func.clock_timestamp()}
    else:
        values["state"] = StepState.PLANNED
    await session.execute(update(Step).where(Step.id == held.step_id).values(tries=held.tries - 1, **values))


async def _remove(session: AsyncSession, held: Held) -> None:
    await session.execute(_REMOVE, {"attempt": held.attempt_id})


@lru_cache(maxsize=64)
def _plan(stored: str) -> Plan:
    raw: Mapping[str, Any] = json.loads(stored)
    return read_plan(raw)


# Candidates are found without locks, by campaign and priority, each by the index: neither what a paused campaign holds nor
# what is due later is looked at. A step's attempts are numbered on from those it has.
_LEASE = text("""
with near as (
  select d.id, d.priority, d.next_at
    from outreach_campaign c
   cross join generate_series(9, 0, -1) p (n)
   cross join lateral (
     select s.id, s.priority, s.next_at
       from outreach_step s
      where s.campaign_id = c.id and s.lane = :lane and s.state = 'planned' and s.priority = p.n
        and s.next_at <= :now
      order by s.next_at, s.id
      limit :most) d
   where c.status = 'running' and not exists (select 1 from outreach_switch where stopped)
   order by d.priority desc, d.next_at, d.id
   limit :most
), due as (
  select s.id from outreach_step s
   where s.id in (select id from near) and s.state = 'planned'
     for update skip locked
), taken as (
  update outreach_step s set state = 'running', tries = s.tries + 1
    from due where s.id = due.id
  returning s.id, s.taxpayer_id, s.priority, s.next_at
), made as (
  insert into outreach_attempt (id, step_id, number, channel, state, token, leased_by, leased_until)
  select gen_random_uuid(), t.id,
         1 + coalesce((select max(a.number) from outreach_attempt a where a.step_id = t.id), 0),
         cast(:channel as text), 'leased', nextval('outreach_token'), :by,
         clock_timestamp() + make_interval(secs => :seconds)
    from taken t
  returning id, step_id, token
)
select m.id, m.token, t.taxpayer_id
  from made m join taken t on t.id = m.step_id
 order by t.priority desc, t.next_at, t.id
""")
_ANY_DUE = text("""
select not exists (select 1 from outreach_switch where stopped) and exists (
  select 1
    from outreach_campaign c
   cross join generate_series(9, 0, -1) p (n)
   cross join lateral (
     select 1 from outreach_step s
      where s.campaign_id = c.id and s.lane = :lane and s.state = 'planned' and s.priority = p.n
        and s.next_at <= :now
      order by s.next_at, s.id
      limit 1) d
   where c.status = 'running')
""")
_HOLD = text("""
select a.id as attempt_id, a.state, a.token, a.leased_until > clock_timestamp() as in_time, a.contact_id,
       a.call_id, a.outcome, a.ended_at, a.concluded_at,
       s.id as step_id, s.key, s.lane, s.state as step_state, s.tries, s.wanted, s.stale_at,
       r.id as reminder_id, r.active, r.taxpayer_id, r.due, t.region,
       c.status, c.plan::text as plan, exists (select 1 from outreach_switch where stopped) as stopped
  from outreach_reminder r
  join outreach_step s on s.reminder_id = r.id
  join outreach_attempt a on a.step_id = s.id
  join outreach_campaign c on c.id = r.campaign_id
  join taxpayer t on t.id = r.taxpayer_id
 where a.id = :attempt
   for no key update of r, s, a
""")
_REMOVE = text("delete from outreach_attempt where id = :attempt and state = 'leased'")
