"""What follows from an attempt: the step again, another way, or its end; once."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select, text, update

from outreach.clock import SetClock
from outreach.conclude import conclude
from outreach.outbox import SmsSender
from outreach.plan import Lane, Plan
from outreach.sweep import UNREPORTED, sweep
from outreach.templates import seed_templates
from outreach.worker import Worker
from store.engine import SessionFactory
from store.models import Call, Case, OutboxSms, Verification
from store.outreach_models import Attempt, AttemptState, OutreachEvent, Reminder, Step, StepState
from telephony.events import Outcome
from tests.chat.database import CIPHER
from tests.outreach import makers
from tests.outreach.fake_carrier import FakeCarrier, dialler, end_all
from tests.outreach.invariants import check
from tests.outreach.makers import (
    CALL_STEP,
    MESSAGE_STEP,
    OPEN,
    make_campaign,
    make_case,
    make_step,
    open_lines,
    plan_of,
)

pytestmark = pytest.mark.unit


@pytest_asyncio.fixture
async def worker(sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock) -> Worker:
    await open_lines(sessions, a_second=1000.0)
    async with sessions() as session, session.begin():
        await seed_templates(session)
    return Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1")


class Line:
    """One taxpayer's step, called or written to as often as it is due."""

    def __init__(self, sessions: SessionFactory, worker: Worker, clock: SetClock, case: makers.Case) -> None:
        self.sessions, self.worker, self.clock, self.case = sessions, worker, clock, case

    async def step(self) -> Step:
        async with self.sessions() as session:
            return await session.get_one(Step, self.case.step_id)

    async def reminder(self) -> Reminder:
        async with self.sessions() as session:
            return await session.get_one(Reminder, self.case.reminder_id)

    async def attempts(self) -> list[Attempt]:
        async with self.sessions() as session:
            found = await session.scalars(
                select(Attempt).where(Attempt.step_id == self.case.step_id).order_by(Attempt.number)
            )
            return list(found.all())

    async def called(self, outcome: Outcome) -> Step:
        """It is due, and the call ends so."""
        self.clock.at = max(self.clock.at, (await self.step()).next_at)
        assert await self.worker.step(Lane.CALL) == 1
        self.clock.at += timedelta(minutes=1)
        assert await end_all(self.sessions, self.clock.at, outcome) == 1
        await sweep(self.sessions, self.clock)
        await check(self.sessions)
        return await self.step()


async def line(
    sessions: SessionFactory,
    worker: Worker,
    clock: SetClock,
    *,
    plan: Plan | None = None,
    key: str = "call",
    phones: list[str] | None = None,
) -> Line:
    campaign = await make_campaign(sessions, plan)
    return Line(sessions, worker, clock, await make_case(sessions, campaign, key, phones=phones))


async def test_busy_is_tried_again_then_it_goes_on_as_a_message(
    sessions: SessionFactory, worker: Worker, clock: SetClock
) -> None:
    it = await line(sessions, worker, clock)
    step = await it.called(Outcome.BUSY)
    assert (step.state, step.next_at, step.wanted) == (
        StepState.PLANNED,
        clock.at + timedelta(minutes=30),
        None,
    )
    await it.called(Outcome.BUSY)
    # The third of the day waits for the next one.
    assert (await it.step()).next_at < OPEN + timedelta(hours=2)
    clock.at = (await it.step()).next_at
    await worker.step(Lane.CALL)
    step = await it.step()
    assert step.next_at >= OPEN.replace(day=24, hour=9)
    step = await it.called(Outcome.BUSY)
    assert (step.wanted, step.lane, step.tries) == ("inbox,wechat,sms", "message", 3)
    clock.at = step.next_at
    assert await worker.step(Lane.CALL) == 0
    assert await worker.step(Lane.MESSAGE) == 1
    (sms,) = await texts(sessions)
    last = (await it.attempts())[-1]
    assert (sms.attempt_id, last.channel, last.state) == (last.id, "sms", AttemptState.INTENT)
    await SmsSender(sessions, CIPHER, clock, None).step()
    await sweep(sessions, clock)
    assert (await it.step()).state == StepState.DONE
    reminder = await it.reminder()
    assert reminder.notified_at is not None and reminder.reached_at is None
    await check(sessions, settled=True)


