"""What tests of the closed loop ask of the store: alarms, texts, words said, the trail."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update

from outreach.templates import seed_templates
from store.engine import SessionFactory
from store.models import AuditEvent, Contact, ContactExclusion, Conversation, OutboxSms, Promise
from store.outreach_models import OutreachEvent, Reminder
from tests.chat.database import CIPHER


@dataclass(frozen=True, slots=True)
class Alarm:
    """A job that waits; ``wait``: how long from now on, ``None``: at once."""

    task: str
    key: str
    wait: timedelta | None


async def alarms(sessions: SessionFactory, task: str) -> list[Alarm]:
    async with sessions() as session:
        rows = await session.execute(
            text(
                "select task_name, queueing_lock, scheduled_at - clock_timestamp() as wait from procrastinate_jobs"
                " where status = 'todo' and task_name = :task order by id"
            ),
            {"task": task},
        )
        return [Alarm(row.task_name, row.queueing_lock, row.wait) for row in rows]


async def silence(sessions: SessionFactory) -> None:
    """All alarms have rung."""
    async with sessions() as session, session.begin():
        await session.execute(text("delete from procrastinate_jobs"))


async def words(sessions: SessionFactory, taxpayer_id: uuid.UUID) -> list[dict[str, Any]]:
    """What was said beside the steps."""
    async with sessions() as session:
        found = await session.scalars(
            select(OutreachEvent.detail)
            .join(Reminder, Reminder.id == OutreachEvent.reminder_id)
            .where(Reminder.taxpayer_id == taxpayer_id, OutreachEvent.kind == "word")
            .order_by(OutreachEvent.id)
        )
        return list(found)


async def texts(sessions: SessionFactory) -> list[str]:
    async with sessions() as session:
        found = await session.scalars(select(OutboxSms).order_by(OutboxSms.id))
        return [CIPHER.decrypt(sms.body_enc, "outbox_sms.body") for sms in found]


async def trail(sessions: SessionFactory, action: str) -> list[tuple[str, str]]:
    """Who did it to what."""
    async with sessions() as session:
        found = await session.execute(
            select(AuditEvent.actor, AuditEvent.subject)
            .where(AuditEvent.action == action)
            .order_by(AuditEvent.id)
        )
        return [(actor, subject) for actor, subject in found.all()]


async def prepared(sessions: SessionFactory) -> None:
    """The templates every installation begins with."""
    async with sessions() as session, session.begin():
        await seed_templates(session)


async def talk(
    sessions: SessionFactory, taxpayer_id: uuid.UUID | None = None, *, channel: str = "phone", **more: Any
) -> uuid.UUID:
    made = Conversation(id=uuid.uuid4(), channel=channel, taxpayer_id=taxpayer_id, **more)
    async with sessions() as session, session.begin():
        session.add(made)
    return made.id


async def promise(
    sessions: SessionFactory, taxpayer_id: uuid.UUID, on: date, *, bill_id: uuid.UUID | None = None
) -> uuid.UUID:
    conversation_id = await talk(sessions, taxpayer_id)
    made = Promise(
        id=uuid.uuid4(),
        taxpayer_id=taxpayer_id,
        conversation_id=conversation_id,
        promised_on=on,
        bill_id=bill_id,
    )
    async with sessions() as session, session.begin():
        session.add(made)
    return made.id


async def notified(sessions: SessionFactory, reminder_id: uuid.UUID, at: datetime) -> None:
    async with sessions() as session, session.begin():
        await session.execute(update(Reminder).where(Reminder.id == reminder_id).values(notified_at=at))


async def opt_out(sessions: SessionFactory, taxpayer_id: uuid.UUID, kind: str = "opt_out") -> None:
    conversation_id = await talk(sessions, taxpayer_id)
    async with sessions() as session, session.begin():
        session.add(ContactExclusion(kind=kind, conversation_id=conversation_id, taxpayer_id=taxpayer_id))


async def contact_of(sessions: SessionFactory, taxpayer_id: uuid.UUID) -> Contact:
    async with sessions() as session:
        found = await session.scalars(select(Contact).where(Contact.taxpayer_id == taxpayer_id))
        return found.one()
