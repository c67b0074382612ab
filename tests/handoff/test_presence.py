"""Who is there, and what becomes of the conversations of who is not any more."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from handoff.claim import CannotClaim, claim, claim_next
from handoff.events import Kind
from handoff.moves import Disposition, close, reassign
from handoff.presence import GRACE, beat, set_presence, take_back_from_the_vanished
from handoff.sweep import sweep
from handoff.thread import NotYours
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Presence, Staff, TicketEvent, TicketStatus
from store.models import AuditEvent, Message, Owner
from tests.chat.database import opened
from tests.handoff.invariants import check
from tests.handoff.makers import make_staff, make_staffs, make_talk, owner_of, ticket_of

pytestmark = pytest.mark.unit


async def _silent_for(sessions: SessionFactory, agent: Staff, silence: timedelta) -> None:
    async with sessions() as session, session.begin():
        await session.execute(
            update(Staff).where(Staff.id == agent.id).values(seen_at=func.clock_timestamp() - silence)
        )


async def _swept(sessions: SessionFactory) -> int:
    async with sessions() as session, session.begin():
        return await take_back_from_the_vanished(session)


async def _told(sessions: SessionFactory, talk: uuid.UUID) -> int:
    async with sessions() as session:
        told = await session.scalars(
            select(Message.id).where(Message.conversation_id == talk, Message.text.contains("断线"))
        )
        return len(told.all())


async def test_who_vanishes_gives_everything_back_once(url: str) -> None:
    """Four gateways look at the same moment."""
    async with opened(url) as sessions, opened(url) as elsewhere:
        agent, other = await make_staffs(sessions, 2, max_load=10)
        talks = [await make_talk(sessions, agent) for _ in range(6)]
        kept = await make_talk(sessions, other)
        await _silent_for(sessions, agent, GRACE + timedelta(seconds=5))
        done = await asyncio.gather(_swept(sessions), _swept(elsewhere), _swept(sessions), _swept(elsewhere))
        assert sum(done) == 6
        for talk in talks:
            assert await owner_of(sessions, talk) == (Owner.QUEUE, None)
            assert await _told(sessions, talk) == 1
        assert await owner_of(sessions, kept) == (Owner.AGENT, other.id)
        assert await _swept(sessions) == 0
        async with sessions() as session:
            assert await session.scalar(select(Staff.presence).where(Staff.id == agent.id)) == "offline"
        await check(sessions)


async def test_a_heartbeat_within_the_grace_keeps_them(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    await _silent_for(sessions, agent, GRACE - timedelta(seconds=20))
    assert await _swept(sessions) == 0
    await _silent_for(sessions, agent, GRACE + timedelta(seconds=5))
    async with sessions() as session, session.begin():
        await beat(session, agent.id)
    assert await _swept(sessions) == 0
    assert await owner_of(sessions, talk) == (Owner.AGENT, agent.id)


async def test_a_console_never_heard_of_is_no_console(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await session.execute(update(Staff).values(seen_at=None))
    assert await _swept(sessions) == 1
    assert await owner_of(sessions, talk) == (Owner.QUEUE, None)


async def test_going_offline_gives_back_at_once_and_going_away_does_not(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talks = [await make_talk(sessions, agent) for _ in range(3)]
    async with sessions() as session, session.begin():
        await set_presence(session, agent, Presence.AWAY)
    assert await owner_of(sessions, talks[0]) == (Owner.AGENT, agent.id)
    async with sessions() as session, session.begin():
        await set_presence(session, agent, Presence.OFFLINE)
    for talk in talks:
        assert await owner_of(sessions, talk) == (Owner.QUEUE, None)
        assert await _told(sessions, talk) == 1
    await check(sessions)


async def test_they_wait_again_before_those_who_came_later(sessions: SessionFactory) -> None:
    agent, other = await make_staffs(sessions, 2)
    early = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        # Had an answer, so no clock of a first answer holds its place.
        await session.execute(
            update(HandoffTicket).values(
                waiting_since=None, answer_due_at=None, first_answer_at=func.now(), answer_alarm=2
            )
        )
    late = await make_talk(sessions, other)
    async with sessions() as session, session.begin():
        await set_presence(session, other, Presence.OFFLINE)
    async with sessions() as session, session.begin():
        await set_presence(session, agent, Presence.OFFLINE)
    helper = await make_staff(sessions)
    for talk in (early, late):
        async with sessions() as session, session.begin():
            taken = await claim_next(session, helper.id)
        assert taken is not None and taken.conversation_id == talk


async def test_a_new_wait_has_a_new_clock(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await session.execute(
            update(HandoffTicket).values(
                waiting_since=None, answer_due_at=None, first_answer_at=func.now(), answer_alarm=2
            )
        )
        await set_presence(session, agent, Presence.OFFLINE)
    ticket = await ticket_of(sessions, talk)
    assert ticket.answer_alarm == 0
    assert ticket.waiting_since is not None and ticket.answer_due_at is not None
    assert ticket.answer_due_at - ticket.waiting_since == timedelta(minutes=3)


async def test_a_running_clock_is_not_renewed(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    before = await ticket_of(sessions, talk)
    async with sessions() as session, session.begin():
        await set_presence(session, agent, Presence.OFFLINE)
    after = await ticket_of(sessions, talk)
    assert (after.waiting_since, after.answer_due_at) == (before.waiting_since, before.answer_due_at)


async def test_going_offline_while_claiming_leaves_nobody_with_who_is_gone(sessions: SessionFactory) -> None:
    for number in range(15):
        agent = await make_staff(sessions)
        talk = await make_talk(sessions, await make_staff(sessions))
        ticket = await ticket_of(sessions, talk)
        boss = await make_staff(sessions)

        async def offline(agent: Staff = agent) -> None:
            async with sessions() as session, session.begin():
                await set_presence(session, agent, Presence.OFFLINE)

        async def give(ticket: HandoffTicket = ticket, agent: Staff = agent, boss: Staff = boss) -> None:
            async with sessions() as session, session.begin():
                await reassign(session, boss, ticket.id, agent.id)

        async def take(agent: Staff = agent) -> None:
            async with sessions() as session, session.begin():
                await claim_next(session, agent.id)

        work = [offline(), give(), take()]
        await asyncio.gather(*(work if number % 2 else reversed(work)), return_exceptions=True)
        async with sessions() as session:
            held = await session.scalars(
                select(HandoffTicket.id).where(
                    HandoffTicket.agent_id == agent.id, HandoffTicket.status == TicketStatus.ASSIGNED
                )
            )
            assert held.all() == []
    await check(sessions)


async def test_what_is_with_somebody_offline_who_does_not_come_is_found(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await session.execute(update(Staff).values(presence=Presence.OFFLINE))
    await _silent_for(sessions, agent, GRACE + timedelta(seconds=5))
    assert await _swept(sessions) == 1
    assert await owner_of(sessions, talk) == (Owner.QUEUE, None)


async def test_vanished_agents_are_taken_from_while_others_close_and_claim(url: str) -> None:
    """Sweepers, agents and the audit trail at once: nobody waits in a circle."""
    async with opened(url) as sessions, opened(url) as elsewhere:
        agents = await make_staffs(sessions, 6, max_load=6)
        talks = {agent.id: [await make_talk(sessions, agent) for _ in range(4)] for agent in agents}
        for agent in agents[:3]:
            await _silent_for(sessions, agent, GRACE + timedelta(seconds=5))

        async def finish(agent: Staff) -> None:
            for talk in talks[agent.id]:
                try:
                    async with elsewhere() as session, session.begin():
                        await close(session, agent, talk, Disposition.SOLVED)
                except NotYours:
                    pass

        async def take(agent: Staff) -> None:
            for _ in range(4):
                try:
                    async with elsewhere() as session, session.begin():
                        await claim_next(session, agent.id)
                except CannotClaim:
                    pass

        await asyncio.gather(
            *(_swept(sessions) for _ in range(3)),
            *(finish(agent) for agent in agents),
            *(take(agent) for agent in agents),
        )
        await check(sessions)


async def test_the_sweeper_goes_on_after_the_database_was_away(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    await make_talk(sessions, agent)
    await _silent_for(sessions, agent, GRACE + timedelta(seconds=5))
    failing = True

    def flaky() -> object:
        if failing:
            raise OSError("away")
        return sessions()

    task = asyncio.create_task(sweep(flaky, every_s=0.05))  # type: ignore[arg-type]
    await asyncio.sleep(0.2)
    assert not task.done()
    failing = False
    async with asyncio.timeout(20):
        while True:
            async with sessions() as session:
                returned = await session.scalar(
                    select(func.count()).select_from(TicketEvent).where(TicketEvent.kind == Kind.RETURNED)
                )
            if returned:
                break
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await check(sessions)


async def test_presence_is_in_the_audit_trail_by_login(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    async with sessions() as session, session.begin():
        await set_presence(session, agent, Presence.AWAY)
        with pytest.raises(CannotClaim):
            await claim(session, agent.id, uuid.uuid4())
    async with sessions() as session:
        found = (await session.scalars(select(AuditEvent))).one()
    assert (found.actor, found.action, found.detail) == (
        f"staff:{agent.login}",
        "staff.presence",
        {"presence": "away"},
    )
