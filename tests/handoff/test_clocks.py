"""The clocks of the service level: warned once, breached once, by the database's time alone."""

from __future__ import annotations

import ast
import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

import handoff
from handoff.claim import claim
from handoff.events import Kind
from handoff.moves import Disposition, close
from handoff.office import Hours
from handoff.reasons import ROUTES, Reason
from handoff.sla import FIRST_ANSWER_MIN, NEXT_ANSWER_MIN, RESOLUTION_MIN, Clock, due
from handoff.sweep import BATCH, sweep, watch_clocks
from handoff.thread import say, taxpayer_spoke
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, TicketEvent
from tests.handoff.invariants import check
from tests.handoff.makers import OPEN, make_staff, make_talk, make_ticket, make_waiting, ticket_of

pytestmark = pytest.mark.unit


async def _set(sessions: SessionFactory, **values: Any) -> None:
    """Intervals from now, in minutes, for instants; anything else as it is."""
    shifted = {
        name: func.clock_timestamp() + timedelta(minutes=value) if isinstance(value, float) else value
        for name, value in values.items()
    }
    async with sessions() as session, session.begin():
        await session.execute(update(HandoffTicket).values(**shifted))


async def _watch(sessions: SessionFactory) -> tuple[int, int]:
    async with sessions() as session, session.begin():
        return await watch_clocks(session)


async def _alarms(sessions: SessionFactory) -> Counter[tuple[str, str]]:
    async with sessions() as session:
        rows = await session.execute(
            select(TicketEvent.kind, TicketEvent.detail["clock"].astext).where(
                TicketEvent.kind.in_((Kind.WARNED, Kind.BREACHED))
            )
        )
        return Counter((kind, clock) for kind, clock in rows)


async def test_nothing_is_said_before_time(sessions: SessionFactory) -> None:
    await make_ticket(sessions)
    assert await _watch(sessions) == (0, 0)


async def test_warned_once_then_breached_once(sessions: SessionFactory) -> None:
    await make_ticket(sessions)
    await _set(sessions, waiting_since=-9.0, answer_due_at=1.0)
    looks = await asyncio.gather(*(_watch(sessions) for _ in range(4)))
    assert sum(warned for warned, _ in looks) == 1
    assert await _watch(sessions) == (0, 0)
    await _set(sessions, answer_due_at=-0.1)
    looks = await asyncio.gather(*(_watch(sessions) for _ in range(4)))
    assert sum(breached for _, breached in looks) == 1
    assert await _watch(sessions) == (0, 0)
    assert await _alarms(sessions) == {
        ("warned", "first_answer"): 1,
        ("breached", "first_answer"): 1,
    }
    await check(sessions)


async def test_who_looks_late_reports_the_breach_without_a_warning(sessions: SessionFactory) -> None:
    await make_ticket(sessions)
    await _set(sessions, waiting_since=-20.0, answer_due_at=-1.0)
    assert await _watch(sessions) == (0, 1)
    assert await _watch(sessions) == (0, 0)


async def test_each_clock_alarms_by_itself(sessions: SessionFactory) -> None:
    await make_ticket(sessions)
    await _set(sessions, waiting_since=-20.0, answer_due_at=-1.0, created_at=-500.0, resolve_due_at=-1.0)
    assert await _watch(sessions) == (0, 2)
    assert await _alarms(sessions) == {("breached", "first_answer"): 1, ("breached", "resolution"): 1}


