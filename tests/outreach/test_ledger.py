"""Leases: by priority, within lines and pace, given back, run out, fenced."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from outreach import ledger
from outreach.clock import SetClock
from outreach.pacing import hold_lines
from outreach.plan import Lane
from outreach.sweep import sweep
from outreach.switches import stop_all
from outreach.worker import Worker
from store.engine import SessionFactory
from store.models import Call
from store.outreach_models import (
    Attempt,
    AttemptState,
    CampaignStatus,
    ContactPause,
    OutreachEvent,
    Reminder,
    Step,
    StepState,
)
from telephony.events import Outcome
from tests.chat.database import CIPHER
from tests.outreach.fake_carrier import FakeCarrier, dialler, end, end_all, live_calls
from tests.outreach.invariants import check
from tests.outreach.makers import (
    OPEN,
    PACE,
    make_campaign,
    make_case,
    make_cases,
    make_reminder,
    make_step,
    make_taxpayer,
    open_lines,
    pay,
    set_status,
)
from tests.outreach.waiting import until

pytestmark = pytest.mark.unit


@pytest.fixture
def worker(sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock) -> Worker:
    return Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1")


async def step_of(sessions: SessionFactory, step_id: uuid.UUID) -> Step:
    async with sessions() as session:
        return await session.get_one(Step, step_id)


async def attempts_of(sessions: SessionFactory, step_id: uuid.UUID) -> list[Attempt]:
    async with sessions() as session:
        found = await session.scalars(
            select(Attempt).where(Attempt.step_id == step_id).order_by(Attempt.number)
        )
        return list(found.all())


async def leased(sessions: SessionFactory, most: int, *, seconds: float = 60.0) -> list[ledger.Lease]:
    async with sessions() as session, session.begin():
        return await ledger.lease(session, Lane.CALL, most, OPEN, by="w", lease_s=seconds)


async def test_a_call_is_made_and_concluded(
    sessions: SessionFactory, worker: Worker, carrier: FakeCarrier, clock: SetClock
) -> None:
    await open_lines(sessions)
    case = await make_case(sessions, await make_campaign(sessions))
    assert await worker.step(Lane.CALL) == 1
    (attempt,) = await attempts_of(sessions, case.step_id)
    assert (attempt.state, attempt.number) == (AttemptState.PLACED, 1)
    assert await carrier.dialled() == [attempt.call_id]
    await check(sessions)
    clock.at += timedelta(minutes=3)
    assert await end_all(sessions, clock.at) == 1
    await sweep(sessions, clock)
    step = await step_of(sessions, case.step_id)
    assert (step.state, step.tries) == (StepState.DONE, 1)
    async with sessions() as session:
        reminder = await session.get_one(Reminder, case.reminder_id)
        kinds = list(
            await session.scalars(
                select(OutreachEvent.kind)
                .where(OutreachEvent.reminder_id == case.reminder_id)
                .order_by(OutreachEvent.id)
            )
        )
    assert (reminder.closed_reason, reminder.reached_at) == ("finished", clock.at)
    assert kinds == ["dialled", "ended", "closed"]
    await check(sessions, settled=True)


async def test_the_most_urgent_goes_first_and_what_is_paused_or_later_not_at_all(
    sessions: SessionFactory,
) -> None:
    campaign = await make_campaign(sessions)
    paused = await make_campaign(sessions, status=CampaignStatus.PAUSED)
    await make_case(sessions, paused, priority=9)
    old = await make_case(sessions, campaign, at=OPEN - timedelta(hours=2))
    urgent = await make_case(sessions, campaign, priority=5)
    new = await make_case(sessions, campaign, at=OPEN - timedelta(hours=1))
    await make_case(sessions, campaign, priority=9, at=OPEN + timedelta(minutes=1))
    order = [urgent, old, new]
    found = [(await leased(sessions, 1))[0] for _ in order]
    assert [one.taxpayer_id for one in found] == [case.taxpayer_id for case in order]
    assert await leased(sessions, 5) == []
    assert len({one.token for one in found}) == 3


async def test_what_is_leased_twice_at_once_is_leased_once(sessions: SessionFactory) -> None:
    await make_cases(sessions, await make_campaign(sessions), 40)
    found = await asyncio.gather(*(leased(sessions, 10) for _ in range(8)))
    # Who looks while others lease may get less, never the same.
    found.append(await leased(sessions, 40))
    taken = [one.attempt_id for some in found for one in some]
    assert len(taken) == len(set(taken)) == 40
    await check(sessions)


async def test_lines_are_those_of_gateways_that_live_less_calls_and_leases(sessions: SessionFactory) -> None:
    await open_lines(sessions, 5, a_second=1000.0)
    await make_cases(sessions, await make_campaign(sessions), 10)

    async def free() -> int:
        async with sessions() as session, session.begin():
            return (await hold_lines(session, PACE)).free

    assert await free() == 5
    await leased(sessions, 2)
    assert await free() == 3
    await leased(sessions, 1, seconds=0.0)
    assert await free() == 3
    async with sessions() as session, session.begin():
        await session.execute(text("update voice_host set lines = 4"))
    assert await free() == 2
    async with sessions() as session, session.begin():
        await session.execute(
            text("update voice_host set seen_at = clock_timestamp() - interval '16 seconds'")
        )
    assert await free() == -2


async def test_no_more_is_dialled_than_there_are_lines(
    sessions: SessionFactory, worker: Worker, carrier: FakeCarrier, clock: SetClock
) -> None:
    await open_lines(sessions, 3, a_second=1000.0)
    await make_cases(sessions, await make_campaign(sessions), 8)
    assert [await worker.step(Lane.CALL) for _ in range(2)] == [3, 0]
    await end_all(sessions, clock.at)
    assert await worker.step(Lane.CALL) == 3
    await check(sessions)
    assert len(await carrier.dialled()) == 6


async def test_without_a_gateway_nothing_is_leased(sessions: SessionFactory, worker: Worker) -> None:
    await open_lines(sessions, 0)
    case = await make_case(sessions, await make_campaign(sessions))
    assert await worker.step(Lane.CALL) == 0
    assert (await step_of(sessions, case.step_id)).state == StepState.PLANNED


async def test_a_lease_that_ran_out_is_put_back_and_its_holder_is_fenced_off(
    sessions: SessionFactory, worker: Worker, carrier: FakeCarrier, clock: SetClock
) -> None:
    await open_lines(sessions)
    case = await make_case(sessions, await make_campaign(sessions))
    (old,) = await leased(sessions, 1, seconds=0.0)
    async with sessions() as session, session.begin():
        assert await ledger.hold_leased(session, old) is None
    assert (await sweep(sessions, clock)).put_back == 1
    step = await step_of(sessions, case.step_id)
    assert (step.state, step.tries, step.next_at) == (StepState.PLANNED, 0, OPEN)
    assert await attempts_of(sessions, case.step_id) == []
    (new,) = await leased(sessions, 1)
    assert new.token > old.token
    async with sessions() as session, session.begin():
        assert (
            await ledger.hold_leased(
                session, ledger.Lease(new.attempt_id, old.token, new.taxpayer_id, Lane.CALL)
            )
            is None
        )
        assert await ledger.hold_leased(session, new) is not None
    await check(sessions)


async def test_a_payment_between_lease_and_intent_stops_the_call(
    sessions: SessionFactory, worker: Worker, carrier: FakeCarrier
) -> None:
    await open_lines(sessions)
    case = await make_case(sessions, await make_campaign(sessions))
    async with sessions() as session, session.begin():
        await session.execute(
            text("update outreach_pace set next_at = clock_timestamp() + interval '1.9 seconds'")
        )
    working = asyncio.create_task(worker.step(Lane.CALL))

    async def decided() -> bool:
        return any(attempt.slot_at for attempt in await attempts_of(sessions, case.step_id))

    await until(decided, "it has a slot")
    await pay(sessions, case.bill_id)
    await working
    assert (await step_of(sessions, case.step_id)).state == StepState.CANCELLED
    assert [attempt.outcome for attempt in await attempts_of(sessions, case.step_id)] == ["cancelled"]
    assert await carrier.dialled() == []
    await check(sessions, settled=True)


async def test_a_payment_during_the_call_leaves_it_and_ends_the_step(
    sessions: SessionFactory, worker: Worker, clock: SetClock
) -> None:
    await open_lines(sessions)
    campaign = await make_campaign(sessions)
    case = await make_case(sessions, campaign)
    missed = await make_case(sessions, campaign)
    await worker.step(Lane.CALL)
    await pay(sessions, case.bill_id)
    await pay(sessions, missed.bill_id)
    assert (await step_of(sessions, case.step_id)).state == StepState.RUNNING
    await check(sessions)
    calls = {
        attempt.call_id: each
        for each in (case, missed)
        for attempt in await attempts_of(sessions, each.step_id)
    }
    for call in await live_calls(sessions):
        await end(
            sessions, call, clock.at, Outcome.COMPLETED if calls[call.id] is case else Outcome.NO_ANSWER
        )
    await sweep(sessions, clock)
    assert (await step_of(sessions, case.step_id)).state == StepState.DONE
    # Nobody answered, and there is nothing left to remind of.
    assert (await step_of(sessions, missed.step_id)).state == StepState.CANCELLED
    await check(sessions, settled=True)


async def test_stopping_a_campaign_takes_back_what_is_leased(
    sessions: SessionFactory, worker: Worker, clock: SetClock
) -> None:
    await open_lines(sessions)
    campaign = await make_campaign(sessions)
    case = await make_case(sessions, campaign)
    await leased(sessions, 1, seconds=0.0)
    await set_status(sessions, campaign.id, CampaignStatus.ENDED)
    await sweep(sessions, clock)
    step = await step_of(sessions, case.step_id)
    assert (step.state, await attempts_of(sessions, case.step_id)) == (StepState.CANCELLED, [])


async def test_a_paused_taxpayer_is_skipped_and_the_reasons_stand(
    sessions: SessionFactory, worker: Worker, carrier: FakeCarrier
) -> None:
    await open_lines(sessions)
    case = await make_case(sessions, await make_campaign(sessions))
    async with sessions() as session, session.begin():
        session.add(ContactPause(taxpayer_id=case.taxpayer_id, reason="本人要求", by="cli"))
    await worker.step(Lane.CALL)
    step = await step_of(sessions, case.step_id)
    assert (step.state, step.tries) == (StepState.SKIPPED, 0)
    assert step.reasons == {"verdict": "skip", "reasons": ["税务人员已暂停联系"]}
    assert await carrier.dialled() == []
    async with sessions() as session:
        assert (await session.get_one(Reminder, case.reminder_id)).closed_reason == "finished"
    await check(sessions, settled=True)


async def test_two_taxpayers_with_one_number_share_its_limits(
    sessions: SessionFactory, worker: Worker, carrier: FakeCarrier
) -> None:
    await open_lines(sessions, a_second=1000.0)
    campaign = await make_campaign(sessions)
    cases = [await make_case(sessions, campaign, phones=["13900008888"]) for _ in range(4)]
    await worker.step(Lane.CALL)
    assert len(await carrier.dialled()) == 2
    steps = [await step_of(sessions, case.step_id) for case in cases]
    assert sorted(step.state for step in steps) == ["planned", "planned", "running", "running"]
    later = [step for step in steps if step.state == StepState.PLANNED]
    assert all(step.next_at > OPEN + timedelta(hours=20) for step in later)
    assert all(step.reasons["verdict"] == "later" and step.tries == 0 for step in later)
    await check(sessions)


async def test_one_taxpayer_with_two_reminders_is_not_called_twice_at_once(
    sessions: SessionFactory, worker: Worker, carrier: FakeCarrier
) -> None:
    await open_lines(sessions, a_second=1000.0)
    campaign = await make_campaign(sessions)
    taxpayer = await make_taxpayer(sessions, phones=["13900001001", "13900001002"])
    for day in range(4):
        reminder = await make_reminder(
            sessions, campaign, taxpayer.id, [], due=OPEN.date() + timedelta(days=20 + day)
        )
        await make_step(sessions, reminder)
    await worker.step(Lane.CALL)
    assert len(await carrier.dialled()) == 2
    await check(sessions)


async def test_a_single_call_is_placed_within_the_lines(
    sessions: SessionFactory, worker: Worker, carrier: FakeCarrier, clock: SetClock
) -> None:
    await open_lines(sessions, 1)
    taxpayer = await make_taxpayer(sessions)
    async with sessions() as session:
        contact_id = await session.scalar(
            text("select id from contact where taxpayer_id = :t"), {"t": taxpayer.id}
        )
    call_id = await worker.place(taxpayer.id, contact_id, "callback")
    assert call_id is not None and await carrier.dialled() == [call_id]
    assert await worker.place(taxpayer.id, contact_id, "callback") is None
    await end_all(sessions, clock.at)
    async with sessions() as session, session.begin():
        await stop_all(session, "cli", "测试")
    assert await worker.place(taxpayer.id, contact_id, "callback") is None
    async with sessions() as session:
        assert await session.scalar(select(func.count()).select_from(Call)) == 1


async def test_a_step_whose_way_breaks_down_is_looked_at_later_and_hurts_nobody_else(
    sessions: SessionFactory, worker: Worker, carrier: FakeCarrier
) -> None:
    await open_lines(sessions, a_second=1000.0)
    campaign = await make_campaign(sessions)
    broken = await make_case(sessions, campaign)
    good = await make_case(sessions, campaign)
    async with sessions() as session, session.begin():
        await session.execute(
            text("update contact set phone_enc = 'x' where taxpayer_id = :t"), {"t": broken.taxpayer_id}
        )
    await worker.step(Lane.CALL)
    step = await step_of(sessions, broken.step_id)
    assert (step.state, step.next_at > OPEN, step.tries) == (StepState.PLANNED, True, 0)
    assert (await step_of(sessions, good.step_id)).state == StepState.RUNNING
    await check(sessions)


async def test_reopened_steps_number_their_attempts_on(sessions: SessionFactory, clock: SetClock) -> None:
    case = await make_case(sessions, await make_campaign(sessions))
    await leased(sessions, 1)
    await pay(sessions, case.bill_id)
    async with sessions() as session, session.begin():
        await session.execute(
            update(Reminder).values(active=True, closed_at=None, closed_reason=None, paid_at=None)
        )
        await session.execute(update(Step).values(state=StepState.PLANNED, ended_at=None, tries=0))
    (again,) = await leased(sessions, 1)
    assert [one.number for one in await attempts_of(sessions, case.step_id)] == [1, 2]
    assert again.token > 1
