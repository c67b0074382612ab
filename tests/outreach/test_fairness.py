from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from handoff.exports import to_csv, to_xlsx
from outreach.clock import SHANGHAI
from outreach.fairness import (
    ENOUGH,
    LATE,
    Counted,
    Dimension,
    Fairness,
    Group,
    Measure,
    compare,
    fairness,
    tables,
)
from outreach.plan import Tier
from store import outreach_models as om
from store.engine import SessionFactory
from store.models import Bill, BillStatus, Payment, Taxpayer
from tests.chat.database import fresh_database, opened
from tests.outreach.makers import make_bill, make_campaign, make_reminder, make_taxpayer

pytestmark = pytest.mark.unit

MAKER = Counted("制造业", "small", "成都市", 20, Tier.MIDDLE, None, None)
TRADER = replace(MAKER, industry="批发和零售业")


def many(one: Counted, tiers: dict[Tier, int], **more: object) -> list[Counted]:
    return [replace(one, tier=tier, reminders=number, **more) for tier, number in tiers.items()]


def measures(report: Fairness, group: str) -> set[Measure]:
    return {gap.measure for gap in report.gaps if gap.group == group}


def group_of(report: Fairness, name: str) -> Group:
    (found,) = [group for group in report.groups if group.name == name]
    return found


def test_an_industry_scored_a_fifth_higher_is_flagged_and_only_that() -> None:
    """The planning document's own case: one industry was marked 20 % too high."""
    report = compare([replace(MAKER, score=24, reminders=200), replace(TRADER, score=20, reminders=300)])
    (gap,) = report.gaps
    assert (gap.dimension, gap.group, gap.measure) == (Dimension.INDUSTRY, "制造业", Measure.MEAN_SCORE)
    assert (gap.value, gap.rest, gap.ratio) == (24.0, 20.0, 1.2)
    assert gap.words == "行业“制造业”的平均分为24.0分，其余为20.0分"
    lower = compare([replace(MAKER, score=23, reminders=200), replace(TRADER, score=20, reminders=300)])
    assert lower.gaps == ()


def test_small_groups_are_marked_and_not_compared() -> None:
    report = compare(
        [replace(MAKER, score=90, reminders=ENOUGH - 1), replace(TRADER, score=20, reminders=300)]
    )
    assert report.gaps == ()
    assert group_of(report, "制造业").too_small
    assert not group_of(report, "批发和零售业").too_small


def test_tiers_are_compared_by_the_fifth_and_by_the_four_fifths_rule() -> None:
    report = compare(
        [
            *many(MAKER, {Tier.LOW: 100, Tier.MIDDLE: 60, Tier.HIGH: 40}),
            *many(TRADER, {Tier.LOW: 420, Tier.MIDDLE: 120, Tier.HIGH: 60}),
        ]
    )
    assert measures(report, "制造业") == {Measure.HIGH_SHARE, Measure.LOW_SHARE}
    assert measures(report, "批发和零售业") == set()
    gaps = {gap.measure: gap for gap in report.gaps}
    assert (gaps[Measure.HIGH_SHARE].value, gaps[Measure.HIGH_SHARE].rest) == (0.2, 0.1)
    assert (gaps[Measure.LOW_SHARE].value, gaps[Measure.LOW_SHARE].rest) == (0.5, 0.7)


def test_what_chance_explains_is_no_gap() -> None:
    """Two of 40 against six of 200: by a third apart, and still nothing."""
    report = compare(
        [*many(MAKER, {Tier.LOW: 38, Tier.HIGH: 2}), *many(TRADER, {Tier.LOW: 193, Tier.HIGH: 7})]
    )
    assert report.gaps == ()


