"""What the console's pages list: numbers that are right, pages that neither lose nor repeat a reminder, fast with many rows."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import event, text

from outreach.clock import SHANGHAI
from outreach.plan import CAMPAIGNS as SHIPPED
from outreach.plan import Lane, Tier, load_plan
from outreach.reading import (
    PAGE,
    Counts,
    Load,
    Stage,
    Standing,
    Wanted,
    all_reminders,
    campaign,
    counts,
    heads,
    people,
    planned_load,
    reminders,
    switch,
)
from store.engine import SessionFactory
from store.outreach_models import Campaign, CampaignStatus
from tests.chat.database import fresh_database, opened

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 23, 10, 20, tzinfo=SHANGHAI)
MANY = 20_000


@pytest.fixture(scope="module")
def url() -> str:
    return fresh_database()


@pytest_asyncio.fixture
async def sessions(url: str) -> AsyncIterator[SessionFactory]:
    async with opened(url) as factory:
        yield factory


async def a_campaign(sessions: SessionFactory, status: CampaignStatus = CampaignStatus.RUNNING) -> uuid.UUID:
    async with sessions() as session, session.begin():
        made = Campaign(
            id=uuid.uuid4(),
            name=f"活动{uuid.uuid4().hex[:8]}",
            plan=load_plan(SHIPPED / "standard.yml").stored(),
            status=status,
            created_by="cli",
        )
        session.add(made)
        return made.id


async def fill(sessions: SessionFactory, campaign_id: uuid.UUID, many: int) -> None:
    """So many reminders: every third one notified, every sixth reached, every tenth paid; six steps each."""
    about = {"campaign": campaign_id, "many": many, "now": NOW}
    async with sessions() as session, session.begin():
        for statement in _FILLING:
            await session.execute(text(statement), about)


_FILLING = (
    """
    create temporary table filling on commit drop as
    select i, gen_random_uuid() as taxpayer, gen_random_uuid() as reminder from generate_series(1, :many) i
    """,
    """
    insert into taxpayer (id, kind, name, region, identifier_kind, identifier_enc, identifier_hash, identifier_mask)
    select taxpayer, 'company', '虚构户' || i, '东城区', 'uscc', '', sha256(taxpayer::text::bytea), '91**********01'
      from filling
    """,
    """
    insert into outreach_reminder
      (id, campaign_id, taxpayer_id, due, score, tier, reasons, active, closed_reason, closed_at,
       notified_at, reached_at, paid_at)
    select reminder, :campaign, taxpayer, date '2026-11-26', i % 90,
           case when i % 10 = 1 then 'high' when i % 10 < 5 then 'middle' else 'low' end,
           jsonb_build_array(jsonb_build_object(
             'indicator', 'overdue_before', 'value', '3', 'points', 20, 'words', '近两年有3次逾期')),
           i % 10 <> 0, case when i % 10 = 0 then 'paid' end, case when i % 10 = 0 then cast(:now as timestamptz) end,
           case when i % 3 = 0 then cast(:now as timestamptz) end,
           case when i % 6 = 0 then cast(:now as timestamptz) end,
           case when i % 10 = 0 then cast(:now as timestamptz) end
      from filling
    """,
    """
    insert into outreach_step (id, reminder_id, campaign_id, taxpayer_id, key, lane, due_at, next_at, stale_at)
    select gen_random_uuid(), reminder, :campaign, taxpayer, k.key, k.lane, at.due, at.due, at.due + interval '2 days'
      from filling,
           (values ('early_notice', 'message', -1), ('overdue_notice', 'message', 1), ('overdue_call', 'call', 2),
                   ('overdue_message', 'message', 3), ('second_call', 'call', 5), ('to_officer', 'officer', 9)
           ) k (key, lane, days),
           lateral (select timestamptz '2026-11-23 09:30+08' + k.days * interval '1 day'
                           + (i % 3) * interval '1 hour' as due) at
    """,
    "analyze taxpayer, outreach_reminder, outreach_step",
)


async def test_counts_of_each_campaign_also_of_an_empty_one(sessions: SessionFactory) -> None:
    full, empty = await a_campaign(sessions), await a_campaign(sessions)
    await fill(sessions, full, 60)
    async with sessions() as session:
        found = await counts(session, [full, empty])
    assert found == {full: Counts(60, 54, 20, 10, 6), empty: Counts()}


async def test_campaigns_at_work_come_first(sessions: SessionFactory) -> None:
    draft, running = (
        await a_campaign(sessions, CampaignStatus.DRAFT),
        await a_campaign(sessions, CampaignStatus.RUNNING),
    )
    await a_campaign(sessions, CampaignStatus.DRAFT)
    async with sessions() as session:
        found = [head.id for head in await heads(session)]
        head, plan = await campaign(session, running)
    assert found.index(running) < found.index(draft)
    assert (head.title, plan.title) == ("申报期提醒（标准）", "申报期提醒（标准）")


async def test_no_such_campaign(sessions: SessionFactory) -> None:
    async with sessions() as session:
        with pytest.raises(LookupError, match="没有这个活动"):
            await campaign(session, uuid.uuid4())


async def test_pages_neither_lose_nor_repeat_a_reminder(sessions: SessionFactory) -> None:
    of = await a_campaign(sessions)
    await fill(sessions, of, 123)
    seen: list[uuid.UUID] = []
    scores: list[int] = []
    after: tuple[int, uuid.UUID] | None = None
    async with sessions() as session:
        while True:
            page = await reminders(session, of, Wanted(), after, limit=10)
            assert page.total == 123
            seen += [line.id for line in page.lines]
            scores += [line.score for line in page.lines]
            if (after := page.after) is None:
                break
    async with sessions() as session:
        every = [line.id for line in await all_reminders(session, of, Wanted())]
        few = [line.id for line in await all_reminders(session, of, Wanted(), most=100)]
    assert (every, few) == (seen, seen[:100])
    assert len(seen) == len(set(seen)) == 123
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("wanted", "many"),
    [
        (Wanted(), 60),
        (Wanted(tier=Tier.HIGH), 6),
        (Wanted(tier=Tier.LOW), 30),
        (Wanted(standing=Standing.ACTIVE), 54),
        (Wanted(standing=Standing.PAID), 6),
        (Wanted(standing=Standing.DEFERRED), 0),
        (Wanted(stage=Stage.NOTIFIED), 20),
        (Wanted(stage=Stage.REACHED), 10),
        (Wanted(stage=Stage.WAITING), 40),
        (Wanted(tier=Tier.LOW, standing=Standing.ACTIVE, stage=Stage.REACHED), 4),
    ],
)
async def test_filters(sessions: SessionFactory, wanted: Wanted, many: int) -> None:
    of = await a_campaign(sessions)
    await fill(sessions, of, 60)
    async with sessions() as session:
        found = await reminders(session, of, wanted, limit=100)
    assert found.total == len(found.lines) == many
    for line in found.lines:
        assert wanted.tier in (None, line.tier)
        assert wanted.standing in (None, line.standing)


async def test_load_by_day_and_hour_and_what_is_overdue_counts_now(sessions: SessionFactory) -> None:
    of = await a_campaign(sessions)
    await fill(sessions, of, 9)
    async with sessions() as session, session.begin():
        await session.execute(
            text(
                "update outreach_step set state = 'cancelled', ended_at = now() "
                "where campaign_id = :of and key = 'second_call'"
            ),
            {"of": of},
        )
        found = await planned_load(session, of, NOW, days=7)
    today = NOW.date()
    assert Load(today, 10, Lane.MESSAGE, 9) in found, "due yesterday, so taken now"
    assert {(each.hour, each.steps) for each in found if each.day == today + timedelta(days=2)} == {
        (9, 3),
        (10, 3),
        (11, 3),
    }
    assert not [each for each in found if each.day == today + timedelta(days=5)], (
        "cancelled steps are no load"
    )
    assert not [each for each in found if each.lane is Lane.OFFICER], "beyond the days that were asked for"


async def test_the_red_button_and_who_moved_it(sessions: SessionFactory) -> None:
    async with sessions() as session, session.begin():
        assert not (await switch(session)).stopped
        await session.execute(
            text("update outreach_switch set stopped = true, by = 'staff:nobody', reason = '试', at = now()")
        )
        found = await switch(session)
        assert (found.stopped, found.by, found.reason) == (True, "staff:nobody", "试")
        assert await people(session, [found.by, None, "cli"]) == {}
        await session.rollback()


async def test_twenty_thousand_reminders_take_no_more_statements_than_twenty(
    sessions: SessionFactory,
) -> None:
    of = await a_campaign(sessions)
    await fill(sessions, of, MANY)
    asked: list[str] = []
    async with sessions() as session:
        engine = (await session.connection()).sync_connection.engine
        event.listen(engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
        page = await reminders(session, of, Wanted(standing=Standing.ACTIVE))
        load = await planned_load(session, of, NOW)
        found = await counts(session, [of])
    assert (page.total, len(page.lines)) == (MANY * 9 // 10, PAGE)
    assert sum(each.steps for each in load) == 6 * MANY
    assert found[of].reminders == MANY
    assert len(asked) == 4
