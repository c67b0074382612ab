"""What becomes of promises: kept at once, broken only when the money can no longer be on its way, replaced."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from outreach.clock import SHANGHAI, SetClock
from outreach.hours import is_contact_day
from outreach.promises import Found, PromisedBill, about, check, judge, judged_at
from store.engine import SessionFactory
from store.models import Bill, BillStatus, DeferralApplication, Promise
from store.outreach_models import Campaign
from tests.chat.database import CIPHER
from tests.outreach import loop
from tests.outreach.makers import Case, make_bill, make_campaign, make_case, make_taxpayer, pay

pytestmark = pytest.mark.unit
FRIDAY, SATURDAY, THURSDAY = date(2026, 11, 27), date(2026, 11, 28), date(2026, 11, 26)


def at(day: date, hour: int = 10) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=SHANGHAI)


def bill(due: date = THURSDAY, unpaid: str = "0", status: str = "open", **more: object) -> PromisedBill:
    return PromisedBill(due, status, Decimal("100.00"), Decimal(unpaid), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("promised", "judged"),
    [
        (THURSDAY, date(2026, 11, 27)),
        (FRIDAY, date(2026, 11, 30)),
        (SATURDAY, date(2026, 12, 1)),
        (date(2026, 10, 3), date(2026, 10, 9)),
    ],
)
def test_a_promise_is_judged_once_its_days_payments_must_be_in(promised: date, judged: date) -> None:
    assert judged_at(promised) == at(judged)


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_there_is_a_whole_working_day_between_the_promise_and_the_verdict(promised: date) -> None:
    verdict = judged_at(promised).date()
    between = [promised + timedelta(days=n) for n in range((verdict - promised).days)]
    assert is_contact_day(verdict) and sum(map(is_contact_day, between)) == 1


@given(
    st.lists(
        st.tuples(
            st.dates(date(2026, 11, 1), date(2026, 12, 31)),
            st.sampled_from(["open", "settled", "disputed", "withdrawn"]),
            st.decimals(0, 1000, places=2),
            st.booleans(),
        ),
        max_size=5,
    ),
    st.dates(date(2026, 11, 1), date(2026, 12, 31)),
    st.integers(-5, 9),
)
def test_broken_means_that_money_is_missing_and_kept_that_none_is(
    rows: list[tuple[date, str, Decimal, bool]], promised: date, later: int
) -> None:
    bills = [
        PromisedBill(due, status, Decimal("1000"), unpaid, deferring)
        for due, status, unpaid, deferring in rows
    ]
    now = at(promised + timedelta(days=later))
    found, meant = judge(bills, promised, now), about(bills, promised)
    missing = [each for each in meant if each.status == "open" and each.unpaid > 0]
    if found is Found.KEPT:
        assert not missing and meant
    if found is Found.BROKEN:
        assert missing and now >= judged_at(promised) and not any(each.deferring for each in missing)
    if found is Found.OPEN:
        assert missing and now < judged_at(promised)


def test_a_promise_is_about_what_is_due_by_its_day_else_about_what_falls_due_next() -> None:
    late, soon, far = bill(THURSDAY), bill(date(2026, 12, 15)), bill(date(2027, 1, 15))
    paid_before = PromisedBill(THURSDAY, "open", Decimal(0), Decimal(0))
    assert about([far, late, soon, paid_before], FRIDAY) == (late,)
    assert about([far, soon], FRIDAY) == (soon,)
    assert about([], FRIDAY) == ()


@pytest.mark.parametrize(
    ("bills", "found"),
    [
        ([bill()], Found.KEPT),
        ([bill(status="settled", unpaid="100")], Found.KEPT),
        ([bill(), bill(unpaid="0.01")], Found.BROKEN),
        ([bill(unpaid="100", deferring=True)], Found.REPLACED),
        ([bill(unpaid="100", status="disputed")], Found.REPLACED),
        ([bill(unpaid="100", status="withdrawn")], Found.REPLACED),
        ([bill(), bill(unpaid="100", status="withdrawn")], Found.KEPT),
        ([], Found.REPLACED),
    ],
)
def test_what_it_is_judged_by(bills: list[PromisedBill], found: Found) -> None:
    assert judge(bills, FRIDAY, judged_at(FRIDAY)) is found


async def promised(sessions: SessionFactory, on: date = FRIDAY) -> tuple[Campaign, Case, uuid.UUID]:
    await loop.prepared(sessions)
    campaign = await make_campaign(sessions)
    case = await make_case(sessions, campaign, due=FRIDAY)
    made = await loop.promise(sessions, case.taxpayer_id, on)
    return campaign, case, made


async def look(sessions: SessionFactory, promise_id: uuid.UUID, now: datetime) -> Found | None:
    return await check(sessions, CIPHER, SetClock(now), promise_id)


async def stored(sessions: SessionFactory, promise_id: uuid.UUID) -> Promise:
    async with sessions() as session:
        return await session.get_one(Promise, promise_id)


async def test_a_payment_before_the_day_keeps_it_at_once(sessions: SessionFactory) -> None:
    _, case, made = await promised(sessions)
    assert [alarm.key for alarm in await loop.alarms(sessions, "outreach.promise")] == [f"promise:{made}"]
    await pay(sessions, case.bill_id)
    keys = {alarm.key: alarm.wait for alarm in await loop.alarms(sessions, "outreach.promise")}
    assert keys.pop(f"promise-now:{made}") is None and set(keys) == {f"promise:{made}"}
    now = at(THURSDAY)
    assert await look(sessions, made, now) is Found.KEPT
    row = await stored(sessions, made)
    assert (row.status, row.settled_at) == ("kept", now)
    assert await look(sessions, made, at(date(2026, 12, 1))) is Found.KEPT
    assert await loop.trail(sessions, "promise.kept") == [("system", f"taxpayer:{case.taxpayer_id}")]
    assert await loop.texts(sessions) == []


async def test_a_part_is_not_the_whole_and_the_weekend_is_waited_for(sessions: SessionFactory) -> None:
    _, case, made = await promised(sessions)
    await pay(sessions, case.bill_id, "999.99")
    await loop.silence(sessions)
    assert await look(sessions, made, at(SATURDAY)) is Found.OPEN
    (alarm,) = await loop.alarms(sessions, "outreach.promise")
    assert alarm.wait is not None and abs(alarm.wait - timedelta(days=2)) < timedelta(minutes=5)
    assert await look(sessions, made, at(date(2026, 11, 30))) is Found.BROKEN
    assert (await stored(sessions, made)).status == "broken"
    words = await loop.words(sessions, case.taxpayer_id)
    assert [(word["template"], word["promise"]) for word in words] == [("promise_reminder", str(made))]
    (sent,) = await loop.texts(sessions)
    assert "约好的" in sent and "元" not in sent


async def test_the_kind_word_is_left_once(sessions: SessionFactory) -> None:
    _, case, made = await promised(sessions)
    for hour in (10, 11, 12):
        assert await look(sessions, made, at(date(2026, 11, 30), hour)) is Found.BROKEN
    assert len(await loop.words(sessions, case.taxpayer_id)) == 1
    assert len(await loop.trail(sessions, "promise.broken")) == 1


async def test_late_at_night_the_word_waits_and_a_payment_meanwhile_spares_it(
    sessions: SessionFactory,
) -> None:
    _, case, made = await promised(sessions)
    await loop.silence(sessions)
    night = at(date(2026, 11, 30), 22)
    assert await look(sessions, made, night) is Found.BROKEN
    (alarm,) = await loop.alarms(sessions, "outreach.promise")
    assert alarm.key == f"promise-word:{made}"
    assert alarm.wait is not None and abs(alarm.wait - timedelta(hours=11)) < timedelta(minutes=5)
    await pay(sessions, case.bill_id)
    await look(sessions, made, at(date(2026, 12, 1), 9))
    assert await loop.words(sessions, case.taxpayer_id) == []
    assert (await stored(sessions, made)).status == "broken"


async def test_whoever_is_in_no_campaign_is_not_written_to(sessions: SessionFactory) -> None:
    taxpayer = await make_taxpayer(sessions)
    await make_bill(sessions, taxpayer.id, due=THURSDAY)
    made = await loop.promise(sessions, taxpayer.id, FRIDAY)
    assert await look(sessions, made, at(date(2026, 11, 30))) is Found.BROKEN
    assert await loop.texts(sessions) == []


async def test_opted_out_means_no_word(sessions: SessionFactory) -> None:
    _, case, made = await promised(sessions)
    await loop.opt_out(sessions, case.taxpayer_id)
    assert await look(sessions, made, at(date(2026, 11, 30))) is Found.BROKEN
    assert await loop.words(sessions, case.taxpayer_id) == []


async def test_an_application_made_meanwhile_takes_its_place(sessions: SessionFactory) -> None:
    _, case, made = await promised(sessions)
    await loop.silence(sessions)
    async with sessions() as session, session.begin():
        session.add(
            DeferralApplication(
                id=uuid.uuid4(),
                number="YQ2026-000777",
                taxpayer_id=case.taxpayer_id,
                bill_id=case.bill_id,
                status="submitted",
                reason="cash_shortage",
                reason_text="货款没收回来",
                tax_amount=Decimal("1000.00"),
                months=3,
                requested_until=date(2027, 2, 27),
                cash=Decimal(0),
                wages_payable=Decimal(0),
                social_insurance=Decimal(0),
            )
        )
    assert [alarm.key for alarm in await loop.alarms(sessions, "outreach.promise")] == [f"promise-now:{made}"]
    assert await look(sessions, made, at(THURSDAY)) is Found.REPLACED
    assert await loop.words(sessions, case.taxpayer_id) == []


async def test_a_bill_claimed_later_breaks_no_promise(sessions: SessionFactory) -> None:
    _, case, made = await promised(sessions)
    await make_bill(sessions, case.taxpayer_id, due=THURSDAY)
    await pay(sessions, case.bill_id)
    assert await look(sessions, made, at(date(2026, 11, 30))) is Found.KEPT


async def test_a_disputed_bill_is_argued_about_not_promised(sessions: SessionFactory) -> None:
    _, case, made = await promised(sessions)
    async with sessions() as session, session.begin():
        await session.execute(update(Bill).where(Bill.id == case.bill_id).values(status=BillStatus.DISPUTED))
    assert await look(sessions, made, at(date(2026, 11, 30))) is Found.REPLACED


async def test_there_may_be_no_such_promise(sessions: SessionFactory) -> None:
    assert await look(sessions, uuid.uuid4(), at(FRIDAY)) is None