def test_errors_of_the_score_are_compared_where_they_can_be_told() -> None:
    def judged(one: Counted, on_time: int, late: int, unpaid: int, paid: int) -> list[Counted]:
        return [
            replace(one, on_time=True, reminders=on_time),
            replace(one, on_time=False, reminders=late),
            replace(one, reminders=500),
            replace(one, tier=Tier.LOW, on_time=False, stayed_unpaid=True, reminders=unpaid),
            replace(one, tier=Tier.LOW, on_time=True, stayed_unpaid=False, reminders=paid),
        ]

    report = compare([*judged(MAKER, 60, 40, 10, 90), *judged(TRADER, 30, 70, 30, 70)])
    assert measures(report, "制造业") == {Measure.TOO_FIRM}
    assert measures(report, "批发和零售业") == {Measure.TOO_MILD}
    maker = group_of(report, "制造业")
    assert (maker.too_firm.part, maker.too_firm.whole, maker.too_mild.share) == (60, 100, 0.1)
    assert maker.reminders == 700


def test_the_distribution_of_a_group() -> None:
    scores = [-10, 0, 10, 20, 30, 40, 50, 60]
    report = compare([replace(MAKER, score=score, size=None) for score in scores])
    group = group_of(report, "未登记")
    assert (group.mean_score, group.quartiles) == (25.0, (0, 20, 40))
    assert group.tier_share(Tier.MIDDLE) == 1.0
    assert group.too_firm.share is None


ANY = st.builds(
    Counted,
    industry=st.none() | st.sampled_from(["制造业", "建筑业"]),
    size=st.none() | st.sampled_from(["micro", "large"]),
    region=st.sampled_from(["成都市", "上海市"]),
    score=st.integers(-30, 120),
    tier=st.sampled_from(Tier),
    on_time=st.none() | st.booleans(),
    stayed_unpaid=st.none() | st.booleans(),
    reminders=st.integers(1, 80),
)


@settings(deadline=None)
@given(st.lists(ANY, max_size=12))
def test_every_reminder_is_in_one_group_of_each_dimension(counted: list[Counted]) -> None:
    report = compare(counted)
    whole = sum(each.reminders for each in counted)
    for dimension in Dimension:
        groups = [group for group in report.groups if group.dimension is dimension]
        assert sum(group.reminders for group in groups) == report.reminders == whole
        tiers = sum((Counter(group.tiers) for group in groups), Counter[Tier]())
        assert tiers.total() == whole
    for gap in report.gaps:
        group = next(g for g in report.groups if (g.dimension, g.name) == (gap.dimension, gap.group))
        assert not group.too_small
        assert whole - group.reminders >= ENOUGH
        assert (gap.value > gap.rest) == (gap.measure is not Measure.LOW_SHARE)
    assert to_csv(tables(report)[0])


@settings(deadline=None)
@given(st.lists(ANY, max_size=8))
def test_groups_that_are_treated_alike_show_no_gap(counted: list[Counted]) -> None:
    alike = [
        replace(each, industry=name, size="small", region="成都市")
        for each in counted
        for name in ("甲", "乙")
    ]
    assert compare(alike).gaps == ()


def test_the_tables_hold_every_group_and_gap_in_plain_words() -> None:
    report = compare([replace(MAKER, score=40, reminders=200), replace(TRADER, score=20, reminders=20)])
    groups, gaps = tables(report)
    assert all(len(row) == len(groups.headings) for row in groups.rows)
    assert all(len(row) == len(gaps.headings) for row in gaps.rows)
    assert [row[1] for row in groups.rows] == ["制造业", "批发和零售业", "小型", "成都市"]
    assert groups.rows[1][-1] == "不足30条，不作比较"
    assert to_xlsx(groups, gaps).startswith(b"PK")


DUE = date(2026, 10, 26)
AFTER_ALL = DUE + LATE + timedelta(days=1)
BEFORE = datetime(2026, 10, 19, 9, tzinfo=SHANGHAI)


@pytest_asyncio.fixture
async def sessions() -> AsyncIterator[SessionFactory]:
    async with opened(fresh_database()) as made:
        yield made


