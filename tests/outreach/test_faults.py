"""The fault matrix: whatever is killed, late, doubled, cut off or restarted, nothing is doubled and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text

from outreach.clock import SetClock
from outreach.outbox import SmsSender
from outreach.plan import Lane
from outreach.sweep import sweep
from outreach.templates import seed_templates
from outreach.worker import Worker
from store.engine import SessionFactory
from store.models import OutboxSms
from store.outreach_models import Step, StepState
from tests.chat.database import CIPHER, opened
from tests.outreach.fake_carrier import (
    FakeCarrier,
    dialler,
    end_all,
    look_up,
)
from tests.outreach.invariants import check
from tests.outreach.killed_worker import KILLED, Points, die_at, live, near_slots, spawner
from tests.outreach.makers import (
    MESSAGE_STEP,
    OPEN,
    Case,
    make_campaign,
    make_case,
    open_lines,
    plan_of,
)

pytestmark = pytest.mark.unit
Told = Callable[[str], None]
_FINAL = (StepState.DONE, StepState.SKIPPED, StepState.CANCELLED, StepState.FAILED)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(OPEN)


@pytest_asyncio.fixture
async def carrier(url: str, clock: SetClock) -> AsyncIterator[FakeCarrier]:
    made = FakeCarrier(url, lambda: clock.at)
    yield made
    await made.aclose()


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """Says what was injected, captured or not."""

    def say(words: str) -> None:
        with capsys.disabled():
            print(f"\n[fault matrix] {words}")

    return say


async def recover(
    sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock, lane: Lane = Lane.CALL
) -> None:
    """What goes on after a crash: leases run out, calls are looked up, another worker goes on until all is settled."""
    worker = Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w2")
    sender = SmsSender(sessions, CIPHER, clock, None)
    for _ in range(30):
        async with sessions() as session, session.begin():
            await session.execute(
                text(
                    "update outreach_attempt set leased_until = clock_timestamp() - interval '1 second'"
                    " where state = 'leased'"
                )
            )
        await look_up(sessions, carrier, clock)
        await end_all(sessions, clock.at)
        with near_slots():
            await worker.step(lane)
        if lane is Lane.MESSAGE:
            await sender.step()
        await end_all(sessions, clock.at)
        await sweep(sessions, clock)
        async with sessions() as session:
            at = await session.scalar(
                select(func.min(Step.next_at)).where(Step.state.in_([StepState.PLANNED, StepState.RUNNING]))
            )
        if at is None:
            return
        clock.at = max(clock.at, at)
    raise AssertionError("not settled")


async def _passed(url: str, lane: Lane, at: datetime) -> int:
    """How many points one undisturbed life has."""
    points = Points(None)
    await live(url, lane, at, points)
    return points.passed


async def _kill_everywhere(url: str, lane: Lane, make: Callable[[], Awaitable[Case]], told: Told) -> int:
    context = spawner()
    kills = 0
    async with opened(url) as sessions:
        clock = SetClock(OPEN)
        carrier = FakeCarrier(url, lambda: clock.at)
        await make()
        last = await _passed(url, lane, OPEN)
        await check(sessions, settled=True)
        for point in range(1, last + 1):
            clock.at = OPEN
            case = await make()
            process = context.Process(target=die_at, args=(url, lane, OPEN, point))
            process.start()
            await asyncio.to_thread(process.join, 60)
            kills += process.exitcode == KILLED
            await check(sessions)
            await recover(sessions, carrier, clock, lane)
            await check(sessions, settled=True)
            async with sessions() as session:
                state = await session.scalar(select(Step.state).where(Step.id == case.step_id))
            assert state == StepState.DONE, (point, state)
        await carrier.aclose()
    told(f"{lane.value}: worker killed at {kills} of {last} points of an attempt's life")
    assert kills == last
    return kills


@pytest.mark.timeout(900)
async def test_a_worker_killed_between_any_two_statements_of_a_call(url: str, told: Told) -> None:
    async with opened(url) as sessions:
        await open_lines(sessions, a_second=1000.0)
        campaign = await make_campaign(sessions)

        async def make() -> Case:
            return await make_case(sessions, campaign)

        assert await _kill_everywhere(url, Lane.CALL, make, told) > 40


@pytest.mark.timeout(900)
async def test_a_worker_killed_between_any_two_statements_of_a_message(url: str, told: Told) -> None:
    async with opened(url) as sessions:
        async with sessions() as session, session.begin():
            await seed_templates(session)
        campaign = await make_campaign(sessions, plan_of({**MESSAGE_STEP, "channels": ["sms"]}))

        async def make() -> Case:
            return await make_case(sessions, campaign, "message")

        assert await _kill_everywhere(url, Lane.MESSAGE, make, told) > 15
        async with sessions() as session:
            texts = await session.scalar(select(func.count()).select_from(OutboxSms))
            steps = await session.scalar(select(func.count()).select_from(Step))
    assert texts == steps
