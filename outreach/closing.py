"""The loop closes: whoever was reminded and has paid is thanked, once, without a word about amounts."""

from __future__ import annotations

import uuid
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from outreach.alarms import set_alarm
from outreach.ports import Clock
from outreach.switches import go_ahead
from outreach.word import Wait, leave_word
from store.crypto import FieldCipher
from store.engine import SessionFactory
from store.outreach_models import Reminder

TASK = "outreach.thank"
TEMPLATE = "thank_you"
GOOD_FOR = timedelta(days=10)
"""How long after the payment thanks still make sense: longer than the longest holiday."""


class Thanked(StrEnum):
    """What became of the thanks."""

    SAID = "said"
    LATER = "later"
    NOT = "not"
    """There is nothing to thank for, it was done before, or they are left alone."""


async def thank(
    sessions: SessionFactory, cipher: FieldCipher, clock: Clock, reminder_id: uuid.UUID
) -> Thanked:
    """Thank for the payment that closed a reminder, if it had come to their notice before.

    One word covers all reminders of the taxpayer that payment has closed: who pays three taxes in one go is thanked once.
    At night, on days off and beyond the day's messages it waits.
    """
    async with sessions() as session, session.begin():
        await go_ahead(session)
        taxpayer_id = await session.scalar(select(Reminder.taxpayer_id).where(Reminder.id == reminder_id))
        paid = await _paid(session, taxpayer_id) if taxpayer_id is not None else []
        mine = next((each for each in paid if each.id == reminder_id), None)
        if mine is None:
            return Thanked.NOT
        now = await clock.now(session)
        left = await leave_word(session, cipher, mine, TEMPLATE, now)
        if isinstance(left, Wait):
            key = f"thank:{reminder_id}"
            await set_alarm(session, TASK, key, {"reminder_id": reminder_id}, left.until - now)
            return Thanked.LATER
        if left is None:
            return Thanked.NOT
        for each in paid:
            each.thanked_at = now
    return Thanked.SAID


async def _paid(session: AsyncSession, taxpayer_id: uuid.UUID) -> list[Reminder]:
    """The taxpayer's reminders that payment closed lately, after they had come to notice, not thanked for yet; locked."""
    found = await session.scalars(
        select(Reminder)
        .where(
            Reminder.taxpayer_id == taxpayer_id,
            Reminder.closed_reason == "paid",
            Reminder.thanked_at.is_(None),
            Reminder.closed_at > func.clock_timestamp() - GOOD_FOR,
            or_(Reminder.notified_at.is_not(None), Reminder.reached_at.is_not(None)),
        )
        .order_by(Reminder.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(found.all())