async def test_a_renewed_clock_alarms_again(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    await _set(sessions, waiting_since=-20.0, answer_due_at=-1.0)
    assert await _watch(sessions) == (0, 1)
    for _ in range(2):
        async with sessions() as session, session.begin():
            await say(session, agent, talk, "您好")
        assert await _watch(sessions) == (0, 0)
        async with sessions() as session, session.begin():
            await taxpayer_spoke(session, talk, OPEN)
        assert await _watch(sessions) == (0, 0)
        await _set(sessions, waiting_since=-20.0, answer_due_at=-1.0)
        assert await _watch(sessions) == (0, 1)
    assert await _alarms(sessions) == {("breached", "first_answer"): 1, ("breached", "next_answer"): 2}
    await check(sessions)


async def test_more_words_do_not_give_more_time(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await say(session, agent, talk, "您好")
        await taxpayer_spoke(session, talk, OPEN)
    first = await ticket_of(sessions, talk)
    async with sessions() as session, session.begin():
        await taxpayer_spoke(session, talk, OPEN)
    assert (await ticket_of(sessions, talk)).answer_due_at == first.answer_due_at
    assert first.answer_due_at is not None and first.waiting_since is not None
    assert round((first.answer_due_at - first.waiting_since).total_seconds()) == NEXT_ANSWER_MIN * 60


async def test_a_finished_talk_has_no_clock(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await close(session, agent, talk, Disposition.SOLVED)
    await _set(sessions, waiting_since=-20.0, answer_due_at=-1.0, resolve_due_at=-1.0)
    assert await _watch(sessions) == (0, 0)


async def test_five_thousand_who_wait_are_all_seen_once(sessions: SessionFactory) -> None:
    await make_waiting(sessions, 5000)
    await _set(sessions, waiting_since=-20.0, answer_due_at=-1.0)
    async with asyncio.TaskGroup() as group:
        looking = [group.create_task(sweep(sessions, every_s=0.05)) for _ in range(2)]
        async with asyncio.timeout(200):
            while (await _alarms(sessions))[("breached", "first_answer")] < 5000:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        for task in looking:
            task.cancel()
    assert await _alarms(sessions) == {("breached", "first_answer"): 5000}
    assert await _watch(sessions) == (0, 0)
    await check(sessions)


async def test_one_look_holds_no_more_than_a_batch(sessions: SessionFactory) -> None:
    await make_waiting(sessions, BATCH + 7)
    await _set(sessions, waiting_since=-20.0, answer_due_at=-1.0)
    assert await _watch(sessions) == (0, BATCH)
    assert await _watch(sessions) == (0, 7)


async def test_a_row_that_is_locked_is_left_for_the_next_look(sessions: SessionFactory) -> None:
    ticket = await make_ticket(sessions)
    await _set(sessions, waiting_since=-20.0, answer_due_at=-1.0)
    async with sessions() as holding, holding.begin():
        await holding.execute(select(HandoffTicket.id).where(HandoffTicket.id == ticket.id).with_for_update())
        assert await asyncio.wait_for(_watch(sessions), 10) == (0, 0)
    assert await _watch(sessions) == (0, 1)


async def test_due_times_are_the_databases(sessions: SessionFactory) -> None:
    """The gateway only says how far away they are; its idea of now, here days off, does not enter."""
    for reason in Reason:
        ticket = await make_ticket(sessions, reason)
        async with sessions() as session:
            age = await session.scalar(
                select(func.clock_timestamp() - HandoffTicket.created_at).where(HandoffTicket.id == ticket.id)
            )
        assert age is not None and timedelta(0) <= age < timedelta(minutes=5)
        assert ticket.answer_due_at is not None and ticket.resolve_due_at is not None
        minutes = FIRST_ANSWER_MIN[ROUTES[reason].priority]
        assert ticket.answer_due_at - ticket.created_at == timedelta(minutes=minutes)
        # Eight staffed hours from ten in the morning: two until noon, four after lunch, two the next day.
        assert ticket.resolve_due_at - ticket.created_at == timedelta(hours=25)


def test_no_module_of_the_queue_asks_the_gateways_clock() -> None:
    """Two gateways whose clocks differ must agree."""
    asked = []
    for name in (
        "entry", "claim", "moves", "presence", "sweep", "thread", "order", "estimate", "routing", "survey",
        "office", "sla", "events", "summary", "locking", "status", "inbox",
    ):  # fmt: skip
        path = Path(handoff.__path__[0]) / f"{name}.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in (
                "now",
                "utcnow",
                "today",
                "time",
                "monotonic",
            ):
                source = ast.unparse(node)
                if source.startswith(("datetime", "date.", "time.", "dt.")) and source != "datetime.time":
                    asked.append(f"{name}: {source}")
    assert asked == []


async def test_a_claim_counts_the_wait_by_the_database(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    ticket = await make_ticket(sessions)
    await _set(sessions, created_at=-7.0)
    async with sessions() as session, session.begin():
        taken = await claim(session, agent.id, ticket.id)
    assert 7 * 60 <= taken.waited.total_seconds() < 8 * 60


def test_how_long_a_clock_runs() -> None:
    hours = Hours(())
    assert due(Clock.NEXT_ANSWER, 5, OPEN, hours).within == timedelta(minutes=NEXT_ANSWER_MIN)
    assert due(Clock.RESOLUTION, 1, OPEN, hours).within == timedelta(minutes=RESOLUTION_MIN)
    assert due(Clock.FIRST_ANSWER, 1, OPEN, hours).within == timedelta(minutes=FIRST_ANSWER_MIN[1])
    assert due(Clock.FIRST_ANSWER, 99, OPEN, hours).within == timedelta(minutes=FIRST_ANSWER_MIN[5])
