"""The fault matrix: whatever is killed, late, doubled, cut off or restarted, nothing is doubled and nothing is lost."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from outreach.clock import SetClock
from outreach.conclude import conclude
from outreach.outbox import SmsSender
from outreach.plan import Lane
from outreach.sweep import sweep
from outreach.switches import release, stop_all
from outreach.templates import seed_templates
from outreach.worker import Worker
from store import calls, embedded, migrate
from store.engine import SessionFactory
from store.models import Call, ContactExclusion, OutboxSms
from store.outreach_models import Attempt, AttemptState, OutreachEvent, Pace, Step, StepState
from telephony.events import Outcome
from tests.chat.database import CIPHER, opened
from tests.outreach.fake_carrier import FakeCarrier, dialler, end_all, live_calls, look_up, report
from tests.outreach.invariants import check
from tests.outreach.killed_worker import KILLED, Points, die_at, live, near_slots, spawner
from tests.outreach.makers import (
    MESSAGE_STEP,
    OPEN,
    Case,
    make_campaign,
    make_case,
    make_cases,
    open_lines,
    plan_of,
)
from tests.outreach.waiting import until
from tests.support.stack import data_folder

pytestmark = pytest.mark.unit
Told = Callable[[str], None]


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


async def _settle(sessions: SessionFactory, clock: SetClock, lane_over: Callable[[], bool]) -> None:
    """Calls end and are concluded, again and again, until told to stop."""
    while not lane_over():
        try:
            await end_all(sessions, clock.at)
            await sweep(sessions, clock)
        except (SQLAlchemyError, OSError):
            pass
        await asyncio.sleep(0.05)


@asynccontextmanager
async def at_work(
    sessions: SessionFactory, carriers: list[FakeCarrier], clock: SetClock
) -> AsyncIterator[asyncio.Event]:
    """Workers that run side by side until the end, while calls end and are concluded."""
    stop = asyncio.Event()
    workers = [
        Worker(sessions, CIPHER, clock, dialler(sessions, carrier), f"w{place}")
        for place, carrier in enumerate(carriers)
    ]
    running = [asyncio.create_task(worker.run(stop)) for worker in workers]
    settling = asyncio.create_task(_settle(sessions, clock, stop.is_set))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.gather(*running, settling)


async def states(sessions: SessionFactory) -> dict[str, int]:
    async with sessions() as session:
        rows = await session.execute(select(Step.state, func.count()).group_by(Step.state))
        return {str(state): many for state, many in rows.all()}


async def test_a_carrier_that_dials_and_does_not_answer(
    sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock, told: Told
) -> None:
    await open_lines(sessions, 10, a_second=1000.0)
    await make_cases(sessions, await make_campaign(sessions), 10)
    carrier.unsure = True
    worker = Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1")
    assert await worker.step(Lane.CALL) == 10
    async with sessions() as session:
        attempts = list(await session.scalars(select(Attempt.state)))
    assert attempts == [AttemptState.INTENT] * 10
    await sweep(sessions, clock)
    assert await worker.step(Lane.CALL) == 0
    assert (await look_up(sessions, carrier, clock)).adopted == 10
    async with sessions() as session:
        found = (await session.execute(select(Attempt.state, Attempt.carrier_id))).all()
    assert all(state == AttemptState.PLACED and carrier_id for state, carrier_id in found)
    await check(sessions)
    assert await end_all(sessions, clock.at) == 10
    await sweep(sessions, clock)
    assert await states(sessions) == {"done": 10}
    assert len(await carrier.dialled()) == 10
    await check(sessions, settled=True)
    told("10 time-outs of the carrier after it had dialled")


async def test_a_carrier_that_does_not_dial_is_tried_again_by_the_rule(
    sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock
) -> None:
    await open_lines(sessions, a_second=1000.0)
    case = await make_case(sessions, await make_campaign(sessions))
    carrier.refuse = Outcome.CARRIER_FAILURE
    worker = Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1")
    for _ in range(3):
        assert await worker.step(Lane.CALL) == 1
        await sweep(sessions, clock)
        async with sessions() as session:
            step = await session.get_one(Step, case.step_id)
        assert (step.state, step.next_at) == (StepState.PLANNED, clock.at + timedelta(minutes=15))
        clock.at = step.next_at
    # None of them rang anywhere, so they count for no limit.
    carrier.refuse = None
    assert await worker.step(Lane.CALL) == 1
    assert len(await carrier.dialled()) == 1
    await check(sessions)


async def test_reports_late_doubled_out_of_order_and_before_their_time(
    sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock, told: Told
) -> None:
    await open_lines(sessions, 40, a_second=1000.0)
    cases = await make_cases(sessions, await make_campaign(sessions), 30)
    rng = random.Random(6)
    early: set[uuid.UUID] = set()
    injected = 0

    async def before_the_answer(call_id: uuid.UUID) -> None:
        """The carrier's first word of a call overtakes its answer to the request."""
        if rng.random() < 0.5:
            return
        connection = await carrier._connected()
        rows = await connection.execute("select carrier_id from fake_dialled where call_id = %s", [call_id])
        row = await rows.fetchone()
        assert row is not None
        async with sessions() as session, session.begin():
            said = report(Call(id=call_id, carrier_id=row[0]), "ringing", 0, clock.at)
            await calls.apply_status(session, call_id, said)
        early.add(call_id)

    carrier.after = before_the_answer
    worker = Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1")
    with near_slots():
        assert await worker.step(Lane.CALL) == 30
    assert early
    outcomes: dict[uuid.UUID, str] = {}
    for call in await live_calls(sessions):
        outcome = rng.choice([Outcome.BUSY, Outcome.NO_ANSWER, Outcome.REJECTED, Outcome.COMPLETED])
        outcomes[call.id] = outcome.value
        at = clock.at + timedelta(minutes=1)
        said = [
            report(call, "placed", 0, at),
            report(call, "ringing", 1, at),
            report(call, "ended", 3, at, outcome=outcome.value),
        ]
        said += rng.choices(said, k=4)
        rng.shuffle(said)
        injected += len(said)

        async def tell(one: object) -> None:
            async with sessions() as session, session.begin():
                await calls.apply_status(session, call.id, one)  # type: ignore[arg-type] # noqa: B023

        await asyncio.gather(*(tell(one) for one in said))
    clock.at += timedelta(hours=3)
    async with sessions() as session:
        ended = list(await session.scalars(select(Attempt.id).where(Attempt.state == AttemptState.ENDED)))
    # The alarm rings twice, and the sweep comes in between.
    once = await asyncio.gather(
        *(conclude(sessions, clock, attempt_id) for attempt_id in ended * 2),
        sweep(sessions, clock),
        sweep(sessions, clock),
    )
    async with sessions() as session:
        attempts = list(await session.scalars(select(Attempt)))
        concluded = (
            await session.execute(
                select(OutreachEvent.attempt_id, func.count())
                .where(OutreachEvent.kind == "ended")
                .group_by(OutreachEvent.attempt_id)
            )
        ).all()
    assert once
    assert {attempt.call_id: attempt.outcome for attempt in attempts} == outcomes
    assert len(concluded) == len(cases)
    assert {many for _, many in concluded} == {1}
    await check(sessions)
    told(f"{injected} reports doubled and out of order, {len(early)} ahead of the carrier's answer")


