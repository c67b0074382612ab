"""Enrolling the shipped strategy on a fixed morning, and looking at what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select, text, update

from outreach.campaigns import create, start
from outreach.clock import SHANGHAI, SetClock
from outreach.enrol import Enrolled, enrol
from outreach.plan import CAMPAIGNS, Audience, Plan, load_plan
from outreach.risk import load_rules
from outreach.templates import seed_templates
from store.engine import SessionFactory
from store.models import Bill, Conversation, DeferralApplication
from store.outreach_models import Campaign, Reminder, Step

TODAY = date(2026, 11, 23)
MORNING = datetime(2026, 11, 23, 7, 5, tzinfo=SHANGHAI)
DUE = TODAY + timedelta(days=7)
STANDARD = load_plan(CAMPAIGNS / "standard.yml")


def looking_at(**audience: Any) -> Plan:
    """The shipped strategy for another audience."""
    return STANDARD.model_copy(update={"audience": Audience.model_validate(audience)})


async def started(sessions: SessionFactory, name: str = "活动", plan: Plan = STANDARD) -> Campaign:
    """A campaign at work whose audience nobody has looked through yet."""
    async with sessions() as session, session.begin():
        await seed_templates(session)
        campaign = await create(session, "cli", name, plan)
        return await start(session, "cli", campaign.id)


async def enrolled(sessions: SessionFactory, campaign: Campaign, now: datetime = MORNING) -> Enrolled:
    """What one look through its audience comes to."""
    return await enrol(sessions, SetClock(now), campaign.id, load_rules())


async def reminders_of(sessions: SessionFactory, taxpayer_id: uuid.UUID) -> list[Reminder]:
    """All reminders of a taxpayer, the first due day first."""
    async with sessions() as session:
        found = await session.scalars(
            select(Reminder)
            .where(Reminder.taxpayer_id == taxpayer_id)
            .order_by(Reminder.due, Reminder.created_at)
        )
        return list(found)


async def steps_of(sessions: SessionFactory, reminder_id: uuid.UUID) -> Mapping[str, str]:
    """States by key."""
    async with sessions() as session:
        found = await session.execute(select(Step.key, Step.state).where(Step.reminder_id == reminder_id))
        return {row.key: str(row.state) for row in found}


async def change_bill(sessions: SessionFactory, bill_id: uuid.UUID, **values: Any) -> None:
    """As an officer's decision changes it."""
    async with sessions() as session, session.begin():
        await session.execute(update(Bill).where(Bill.id == bill_id).values(**values))


async def apply_for_deferral(sessions: SessionFactory, bill: Bill, status: str = "submitted") -> uuid.UUID:
    """An application of this status; an approved one runs to the last lawful day."""
    application = DeferralApplication(
        id=uuid.uuid4(),
        number=f"YQ{uuid.uuid4().hex[:12]}",
        taxpayer_id=bill.taxpayer_id,
        bill_id=bill.id,
        status=status,
        reason="cash_shortage",
        reason_text="资金紧张",
        tax_amount=bill.principal,
        months=2,
        requested_until=bill.due_date + timedelta(days=50),
        cash=Decimal(0),
        wages_payable=Decimal(0),
        social_insurance=Decimal(0),
        approved_until=bill.due_date + timedelta(days=50) if status == "approved" else None,
    )
    async with sessions() as session, session.begin():
        session.add(application)
    return application.id


async def conversation_of(sessions: SessionFactory, who: uuid.UUID | None, **values: Any) -> uuid.UUID:
    """A chat of this taxpayer."""
    talk = Conversation(id=uuid.uuid4(), **{"channel": "web", "taxpayer_id": who} | values)
    async with sessions() as session, session.begin():
        session.add(talk)
    return talk.id


async def alarms(sessions: SessionFactory) -> list[str]:
    """The jobs that wait, as ``task key``."""
    async with sessions() as session:
        found = await session.execute(
            text("select task_name, queueing_lock from procrastinate_jobs where status = 'todo' order by id")
        )
        return [f"{row.task_name} {row.queueing_lock}" for row in found]


async def forget_alarms(sessions: SessionFactory) -> None:
    """As if all jobs had been done."""
    async with sessions() as session, session.begin():
        await session.execute(text("delete from procrastinate_jobs"))
