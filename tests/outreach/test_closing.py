"""Thanks: once, to those who had been reminded, at a decent hour, without a word about amounts."""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from outreach.clock import SHANGHAI, SetClock
from outreach.closing import Thanked, thank
from outreach.facts import history_of
from outreach.switches import release, stop_all
from store.engine import SessionFactory
from store.models import Message
from store.outreach_models import Campaign, CampaignStatus, Reminder
from tests.chat.database import CIPHER
from tests.outreach import loop
from tests.outreach.makers import (
    OPEN,
    Case,
    make_bill,
    make_campaign,
    make_case,
    make_reminder,
    pay,
    set_status,
)

pytestmark = pytest.mark.unit
NIGHT = datetime(2026, 11, 20, 23, 30, tzinfo=SHANGHAI)
"""A Friday."""


async def paid_case(sessions: SessionFactory, *, notified: bool = True) -> tuple[Campaign, Case]:
    await loop.prepared(sessions)
    campaign = await make_campaign(sessions)
    case = await make_case(sessions, campaign)
    if notified:
        await loop.notified(sessions, case.reminder_id, OPEN - timedelta(days=1))
    await pay(sessions, case.bill_id)
    return campaign, case


async def thanks(sessions: SessionFactory, reminder_id: uuid.UUID, at: datetime = OPEN) -> Thanked:
    return await thank(sessions, CIPHER, SetClock(at), reminder_id)


async def test_whoever_was_reminded_and_pays_is_thanked_once(sessions: SessionFactory) -> None:
    _, case = await paid_case(sessions)
    assert [alarm.key for alarm in await loop.alarms(sessions, "outreach.thank")] == [
        f"thank:{case.reminder_id}"
    ]
    assert await thanks(sessions, case.reminder_id) is Thanked.SAID
    assert await thanks(sessions, case.reminder_id) is Thanked.NOT
    assert [word["template"] for word in await loop.words(sessions, case.taxpayer_id)] == ["thank_you"]
    sent = await loop.texts(sessions)
    assert len(sent) == 1 and not re.search(r"\d元|税款|欠|增值", sent[0]) and "谢谢" in sent[0]


async def test_two_jobs_at_once_thank_once(sessions: SessionFactory) -> None:
    _, case = await paid_case(sessions)
    done = await asyncio.gather(*(thanks(sessions, case.reminder_id) for _ in range(5)))
    assert sorted(done) == [*[Thanked.NOT] * 4, Thanked.SAID]
    assert len(await loop.texts(sessions)) == 1


async def test_one_word_for_all_that_was_paid_in_one_go(sessions: SessionFactory) -> None:
    campaign, case = await paid_case(sessions)
    other_due = OPEN.date() + timedelta(days=40)
    bill = await make_bill(sessions, case.taxpayer_id, due=other_due)
    other = await make_reminder(sessions, campaign, case.taxpayer_id, [bill.id], due=other_due)
    await loop.notified(sessions, other.id, OPEN)
    await pay(sessions, bill.id)
    done = await asyncio.gather(thanks(sessions, case.reminder_id), thanks(sessions, other.id))
    assert sorted(done) == [Thanked.NOT, Thanked.SAID]
    assert len(await loop.texts(sessions)) == 1


async def test_whoever_never_heard_of_it_is_not_thanked(sessions: SessionFactory) -> None:
    _, case = await paid_case(sessions, notified=False)
    assert await thanks(sessions, case.reminder_id) is Thanked.NOT
    assert await loop.texts(sessions) == []


async def test_at_night_it_waits_for_the_hours_of_messages(sessions: SessionFactory) -> None:
    _, case = await paid_case(sessions)
    await loop.silence(sessions)
    assert await thanks(sessions, case.reminder_id, NIGHT) is Thanked.LATER
    (alarm,) = await loop.alarms(sessions, "outreach.thank")
    monday = datetime(2026, 11, 23, 9, 0, tzinfo=SHANGHAI)
    assert alarm.wait is not None and abs(alarm.wait - (monday - NIGHT)) < timedelta(minutes=5)
    assert await loop.texts(sessions) == []
    assert await thanks(sessions, case.reminder_id, monday) is Thanked.SAID


async def test_somebody_in_distress_is_left_alone(sessions: SessionFactory) -> None:
    _, case = await paid_case(sessions)
    await loop.talk(sessions, case.taxpayer_id, collection_stopped=True)
    assert await thanks(sessions, case.reminder_id) is Thanked.NOT
    assert await loop.texts(sessions) == []


async def test_while_everything_is_stopped_nothing_is_said(sessions: SessionFactory) -> None:
    campaign, case = await paid_case(sessions)
    async with sessions() as session, session.begin():
        await stop_all(session, "cli", "演练")
    assert await thanks(sessions, case.reminder_id) is Thanked.LATER
    async with sessions() as session, session.begin():
        await release(session, "cli")
    await set_status(sessions, campaign.id, CampaignStatus.PAUSED)
    assert await thanks(sessions, case.reminder_id) is Thanked.LATER
    assert await loop.texts(sessions) == []
    await set_status(sessions, campaign.id, CampaignStatus.RUNNING)
    assert await thanks(sessions, case.reminder_id) is Thanked.SAID


async def test_long_after_the_payment_nobody_is_thanked(sessions: SessionFactory) -> None:
    _, case = await paid_case(sessions)
    async with sessions() as session, session.begin():
        await session.execute(
            update(Reminder)
            .where(Reminder.id == case.reminder_id)
            .values(closed_at=Reminder.closed_at - timedelta(days=11))
        )
    assert await thanks(sessions, case.reminder_id) is Thanked.NOT


async def test_an_open_window_is_told_there(sessions: SessionFactory) -> None:
    _, case = await paid_case(sessions)
    window = await loop.talk(sessions, case.taxpayer_id, channel="web", last_message_at=OPEN)
    assert await thanks(sessions, case.reminder_id) is Thanked.SAID
    assert await loop.texts(sessions) == []
    async with sessions() as session:
        shown = await session.scalars(select(Message.text).where(Message.conversation_id == window))
    assert ["谢谢" in text for text in shown] == [True]
    assert [word["channel"] for word in await loop.words(sessions, case.taxpayer_id)] == ["inbox"]


async def test_a_text_of_thanks_counts_as_a_message_of_the_day(sessions: SessionFactory) -> None:
    _, case = await paid_case(sessions)
    await thanks(sessions, case.reminder_id)
    async with sessions() as session:
        history = await history_of(session, case.taxpayer_id, None, OPEN)
    assert history.messages == (OPEN,)