async def test_an_opt_out_while_it_rings_is_the_last_call(
    sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock
) -> None:
    await open_lines(sessions)
    case = await make_case(sessions, await make_campaign(sessions))
    worker = Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1")
    await worker.step(Lane.CALL)
    async with sessions() as session, session.begin():
        conversation_id = await session.scalar(select(Call.conversation_id))
        session.add(ContactExclusion(kind="opt_out", conversation_id=conversation_id))
    await end_all(sessions, clock.at, Outcome.NO_ANSWER)
    await sweep(sessions, clock)
    async with sessions() as session:
        step = await session.get_one(Step, case.step_id)
    assert step.state == StepState.PLANNED
    clock.at = step.next_at
    await worker.step(Lane.CALL)
    async with sessions() as session:
        step = await session.get_one(Step, case.step_id)
    assert (step.state, step.reasons["reasons"]) == (StepState.SKIPPED, ["纳税人要求不再联系"])
    assert len(await carrier.dialled()) == 1
    await check(sessions, settled=True)


async def test_two_workers_at_once(sessions: SessionFactory, url: str, clock: SetClock, told: Told) -> None:
    await open_lines(sessions, 10, a_second=200.0)
    await make_cases(sessions, await make_campaign(sessions), 60)
    carriers = [FakeCarrier(url, lambda: clock.at) for _ in range(2)]

    async def over() -> bool:
        return await states(sessions) == {"done": 60}

    async with at_work(sessions, carriers, clock):
        await until(over, "60 calls by two workers")
    async with sessions() as session:
        shares = (
            await session.execute(select(Attempt.leased_by, func.count()).group_by(Attempt.leased_by))
        ).all()
    assert len(shares) == 2
    assert len(await carriers[0].dialled()) == 60
    for carrier in carriers:
        await carrier.aclose()
    await check(sessions, settled=True)
    told(f"two workers on one ledger, {dict(shares)} attempts")  # type: ignore[arg-type]


async def test_postgresql_restarted_under_a_running_worker(told: Told) -> None:
    with data_folder() as folder:
        url = (await asyncio.to_thread(embedded.start, folder)).url
        try:
            await asyncio.to_thread(migrate.upgrade, url)
            async with opened(url) as sessions:
                await _restarted(sessions, url, folder)
        finally:
            await asyncio.to_thread(embedded.stop, folder)
    told("PostgreSQL restarted twice under a running worker")


