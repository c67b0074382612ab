"""What a risk score looks at, for many taxpayers at once: four statements however many they are."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.retry import reached
from outreach.terms import Indicators

WINDOW = timedelta(days=730)
"""How far back counts go."""
LAST_CALLS = 10
_SAYS_NOTHING = frozenset({"carrier_failure", "our_failure"})
"""Outcomes of calls that say nothing about who was called."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a score is about: a taxpayer and what is unpaid (yuan) of what falls due on one effective day."""

    taxpayer_id: uuid.UUID
    due: date
    unpaid: Decimal


async def indicators_of(
    session: AsyncSession, subjects: Sequence[Subject], today: date
) -> tuple[Indicators, ...]:
    """The indicators of each subject, in order. ``today``: open bills due before it are late."""
    taxpayers = {"taxpayers": list({subject.taxpayer_id for subject in subjects})}
    window = {"since": today - WINDOW}
    late = await _rows(session, _LATE, taxpayers | window | {"today": today})
    promises = await _rows(session, _PROMISES, taxpayers | window)
    standing = await _rows(session, _STANDING, taxpayers | window)
    calls = await _rows(session, _CALLS, taxpayers | {"most": LAST_CALLS})
    return tuple(_indicators(subject, late, promises, standing, calls) for subject in subjects)


Rows = Mapping[uuid.UUID, Sequence[Any]]


async def _rows(session: AsyncSession, statement: Any, parameters: Mapping[str, Any]) -> Rows:
    found: dict[uuid.UUID, list[Any]] = {}
    for row in await session.execute(statement, parameters):
        found.setdefault(row.taxpayer_id, []).append(row)
    return found


def _indicators(subject: Subject, late: Rows, promises: Rows, standing: Rows, calls: Rows) -> Indicators:
    who = subject.taxpayer_id
    others = [row for row in late.get(who, ()) if row.due != subject.due]
    recent = [row for row in others if row.recent]
    kept = {row.status: row.promises for row in promises.get(who, ())}
    (now,) = standing[who]
    answers = [row.outcome for row in calls.get(who, ()) if row.outcome not in _SAYS_NOTHING]
    return Indicators(
        unpaid=subject.unpaid,
        overdue_before=sum(row.bills for row in recent),
        longest_overdue=max((row.days for row in recent), default=0),
        promises_broken=kept.get("broken", 0),
        promises_kept=kept.get("kept", 0),
        disputes_open=now.disputes,
        reachable=now.chats or any(map(reached, answers)),
        unanswered=_leading(not reached(outcome) for outcome in answers),
        first_time=not others,
        deferred_before=now.deferred,
    )


def _leading(flags: Iterable[bool]) -> int:
    count = 0
    for flag in flags:
        if not flag:
            break
        count += 1
    return count


# Days on which something was late: paid after the effective deadline or unpaid after it. What is disputed or withdrawn
# is held against nobody. An application that runs counts from its end, as the late fee does.
_LATE = text("""
select b.taxpayer_id, b.due, count(*) as bills, max(b.days) as days, b.due >= :since as recent
  from (
    select b.taxpayer_id, b.due,
           case when b.unpaid > 0 and b.status = 'open' then cast(:today as date) else p.last_paid end - b.due as days
      from outreach_bill b
      left join lateral (
        select max(paid_on) as last_paid from payment where bill_id = b.id and kind = 'tax'
      ) p on true
     where b.taxpayer_id = any (cast(:taxpayers as uuid[])) and b.status in ('open', 'settled')
  ) b
 where b.days > 0
 group by b.taxpayer_id, b.due
""")
_PROMISES = text("""
select taxpayer_id, status, count(*) as promises
  from promise
 where taxpayer_id = any (cast(:taxpayers as uuid[])) and status in ('kept', 'broken') and promised_on >= :since
 group by taxpayer_id, status
""")
_STANDING = text("""
select t.id as taxpayer_id,
       (select count(*) from "case" c where c.taxpayer_id = t.id and c.kind = 'dispute' and c.status = 'open')
         as disputes,
       exists (select 1 from deferral_application d
                where d.taxpayer_id = t.id and d.status in ('approved', 'expired') and d.approved_until >= :since)
         as deferred,
       exists (select 1 from conversation c
                where c.taxpayer_id = t.id and c.channel in ('web', 'wechat') and c.last_message_at >= :since)
         as chats
  from taxpayer t
 where t.id = any (cast(:taxpayers as uuid[]))
""")
_CALLS = text("""
select t.id as taxpayer_id, c.outcome
  from taxpayer t
  join lateral (
    select outcome, coalesce(ended_at, created_at) as at
      from call
     where taxpayer_id = t.id and state = 'ended' and outcome is not null
     order by at desc
     limit :most
  ) c on true
 where t.id = any (cast(:taxpayers as uuid[]))
 order by t.id, c.at desc
""")
