"""What became of a promise to pay, and a kind word where it was not kept.

A promise is about the bills that were claimed when it was made and are due by its day; where none is, about those that
fall due next. Payments are looked at as they come (a trigger sets the alarm), so a promise is kept the moment the
money is there. It is called broken no earlier than the morning after the first working day on or after the promised
day: banks book on working days, and what was paid on a day off, or late on the day itself, is imported with them.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.alarms import set_alarm
from outreach.clock import SHANGHAI
from outreach.hours import is_contact_day
from outreach.ports import Clock
from outreach.switches import go_ahead
from outreach.word import KIND, Wait, leave_word
from store import audit
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.models import Promise
from store.outreach_models import OutreachEvent, Reminder

MORNING = time(10)
"""When the day's imports are in."""
TEMPLATE = "promise_reminder"
TASK = "outreach.promise"
_ONE_DAY = timedelta(days=1)
_WORD_GOOD_FOR = timedelta(days=4)
"""How long after a promise was found broken a word about it still makes sense; over a weekend too."""


class Found(StrEnum):
    """What became of a promise; the values are those of ``promise.status``."""

    OPEN = "open"
    KEPT = "kept"
    BROKEN = "broken"
    REPLACED = "replaced"
    """It has lost its sense: another way was taken meanwhile (deferral, dispute, the bill was withdrawn)."""


@dataclass(frozen=True, slots=True)
class PromisedBill:
    """A bill as a promise sees it: ``due`` and ``unpaid_then`` (yuan) when it was made, ``status`` and ``unpaid`` now.

    ``deferring``: deferral was applied for since then, and not refused or taken back.
    """

    due: date
    status: str
    unpaid_then: Decimal
    unpaid: Decimal
    deferring: bool = False

    @property
    def claimed(self) -> bool:
        """Whether it still has to be paid, and is not argued about."""
        return self.status == "open" and self.unpaid > 0


def about(bills: Sequence[PromisedBill], promised_on: date) -> tuple[PromisedBill, ...]:
    """Those of the taxpayer's bills that a promise is about."""
    then = [bill for bill in bills if bill.unpaid_then > 0]
    if due := tuple(bill for bill in then if bill.due <= promised_on):
        return due
    following = min((bill.due for bill in then), default=None)
    return tuple(bill for bill in then if bill.due == following)


def judged_at(promised_on: date) -> datetime:
    """From when on a promise may be called broken."""
    booked = promised_on
    while not is_contact_day(booked):
        booked += _ONE_DAY
    morning = booked + _ONE_DAY
    while not is_contact_day(morning):
        morning += _ONE_DAY
    return datetime.combine(morning, MORNING, SHANGHAI)


def judge(bills: Sequence[PromisedBill], promised_on: date, now: datetime) -> Found:
    """What has become of the promise of ``promised_on``; ``bills``: all of the taxpayer, or the one it names."""
    promised = about(bills, promised_on)
    if any(bill.deferring for bill in promised if bill.claimed):
        return Found.REPLACED
    if any(bill.claimed for bill in promised):
        return Found.BROKEN if now >= judged_at(promised_on) else Found.OPEN
    paid = any(bill.status == "settled" or bill.unpaid <= 0 for bill in promised)
    argued = any(bill.status == "disputed" and bill.unpaid > 0 for bill in promised)
    return Found.KEPT if paid and not argued else Found.REPLACED


async def check(
    sessions: SessionFactory, cipher: FieldCipher, clock: Clock, promise_id: uuid.UUID
) -> Found | None:
    """Settle a promise when that can be told, and leave a kind word where it was broken; how it stands.

    The word goes out once, in a campaign's reminder that is under way: whoever is in none is not written to. ``None``: there
    is no such promise.
    """
    async with sessions() as session, session.begin():
        await go_ahead(session)
        promise = await session.get(Promise, promise_id, with_for_update=True)
        if promise is None:
            return None
        now = await clock.now(session)
        before = Found(promise.status)
        if before in (Found.KEPT, Found.REPLACED):
            return before
        found = judge(await _bills(session, promise), promise.promised_on, now)
        if found is Found.OPEN:
            wait = judged_at(promise.promised_on) - now
            await set_alarm(session, TASK, f"promise:{promise_id}", {"promise_id": promise_id}, wait)
            return found
        if found is Found.BROKEN:
            await _kind_word(session, cipher, promise, now)
        if before is Found.BROKEN:
            return before
        promise.status, promise.settled_at = found.value, now
        await session.flush()
        await audit.record(
            session,
            actor="system",
            action=f"promise.{found.value}",
            subject=f"taxpayer:{promise.taxpayer_id}",
            detail={"on": promise.promised_on.isoformat()},
        )
    return found


async def _kind_word(session: AsyncSession, cipher: FieldCipher, promise: Promise, now: datetime) -> None:
    reminder = await session.scalar(
        select(Reminder)
        .where(Reminder.taxpayer_id == promise.taxpayer_id, Reminder.active)
        .order_by(Reminder.due, Reminder.id)
        .limit(1)
        .with_for_update()
    )
    if reminder is None or now > judged_at(promise.promised_on) + _WORD_GOOD_FOR:
        return
    told = await session.scalar(
        select(OutreachEvent.id).where(
            OutreachEvent.reminder_id.in_(
                select(Reminder.id).where(Reminder.taxpayer_id == promise.taxpayer_id)
            ),
            OutreachEvent.kind == KIND,
            OutreachEvent.detail["promise"].astext == str(promise.id),
        )
    )
    if told is not None:
        return
    left = await leave_word(session, cipher, reminder, TEMPLATE, now, promise=str(promise.id))
    if isinstance(left, Wait):
        key = f"promise-word:{promise.id}"
        await set_alarm(session, TASK, key, {"promise_id": promise.id}, left.until - now)


_BILLS = text("""
select b.status, b.unpaid,
       coalesce((
         select max(d.approved_until) from deferral_application d
          where d.bill_id = b.id and d.status in ('approved', 'expired') and d.decided_at <= :made_at),
         f.due_date) as due,
       f.principal - coalesce((
         select sum(p.amount) from payment p
          where p.bill_id = b.id and p.kind = 'tax' and p.created_at <= :made_at), 0) as unpaid_then,
       exists (
         select from deferral_application d
          where d.bill_id = b.id and d.created_at > :made_at
            and d.status in ('submitted', 'accepted', 'approved', 'expired')) as deferring
  from outreach_bill b
  join bill f on f.id = b.id
 where b.taxpayer_id = :taxpayer
   and f.created_at <= :made_at
   and (cast(:bill as uuid) is null or b.id = :bill)
""")


async def _bills(session: AsyncSession, promise: Promise) -> tuple[PromisedBill, ...]:
    rows = await session.execute(
        _BILLS,
        {"taxpayer": promise.taxpayer_id, "bill": promise.bill_id, "made_at": promise.created_at},
    )
    return tuple(
        PromisedBill(row.due, row.status, row.unpaid_then, row.unpaid, row.deferring) for row in rows
    )
