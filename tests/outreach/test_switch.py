"""The red button: nothing begun unseen is written after it, and all of it is on record."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, text

from outreach import ledger
from outreach.plan import Lane
from outreach.switches import go_ahead, hold_back, release, stop_all, stopped
from store.engine import SessionFactory
from store.models import AuditEvent
from store.outreach_models import OutreachSwitch
from tests.outreach.makers import OPEN, make_campaign, make_case
from tests.outreach.waiting import until

pytestmark = pytest.mark.unit


async def press(sessions: SessionFactory, reason: str = "测试") -> None:
    async with sessions() as session, session.begin():
        await stop_all(session, "staff:wang", reason)


async def test_pressed_and_released(sessions: SessionFactory) -> None:
    async with sessions() as session:
        assert not await stopped(session)
    await press(sessions)
    async with sessions() as session:
        assert await stopped(session)
        switch = await session.get_one(OutreachSwitch, True)
        assert (switch.by, switch.reason) == ("staff:wang", "测试")
    async with sessions() as session, session.begin():
        await release(session, "cli")
    async with sessions() as session:
        assert not await stopped(session)
        trail = await session.execute(
            select(AuditEvent.actor, AuditEvent.action)
            .where(AuditEvent.subject == "outreach")
            .order_by(AuditEvent.id)
        )
        assert [tuple(row) for row in trail] == [
            ("staff:wang", "outreach.stopped"),
            ("cli", "outreach.released"),
        ]


async def test_a_number_in_the_reason_is_masked_in_the_trail(sessions: SessionFactory) -> None:
    await press(sessions, "13900001234 投诉")
    async with sessions() as session:
        (detail,) = await session.scalars(select(AuditEvent.detail))
    assert detail == {"reason": "139****1234 投诉"}


async def test_a_button_whose_row_is_gone_works(sessions: SessionFactory) -> None:
    async with sessions() as session, session.begin():
        await session.execute(text("delete from outreach_switch"))
    async with sessions() as session:
        assert not await stopped(session)
    await press(sessions)
    async with sessions() as session:
        assert await stopped(session)


async def test_while_pressed_nothing_is_leased(sessions: SessionFactory) -> None:
    await make_case(sessions, await make_campaign(sessions))
    await press(sessions)
    async with sessions() as session, session.begin():
        assert not await ledger.any_due(session, Lane.CALL, OPEN)
        assert await ledger.lease(session, Lane.CALL, 5, OPEN, by="w", lease_s=60) == []


async def test_it_waits_for_what_is_just_beginning_and_is_seen_by_what_begins_later(
    sessions: SessionFactory,
) -> None:
    order: list[str] = []

    async def begin_later() -> None:
        async with sessions() as session, session.begin():
            await go_ahead(session)
            order.append("seen" if await stopped(session) else "overlooked")

    async with sessions() as session, session.begin():
        await go_ahead(session)
        pressing = asyncio.create_task(press(sessions))
        await _until_waiting(sessions, 1)
        later = asyncio.create_task(begin_later())
        await _until_waiting(sessions, 2)
        # Whoever comes after the one who presses waits behind them: a busy worker cannot keep the button from working.
        assert not pressing.done() and order == []
    await pressing
    await later
    assert order == ["seen"]


async def test_stops_do_not_hold_up_each_other_for_good(sessions: SessionFactory) -> None:
    async with asyncio.timeout(20):
        await asyncio.gather(*(press(sessions, f"{number}") for number in range(8)))
    async with sessions() as session, session.begin():
        await hold_back(session)


async def _until_waiting(sessions: SessionFactory, many: int) -> None:
    async def so() -> bool:
        return await _waiting(sessions) >= many

    await until(so, f"{many} wait for the lock")


async def _waiting(sessions: SessionFactory) -> int:
    async with sessions() as session:
        found = text(
            "select count(*) from pg_locks l join pg_database d on d.oid = l.database"
            " where d.datname = current_database() and l.locktype = 'advisory' and not l.granted"
        )
        return await session.scalar(found) or 0
