"""``python -m tests.handoff.killed_worker URL``: agents at work without end, for a test that kills this process.

Prints a line ``conversation client_id`` for each message once it stands, and nothing else.
"""

from __future__ import annotations

import asyncio
import random
import sys
import uuid
from itertools import count

from sqlalchemy import select

from handoff.claim import CannotClaim, claim_next
from handoff.moves import Disposition, close, hand_back, release
from handoff.thread import NotYours, say
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Staff, TicketStatus
from tests.chat.database import opened
from tests.handoff.makers import put_in_queue

_serial = count(1)


async def _held(sessions: SessionFactory, agent: Staff) -> list[uuid.UUID]:
    async with sessions() as session:
        found = await session.scalars(
            select(HandoffTicket.conversation_id).where(
                HandoffTicket.agent_id == agent.id, HandoffTicket.status == TicketStatus.ASSIGNED
            )
        )
        return list(found.all())


async def _step(sessions: SessionFactory, agent: Staff) -> None:
    talks = await _held(sessions, agent)
    if len(talks) < agent.max_load:
        async with sessions() as session, session.begin():
            await claim_next(session, agent.id)
    if not talks:
        return
    talk = random.choice(talks)
    act = random.random()
    if act < 0.6:
        client_id = f"{agent.login}-{next(_serial)}-{uuid.uuid4()}"
        async with sessions() as session, session.begin():
            await say(session, agent, talk, "请稍等。", client_id=client_id)
        print(talk, client_id, flush=True)
    elif act < 0.7:
        async with sessions() as session, session.begin():
            await release(session, agent, talk)
    else:
        async with sessions() as session, session.begin():
            ends = close if act < 0.85 else hand_back
            await ends(session, agent, talk, Disposition.SOLVED)
        await put_in_queue(sessions, talk)


async def _work(sessions: SessionFactory, agent: Staff) -> None:
    while True:
        try:
            await _step(sessions, agent)
        except (CannotClaim, NotYours):
            await asyncio.sleep(0.01)


async def _main(url: str) -> None:
    async with opened(url) as sessions:
        async with sessions() as session:
            agents = (await session.scalars(select(Staff))).all()
        await asyncio.gather(*(_work(sessions, agent) for agent in agents))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
