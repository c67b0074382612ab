"""What is true of a reminder when one of its steps is due, and how often its taxpayer has been contacted.

Each is one statement, as both are read twice for every call: when a step is decided and again when its call is written down.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.clock import SHANGHAI
from outreach.limits import WEEK
from outreach.plan import Tier
from outreach.retry import reached
from outreach.terms import Facts, History
from store.models import Contact

SAID_LATELY = timedelta(days=90)
"""For so long a taxpayer who said they were short of cash is taken to be so."""
_OTHER_PEOPLE = frozenset({"wrong_person", "hung_up"})
"""Outcomes of calls that a person answered, beside those by which somebody was reached."""


@dataclass(frozen=True, slots=True)
class Number:
    """A registered number that may be called: its contact, and its place among all tried in this step."""

    contact_id: uuid.UUID
    phone_enc: bytes
    phone_hash: bytes
    last_try: int | None
    """Number of the latest attempt of the step that went to it; ``None``: not tried yet."""


async def facts_about(session: AsyncSession, reminder_id: uuid.UUID, now: datetime) -> Facts:
    """What is true of a reminder. Raises LookupError when there is none."""
    found = (
        await session.execute(_FACTS, {"reminder": reminder_id, "now": now, "lately": now - SAID_LATELY})
    ).one_or_none()
    if found is None:
        raise LookupError(f"no reminder {reminder_id}")
    today = now.astimezone(SHANGHAI).date()
    return Facts(
        due=found.due,
        tier=Tier(found.tier),
        region=found.region,
        unpaid=Decimal(found.unpaid),
        active=found.active,
        short_of_cash=found.signalled or found.applied,
        deferral_pending=found.pending,
        deferral_possible=today <= found.due and not found.under_way,
        promised_on=found.promised_on,
        reached=found.reached,
        leave_alone=_leave_alone(found.opted_out, found.stopped, found.paused),
        no_calls=_no_calls(found.calls_paused, found.registered, found.numbers),
        with_human=found.with_human,
        numbers=found.numbers,
    )


async def history_of(
    session: AsyncSession, taxpayer_id: uuid.UUID, phone_hash: bytes | None, now: datetime
) -> History:
    """Contacts of the last seven days: calls to the taxpayer or to the number, by whomever, and campaigns' messages.

    A call that never left the house (the carrier refused it, or has no record of it) is no try. One that may have been
    dialled is.
    """
    calls = (
        await session.execute(_HISTORY, {"taxpayer": taxpayer_id, "phone": phone_hash, "since": now - WEEK})
    ).all()
    return History(
        tries=tuple(call.at for call in calls if call.kind == "call"),
        connected=tuple(
            call.answered_at for call in calls if call.answered_at is not None and _by_a_person(call.outcome)
        ),
        messages=tuple(call.at for call in calls if call.kind == "message"),
    )


async def numbers_of(
    session: AsyncSession, taxpayer_id: uuid.UUID, step_id: uuid.UUID, now: datetime
) -> tuple[Number, ...]:
    """The registered numbers that may be called, the primary one first."""
    found = await session.execute(_NUMBERS, {"taxpayer": taxpayer_id, "step": step_id, "now": now})
    return tuple(Number(row.id, bytes(row.phone_enc), bytes(row.phone_hash), row.last_try) for row in found)


async def registered(session: AsyncSession, taxpayer_id: uuid.UUID) -> int:
    """How many numbers are registered, whether they may be called or not."""
    found = await session.scalar(select(func.count()).where(Contact.taxpayer_id == taxpayer_id))
    return found or 0


def choose(numbers: tuple[Number, ...], *, other: bool) -> Number | None:
    """Which to call: with ``other`` the first that was not tried in this step, else the one tried last, else the first."""
    untried = [number for number in numbers if number.last_try is None]
    if other and untried:
        return untried[0]
    tried = [number for number in numbers if number.last_try is not None]
    if tried:
        return max(tried, key=lambda number: number.last_try or 0)
    return numbers[0] if numbers else None


def _by_a_person(outcome: str | None) -> bool:
    """A call that goes on counts: somebody has picked up."""
    return outcome is None or reached(outcome) or outcome in _OTHER_PEOPLE


def _leave_alone(opted_out: bool, stopped: bool, paused: bool) -> str:
    if opted_out:
        return "纳税人要求不再联系"
    if stopped:
        return "谈话中已停止催缴，由税务人员跟进"
    return "税务人员已暂停联系" if paused else ""


def _no_calls(paused: bool, registered: int, numbers: int) -> str:
    if paused:
        return "税务人员已暂停电话联系"
    if registered == 0:
        return "没有登记可以拨打的电话"
    return "登记的电话都不能拨打：接听的人说打错了，或要求不再拨打" if numbers == 0 else ""


# An exclusion names the taxpayer when they had proved who they are; what was said in a call concerns its number too.
_CALLABLE = """
       not exists (
         select 1 from call k join contact_exclusion x on x.conversation_id = k.conversation_id
          where k.phone_hash = c.phone_hash)
   and not (c.is_primary and exists (
         select 1 from contact_exclusion x
          where x.taxpayer_id = c.taxpayer_id and x.kind = 'wrong_person'))
   and not exists (
         select 1 from contact_pause p
          where p.phone_hash = c.phone_hash and p.lifted_at is null and (p.until is null or p.until > :now))
