"""Deferrals run out by the calendar: the day after their last, once, with a line in the trail; no fee moves by it."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from outreach import expiry
from outreach.clock import SHANGHAI, SetClock
from outreach.expiry import expire_deferrals
from store.debts import debts_for_officers
from store.engine import SessionFactory
from store.models import DeferralApplication
from tax.deferral import Status, deferral_for_late_fee
from tests.outreach import loop
from tests.outreach.makers import make_bill, make_taxpayer

pytestmark = pytest.mark.unit
DUE, UNTIL = date(2026, 8, 17), date(2026, 11, 17)


async def deferred(
    sessions: SessionFactory, *, status: str = "approved", until: date | None = UNTIL
) -> tuple[uuid.UUID, uuid.UUID]:
    """The ids of a taxpayer and of an application of theirs."""
    taxpayer = await make_taxpayer(sessions)
    bill = await make_bill(sessions, taxpayer.id, due=DUE)
    made = DeferralApplication(
        id=uuid.uuid4(),
        number=f"YQ2026-{uuid.uuid4().hex[:6]}",
        taxpayer_id=taxpayer.id,
        bill_id=bill.id,
        status=status,
        reason="cash_shortage",
        reason_text="货款没收回来",
        tax_amount=Decimal("1000.00"),
        months=3,
        requested_until=UNTIL,
        approved_until=until,
        cash=Decimal(0),
        wages_payable=Decimal(0),
        social_insurance=Decimal(0),
    )
    async with sessions() as session, session.begin():
        session.add(made)
    return taxpayer.id, made.id


async def expire(sessions: SessionFactory, day: date) -> int:
    return await expire_deferrals(
        sessions, SetClock(datetime(day.year, day.month, day.day, 0, 30, tzinfo=SHANGHAI))
    )


async def status(sessions: SessionFactory, application_id: uuid.UUID) -> str:
    async with sessions() as session:
        return (await session.get_one(DeferralApplication, application_id)).status


async def test_the_last_day_still_counts(sessions: SessionFactory) -> None:
    _, application = await deferred(sessions)
    assert await expire(sessions, UNTIL) == 0 and await status(sessions, application) == "approved"
    assert await expire(sessions, UNTIL + timedelta(days=1)) == 1
    assert await status(sessions, application) == "expired"
    assert await expire(sessions, UNTIL + timedelta(days=2)) == 0
    async with sessions() as session:
        number = (await session.get_one(DeferralApplication, application)).number
    assert await loop.trail(sessions, "deferral.expired") == [("system", f"deferral:{number}")]


@pytest.mark.parametrize("state", ["draft", "submitted", "accepted", "refused", "withdrawn"])
async def test_only_what_was_approved_runs_out(sessions: SessionFactory, state: str) -> None:
    _, application = await deferred(sessions, status=state, until=None)
    assert await expire(sessions, date(2027, 6, 1)) == 0
    assert await status(sessions, application) == state


async def test_the_late_fee_is_the_same_before_and_after(sessions: SessionFactory) -> None:
    taxpayer_id, _ = await deferred(sessions)
    days = [UNTIL + timedelta(days=n) for n in (-1, 0, 1, 40)]

    async def fees() -> list[Decimal]:
        async with sessions() as session:
            (debt,) = await debts_for_officers(session, taxpayer_id)
        return [debt.late_fee(day).late_fee for day in days]

    before = await fees()
    assert await expire(sessions, UNTIL + timedelta(days=1)) == 1
    assert await fees() == before == [Decimal("0.00"), Decimal("0.00"), Decimal("0.50"), Decimal("20.00")]


@given(st.dates(date(2020, 1, 1), date(2029, 12, 31)), st.integers(1, 88))
def test_an_approved_period_counts_the_same_when_it_has_run_out(due: date, days: int) -> None:
    until = due + timedelta(days=days)
    assert deferral_for_late_fee(Status.EXPIRED, due, until) == deferral_for_late_fee(
        Status.APPROVED, due, until
    )


async def test_many_run_out_in_turns_and_two_jobs_share_them(
    sessions: SessionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "BATCH", 2)
    for _ in range(5):
        await deferred(sessions)
    day = UNTIL + timedelta(days=1)
    assert sum(await asyncio.gather(expire(sessions, day), expire(sessions, day))) == 5
    async with sessions() as session:
        assert set(await session.scalars(select(DeferralApplication.status))) == {"expired"}
    assert len(await loop.trail(sessions, "deferral.expired")) == 5
