"""What happens to a bill happens to its reminders in the same transaction, whoever did it."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.bill_changes import Finding, FoundPayment, add_payment, apply_finding, lock_bill
from store.engine import SessionFactory
from store.importer import import_file
from store.models import Bill, BillStatus, DeferralApplication, Payment
from store.outreach_models import Campaign, OutreachEvent, Reminder, Step
from tests.chat.database import CIPHER
from tests.outreach.enrolling import (
    DUE,
    TODAY,
    alarms,
    apply_for_deferral,
    change_bill,
    enrolled,
    forget_alarms,
    reminders_of,
    started,
    steps_of,
)
from tests.outreach.makers import make_bill, make_campaign, make_cases, make_taxpayer, pay

pytestmark = pytest.mark.unit


class Reminded:
    """A taxpayer reminded of some bills."""

    def __init__(self, sessions: SessionFactory, campaign: Campaign, bills: list[Bill]) -> None:
        self.sessions = sessions
        self.campaign = campaign
        self.bills = bills

    @property
    def bill(self) -> Bill:
        return self.bills[0]

    async def reminder(self) -> Reminder:
        (found,) = await reminders_of(self.sessions, self.bill.taxpayer_id)
        return found

    async def is_untouched(self) -> bool:
        found = await self.reminder()
        return found.active and set((await steps_of(self.sessions, found.id)).values()) == {"planned"}

    async def closed(self) -> str | None:
        """Why, if everything that was planned is cancelled with it."""
        found = await self.reminder()
        states = set((await steps_of(self.sessions, found.id)).values())
        assert (found.active, states) == (False, {"cancelled"})
        async with self.sessions() as session:
            told = await session.scalars(select(OutreachEvent).where(OutreachEvent.reminder_id == found.id))
            assert [(each.kind, each.detail) for each in told] == [
                ("closed", {"reason": found.closed_reason})
            ]
        return found.closed_reason


async def remind(sessions: SessionFactory, bills: int = 1) -> Reminded:
    who = await make_taxpayer(sessions)
    made = [await make_bill(sessions, who.id, due=DUE) for _ in range(bills)]
    campaign = await started(sessions, f"活动{uuid.uuid4().hex[:6]}")
    assert (await enrolled(sessions, campaign)).reminders == 1
    await forget_alarms(sessions)
    return Reminded(sessions, campaign, made)


async def test_a_payment_in_full_closes_and_thanks(sessions: SessionFactory) -> None:
    case = await remind(sessions)
    await pay(sessions, case.bill.id)
    assert await case.closed() == "paid"
    found = await case.reminder()
    assert found.paid_at is not None
    assert await alarms(sessions) == [f"outreach.thank thank:{found.id}"]


async def test_a_payment_in_part_or_of_the_late_fee_leaves_it(sessions: SessionFactory) -> None:
    case = await remind(sessions)
    await pay(sessions, case.bill.id, "999.99")
    async with sessions() as session, session.begin():
        session.add(
            Payment(payment_no="F1", bill_id=case.bill.id, paid_on=TODAY, amount=Decimal(5), kind="late_fee", channel="银行")
        )  # fmt: skip
    assert await case.is_untouched()
    await pay(sessions, case.bill.id, "0.01")
    assert await case.closed() == "paid"


async def test_only_when_the_last_bill_is_paid(sessions: SessionFactory) -> None:
    case = await remind(sessions, bills=3)
    for bill in case.bills[:2]:
        await pay(sessions, bill.id)
        assert await case.is_untouched()
    await pay(sessions, case.bills[2].id)
    assert await case.closed() == "paid"


async def test_a_payment_that_a_case_found_closes_it(sessions: SessionFactory) -> None:
    case = await remind(sessions)
    async with sessions() as session, session.begin():
        bill = await lock_bill(session, case.bill.id, case.bill.taxpayer_id)
        await add_payment(
            session, bill, FoundPayment("PZ001", TODAY, Decimal("1000.00"), "办税服务厅"), TODAY
        )
    assert await case.closed() == "paid"


@pytest.mark.parametrize(
    ("finding", "closed"), [(Finding.WITHDRAWN, "withdrawn"), (Finding.AUTHORITY_FAULT, None)]
)
async def test_what_a_case_finds_of_an_open_bill(
    sessions: SessionFactory, finding: Finding, closed: str | None
) -> None:
    case = await remind(sessions)
    async with sessions() as session, session.begin():
        bill = await lock_bill(session, case.bill.id, case.bill.taxpayer_id)
        await apply_finding(session, bill, finding, uuid.uuid4())
    if closed:
        assert await case.closed() == closed
    else:
        assert await case.is_untouched()


async def test_an_approved_deferral_closes_until_its_own_deadline(sessions: SessionFactory) -> None:
    case = await remind(sessions)
    application = await apply_for_deferral(sessions, case.bill)
    assert await case.is_untouched()
    async with sessions() as session, session.begin():
        await session.execute(
            update(DeferralApplication)
            .where(DeferralApplication.id == application)
            .values(status="approved", approved_until=DUE + timedelta(days=50))
        )
    assert await case.closed() == "deferred"
    assert (await case.reminder()).paid_at is None
    assert await alarms(sessions) == []


@pytest.mark.parametrize("status", ["refused", "withdrawn"])
async def test_a_deferral_that_comes_to_nothing_leaves_it(sessions: SessionFactory, status: str) -> None:
    case = await remind(sessions)
    application = await apply_for_deferral(sessions, case.bill)
    async with sessions() as session, session.begin():
        await session.execute(
            update(DeferralApplication).where(DeferralApplication.id == application).values(status=status)
        )
    assert await case.is_untouched()


async def test_disputed_and_back_asks_for_enrolment(sessions: SessionFactory) -> None:
    case = await remind(sessions)
    await change_bill(sessions, case.bill.id, status=BillStatus.DISPUTED)
    assert (await case.closed(), await alarms(sessions)) == ("disputed", [])
    async with sessions() as session, session.begin():
        bill = await lock_bill(session, case.bill.id, case.bill.taxpayer_id)
        await apply_finding(session, bill, Finding.STANDS, uuid.uuid4())
    assert await alarms(sessions) == [f"outreach.enrol enrol:{case.campaign.id}"]
    assert (await enrolled(sessions, case.campaign)).reopened == 1
    assert await case.is_untouched()


async def test_one_of_two_disputed_leaves_the_other(sessions: SessionFactory) -> None:
    case = await remind(sessions, bills=2)
    await change_bill(sessions, case.bill.id, status=BillStatus.DISPUTED)
    assert await case.is_untouched()
    await pay(sessions, case.bills[1].id)
    assert await case.closed() == "disputed"
    assert (await case.reminder()).paid_at is None


async def test_withdrawn(sessions: SessionFactory) -> None:
    case = await remind(sessions)
    await change_bill(sessions, case.bill.id, status=BillStatus.WITHDRAWN)
    assert (await case.closed(), await alarms(sessions)) == ("withdrawn", [])


async def test_a_new_calendar_moves_it(sessions: SessionFactory) -> None:
    case = await remind(sessions)
    await change_bill(sessions, case.bill.id, nominal_due=DUE - timedelta(days=1))
    assert await case.is_untouched()
    await change_bill(sessions, case.bill.id, due_date=DUE + timedelta(days=2))
    assert await case.closed() == "moved"
    assert await alarms(sessions) == [f"outreach.enrol enrol:{case.campaign.id}"]


async def test_a_higher_principal_or_another_bill_of_theirs_leaves_it(sessions: SessionFactory) -> None:
    case = await remind(sessions)
    other = await make_bill(sessions, case.bill.taxpayer_id, due=DUE)
    await change_bill(sessions, case.bill.id, principal=Decimal("2000.00"))
    await pay(sessions, other.id)
    await change_bill(sessions, other.id, status=BillStatus.SETTLED)
    await pay(sessions, case.bill.id, "1000.00")
    assert await case.is_untouched()


async def _pay(session: AsyncSession, bill: Bill) -> None:
    session.add(
        Payment(payment_no="R1", bill_id=bill.id, paid_on=TODAY, amount=bill.principal, channel="银行")
    )


async def _withdraw(session: AsyncSession, bill: Bill) -> None:
    await session.execute(update(Bill).where(Bill.id == bill.id).values(status=BillStatus.WITHDRAWN))


async def _move(session: AsyncSession, bill: Bill) -> None:
    await session.execute(update(Bill).where(Bill.id == bill.id).values(due_date=DUE + timedelta(days=2)))


@pytest.mark.parametrize("change", [_pay, _withdraw, _move])
async def test_what_is_rolled_back_closes_nothing(
    sessions: SessionFactory, change: Callable[[AsyncSession, Bill], Awaitable[None]]
) -> None:
    case = await remind(sessions)
    async with sessions() as session:
        await change(session, case.bill)
        await session.flush()
        seen = await session.scalar(
            select(Reminder.active).where(Reminder.taxpayer_id == case.bill.taxpayer_id)
        )
        assert seen is False
        assert await case.is_untouched()
        await session.rollback()
    assert await case.is_untouched()
    assert await alarms(sessions) == []


async def test_what_has_gone_out_is_left_and_what_is_leased_is_taken_back(sessions: SessionFactory) -> None:
    case = await remind(sessions)
    found = await case.reminder()
    async with sessions() as session, session.begin():
        for number, (key, state) in enumerate({"early_notice": "leased", "overdue_notice": "intent"}.items()):
            await session.execute(
                text("insert into outreach_attempt (id, step_id, number, state, token, leased_by, leased_until)"
                     " select gen_random_uuid(), id, 1, :state, :token, 'test', now() from outreach_step"
                     " where reminder_id = :reminder and key = :key"),
                {"state": state, "token": number, "reminder": found.id, "key": key},
            )  # fmt: skip
            await session.execute(
                update(Step).where(Step.reminder_id == found.id, Step.key == key).values(state="running")
            )
    await pay(sessions, case.bill.id)
    states = await steps_of(sessions, found.id)
    assert states["overdue_notice"] == "running"
    assert {state for key, state in states.items() if key != "overdue_notice"} == {"cancelled"}
    async with sessions() as session:
        attempts = await session.execute(text("select state, outcome from outreach_attempt order by token"))
        assert [tuple(row) for row in attempts] == [("ended", "cancelled"), ("intent", None)]


async def test_an_import_of_5000_payments_closes_5000_reminders(
    sessions: SessionFactory, tmp_path: Path
) -> None:
    campaign = await make_campaign(sessions)
    cases = await make_cases(sessions, campaign, 5001)
    path = tmp_path / "payments.csv"
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["缴款流水号", "税单号", "缴款日期", "金额", "渠道"])
        for number, case in enumerate(cases[:5000]):
            writer.writerow(
                [f"JK{number}", f"B{case.bill_id.hex}", TODAY.isoformat(), "1000.00", "电子税务局"]
            )
    report = await import_file(path, None, sessions, CIPHER, today=TODAY)
    assert (report.inserted, report.settled) == (5000, 5000)
    async with sessions() as session:
        closed = await session.execute(
            select(Reminder.closed_reason, func.count()).group_by(Reminder.closed_reason)
        )
        assert dict(tuple(row) for row in closed) == {"paid": 5000, None: 1}
        states = await session.execute(select(Step.state, func.count()).group_by(Step.state))
        assert dict(tuple(row) for row in states) == {"cancelled": 5000, "planned": 1}
    assert len([each for each in await alarms(sessions) if each.startswith("outreach.thank")]) == 5000
