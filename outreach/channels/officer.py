"""A task for an officer: somebody is to see to a taxpayer in person, within three working days.

It lies on the officers' work list (``handoff.worklist``). Once the last bill of its reminder calls for it no more, the
store takes it off by itself (migration 0006).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.casework import OPEN
from outreach.clock import SHANGHAI
from outreach.notices import notices_thread
from outreach.plan import Channel, Tier
from outreach.terms import Notice, Receipt
from store import audit
from store.models import Case, CaseKind
from store.numbers import next_number
from store.outreach_models import Attempt, Reminder, Step
from tax.calendar import add_workdays

PREFIX = "GJ"
WORKDAYS = 3
"""Within so many an officer sees to it (the bureau's plan, 4.1)."""
_SHOWN = 3
"""So many reasons of the score are named: the heaviest."""
_END_OF_DAY = time(18)
_TIER_ZH = {Tier.LOW: "较低", Tier.MIDDLE: "中等", Tier.HIGH: "较高"}


@dataclass(frozen=True, slots=True)
class Contacts:
    """What has been tried in a reminder: calls dialled, whether a person answered one, messages delivered; the last instant."""

    calls: int = 0
    reached: bool = False
    messages: int = 0
    last: datetime | None = None


def statement(tier: Tier, reasons: tuple[str, ...], contacts: Contacts) -> str:
    """What the officer reads first, in Chinese: no amount, as the bills stand beside it with those of the day."""
    todo = "上门沟通" if tier is Tier.HIGH else "联系纳税人"
    why = f"风险{_TIER_ZH[tier]}" + (f"：{'；'.join(reasons)}" if reasons else "")
    return f"请在{WORKDAYS}个工作日内{todo}，了解情况，讲清办法。{why}。{_so_far(contacts)}"


def _so_far(contacts: Contacts) -> str:
    if contacts.last is None:
        return "此前没有联系过。"
    tried = []
    if contacts.calls:
        tried.append(f"电话{contacts.calls}次（{'有人接听' if contacts.reached else '没有联系上本人'}）")
    if contacts.messages:
        tried.append(f"消息{contacts.messages}条")
    day = contacts.last.astimezone(SHANGHAI).date()
    return f"此前联系：{'，'.join(tried)}，最近一次在{day.month}月{day.day}日。"


async def open_task(session: AsyncSession, reminder: Reminder, notice: Notice, now: datetime) -> Receipt:
    """Open the task of a reminder, or leave the one that is open already. Ends with the audit trail."""
    known = await session.scalar(
        select(Case.id).where(
            Case.taxpayer_id == reminder.taxpayer_id,
            Case.kind == CaseKind.COLLECTION,
            Case.status == OPEN,
            Case.details["reminder"].astext == str(reminder.id),
        )
    )
    if known is not None:
        return Receipt.DELIVERED
    thread = await notices_thread(session, reminder.taxpayer_id)
    number = await next_number(session, PREFIX, now.date())
    contacts = await _contacts(session, reminder)
    due = add_workdays(now.astimezone(SHANGHAI).date(), WORKDAYS).date
    session.add(
        Case(
            number=number,
            kind=CaseKind.COLLECTION,
            conversation_id=thread,
            taxpayer_id=reminder.taxpayer_id,
            statement=statement(Tier(reminder.tier), _heaviest(reminder), contacts),
            details={
                "reminder": str(reminder.id),
                "attempt": str(notice.attempt_id) if notice.attempt_id else None,
            },
            due_at=datetime.combine(due, _END_OF_DAY, SHANGHAI),
        )
    )
    await session.flush()
    await audit.record(
        session,
        actor="system",
        action="collection.opened",
        subject=f"case:{number}",
        detail={"reminder": str(reminder.id), "tier": reminder.tier},
    )
    return Receipt.DELIVERED


def _heaviest(reminder: Reminder) -> tuple[str, ...]:
    counted = [reason for reason in reminder.reasons if reason["points"] > 0]
    counted.sort(key=lambda reason: -int(reason["points"]))
    return tuple(str(reason["words"]) for reason in counted[:_SHOWN])


async def _contacts(session: AsyncSession, reminder: Reminder) -> Contacts:
    tried = Attempt.intent_at.is_not(None)
    calls, last_call = (
        await session.execute(
            select(func.count(), func.max(Attempt.intent_at))
            .join(Step, Step.id == Attempt.step_id)
            .where(Step.reminder_id == reminder.id, Attempt.channel == Channel.CALL, tried)
        )
    ).one()
    messages, last_message = (
        await session.execute(
            select(func.count(), func.max(Attempt.ended_at))
            .join(Step, Step.id == Attempt.step_id)
            .where(
                Step.reminder_id == reminder.id,
                Attempt.channel.in_((Channel.INBOX, Channel.WECHAT, Channel.SMS)),
                Attempt.outcome == Receipt.DELIVERED,
            )
        )
    ).one()
    last = max((at for at in (last_call, last_message) if at is not None), default=None)
    return Contacts(calls, reminder.reached_at is not None, messages, last)