async def test_an_invalid_number_leads_to_the_next_one(
    sessions: SessionFactory, worker: Worker, clock: SetClock, carrier: FakeCarrier
) -> None:
    phones = ["13900009001", "13900009002"]
    it = await line(sessions, worker, clock, phones=phones)
    step = await it.called(Outcome.INVALID_NUMBER)
    assert step.wanted == "other_number"
    step = await it.called(Outcome.BUSY)
    assert step.wanted is None
    # The number that worked is kept, not the one that is wrong.
    async with sessions() as session:
        hashes = list(await session.scalars(select(Call.phone_hash).order_by(Call.created_at)))
    assert hashes == [CIPHER.lookup_hash("phone", phone) for phone in phones]
    attempts = await it.attempts()
    assert attempts[0].contact_id != attempts[1].contact_id


async def test_a_number_that_is_no_number_ends_the_attempt_undialled(
    sessions: SessionFactory, worker: Worker, clock: SetClock, carrier: FakeCarrier
) -> None:
    it = await line(sessions, worker, clock, phones=["12", "13900009012"])
    assert await worker.step(Lane.CALL) == 1
    (attempt,) = await it.attempts()
    assert (attempt.outcome, attempt.call_id, attempt.intent_at) == ("invalid_number", None, None)
    assert (await it.step()).wanted == "other_number"
    assert await carrier.dialled() == []
    await it.called(Outcome.COMPLETED)
    assert (await it.step()).state == StepState.DONE


async def test_a_call_that_was_verified_notes_its_stations(
    sessions: SessionFactory, worker: Worker, clock: SetClock
) -> None:
    it = await line(sessions, worker, clock)
    await worker.step(Lane.CALL)
    async with sessions() as session, session.begin():
        talk = await session.scalar(select(Call.conversation_id))
        session.add(
            Verification(
                conversation_id=talk,
                taxpayer_id=it.case.taxpayer_id,
                state="verified",
                verified_at=OPEN + timedelta(seconds=40),
            )
        )
    clock.at += timedelta(minutes=2)
    await end_all(sessions, clock.at)
    await sweep(sessions, clock)
    reminder = await it.reminder()
    assert reminder.verified_at == OPEN + timedelta(seconds=40)
    assert reminder.reached_at == reminder.notified_at == clock.at


async def test_concluding_is_done_once(sessions: SessionFactory, worker: Worker, clock: SetClock) -> None:
    it = await line(sessions, worker, clock)
    await worker.step(Lane.CALL)
    (attempt,) = await it.attempts()
    assert not await conclude(sessions, clock, attempt.id)
    await end_all(sessions, clock.at, Outcome.BUSY)
    done = await asyncio.gather(*(conclude(sessions, clock, attempt.id) for _ in range(6)))
    assert sorted(done) == [False] * 5 + [True]
    assert not await conclude(sessions, clock, uuid.uuid4())
    async with sessions() as session:
        ended = list(await session.scalars(select(OutreachEvent).where(OutreachEvent.kind == "ended")))
    assert [event.detail["then"] for event in ended] == ["planned"]
    assert (await it.step()).tries == 1


async def test_a_reminder_stays_open_while_a_step_is_left(
    sessions: SessionFactory, worker: Worker, clock: SetClock
) -> None:
    it = await line(sessions, worker, clock)
    await make_step(sessions, await it.reminder(), "message", at=OPEN + timedelta(days=2))
    await it.called(Outcome.COMPLETED)
    reminder = await it.reminder()
    assert reminder.active and reminder.closed_reason is None
    await check(sessions)


async def test_an_alarm_that_was_set_for_the_end_of_a_call(
    sessions: SessionFactory, worker: Worker, clock: SetClock
) -> None:
    it = await line(sessions, worker, clock)
    await worker.step(Lane.CALL)
    await end_all(sessions, clock.at)
    (attempt,) = await it.attempts()
    async with sessions() as session:
        found = await session.execute(
            text("select args from procrastinate_jobs where task_name = 'outreach.conclude'")
        )
        assert [row.args for row in found] == [{"attempt_id": str(attempt.id)}]


