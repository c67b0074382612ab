"""Whatever was left lying is taken up again: by workers that died, by an alarm that was lost, by an end nobody heard of."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Executable, text
from sqlalchemy.ext.asyncio import AsyncSession

from outreach import ledger
from outreach.conclude import conclude
from outreach.ports import Clock
from store.engine import SessionFactory
from store.outreach_models import AttemptState

UNREPORTED = timedelta(days=2)
"""A message that the carrier took and has said nothing of for so long is taken to have arrived."""
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """How many leases had run out, attempts were ended, attempts concluded, and steps of ended campaigns cancelled."""

    put_back: int = 0
    ended: int = 0
    concluded: int = 0
    cancelled: int = 0


async def sweep(sessions: SessionFactory, clock: Clock) -> Swept:
    """One look over everything, in small transactions; any number at once do no harm."""
    put_back = 0
    for attempt_id in await _ids(sessions, _RUN_OUT):
        async with sessions() as session, session.begin():
            put_back += await _put_back(session, attempt_id)
    ended = await _change(sessions, _END_CALLS) + await _change(
        sessions, _END_MESSAGES, {"silent": UNREPORTED}
    )
    concluded = 0
    for attempt_id in await _ids(sessions, _UNCONCLUDED):
        concluded += await conclude(sessions, clock, attempt_id)
    return Swept(put_back, ended, concluded, await _change(sessions, _CANCEL))


async def _put_back(session: AsyncSession, attempt_id: uuid.UUID) -> bool:
    held = await ledger.hold(session, attempt_id)
    if held is None or held.state is not AttemptState.LEASED or held.in_time:
        return False
    await ledger.put_back(session, held)
    return True


async def _ids(sessions: SessionFactory, query: Executable) -> Sequence[uuid.UUID]:
    async with sessions() as session:
        return (await session.scalars(query, {"batch": _BATCH})).all()


async def _change(
    sessions: SessionFactory, statement: Executable, values: Mapping[str, Any] | None = None
) -> int:
    async with sessions() as session, session.begin():
        changed = await session.scalars(statement, {"batch": _BATCH, **(values or {})})
        return len(changed.all())


_RUN_OUT = text("""
select id from outreach_attempt
 where state = 'leased' and leased_until <= clock_timestamp()
 order by leased_until limit :batch
""")
_UNCONCLUDED = text("""
select id from outreach_attempt
 where state = 'ended' and concluded_at is null
 order by ended_at limit :batch
""")
# What the triggers do at once, should one ever have been switched off.
_END_CALLS = text("""
with done as (
  select a.id, k.outcome, coalesce(k.ended_at, clock_timestamp()) as at
    from outreach_attempt a join call k on k.id = a.call_id
   where a.state in ('intent', 'placed') and k.state = 'ended' and k.outcome is not null
   limit :batch)
update outreach_attempt a set state = 'ended', outcome = done.outcome, ended_at = done.at
  from done where a.id = done.id and a.state <> 'ended'
returning a.id
""")
_END_MESSAGES = text("""
with heard as (
  select o.attempt_id, o.state, o.ended_at, o.created_at from outbox_sms o
  union all
  select o.attempt_id, o.state, o.ended_at, o.created_at from outbox_wechat o
), done as (
  select a.id, coalesce(h.ended_at, clock_timestamp()) as at,
         case when h.state in ('failed', 'dropped') then 'failed' else 'delivered' end as outcome,
         case when h.state = 'sent' then '没有收到送达回执' end as note
    from outreach_attempt a join heard h on h.attempt_id = a.id
   where a.state in ('intent', 'placed')
     and (h.state in ('delivered', 'failed', 'shown', 'dropped')
       or h.state = 'sent' and h.created_at < clock_timestamp() - cast(:silent as interval))
   limit :batch)
update outreach_attempt a set state = 'ended', outcome = done.outcome, note = done.note, ended_at = done.at
  from done where a.id = done.id and a.state <> 'ended'
returning a.id
""")
_CANCEL = text("""
with lost as (
  select s.id from outreach_step s join outreach_campaign c on c.id = s.campaign_id
   where c.status = 'ended' and s.state = 'planned'
   limit :batch
     for update of s skip locked)
update outreach_step s set state = 'cancelled', ended_at = clock_timestamp()
  from lost where s.id = lost.id
returning s.id
""")
