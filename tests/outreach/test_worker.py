"""A worker: its lanes side by side, woken, stopped, cut off."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import LiteralString

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from outreach import worker as worker_module
from outreach.clock import SetClock
from outreach.plan import Lane
from outreach.switches import release, stop_all
from outreach.templates import seed_templates
from outreach.worker import Worker
from store.engine import SessionFactory
from store.live import Live
from store.outreach_models import Attempt, AttemptState, Step, StepState
from tests.chat.database import CIPHER
from tests.outreach.fake_carrier import FakeCarrier, dialler
from tests.outreach.invariants import check
from tests.outreach.makers import OPEN, make_campaign, make_case, make_cases, open_lines
from tests.outreach.waiting import PATIENCE_S, until

pytestmark = pytest.mark.unit


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)


async def state_of(sessions: SessionFactory, step_id: uuid.UUID) -> StepState:
    async with sessions() as session:
        return StepState((await session.get_one(Step, step_id)).state)


async def reaches(sessions: SessionFactory, step_id: uuid.UUID, *states: StepState) -> None:
    async def so() -> bool:
        return await state_of(sessions, step_id) in states

    await until(so, f"the step is {states}")


async def count(sessions: SessionFactory, state: AttemptState) -> int:
    async with sessions() as session:
        found = select(func.count()).select_from(Attempt).where(Attempt.state == state)
        return await session.scalar(found) or 0


async def test_its_lanes_work_side_by_side(
    sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock
) -> None:
    async with sessions() as session, session.begin():
        await seed_templates(session)
    await open_lines(sessions)
    campaign = await make_campaign(sessions)
    cases = {key: await make_case(sessions, campaign, key) for key in ("call", "message", "officer")}

    async def begun() -> bool:
        return (await count(sessions, AttemptState.PLACED), await count(sessions, AttemptState.INTENT)) == (
            1,
            1,
        )

    async with running(Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1")):
        await reaches(sessions, cases["officer"].step_id, StepState.DONE)
        for key in ("call", "message"):
            await reaches(sessions, cases[key].step_id, StepState.RUNNING)
        await until(begun, "the call is placed and the text queued")
    await check(sessions)


async def test_without_a_dialler_calls_are_left_to_others(sessions: SessionFactory, clock: SetClock) -> None:
    async with sessions() as session, session.begin():
        await seed_templates(session)
    await open_lines(sessions)
    campaign = await make_campaign(sessions)
    call, task = await make_case(sessions, campaign), await make_case(sessions, campaign, "officer")
    worker = Worker(sessions, CIPHER, clock, None, "w1")
    async with running(worker):
        await reaches(sessions, task.step_id, StepState.DONE)
    assert await state_of(sessions, call.step_id) == StepState.PLANNED
    assert await worker.place(call.taxpayer_id, uuid.uuid4(), "callback") is None


async def test_told_to_stop_it_gives_back_what_waits_for_its_slot(
    sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock
) -> None:
    await open_lines(sessions, 10, a_second=2.0)
    await make_cases(sessions, await make_campaign(sessions), 10)

    async def some_leased() -> bool:
        return await count(sessions, AttemptState.LEASED) >= 2

    async with running(Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1")):
        await until(some_leased, "some wait for their slots")
    assert await count(sessions, AttemptState.LEASED) == 0
    async with sessions() as session:
        tries = list(await session.scalars(select(Step.tries).where(Step.state == StepState.PLANNED)))
    dialled = await carrier.dialled()
    assert len(dialled) < 10
    assert tries == [0] * (10 - len(dialled))
    await check(sessions)


async def test_it_is_woken_when_the_button_is_released(
    url: str,
    sessions: SessionFactory,
    carrier: FakeCarrier,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It looks by itself only once an hour here."""
    monkeypatch.setattr(worker_module, "LOOK_S", 3600.0)
    await open_lines(sessions)
    async with sessions() as session, session.begin():
        await stop_all(session, "cli", "测试")
    case = await make_case(sessions, await make_campaign(sessions))
    live = Live(url)
    live.start()
    await asyncio.wait_for(live.connected.wait(), PATIENCE_S)
    try:
        async with running(Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1", live=live)):
            await asyncio.sleep(0.5)
            assert await state_of(sessions, case.step_id) == StepState.PLANNED
            async with sessions() as session, session.begin():
                await release(session, "cli")
            await reaches(sessions, case.step_id, StepState.RUNNING)
    finally:
        await live.close()


async def test_what_is_not_due_yet_waits(
    sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock
) -> None:
    await open_lines(sessions)
    case = await make_case(sessions, await make_campaign(sessions), at=OPEN + timedelta(seconds=1))
    worker = Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1")
    assert await worker.step(Lane.CALL) == 0
    clock.at += timedelta(seconds=1)
    assert await worker.step(Lane.CALL) == 1
    assert await state_of(sessions, case.step_id) == StepState.RUNNING


async def test_a_database_that_breaks_off_is_asked_again(
    sessions: SessionFactory, carrier: FakeCarrier, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_AGAIN_S", 0.05)
    await open_lines(sessions)
    case = await make_case(sessions, await make_campaign(sessions))
    failures = iter([OperationalError("", {}, Exception()), OSError(), ValueError()])

    class Fitful:
        async def now(self, session: object) -> object:
            if (error := next(failures, None)) is not None:
                raise error
            return clock.at

    async with running(Worker(sessions, CIPHER, Fitful(), dialler(sessions, carrier), "w1")):  # type: ignore[arg-type]
        await reaches(sessions, case.step_id, StepState.RUNNING)


async def test_connections_cut_while_calls_are_begun_leave_nothing_doubled(
    url: str,
    sessions: SessionFactory,
    carrier: FakeCarrier,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every connection is cut again and again; what could not be committed is not dialled."""
    monkeypatch.setattr(worker_module, "_AGAIN_S", 0.05)
    await open_lines(sessions, 40, a_second=100.0)
    await make_cases(sessions, await make_campaign(sessions), 30)
    worker = Worker(sessions, CIPHER, clock, dialler(sessions, carrier), "w1", at_once=4)
    async with running(worker):
        for many in (2, 6, 10, 14):

            async def meant(many: int = many) -> bool:
                return len(await asyncio.to_thread(_ids, url, "select id from call")) >= many

            await until(meant, f"{many} calls are meant")
            await asyncio.to_thread(_cut_all, url)
    dialled = _ids(url, "select call_id from fake_dialled")
    assert len(dialled) == len(set(dialled))
    assert set(dialled) <= set(_ids(url, "select id from call where state <> 'planned'"))


def _ids(url: str, query: LiteralString) -> list[uuid.UUID]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(query)]


def _cut_all(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
