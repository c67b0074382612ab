"""The gateway killed, the database restarted, both at work: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections import Counter
from datetime import timedelta
from pathlib import Path

import psycopg
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError

from gateway.settings import ROOT
from handoff.claim import CannotClaim, claim_next
from handoff.presence import GRACE, take_back_from_the_vanished
from handoff.thread import say
from store import embedded, migrate
from store.databases import database_name
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Staff, TicketStatus
from store.models import Conversation, Message, Owner
from tests.chat.database import opened
from tests.handoff.invariants import check
from tests.handoff.makers import make_staffs, make_talk, make_waiting
from tests.support.stack import data_folder, wait_until

KILLS = 3
ACKNOWLEDGED = 40


def _alone(url: str) -> bool:
    """Whether PostgreSQL has noticed that the killed process is gone."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()",
            [database_name(url)],
        ).fetchone()
    return row is not None and row[0] == 0


def _work_and_be_killed(url: str) -> list[tuple[str, str]]:
    """The messages the process said it had stored before it was killed."""
    stored = []
    with subprocess.Popen(
        [sys.executable, "-m", "tests.handoff.killed_worker", url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            talk, client_id = line.split()
            stored.append((talk, client_id))
            if len(stored) >= ACKNOWLEDGED:
                break
        process.kill()
        for line in process.stdout:
            if line.endswith("\n"):
                talk, client_id = line.split()
                stored.append((talk, client_id))
    assert len(stored) >= ACKNOWLEDGED
    return stored


async def test_a_gateway_killed_while_fifty_conversations_are_with_agents(url: str) -> None:
    async with opened(url) as sessions:
        agents = await make_staffs(sessions, 10, max_load=6)
        for agent in agents:
            for _ in range(5):
                await make_talk(sessions, agent)
        await make_waiting(sessions, 20)
    stored: list[tuple[str, str]] = []
    for _ in range(KILLS):
        stored += await asyncio.to_thread(_work_and_be_killed, url)
        await asyncio.to_thread(wait_until, lambda: _alone(url), 60, "its connections are gone")
        async with opened(url) as sessions:
            await check(sessions)
    async with opened(url) as sessions:
        async with sessions() as session:
            said = await session.execute(
                select(Message.conversation_id, Message.client_id).where(Message.sender == "agent")
            )
            counted = Counter((str(talk), client_id) for talk, client_id in said)
        assert not [message for message in stored if counted[message] != 1]
        assert set(counted.values()) == {1}
        async with sessions() as session, session.begin():
            await session.execute(
                update(Staff).values(seen_at=func.clock_timestamp() - GRACE - timedelta(seconds=5))
            )
        async with sessions() as session, session.begin():
            await take_back_from_the_vanished(session)
        async with sessions() as session:
            left = await session.scalar(
                select(func.count()).select_from(Conversation).where(Conversation.owner == Owner.AGENT)
            )
        assert left == 0
        await check(sessions)


async def _said_in_spite_of_it(
    sessions: SessionFactory, agent: Staff, talk: uuid.UUID, client_id: str
) -> None:
    """As a console does it: again with the same id until it stands."""
    while True:
        try:
            async with sessions() as session, session.begin():
                await say(session, agent, talk, client_id, client_id=client_id)
            return
        except (SQLAlchemyError, OSError):
            await asyncio.sleep(0.1)


async def _claimed_in_spite_of_it(sessions: SessionFactory, agent: Staff) -> None:
    while True:
        try:
            async with sessions() as session, session.begin():
                if await claim_next(session, agent.id) is None:
                    return
        except CannotClaim:
            return
        except (SQLAlchemyError, OSError):
            await asyncio.sleep(0.1)


async def test_postgresql_restarted_under_load() -> None:
    with data_folder() as folder:
        url = (await asyncio.to_thread(embedded.start, folder)).url
        try:
            await asyncio.to_thread(migrate.upgrade, url)
            await _restarted_under_load(folder, url)
        finally:
            await asyncio.to_thread(embedded.stop, folder)


async def _restarted_under_load(folder: Path, url: str) -> None:
    async with opened(url) as sessions:
        talkers = await make_staffs(sessions, 5, max_load=4)
        talks = [(agent, await make_talk(sessions, agent)) for agent in talkers for _ in range(4)]
        claimers = await make_staffs(sessions, 10, max_load=20)
        tickets = await make_waiting(sessions, 200)
        ids = [f"m{number}" for number in range(20)]

        async def speak(agent: Staff, talk: uuid.UUID) -> None:
            for client_id in ids:
                await _said_in_spite_of_it(sessions, agent, talk, client_id)

        async def restart() -> None:
            spoken = 0
            while spoken < 40:
                await asyncio.sleep(0.05)
                async with sessions() as session:
                    counted = select(func.count()).select_from(Message).where(Message.sender == "agent")
                    spoken = await session.scalar(counted) or 0
            await asyncio.to_thread(embedded.stop, folder)
            await asyncio.to_thread(embedded.start, folder)

        async with asyncio.timeout(250):
            await asyncio.gather(
                restart(),
                *(speak(agent, talk) for agent, talk in talks),
                *(_claimed_in_spite_of_it(sessions, agent) for agent in claimers),
            )
        for _, talk in talks:
            async with sessions() as session:
                said = await session.scalars(
                    select(Message.text)
                    .where(Message.conversation_id == talk, Message.sender == "agent")
                    .order_by(Message.id)
                )
                assert list(said.all()) == ids
        async with sessions() as session:
            taken = await session.scalars(
                select(HandoffTicket.id).where(
                    HandoffTicket.id.in_(tickets), HandoffTicket.status == TicketStatus.ASSIGNED
                )
            )
            assert len(taken.all()) == len(tickets)
        await check(sessions)