async def _restarted(sessions: SessionFactory, url: str, folder: Path) -> None:
    clock = SetClock(OPEN)
    # Lines enough for those whose calls nobody knows of until they are looked up.
    await open_lines(sessions, 100, a_second=20.0)
    await make_cases(sessions, await make_campaign(sessions), 100)
    carrier = FakeCarrier(url, lambda: clock.at)

    async def dialled(many: int) -> bool:
        async with sessions() as session:
            return (await session.scalar(select(func.count()).select_from(Call)) or 0) >= many

    async with at_work(sessions, [carrier], clock):
        for many in (10, 25):
            await until(lambda many=many: dialled(many), f"{many} calls")  # type: ignore[misc]
            await asyncio.to_thread(embedded.stop, folder)
            await asyncio.to_thread(embedded.start, folder)
        await until(lambda: dialled(40), "it goes on after the restarts")
    # What the restart broke off is taken up as after any crash.
    await recover(sessions, carrier, clock)
    assert await states(sessions) == {"done": 100}
    await check(sessions, settled=True)
    await carrier.aclose()


@pytest.mark.parametrize("hours", [2, -2])
async def test_the_clock_jumps(
    sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock, hours: int
) -> None:
    await open_lines(sessions, a_second=1000.0)
    cases = await make_cases(sessions, await make_campaign(sessions), 6)
    worker = Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1")
    async with sessions() as session, session.begin():
        await session.execute(
            update(Step).where(Step.id == cases[0].step_id).values(next_at=OPEN - timedelta(hours=3))
        )
    clock.at += timedelta(hours=hours)
    # The pace has been moved on by a clock that ran ahead.
    async with sessions() as session, session.begin():
        await session.execute(update(Pace).values(next_at=text("clock_timestamp() + interval '2 hours'")))
    first = await worker.step(Lane.CALL)
    assert first == (6 if hours > 0 else 1)
    await check(sessions)
    clock.at = OPEN + timedelta(hours=4)
    await recover(sessions, carrier, clock)
    assert len(await carrier.dialled()) == 6 if hours < 0 else 6
    await check(sessions, settled=True)


async def test_the_red_button_in_a_burst(
    sessions: SessionFactory, url: str, clock: SetClock, told: Told
) -> None:
    await open_lines(sessions, 300, a_second=40.0)
    await make_cases(sessions, await make_campaign(sessions), 300)
    carriers = [FakeCarrier(url, lambda: clock.at) for _ in range(2)]

    async def dialled(many: int) -> bool:
        return len(await carriers[0].dialled()) >= many

    async with at_work(sessions, carriers, clock):
        await until(lambda: dialled(10), "a burst has begun")
        async with sessions() as session, session.begin():
            await stop_all(session, "cli", "测试")
        async with sessions() as session:
            pressed = await session.scalar(text("select clock_timestamp()"))
        await asyncio.sleep(1.5)
        stopped_at = len(await carriers[0].dialled())
        async with sessions() as session:
            meant = await session.scalar(
                select(func.count()).select_from(Call).where(Call.created_at > pressed)
            )
            late = await session.scalar(
                text("select count(*) from fake_dialled where at > :pressed + interval '1 second'"),
                {"pressed": pressed},
            )
            after = await session.scalar(
                text("select count(*) from fake_dialled where at > :pressed"), {"pressed": pressed}
            )
        assert (meant, late) == (0, 0)
        assert stopped_at < 300
        async with sessions() as session, session.begin():
            await release(session, "cli")
        await until(lambda: dialled(stopped_at + 20), "it goes on after the release")
    assert await _leases(sessions) == 0
    await check(sessions)
    for carrier in carriers:
        await carrier.aclose()
    told(f"red button after {stopped_at - (after or 0)} calls of 300: {after} more, none later than a second")


async def test_three_thousand_due_in_one_minute(
    sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock
) -> None:
    await open_lines(sessions, 20, a_second=200.0)
    await make_cases(sessions, await make_campaign(sessions), 3000)
    most = 0

    async def dialled(many: int) -> bool:
        nonlocal most
        async with sessions() as session:
            under_way = await session.scalar(
                select(func.count()).select_from(Attempt).where(Attempt.state != AttemptState.ENDED)
            )
        most = max(most, under_way or 0)
        return len(await carrier.dialled()) >= many

    memory = psutil.Process().memory_info
    async with at_work(sessions, [carrier], clock):
        await until(lambda: dialled(40), "the first forty")
        before = memory().rss
        await until(lambda: dialled(120), "eighty more")
        after = memory().rss
    assert most <= 20
    assert after - before < 64 * 2**20
    left = await states(sessions)
    assert sum(left.values()) == 3000
    assert left["planned"] > 2000
    assert await _leases(sessions) == 0
    await check(sessions)


async def _leases(sessions: SessionFactory) -> int:
    async with sessions() as session:
        found = select(func.count()).select_from(Attempt).where(Attempt.state == AttemptState.LEASED)
        return await session.scalar(found) or 0