"""
_FACTS = text(
    """
select r.due, r.tier, r.active, r.reached_at is not null as reached, t.region,
       coalesce(owed.unpaid, 0) as unpaid,
       coalesce(owed.applied, false) as applied,
       coalesce(owed.pending, false) as pending,
       coalesce(owed.under_way, false) as under_way,
       exists (
         select 1 from outreach_signal g
          where g.taxpayer_id = t.id and g.kind = 'short_of_cash' and g.created_at > :lately) as signalled,
       (select promised_on from promise where taxpayer_id = t.id and status = 'open') as promised_on,
       exists (select 1 from contact_exclusion x where x.taxpayer_id = t.id and x.kind = 'opt_out')
         or exists (
         select 1 from call k join contact_exclusion x on x.conversation_id = k.conversation_id
          where k.taxpayer_id = t.id and x.kind = 'opt_out') as opted_out,
       exists (select 1 from conversation v where v.taxpayer_id = t.id and v.collection_stopped)
         or exists (
         select 1 from call k join conversation v on v.id = k.conversation_id
          where k.taxpayer_id = t.id and v.collection_stopped) as stopped,
       coalesce(pauses.whole, false) as paused,
       coalesce(pauses.calls, false) as calls_paused,
       exists (select 1 from conversation v where v.taxpayer_id = t.id and v.owner in ('queue', 'agent'))
         or exists (
         select 1 from "case" e
          where e.taxpayer_id = t.id and e.status = 'open'
            and e.kind in ('dispute', 'complaint', 'payment_check')) as with_human,
       numbers.registered, numbers.allowed as numbers
  from outreach_reminder r
  join taxpayer t on t.id = r.taxpayer_id
 cross join lateral (
   select sum(b.unpaid) filter (where b.status = 'open' and b.due = r.due) as unpaid,
          bool_or(d.applied) as applied, bool_or(d.pending) as pending, bool_or(d.under_way) as under_way
     from outreach_reminder_bill rb
     join outreach_bill b on b.id = rb.bill_id
    cross join lateral (
      select count(*) > 0 as applied,
             bool_or(status in ('submitted', 'accepted')) as pending,
             bool_or(status in ('submitted', 'accepted', 'approved')) as under_way
        from deferral_application a where a.bill_id = b.id) d
    where rb.reminder_id = r.id) owed
 cross join lateral (
   select bool_or(not p.calls_only) as whole, bool_or(p.calls_only) as calls
     from contact_pause p
    where p.lifted_at is null and (p.until is null or p.until > :now)
      and (p.taxpayer_id = t.id
        or not p.calls_only and p.phone_hash in (
          select c.phone_hash from contact c where c.taxpayer_id = t.id and c.is_primary))) pauses
 cross join lateral (
   select count(*)::int as registered, (count(*) filter (where CALLABLE))::int as allowed
     from contact c where c.taxpayer_id = t.id) numbers
 where r.id = :reminder
""".replace("CALLABLE", _CALLABLE)
)
_NUMBERS = text(
    """
select c.id, c.phone_enc, c.phone_hash,
       (select max(a.number) from outreach_attempt a
         where a.step_id = :step and a.contact_id = c.id and a.state = 'ended' and a.channel = 'call') as last_try
  from contact c
 where c.taxpayer_id = :taxpayer and CALLABLE
 order by c.is_primary desc, c.created_at, c.id
""".replace("CALLABLE", _CALLABLE)
)
# When a message was decided on stands with its attempt: the outbox has the database's own time.
_HISTORY = text("""
select 'call' as kind, k.intent_at as at, k.answered_at, k.outcome
  from call k
 where (k.taxpayer_id = :taxpayer or k.phone_hash = cast(:phone as bytea))
   and k.intent_at > :since
   and (k.state <> 'ended' or k.carrier_id is not null)
union all
select 'message', a.intent_at, null, null
  from outbox_sms o join outreach_attempt a on a.id = o.attempt_id
 where o.taxpayer_id = :taxpayer and a.intent_at > :since and o.state not in ('failed', 'dropped')
union all
select 'message', a.intent_at, null, null
  from wechat_user u
  join outbox_wechat o on o.openid = u.openid
  join outreach_attempt a on a.id = o.attempt_id
 where u.taxpayer_id = :taxpayer and a.intent_at > :since and o.state not in ('failed', 'dropped')
union all
select 'message', e.at, null, null
  from outreach_reminder r
  join outreach_event e on e.reminder_id = r.id and e.kind = 'word'
 where r.taxpayer_id = :taxpayer and e.at > :since and e.detail ->> 'channel' <> 'inbox'
""")