async def test_what_the_triggers_missed_the_sweep_ends(
    sessions: SessionFactory, worker: Worker, clock: SetClock
) -> None:
    it = await line(sessions, worker, clock)
    await worker.step(Lane.CALL)
    async with sessions() as session, session.begin():
        await session.execute(text("alter table call disable trigger call_outreach"))
    await end_all(sessions, clock.at)
    swept = await sweep(sessions, clock)
    assert (swept.ended, swept.concluded) == (1, 1)
    assert (await it.step()).state == StepState.DONE
    await check(sessions, settled=True)


async def test_a_text_the_carrier_never_reports_on_counts_as_delivered_in_the_end(
    sessions: SessionFactory, worker: Worker, clock: SetClock
) -> None:
    it = await line(sessions, worker, clock, plan=plan_of(MESSAGE_STEP), key="message")
    await worker.step(Lane.MESSAGE)
    async with sessions() as session, session.begin():
        await session.execute(update(OutboxSms).values(state="sent", carrier_id="SM1"))
    assert (await sweep(sessions, clock)).ended == 0
    async with sessions() as session, session.begin():
        await session.execute(
            update(OutboxSms).values(created_at=OutboxSms.created_at - UNREPORTED - timedelta(hours=1))
        )
    assert (await sweep(sessions, clock)).ended == 1
    (attempt,) = await it.attempts()
    assert (attempt.outcome, attempt.note) == ("delivered", "没有收到送达回执")
    assert (await it.step()).state == StepState.DONE


async def test_whom_no_message_reaches_becomes_an_officer_s_task(
    sessions: SessionFactory, worker: Worker, clock: SetClock
) -> None:
    it = await line(sessions, worker, clock, plan=plan_of(MESSAGE_STEP), key="message", phones=[])
    assert await worker.step(Lane.MESSAGE) == 1
    step = await it.step()
    assert (step.state, step.wanted, step.lane) == (StepState.PLANNED, "officer", "officer")
    assert [attempt.outcome for attempt in await it.attempts()] == ["unreachable"]
    clock.at = step.next_at
    assert await worker.step(Lane.OFFICER) == 1
    assert (await it.step()).state == StepState.DONE
    async with sessions() as session:
        (case,) = await session.scalars(select(Case))
    assert case.kind == "collection"
    await check(sessions, settled=True)


async def test_messages_wait_for_the_outbox(
    sessions: SessionFactory, worker: Worker, clock: SetClock
) -> None:
    """What is decided on now goes out now: no more is queued than the carrier takes in ten seconds."""
    await open_lines(sessions, a_second=0.3, pace="sms")
    await makers.make_cases(sessions, await make_campaign(sessions, plan_of(MESSAGE_STEP)), 5, "message")
    assert await worker.step(Lane.MESSAGE) == 3
    assert await worker.step(Lane.MESSAGE) == 0
    async with sessions() as session, session.begin():
        await session.execute(update(OutboxSms).values(state="sent"))
    assert await worker.step(Lane.MESSAGE) == 2
    await check(sessions)


async def test_a_call_that_becomes_a_message_after_the_deadline_says_so(
    sessions: SessionFactory, worker: Worker, clock: SetClock
) -> None:
    plan = plan_of({**CALL_STEP, "day": 3})
    campaign = await make_campaign(sessions, plan)
    case = await make_case(sessions, campaign, due=OPEN.date() - timedelta(days=3))
    async with sessions() as session, session.begin():
        await session.execute(update(Step).values(wanted="sms", lane="message"))
    assert await worker.step(Lane.MESSAGE) == 1
    (sms,) = await texts(sessions)
    assert "还没有查看" in CIPHER.decrypt(sms.body_enc, "outbox_sms.body")
    assert case.step_id


async def texts(sessions: SessionFactory) -> list[OutboxSms]:
    async with sessions() as session:
        return list(await session.scalars(select(OutboxSms)))
