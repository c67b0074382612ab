"""What follows from an attempt that has ended: the step again, or its end, and perhaps the reminder's."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from outreach import ledger
from outreach.facts import numbers_of, registered
from outreach.ledger import Held
from outreach.plan import LANES, Lane
from outreach.ports import Clock
from outreach.retry import delivered, following, reached
from outreach.terms import Again
from store.engine import SessionFactory
from store.outreach_models import Attempt, AttemptState, Step, StepState


async def conclude(sessions: SessionFactory, clock: Clock, attempt_id: uuid.UUID) -> bool:
    """Decide what follows from an attempt that has ended, once; ``False`` when there is nothing to decide (any more)."""
    async with sessions() as session, session.begin():
        held = await ledger.hold(session, attempt_id)
        if held is None or held.state is not AttemptState.ENDED or held.concluded_at is not None:
            return False
        await settle(session, held, held.outcome or "", await clock.now(session))
    return True


async def settle(session: AsyncSession, held: Held, outcome: str, now: datetime) -> None:
    """The same within the transaction that holds the attempt; it has ended with ``outcome``."""
    await session.execute(update(Attempt).where(Attempt.id == held.attempt_id).values(concluded_at=now))
    await _note_stations(session, held, outcome, now)
    if held.step_state is StepState.RUNNING:
        values = await _after(session, held, outcome, now)
        await session.execute(update(Step).where(Step.id == held.step_id).values(values))
        at = values.get("next_at")
        detail = {"outcome": outcome, "then": str(values["state"])}
        if at is not None:
            detail["at"] = at.isoformat()
        await ledger.note(session, held, "ended", now, detail)
    await ledger.close_if_finished(session, held, now)


async def _after(session: AsyncSession, held: Held, outcome: str, now: datetime) -> dict[str, Any]:
    """What changes in the step."""
    step = held.step
    allowed = await numbers_of(session, held.taxpayer_id, held.step_id, now)
    next_thing = following(
        outcome,
        step,
        held.tries,
        now,
        held.plan,
        held.region,
        numbers=await registered(session, held.taxpayer_id),
        untried=sum(number.last_try is None for number in allowed),
    )
    if isinstance(next_thing, Again) and not held.over:
        ways = next_thing.channels or step.channels
        wanted = ledger.OTHER_NUMBER if next_thing.other_number else None
        if next_thing.channels:
            wanted = ",".join(next_thing.channels)
        return {
            "state": StepState.PLANNED,
            "next_at": next_thing.at,
            "wanted": wanted,
            "lane": LANES[ways[0]].value,
        }
    if isinstance(next_thing, Again):
        return {"state": StepState.CANCELLED, "ended_at": now}
    return {"state": StepState.DONE if next_thing.reached else StepState.FAILED, "ended_at": now}


async def _note_stations(session: AsyncSession, held: Held, outcome: str, now: datetime) -> None:
    """When the reminder first came to notice, when a person was reached, when they proved who they are."""
    person = reached(outcome)
    to_taxpayer = delivered(outcome) and held.lane is not Lane.OFFICER
    await session.execute(
        _STATIONS,
        {
            "reminder": held.reminder_id,
            "call": held.call_id,
            "at": held.ended_at or now,
            "person": person,
            "notified": person or to_taxpayer,
        },
    )


_STATIONS = text("""
update outreach_reminder r
   set notified_at = case when :notified then coalesce(r.notified_at, spoken.at) else r.notified_at end,
       reached_at = case when :person then coalesce(r.reached_at, spoken.at) else r.reached_at end,
       verified_at = coalesce(r.verified_at, spoken.verified_at)
  from (
    select coalesce(
             (select answered_at from call where id = cast(:call as uuid)), cast(:at as timestamptz)) as at,
           (select max(v.verified_at)
              from verification v join call k on k.conversation_id = v.conversation_id
             where k.id = cast(:call as uuid) and v.state = 'verified') as verified_at) spoken
 where r.id = :reminder and (:notified or spoken.verified_at is not null)
""")