class Book:
    """Reminders of one campaign in the store, each of a taxpayer with an industry of its own."""

    def __init__(self, sessions: SessionFactory, campaign: om.Campaign) -> None:
        self.sessions = sessions
        self.campaign = campaign

    async def add(
        self,
        name: str,
        *,
        paid_on: date | None = None,
        amount: str = "1000.00",
        status: BillStatus = BillStatus.OPEN,
        made_at: datetime = BEFORE,
        due: date = DUE,
    ) -> None:
        taxpayer = await make_taxpayer(self.sessions)
        bill = await make_bill(self.sessions, taxpayer.id, due=due)
        reminder = await make_reminder(self.sessions, self.campaign, taxpayer.id, [bill.id], due=DUE)
        async with self.sessions() as session, session.begin():
            await session.execute(
                update(Taxpayer).where(Taxpayer.id == taxpayer.id).values(industry=name, size="micro")
            )
            await session.execute(
                update(om.Reminder).where(om.Reminder.id == reminder.id).values(created_at=made_at)
            )
            if paid_on is not None:
                session.add(
                    Payment(
                        payment_no=uuid.uuid4().hex,
                        bill_id=bill.id,
                        paid_on=paid_on,
                        amount=amount,
                        channel="电子税务局",
                    )
                )
                await session.flush()
            await session.execute(update(Bill).where(Bill.id == bill.id).values(status=status))

    async def told(self, today: date, tier: Tier) -> dict[str, tuple[int, int]]:
        """Of each industry how many erred, and of how many that can be told."""
        async with self.sessions() as session, session.begin():
            await session.execute(update(om.Reminder).values(tier=tier))
            report = await fairness(session, self.campaign.id, today)
        industries = [group for group in report.groups if group.dimension is Dimension.INDUSTRY]
        parts = [each.too_mild if tier is Tier.LOW else each.too_firm for each in industries]
        return {each.name: (part.part, part.whole) for each, part in zip(industries, parts, strict=True)}


async def test_what_the_store_tells_of_each_reminder(sessions: SessionFactory) -> None:
    book = Book(sessions, await make_campaign(sessions))
    await book.add("按期", paid_on=DUE)
    await book.add("晚一天", paid_on=DUE + timedelta(days=1))
    await book.add("晚很久", paid_on=AFTER_ALL)
    await book.add("部分", paid_on=DUE, amount="999.99")
    await book.add("未缴")
    await book.add("异议", status=BillStatus.DISPUTED)
    await book.add("撤销", status=BillStatus.WITHDRAWN)
    await book.add("改期", due=DUE + timedelta(days=60))
    await book.add("人工结清", status=BillStatus.SETTLED)
    await book.add("逾期后列入", paid_on=DUE, made_at=BEFORE + timedelta(days=20))

    assert await book.told(AFTER_ALL, Tier.HIGH) == {
        "按期": (1, 1), "晚一天": (0, 1), "晚很久": (0, 1), "部分": (0, 1), "未缴": (0, 1),
        "异议": (0, 0), "撤销": (0, 0), "改期": (0, 0), "人工结清": (0, 0), "逾期后列入": (0, 0),
    }  # fmt: skip
    assert await book.told(AFTER_ALL, Tier.LOW) == {
        "按期": (0, 1), "晚一天": (0, 1), "晚很久": (1, 1), "部分": (1, 1), "未缴": (1, 1),
        "异议": (0, 0), "撤销": (0, 0), "改期": (0, 0), "人工结清": (0, 0), "逾期后列入": (0, 1),
    }  # fmt: skip
    for today, tier in ((DUE, Tier.HIGH), (DUE + LATE, Tier.LOW)):
        assert set((await book.told(today, tier)).values()) == {(0, 0)}


async def test_one_campaign_or_all_and_no_reminders_at_all(sessions: SessionFactory) -> None:
    one, other = Book(sessions, await make_campaign(sessions)), Book(sessions, await make_campaign(sessions))
    async with sessions() as session:
        assert await fairness(session, None, AFTER_ALL) == Fairness(0, (), ())
    await one.add("甲")
    await other.add("乙")
    async with sessions() as session:
        assert {g.name for g in (await fairness(session, one.campaign.id, AFTER_ALL)).groups} >= {"甲"}
        assert (await fairness(session, one.campaign.id, AFTER_ALL)).reminders == 1
        assert (await fairness(session, None, AFTER_ALL)).reminders == 2
