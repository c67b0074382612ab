"""One way out for every notice: queued, shown or kept, each once, and all of it in one thread."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from outreach.deliver import deliver
from outreach.notices import CHANNEL
from outreach.plan import Channel
from outreach.terms import Notice, Receipt
from store import calls
from store.engine import SessionFactory
from store.models import Case as Task
from store.models import Contact, ContactExclusion, Conversation, Message, OutboxSms
from store.outreach_models import ContactPause, Reminder, Step
from store.texts import SMS_BODY, SMS_PHONE
from tests.chat.database import CIPHER
from tests.outreach.makers import OPEN, Case, make_campaign, make_case, number_of, plan_of
from tests.outreach.test_outbox import attempt_of

pytestmark = pytest.mark.unit
WORDS, ABOUT = "您有一项税费快到缴款期限了。", "您有一条办税提醒。"
FIRST, SECOND = "19912340001", "19912340002"


@pytest_asyncio.fixture
async def case(sessions: SessionFactory) -> Case:
    campaign = await make_campaign(sessions, plan_of())
    return await make_case(sessions, campaign, "message", phones=[FIRST, SECOND])


async def say(
    sessions: SessionFactory, case: Case, channel: Channel, attempt: uuid.UUID | None = None, **how: Any
) -> Receipt:
    async with sessions() as session, session.begin():
        reminder = await session.get_one(Reminder, case.reminder_id)
        notice = Notice(WORDS, ABOUT, attempt)
        return await deliver(session, CIPHER, channel, reminder, notice, OPEN, **how)


async def thread(sessions: SessionFactory, case: Case) -> list[Message]:
    async with sessions() as session:
        found = await session.scalars(
            select(Message)
            .join(Conversation, Conversation.id == Message.conversation_id)
            .where(Conversation.channel == CHANNEL, Conversation.external_id == str(case.taxpayer_id))
            .order_by(Message.id)
        )
        return list(found)


async def outbox(sessions: SessionFactory) -> list[OutboxSms]:
    async with sessions() as session:
        return list((await session.scalars(select(OutboxSms).order_by(OutboxSms.id))).all())


async def test_a_text_message_is_queued_once_for_the_primary_number(
    sessions: SessionFactory, case: Case
) -> None:
    attempt = await attempt_of(sessions, case)
    assert await say(sessions, case, Channel.SMS, attempt) is Receipt.QUEUED
    assert await say(sessions, case, Channel.SMS, attempt) is Receipt.QUEUED
    (sms,) = await outbox(sessions)
    async with sessions() as session:
        step = await session.get_one(Step, case.step_id)
    assert CIPHER.decrypt(sms.phone_enc, SMS_PHONE) == FIRST
    assert CIPHER.decrypt(sms.body_enc, SMS_BODY) == "【税铃】" + ABOUT
    assert (sms.attempt_id, sms.taxpayer_id, sms.stale_at) == (attempt, case.taxpayer_id, step.stale_at)
    (noted,) = await thread(sessions, case)
    assert (noted.text, noted.sender) == (ABOUT, "system")
    assert noted.payload["notice"]["sms"] == sms.id


async def test_a_text_may_go_to_another_registered_number_but_to_nobody_elses(
    sessions: SessionFactory, case: Case
) -> None:
    other = await make_case(sessions, await make_campaign(sessions), "message", phones=[number_of(77)])
    async with sessions() as session:
        theirs = await session.scalar(select(Contact.id).where(Contact.taxpayer_id == other.taxpayer_id))
        second = await session.scalar(
            select(Contact.id).where(Contact.taxpayer_id == case.taxpayer_id, ~Contact.is_primary)
        )
    assert await say(sessions, case, Channel.SMS, contact_id=second) is Receipt.QUEUED
    assert await say(sessions, case, Channel.SMS, contact_id=theirs) is Receipt.UNREACHABLE
    (sms,) = await outbox(sessions)
    assert CIPHER.decrypt(sms.phone_enc, SMS_PHONE) == SECOND
    assert sms.stale_at == OPEN + timedelta(days=1)


async def test_who_wants_no_texts_or_is_somebody_else_gets_none_at_that_number_only(
    sessions: SessionFactory, case: Case
) -> None:
    async with sessions() as session, session.begin():
        call = await calls.plan(
            session,
            CIPHER,
            phone=FIRST,
            purpose="reminder",
            carrier="standin",
            taxpayer_id=case.taxpayer_id,
        )
        session.add(ContactExclusion(kind="wrong_person", conversation_id=call.conversation_id))
        second = await session.scalar(
            select(Contact.id).where(Contact.taxpayer_id == case.taxpayer_id, ~Contact.is_primary)
        )
    assert await say(sessions, case, Channel.SMS) is Receipt.UNREACHABLE
    assert await thread(sessions, case) == []
    assert await say(sessions, case, Channel.SMS, contact_id=second) is Receipt.QUEUED
    async with sessions() as session, session.begin():
        pause = ContactPause(
            phone_hash=CIPHER.lookup_hash("phone", SECOND),
            until=OPEN + timedelta(hours=1),
            reason="退订",
            by="taxpayer",
        )
        session.add(pause)
    assert await say(sessions, case, Channel.SMS, contact_id=second) is Receipt.UNREACHABLE
    async with sessions() as session, session.begin():
        await session.execute(update(ContactPause).where(ContactPause.id == pause.id).values(until=OPEN))
    assert await say(sessions, case, Channel.SMS, contact_id=second) is Receipt.QUEUED


async def test_every_channel_writes_into_the_same_thread(sessions: SessionFactory, case: Case) -> None:
    await say(sessions, case, Channel.INBOX)
    await say(sessions, case, Channel.SMS)
    noted = await thread(sessions, case)
    assert [each.payload["notice"]["channel"] for each in noted] == ["inbox", "sms"]
    assert len({each.conversation_id for each in noted}) == 1
    assert await say(sessions, case, Channel.WECHAT) is Receipt.UNREACHABLE
    assert len(await thread(sessions, case)) == 2, "what reached nobody was not said"


async def test_an_officer_gets_a_task_and_the_taxpayer_is_told_in_the_inbox(
    sessions: SessionFactory, case: Case
) -> None:
    assert await say(sessions, case, Channel.OFFICER) is Receipt.DELIVERED
    (noted,) = await thread(sessions, case)
    assert (noted.text, noted.payload["notice"]["inbox"]) == (WORDS, "waiting")
    async with sessions() as session:
        task = (await session.scalars(select(Task))).one()
    assert (task.kind, task.taxpayer_id) == ("collection", case.taxpayer_id)


async def test_a_call_is_not_delivered(sessions: SessionFactory, case: Case) -> None:
    with pytest.raises(ValueError, match="dialled"):
        await say(sessions, case, Channel.CALL)
