"""Operating campaigns: what may follow what, what it does to reminders, and who is on record for it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import time, timedelta

import pytest
from sqlalchemy import select, text

from outreach.campaigns import (
    CampaignError,
    by_name,
    create,
    edit,
    listed,
    pause,
    resume,
    seed_campaigns,
    start,
    stop,
)
from outreach.pauses import PauseError, lift, pause_contact
from outreach.pauses import listed as pauses_listed
from outreach.plan import CAMPAIGNS, Limits, Span, load_plan, read_plan
from outreach.templates import seed_templates
from store.engine import SessionFactory
from store.models import AuditEvent, Contact
from store.outreach_models import Campaign, CampaignStatus, OutreachEvent
from tests.outreach.enrolling import (
    DUE,
    MORNING,
    STANDARD,
    alarms,
    enrolled,
    forget_alarms,
    looking_at,
    reminders_of,
    started,
    steps_of,
)
from tests.outreach.makers import make_bill, make_taxpayer

pytestmark = pytest.mark.unit

Move = Callable[..., Awaitable[Campaign]]
BY = "staff:duban"


async def trail(sessions: SessionFactory) -> list[tuple[str, str]]:
    async with sessions() as session:
        found = await session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        return [
            (each.actor, each.action) for each in found if each.action.startswith(("campaign.", "contact."))
        ]


async def do(sessions: SessionFactory, move: Move, campaign: Campaign, *more: object) -> Campaign:
    async with sessions() as session, session.begin():
        return await move(session, BY, campaign.id, *more)


async def draft(sessions: SessionFactory, name: str = "活动") -> Campaign:
    async with sessions() as session, session.begin():
        await seed_templates(session)
        return await create(session, BY, name, STANDARD)


async def test_a_life_on_record(sessions: SessionFactory) -> None:
    campaign = await draft(sessions)
    await do(sessions, edit, campaign, looking_at(regions=["成都市"]))
    begun = await do(sessions, start, campaign)
    assert (begun.status, read_plan(begun.plan).audience.regions) == (CampaignStatus.RUNNING, ("成都市",))
    assert await alarms(sessions) == [f"outreach.enrol enrol:{campaign.id}"]
    await forget_alarms(sessions)
    held = await do(sessions, pause, campaign, "线路检修")
    assert held.paused_at is not None and await alarms(sessions) == []
    assert (await do(sessions, resume, campaign)).paused_at is None
    assert await alarms(sessions) == [f"outreach.enrol enrol:{campaign.id}"]
    ended = await do(sessions, stop, campaign)
    assert (ended.status, ended.ended_at is not None) == (CampaignStatus.ENDED, True)
    assert await trail(sessions) == [
        (BY, f"campaign.{what}") for what in ("created", "edited", "started", "paused", "resumed", "stopped")
    ]


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        (CampaignStatus.DRAFT, {"edit", "start", "stop"}),
        (CampaignStatus.RUNNING, {"pause", "stop"}),
        (CampaignStatus.PAUSED, {"resume", "stop"}),
        (CampaignStatus.ENDED, set()),
    ],
)
async def test_what_may_follow_what(
    sessions: SessionFactory, status: CampaignStatus, allowed: set[str]
) -> None:
    moves: dict[str, tuple[Move, tuple[object, ...]]] = {
        "edit": (edit, (STANDARD,)),
        "start": (start, ()),
        "pause": (pause, ()),
        "resume": (resume, ()),
        "stop": (stop, ()),
    }
    done = set()
    for name, (move, more) in moves.items():
        campaign = await draft(sessions, f"{status}-{name}")
        async with sessions() as session, session.begin():
            (await session.get_one(Campaign, campaign.id)).status = status
        try:
            await do(sessions, move, campaign, *more)
            done.add(name)
        except CampaignError as error:
            assert "不能" in str(error)
    assert done == allowed


async def test_names_are_fit_and_single(sessions: SessionFactory) -> None:
    campaign = await draft(sessions, " 年底提醒 ")
    assert campaign.name == "年底提醒"
    for name in ("年底提醒", "", "  ", "长" * 41):
        with pytest.raises(CampaignError):
            await draft(sessions, name)
    async with sessions() as session:
        assert (await by_name(session, "年底提醒 ")).id == campaign.id
        with pytest.raises(CampaignError, match="没有名为"):
            await by_name(session, "春季")


async def test_words_that_nobody_wrote_keep_it_from_starting(sessions: SessionFactory) -> None:
    async with sessions() as session, session.begin():
        campaign = await create(session, BY, "活动", STANDARD)
    with pytest.raises(CampaignError, match="early_notice"):
        await do(sessions, start, campaign)
    assert await alarms(sessions) == []


async def test_two_who_start_at_once_start_it_once(sessions: SessionFactory) -> None:
    campaign = await draft(sessions)
    both = await asyncio.gather(*(do(sessions, start, campaign) for _ in range(2)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in both) == ["Campaign", "CampaignError"]
    assert [action for _, action in await trail(sessions)] == ["campaign.created", "campaign.started"]


async def test_stopping_closes_what_is_active_and_cancels_what_is_planned(sessions: SessionFactory) -> None:
    people = [await make_taxpayer(sessions) for _ in range(3)]
    for who in people:
        await make_bill(sessions, who.id, due=DUE)
    campaign = await started(sessions)
    await enrolled(sessions, campaign)
    going, closed, fresh = [(await reminders_of(sessions, who.id))[0] for who in people]
    async with sessions() as session, session.begin():
        await session.execute(
            text("update outreach_reminder set active = false, closed_at = now(), closed_reason = 'finished'"
                 " where id = :id"),
            {"id": closed.id},
        )  # fmt: skip
        for number, (key, state) in enumerate((("early_notice", "leased"), ("second_call", "placed"))):
            await session.execute(
                text("with s as (update outreach_step set state = 'running' where reminder_id = :id and key = :key"
                     " returning id) insert into outreach_attempt (id, step_id, number, state, token, leased_by,"
                     " leased_until) select gen_random_uuid(), id, 1, :state, :number, 'test', now() from s"),
                {"id": going.id, "key": key, "state": state, "number": number},
            )  # fmt: skip
    await do(sessions, stop, campaign, "换方案")
    reasons = [(await reminders_of(sessions, who.id))[0].closed_reason for who in people]
    assert reasons == ["stopped", "finished", "stopped"]
    assert set((await steps_of(sessions, fresh.id)).values()) == {"cancelled"}
    states = await steps_of(sessions, going.id)
    assert {key for key, state in states.items() if state != "cancelled"} == {"second_call"}
    async with sessions() as session:
        attempts = await session.execute(text("select state, outcome from outreach_attempt order by token"))
        assert [tuple(row) for row in attempts] == [("ended", "cancelled"), ("placed", None)]
        told = await session.scalars(select(OutreachEvent.reminder_id))
        assert set(told) == {going.id, fresh.id}


async def test_stopping_is_whole_or_not_at_all(sessions: SessionFactory) -> None:
    who = await make_taxpayer(sessions)
    await make_bill(sessions, who.id, due=DUE)
    campaign = await started(sessions)
    await enrolled(sessions, campaign)
    async with sessions() as session:
        await stop(session, BY, campaign.id)
        await session.rollback()
    (reminder,) = await reminders_of(sessions, who.id)
    assert reminder.active and set((await steps_of(sessions, reminder.id)).values()) == {"planned"}
    async with sessions() as session:
        assert (await session.get_one(Campaign, campaign.id)).status == CampaignStatus.RUNNING


async def test_enrolment_that_meets_a_stop_leaves_nothing_active(sessions: SessionFactory) -> None:
    for _ in range(5):
        await make_bill(sessions, (await make_taxpayer(sessions)).id, due=DUE)
    campaign = await started(sessions)
    async with sessions() as session:
        await stop(session, BY, campaign.id)
        enrolling = asyncio.create_task(enrolled(sessions, campaign))
        await asyncio.sleep(0.2)
        await session.commit()
    assert (await enrolling).reminders == 0
    async with sessions() as session:
        assert await session.scalar(text("select count(*) from outreach_reminder where active")) == 0


async def test_the_list_counts_and_puts_first_what_is_at_work(sessions: SessionFactory) -> None:
    who = await make_taxpayer(sessions)
    await make_bill(sessions, who.id, due=DUE)
    campaign = await started(sessions, "进行")
    await enrolled(sessions, campaign)
    await draft(sessions, "草稿")
    async with sessions() as session, session.begin():
        await session.execute(text("update outreach_reminder set reached_at = now()"))
    async with sessions() as session:
        first, second = await listed(session)
    assert (first.name, first.title, first.reminders, first.active, first.reached, first.paid) == (
        "进行", STANDARD.title, 1, 1, 1, 0,
    )  # fmt: skip
    assert (first.enrolled_at, second.name, second.reminders) == (MORNING, "草稿", 0)


async def test_the_shipped_strategy_is_there_once_as_a_draft(sessions: SessionFactory) -> None:
    for _ in range(2):
        async with sessions() as session, session.begin():
            await seed_campaigns(session)
    async with sessions() as session:
        (only,) = await listed(session)
    assert (only.status, only.title, only.created_by) == (CampaignStatus.DRAFT, STANDARD.title, "system")


async def test_a_strategy_at_any_hour_is_for_fictional_people_alone(sessions: SessionFactory) -> None:
    at_night = load_plan(CAMPAIGNS / "demonstration.yml")
    evenings = STANDARD.model_copy(
        update={"limits": Limits(hours=(Span(starts=time(9), ends=time(22, 30)),))}
    )
    assert at_night.limits.at_any_hour and evenings.limits.at_any_hour and not STANDARD.limits.at_any_hour
    await make_taxpayer(sessions)
    async with sessions() as session, session.begin():
        await seed_templates(session)
        allowed = await create(session, BY, "演示", at_night)
        await start(session, BY, allowed.id)
        await session.execute(text("update taxpayer set fictional = false"))
        for name, plan in (("夜里", at_night), ("晚上", evenings)):
            campaign = await create(session, BY, name, plan)
            with pytest.raises(CampaignError, match="虚构"):
                await start(session, BY, campaign.id)


async def test_pausing_a_taxpayer_and_a_number_and_lifting_it(sessions: SessionFactory) -> None:
    who = await make_taxpayer(sessions, phones=["19912345678"])
    async with sessions() as session:
        number = (await session.scalars(select(Contact.phone_hash))).one()
    async with sessions() as session, session.begin():
        until = (await session.execute(text("select now()"))).scalar_one() + timedelta(days=3)
        first = await pause_contact(
            session, BY, taxpayer_id=who.id, until=until, reason="住院，来电19912345678"
        )
        await pause_contact(session, BY, phone_hash=number, until=None, reason="号码有误", calls_only=True)
    async with sessions() as session:
        rows = await pauses_listed(session)
    assert {(each.who, each.calls_only, each.until, each.by) for each in rows} == {
        (who.name, False, until, BY),
        ("199****5678", True, None, BY),
    }
    assert "19912345678" not in str(rows)
    async with sessions() as session, session.begin():
        await lift(session, BY, first.id)
        await lift(session, BY, first.id)
    async with sessions() as session:
        assert [each.who for each in await pauses_listed(session)] == ["199****5678"]
    assert await trail(sessions) == [(BY, "contact.paused"), (BY, "contact.paused"), (BY, "contact.lifted")]


@pytest.mark.parametrize(
    "wrong", [{"reason": " "}, {"until": MORNING - timedelta(days=900)}, {"taxpayer_id": MORNING}]
)
async def test_pauses_that_are_refused(sessions: SessionFactory, wrong: dict[str, object]) -> None:
    who = await make_taxpayer(sessions)
    asked = {"taxpayer_id": who.id, "until": None, "reason": "住院"} | wrong
    if "taxpayer_id" in wrong:
        asked["taxpayer_id"] = uuid.uuid4()
    async with sessions() as session, session.begin():
        with pytest.raises(PauseError):
            await pause_contact(session, BY, **asked)
