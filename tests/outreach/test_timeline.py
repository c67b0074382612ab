"""One time line across all channels: everything once, with what came of it, and nothing in clear."""

from __future__ import annotations

import uuid
from datetime import date
from decimal import Decimal

import pytest

from outreach.clock import SetClock
from outreach.deliver import deliver
from outreach.outbox import SmsSender
from outreach.plan import Channel
from outreach.terms import Notice
from outreach.timeline import Kind, timeline
from store import calls
from store.engine import SessionFactory
from store.models import (
    Case,
    CaseKind,
    DeferralApplication,
    Message,
    OutboxSms,
    Promise,
)
from store.outreach_models import Reminder
from store.texts import SMS_BODY, SMS_PHONE
from tests.chat.database import CIPHER
from tests.handoff.desk import conversation
from tests.outreach.makers import OPEN, make_campaign, make_case, plan_of
from tests.outreach.test_outbox import FakeCarrier, attempt_of

pytestmark = pytest.mark.unit
NUMBER = "19912345678"


async def test_all_of_it_once_newest_first_and_nothing_in_clear(sessions: SessionFactory) -> None:
    case = await make_case(sessions, await make_campaign(sessions, plan_of()), "message", phones=[NUMBER])
    other = await make_case(sessions, await make_campaign(sessions, plan_of()), "message")
    who = case.taxpayer_id
    window = await conversation(sessions, who)

    def text(purpose: str, body: str) -> OutboxSms:
        return OutboxSms(
            purpose=purpose,
            phone_enc=CIPHER.encrypt(NUMBER, SMS_PHONE),
            phone_mask="199****5678",
            body_enc=CIPHER.encrypt(body, SMS_BODY),
            taxpayer_id=who,
        )

    async with sessions() as session, session.begin():
        session.add(Message(conversation_id=window, sender="taxpayer", text="我想申请延期"))
    async with sessions() as session, session.begin():
        session.add_all([text("verify", "验证码是 271828"), text("notice", "有结果了")])
    async with sessions() as session, session.begin():
        call = await calls.plan(
            session, CIPHER, phone=NUMBER, purpose="reminder", carrier="standin", taxpayer_id=who
        )
        await calls.finish(session, call.id, "no_answer", now=OPEN)
    for reminded, attempt in ((case, await attempt_of(sessions, case)), (other, None), (case, None)):
        async with sessions() as session, session.begin():
            reminder = await session.get_one(Reminder, reminded.reminder_id)
            await deliver(
                session, CIPHER, Channel.SMS, reminder, Notice("站内", "请登录查看。", attempt), OPEN
            )
    async with sessions() as session, session.begin():
        reminder = await session.get_one(Reminder, case.reminder_id)
        await deliver(session, CIPHER, Channel.INBOX, reminder, Notice("快到期了。", "短信"), OPEN)
    async with sessions() as session, session.begin():
        session.add(Promise(taxpayer_id=who, conversation_id=window, promised_on=date(2026, 12, 1)))
        session.add(
            Case(
                number="YY2026-1",
                kind=CaseKind.CALLBACK,
                conversation_id=window,
                taxpayer_id=who,
                statement="请回电",
            )
        )
        session.add(
            DeferralApplication(
                id=uuid.uuid4(),
                number="YQ2026-1",
                taxpayer_id=who,
                bill_id=case.bill_id,
                reason="cash_shortage",
                reason_text="回款慢",
                tax_amount=Decimal("1000.00"),
                months=2,
                requested_until=date(2027, 2, 15),
                cash=Decimal("1.00"),
                wages_payable=Decimal("1.00"),
                social_insurance=Decimal("1.00"),
            )
        )
    await SmsSender(sessions, CIPHER, SetClock(OPEN), FakeCarrier()).step()
    async with sessions() as session:
        entries = await timeline(session, who)
    assert sorted((entry.kind, entry.channel, entry.words, entry.state) for entry in entries) == sorted(
        [
            (Kind.NOTICE, "sms", "请登录查看。", "已发出"),
            (Kind.NOTICE, "sms", "请登录查看。", "已发出"),
            (Kind.NOTICE, "inbox", "快到期了。", "已显示"),
            (Kind.TEXT, "sms", "办理结果的短信通知，发给 199****5678", "已发出"),
            (Kind.TALK, "web", "网上对话", "对方说了1句"),
            (Kind.CALL, "phone", "电话，打给 199****5678", "无人接听"),
            (Kind.PROMISE, "", "答应12月1日前缴", "未到期"),
            (Kind.CASE, "", "回电 YY2026-1", "办理中"),
            (Kind.DEFERRAL, "", "延期申请 YQ2026-1", "草稿"),
        ]
    )
    assert [entry.at for entry in entries] == sorted((entry.at for entry in entries), reverse=True)
    assert not any(secret in repr(entries) for secret in (NUMBER, "271828", "1000"))
