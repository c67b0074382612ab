"""Slots: one after the other, whoever takes them, and never further ahead than they may be."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import select, text

from outreach.pacing import AHEAD_S, READY_S, hold_lines, hold_outbox, set_pace, take_slot
from store.engine import SessionFactory
from store.outreach_models import Pace
from tests.outreach.makers import PACE, open_lines

pytestmark = pytest.mark.unit


async def slot(sessions: SessionFactory) -> float:
    """The instant of the next slot, by this machine's clock."""
    async with sessions() as session, session.begin():
        wait = await take_slot(session, PACE)
        return time.monotonic() + wait


async def ahead(sessions: SessionFactory, seconds: float) -> None:
    async with sessions() as session, session.begin():
        await session.execute(
            text("update outreach_pace set next_at = clock_timestamp() + make_interval(secs => :s)"),
            {"s": seconds},
        )


async def room(sessions: SessionFactory) -> int:
    async with sessions() as session, session.begin():
        return (await hold_lines(session, PACE)).room


async def test_slots_of_many_takers_are_apart_by_exactly_the_pace(sessions: SessionFactory) -> None:
    await open_lines(sessions, a_second=10.0)
    async with sessions() as session:
        before = await session.scalar(select(Pace.next_at))

    await asyncio.gather(*(slot(sessions) for _ in range(20)))
    async with sessions() as session:
        after = await session.scalar(select(Pace.next_at))
    assert before is not None and after is not None
    # The first slot may lie later than the row said; from there on each takes a tenth of a second.
    assert (after - before).total_seconds() >= 2.0


async def test_a_slot_is_ahead_far_enough_to_write_down_what_is_dialled(sessions: SessionFactory) -> None:
    await open_lines(sessions)
    await ahead(sessions, -100)
    async with sessions() as session, session.begin():
        assert READY_S - 0.1 < await take_slot(session, PACE) <= READY_S


async def test_slots_follow_each_other(sessions: SessionFactory) -> None:
    await open_lines(sessions, a_second=4.0)
    await ahead(sessions, 1.0)
    async with sessions() as session, session.begin():
        waits = [await take_slot(session, PACE) for _ in range(3)]
        left = await session.scalar(
            text("select extract(epoch from next_at - clock_timestamp()) from outreach_pace")
        )
    # Waits shrink by the time it took to ask.
    assert waits == sorted(waits)
    assert float(left) == pytest.approx(waits[-1] + 0.25, abs=0.2)


async def test_a_row_left_by_a_clock_that_jumped_is_brought_back(sessions: SessionFactory) -> None:
    await open_lines(sessions, a_second=2.0)
    await ahead(sessions, 7200)
    assert await room(sessions) > 0
    async with sessions() as session, session.begin():
        assert await take_slot(session, PACE) <= READY_S


async def test_a_slow_carrier_s_slots_are_no_jump(sessions: SessionFactory) -> None:
    await open_lines(sessions, a_second=0.05)
    await ahead(sessions, 60)
    assert await room(sessions) == 0
    async with sessions() as session, session.begin():
        assert await take_slot(session, PACE) > 50


async def test_no_more_is_leased_than_gets_a_slot_soon(sessions: SessionFactory) -> None:
    await open_lines(sessions, 100, a_second=10.0)
    await ahead(sessions, 0)
    assert await room(sessions) == 10 * AHEAD_S
    await ahead(sessions, AHEAD_S + 0.5)
    assert await room(sessions) == 0
    async with sessions() as session, session.begin():
        await session.execute(text("update outreach_pace set a_second = 0.1"))
    await ahead(sessions, 0)
    assert await room(sessions) == 1


async def test_a_carrier_without_a_row_has_no_lines(sessions: SessionFactory) -> None:
    async with sessions() as session, session.begin():
        assert (await hold_lines(session, "nobody")).room == 0
        with pytest.raises(LookupError):
            await take_slot(session, "nobody")
        assert await hold_outbox(session) is None


async def test_a_new_pace_counts_at_once_and_keeps_the_slot_that_is_next(sessions: SessionFactory) -> None:
    async with sessions() as session, session.begin():
        await set_pace(session, PACE, 3.0, 5)
        await take_slot(session, PACE)
        before = (await session.scalars(select(Pace.next_at))).one()
        await set_pace(session, PACE, 9.0, 9)
        pace = (await session.scalars(select(Pace))).one()
        await session.refresh(pace)
    assert (pace.a_second, pace.lines, pace.next_at) == (9.0, 9, before)
