"""Tasks for officers: what they say, when they are due, that they are told to nobody, and when they vanish."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from handoff.casework import Settlement, settle
from handoff.permissions import Role
from handoff.story.gather import story
from handoff.worklist import case_file, work_list
from outreach.channels.officer import Contacts, open_task, statement
from outreach.clock import SHANGHAI
from outreach.notices import notices_thread
from outreach.plan import Channel, Tier
from outreach.templates import notice_for
from outreach.terms import Receipt
from store.engine import SessionFactory
from store.handoff_models import Staff
from store.models import Bill, BillStatus, Case, CaseKind, Conversation, DeferralApplication
from store.outreach_models import Attempt, AttemptState, Reminder
from tests.chat.database import CIPHER
from tests.outreach import loop
from tests.outreach.makers import DUE, OPEN, make_bill, make_campaign, make_case, make_reminder, pay
from tests.outreach.makers import Case as Reminded

pytestmark = pytest.mark.unit
REASONS = [
    {"indicator": "overdue_before", "value": "3", "points": 30, "words": "两年内逾期3次"},
    {"indicator": "first_time", "value": "否", "points": 0, "words": "不是首次"},
    {"indicator": "unpaid", "value": "x", "points": 10, "words": "金额较大"},
    {"indicator": "promises_broken", "value": "1", "points": 20, "words": "一次约定未兑现"},
    {"indicator": "unanswered", "value": "2", "points": 5, "words": "电话两次没有接听"},
]


async def opened(
    sessions: SessionFactory, case: Reminded, *, tier: str = "high", now: datetime = OPEN
) -> Case:
    async with sessions() as session, session.begin():
        await session.execute(
            update(Reminder).where(Reminder.id == case.reminder_id).values(tier=tier, reasons=REASONS)
        )
    async with sessions() as session, session.begin():
        reminder = await session.get_one(Reminder, case.reminder_id)
        assert (
            await open_task(session, reminder, await notice_for(session, "visit", None), now)
            is Receipt.DELIVERED
        )
    async with sessions() as session:
        return (await session.scalars(select(Case).where(Case.taxpayer_id == case.taxpayer_id))).one()


@pytest.fixture
async def reminded(sessions: SessionFactory) -> Reminded:
    await loop.prepared(sessions)
    return await make_case(sessions, await make_campaign(sessions))


async def officer(sessions: SessionFactory) -> Staff:
    made = Staff(
        id=uuid.uuid4(), login="he", name="何清", roles=[Role.OFFICER.value], skills=[], password_hash="x"
    )
    async with sessions() as session, session.begin():
        session.add(made)
    return made


def test_a_statement_says_what_to_do_why_and_what_was_tried() -> None:
    words = statement(
        Tier.HIGH,
        ("两年内逾期3次", "一次约定未兑现"),
        Contacts(2, False, 1, datetime(2026, 11, 20, 2, tzinfo=UTC)),
    )
    assert words == (
        "请在3个工作日内上门沟通，了解情况，讲清办法。风险较高：两年内逾期3次；一次约定未兑现。"
        "此前联系：电话2次（没有联系上本人），消息1条，最近一次在11月20日。"
    )
    assert statement(Tier.LOW, (), Contacts()) == (
        "请在3个工作日内联系纳税人，了解情况，讲清办法。风险较低。此前没有联系过。"
    )


async def test_a_task_names_the_heaviest_reasons_and_is_due_in_three_working_days(
    sessions: SessionFactory, reminded: Reminded
) -> None:
    friday = datetime(2026, 11, 27, 10, tzinfo=SHANGHAI)
    case = await opened(sessions, reminded, now=friday)
    assert case.kind == CaseKind.COLLECTION and case.number.startswith("GJ2026-")
    assert case.due_at == datetime(2026, 12, 2, 18, tzinfo=SHANGHAI)
    assert "两年内逾期3次；一次约定未兑现；金额较大。" in case.statement and "没有接听" not in case.statement
    assert "1000" not in case.statement
    async with sessions() as session, session.begin():
        thread = await session.get_one(Conversation, case.conversation_id)
        assert (thread.channel, thread.external_id) == ("notices", str(reminded.taxpayer_id))
        assert await notices_thread(session, reminded.taxpayer_id) == thread.id
    assert await loop.trail(sessions, "collection.opened") == [("system", f"case:{case.number}")]


async def test_it_counts_what_was_tried_in_this_reminder(
    sessions: SessionFactory, reminded: Reminded
) -> None:
    async with sessions() as session, session.begin():
        for number, (channel, outcome) in enumerate(
            [
                (Channel.CALL, "no_answer"),
                (Channel.CALL, "busy"),
                (Channel.SMS, "delivered"),
                (Channel.SMS, "failed"),
            ],
            1,
        ):
            session.add(
                Attempt(
                    step_id=reminded.step_id,
                    number=number,
                    channel=channel,
                    state=AttemptState.ENDED,
                    token=number,
                    leased_by="test",
                    leased_until=OPEN,
                    intent_at=OPEN - timedelta(days=3),
                    ended_at=OPEN - timedelta(days=3),
                    outcome=outcome,
                )
            )
    case = await opened(sessions, reminded)
    assert "电话2次（没有联系上本人），消息1条，最近一次在11月20日" in case.statement


async def test_one_task_a_reminder(sessions: SessionFactory, reminded: Reminded) -> None:
    first = await opened(sessions, reminded)
    again = await opened(sessions, reminded)
    assert first.id == again.id


async def test_officers_find_it_and_settle_it_without_a_word_to_the_taxpayer(
    sessions: SessionFactory, reminded: Reminded
) -> None:
    case, by = await opened(sessions, reminded), await officer(sessions)
    async with sessions() as session, session.begin():
        found = await work_list(session, by, kinds=(CaseKind.COLLECTION,))
        assert [row.id for row in found.rows] == [case.id] and found.rows[0].name
        assert (await case_file(session, by, case.id, OPEN.date())).phone_mask is None
        done = await settle(
            session, by, case.id, Settlement("已上门沟通，约定月底前缴清"), cipher=CIPHER, now=OPEN
        )
    assert done.reached is None and done.status == "done"
    assert await loop.texts(sessions) == []
    async with sessions() as session:
        told = await story(session, reminded.taxpayer_id)
    assert any("登记跟进任务" in item.text and item.who == "系统" for item in told.items)


async def status(sessions: SessionFactory, case_id: uuid.UUID) -> tuple[str, str | None, uuid.UUID | None]:
    async with sessions() as session:
        case = await session.get_one(Case, case_id)
    return case.status, case.result, case.closed_by


async def test_it_vanishes_when_the_tax_is_paid(sessions: SessionFactory, reminded: Reminded) -> None:
    case = await opened(sessions, reminded)
    await pay(sessions, reminded.bill_id, "400.00")
    assert (await status(sessions, case.id))[0] == "open"
    await pay(sessions, reminded.bill_id, "600.00")
    assert await status(sessions, case.id) == ("dropped", "税款已缴清，系统撤下。", None)


async def test_also_when_the_reminder_had_run_its_course(
    sessions: SessionFactory, reminded: Reminded
) -> None:
    case = await opened(sessions, reminded)
    async with sessions() as session, session.begin():
        await session.execute(
            update(Reminder)
            .where(Reminder.id == reminded.reminder_id)
            .values(active=False, closed_reason="finished", closed_at=OPEN)
        )
    await pay(sessions, reminded.bill_id)
    assert (await status(sessions, case.id))[0] == "dropped"


@pytest.mark.parametrize(("state", "words"), [("disputed", "有异议"), ("withdrawn", "已撤销")])
async def test_and_when_the_bill_is_claimed_no_more(
    sessions: SessionFactory, reminded: Reminded, state: str, words: str
) -> None:
    case = await opened(sessions, reminded)
    async with sessions() as session, session.begin():
        await session.execute(
            update(Bill).where(Bill.id == reminded.bill_id).values(status=BillStatus(state))
        )
    assert (await status(sessions, case.id))[0] == "dropped"
    assert words in ((await status(sessions, case.id))[1] or "")


async def test_and_when_deferral_is_approved(sessions: SessionFactory, reminded: Reminded) -> None:
    case = await opened(sessions, reminded)
    async with sessions() as session, session.begin():
        session.add(
            DeferralApplication(
                number="YQ2026-000888",
                taxpayer_id=reminded.taxpayer_id,
                bill_id=reminded.bill_id,
                status="approved",
                reason="cash_shortage",
                reason_text="货款没收回来",
                tax_amount=Decimal("1000.00"),
                months=2,
                requested_until=date(2027, 2, 15),
                approved_until=date(2027, 2, 15),
                cash=Decimal(0),
                wages_payable=Decimal(0),
                social_insurance=Decimal(0),
            )
        )
    assert "延期" in ((await status(sessions, case.id))[1] or "")


async def test_but_not_for_what_others_pay_nor_for_another_day(
    sessions: SessionFactory, reminded: Reminded
) -> None:
    case = await opened(sessions, reminded)
    campaign = await make_campaign(sessions)
    later = DUE + timedelta(days=30)
    bill = await make_bill(sessions, reminded.taxpayer_id, due=later)
    await make_reminder(sessions, campaign, reminded.taxpayer_id, [bill.id], due=later)
    stranger = await make_case(sessions, campaign)
    await pay(sessions, bill.id)
    await pay(sessions, stranger.bill_id)
    assert (await status(sessions, case.id))[0] == "open"
