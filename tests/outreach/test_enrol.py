"""Enrolment: complete, once, as often as one likes, beside others, and honest about changes that come meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from outreach import enrol as enrolment
from outreach.audience import LeftOut
from outreach.campaigns import pause, stop
from outreach.enrol import Enrolled
from outreach.plan import Tier
from outreach.schedule import plan_steps
from store.engine import SessionFactory
from store.models import Bill, BillStatus, Payment
from store.outreach_models import Campaign, Reminder, ReminderBill, Step
from tests.outreach.enrolling import (
    DUE,
    MORNING,
    STANDARD,
    TODAY,
    alarms,
    apply_for_deferral,
    change_bill,
    enrolled,
    forget_alarms,
    looking_at,
    reminders_of,
    started,
    steps_of,
)
from tests.outreach.makers import make_bill, make_taxpayer, pay

pytestmark = pytest.mark.unit


async def count(sessions: SessionFactory, table: type) -> int:
    async with sessions() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_a_reminder_has_its_bills_its_reasons_and_its_steps(sessions: SessionFactory) -> None:
    who = await make_taxpayer(sessions)
    late = await make_bill(sessions, who.id, due=TODAY - timedelta(days=2))
    bills = {(await make_bill(sessions, who.id, due=DUE)).id for _ in range(3)}
    campaign = await started(sessions)
    made = await enrolled(sessions, campaign)
    first, second = await reminders_of(sessions, who.id)
    assert (first.due, second.due) == (late.due_date, DUE)
    async with sessions() as session:
        found = await session.scalars(
            select(ReminderBill.bill_id).where(ReminderBill.reminder_id == second.id)
        )
        assert set(found) == bills
        steps = (await session.scalars(select(Step).where(Step.reminder_id == second.id))).all()
        head = await session.get_one(Campaign, campaign.id)
    planned = plan_steps(STANDARD, DUE, Tier(second.tier), "成都市", MORNING)
    assert {
        (step.key, step.lane, step.due_at, step.next_at, step.stale_at, step.priority) for step in steps
    } == {(each.key, each.lane, each.due_at, each.due_at, each.stale_at, each.priority) for each in planned}
    assert {(step.campaign_id, step.taxpayer_id, step.state) for step in steps} == {
        (campaign.id, who.id, "planned")
    }
    assert sum(reason["points"] for reason in second.reasons) == second.score and second.reasons
    assert (made.reminders, made.steps, made.busy) == (2, await count(sessions, Step), 0)
    assert head.enrolled_at == second.created_at == MORNING


async def test_again_changes_nothing_and_two_at_once_make_each_reminder_once(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolment, "BATCH", 3)
    for _ in range(20):
        await make_bill(sessions, (await make_taxpayer(sessions)).id, due=DUE)
    campaign = await started(sessions)
    both = await asyncio.gather(*(enrolled(sessions, campaign) for _ in range(3)))
    assert sum(each.reminders for each in both) == 20 == await count(sessions, Reminder)
    steps = await count(sessions, Step)
    assert sum(each.steps for each in both) == steps
    assert await enrolled(sessions, campaign) == Enrolled()
    assert (await count(sessions, Reminder), await count(sessions, Step)) == (20, steps)


async def test_two_campaigns_at_once_share_nobody(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolment, "BATCH", 2)
    for _ in range(20):
        await make_bill(sessions, (await make_taxpayer(sessions)).id, due=DUE)
    campaigns = [await started(sessions, name) for name in ("甲", "乙")]
    made = await asyncio.gather(*(enrolled(sessions, each) for each in campaigns))
    assert sum(each.reminders for each in made) == 20
    async with sessions() as session:
        twice = await session.scalar(
            text("select count(*) from (select 1 from outreach_reminder where active"
                 " group by taxpayer_id, due having count(*) > 1) x")
        )  # fmt: skip
    assert twice == 0


async def test_what_one_campaign_gives_up_another_may_take(sessions: SessionFactory) -> None:
    who = await make_taxpayer(sessions)
    await make_bill(sessions, who.id, due=DUE)
    first, second = await started(sessions, "甲"), await started(sessions, "乙")
    await enrolled(sessions, first)
    await make_bill(sessions, who.id, due=DUE)
    assert (await enrolled(sessions, second)).left_out == {LeftOut.OTHER_CAMPAIGN: 1}
    async with sessions() as session, session.begin():
        await stop(session, "cli", first.id)
    assert (await enrolled(sessions, second)).reminders == 1


@pytest.mark.parametrize("move", [pause, stop])
async def test_only_a_running_campaign_enrols(sessions: SessionFactory, move) -> None:
    await make_bill(sessions, (await make_taxpayer(sessions)).id, due=DUE)
    campaign = await started(sessions)
    async with sessions() as session, session.begin():
        await move(session, "cli", campaign.id)
    assert await enrolled(sessions, campaign) == Enrolled()
    assert await count(sessions, Reminder) == 0


async def test_a_bill_that_comes_later_joins_the_reminder(sessions: SessionFactory) -> None:
    who = await make_taxpayer(sessions)
    first = await make_bill(sessions, who.id, due=DUE)
    campaign = await started(sessions)
    await enrolled(sessions, campaign)
    second = await make_bill(sessions, who.id, due=DUE)
    assert await enrolled(sessions, campaign) == Enrolled()
    await pay(sessions, first.id)
    (reminder,) = await reminders_of(sessions, who.id)
    assert reminder.active
    await pay(sessions, second.id)
    (reminder,) = await reminders_of(sessions, who.id)
    assert (reminder.active, reminder.closed_reason) == (False, "paid")


async def test_a_dispute_that_ends_brings_the_reminder_back_with_the_steps_it_still_needs(
    sessions: SessionFactory,
) -> None:
    who = await make_taxpayer(sessions)
    bill = await make_bill(sessions, who.id, due=DUE)
    campaign = await started(sessions)
    await enrolled(sessions, campaign)
    (reminder,) = await reminders_of(sessions, who.id)
    before = await steps_of(sessions, reminder.id)
    async with sessions() as session, session.begin():
        await session.execute(
            text("update outreach_step set state = 'done', ended_at = now() where key = 'early_notice'")
        )
    await change_bill(sessions, bill.id, status=BillStatus.DISPUTED)
    (closed,) = await reminders_of(sessions, who.id)
    assert (closed.active, closed.closed_reason) == (False, "disputed")
    assert await enrolled(sessions, campaign) == Enrolled()
    await change_bill(sessions, bill.id, status=BillStatus.OPEN)
    again = await enrolled(sessions, campaign, MORNING + timedelta(days=9))
    assert (again.reminders, again.reopened) == (0, 1)
    (back,) = await reminders_of(sessions, who.id)
    assert (back.id, back.active, back.closed_reason, back.closed_at) == (reminder.id, True, None, None)
    after = await steps_of(sessions, reminder.id)
    assert after["early_notice"] == "done"
    assert {key for key, state in after.items() if state == "planned"} == {
        step.key for step in plan_steps(STANDARD, DUE, Tier(back.tier), "成都市", MORNING + timedelta(days=9))
    }
    assert after.keys() >= before.keys() and "cancelled" in after.values()
    assert again.steps == list(after.values()).count("planned")


async def test_a_finished_reminder_stays_so(sessions: SessionFactory) -> None:
    who = await make_taxpayer(sessions)
    await make_bill(sessions, who.id, due=DUE)
    campaign = await started(sessions)
    await enrolled(sessions, campaign)
    async with sessions() as session, session.begin():
        await session.execute(
            text("update outreach_reminder set active = false, closed_at = now(), closed_reason = 'finished'")
        )
    await make_bill(sessions, who.id, due=DUE)
    assert await enrolled(sessions, campaign) == Enrolled()


async def test_a_moved_deadline_gets_a_reminder_of_its_own(sessions: SessionFactory) -> None:
    who = await make_taxpayer(sessions)
    bill = await make_bill(sessions, who.id, due=DUE)
    campaign = await started(sessions)
    await enrolled(sessions, campaign)
    await forget_alarms(sessions)
    await change_bill(sessions, bill.id, due_date=DUE - timedelta(days=3))
    assert await alarms(sessions) == [f"outreach.enrol enrol:{campaign.id}"]
    assert (await enrolled(sessions, campaign)).reminders == 1
    assert [(each.due, each.active) for each in await reminders_of(sessions, who.id)] == [
        (DUE - timedelta(days=3), True),
        (DUE, False),
    ]
    await change_bill(sessions, bill.id, due_date=DUE)
    assert (await enrolled(sessions, campaign)).reopened == 1
    assert [(each.due, each.active) for each in await reminders_of(sessions, who.id)] == [
        (DUE - timedelta(days=3), False),
        (DUE, True),
    ]


async def test_bills_that_somebody_is_paying_just_now_are_not_waited_for_but_looked_at_again(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolment, "_PAUSE_S", 0.01)
    busy, other = await make_taxpayer(sessions), await make_taxpayer(sessions)
    bill = await make_bill(sessions, busy.id, due=DUE)
    await make_bill(sessions, other.id, due=DUE)
    campaign = await started(sessions)
    await forget_alarms(sessions)
    async with sessions() as paying, paying.begin():
        paying.add(payment(bill))
        await paying.flush()
        made = await enrolled(sessions, campaign)
        assert (made.reminders, made.busy) == (1, 1)
        assert await alarms(sessions) == [f"outreach.enrol enrol:{campaign.id}"]
    assert await enrolled(sessions, campaign) == Enrolled()
    assert await reminders_of(sessions, busy.id) == []


async def test_a_payment_during_enrolment_finds_the_reminder_and_closes_it(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = await make_taxpayer(sessions)
    bill = await make_bill(sessions, who.id, due=DUE)
    campaign = await started(sessions)
    paying: list[asyncio.Task[None]] = []
    insert = enrolment._Intake._insert

    async def slowly(self, session, reminders):
        paying.append(asyncio.create_task(pay(sessions, bill.id)))
        await waiting(sessions)
        return await insert(self, session, reminders)

    monkeypatch.setattr(enrolment._Intake, "_insert", slowly)
    assert (await enrolled(sessions, campaign)).reminders == 1
    await paying[0]
    (reminder,) = await reminders_of(sessions, who.id)
    assert (reminder.active, reminder.closed_reason) == (False, "paid")
    assert set((await steps_of(sessions, reminder.id)).values()) == {"cancelled"}


async def test_the_effective_deadline_counts_and_an_audience_narrows(sessions: SessionFactory) -> None:
    who = await make_taxpayer(sessions)
    deferred = await make_bill(sessions, who.id, due=DUE - timedelta(days=50))
    await apply_for_deferral(sessions, deferred, "approved")
    abroad = await make_taxpayer(sessions, region="上海市")
    await make_bill(sessions, abroad.id, due=DUE)
    campaign = await started(sessions, plan=looking_at(regions=["成都市"]))
    assert (await enrolled(sessions, campaign)).reminders == 1
    assert [each.due for each in await reminders_of(sessions, who.id)] == [DUE]


async def waiting(sessions: SessionFactory) -> None:
    """Until somebody waits for a lock."""
    for _ in range(500):
        async with sessions() as session:
            if await session.scalar(
                text("select count(*) from pg_locks l join pg_database d on d.oid = l.database or l.database is null"
                     " where not l.granted and d.datname = current_database()")
            ):  # fmt: skip
                return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")


def payment(bill: Bill) -> Payment:
    return Payment(
        payment_no=f"P{uuid.uuid4().hex}",
        bill_id=bill.id,
        paid_on=TODAY,
        amount=bill.principal,
        channel="银行",
    )
