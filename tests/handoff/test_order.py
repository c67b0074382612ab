"""The order of the queue against a model in Python."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select

from handoff.claim import claim_next
from handoff.estimate import line
from handoff.order import STARVED, in_order
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, TicketEvent, TicketStatus
from store.models import Conversation, Owner
from tests.chat.database import fresh_database, opened
from tests.handoff.makers import make_staff

pytestmark = pytest.mark.unit


@dataclass(frozen=True, slots=True)
class Wait:
    """Minutes from now; ``due`` and ``claimed`` may be unknown."""

    priority: int
    created: int
    due: int | None
    claimed: int | None


def _key(wait: Wait, place: int) -> tuple[bool, float, int, int]:
    due = wait.created if wait.due is None else wait.due
    first = wait.priority == 1 or due < -STARVED.total_seconds() / 60
    stands = due if wait.claimed is None else min(due, wait.claimed)
    return not first, stands, wait.created, place


_waits = st.lists(
    st.builds(
        Wait,
        priority=st.integers(1, 5),
        # Never at the very edge of starving, where the moment of the query would decide.
        created=st.integers(-200, -1),
        due=st.none() | st.integers(-200, 60).filter(lambda minutes: minutes != -30),
        claimed=st.none() | st.integers(-200, -1),
    ).filter(lambda wait: wait.due is not None or wait.created != -30),
    min_size=1,
    max_size=14,
)


async def _fill(sessions: SessionFactory, waits: list[Wait]) -> list[str]:
    """Write them; returns their numbers, in the order of ``waits``, ids ascending."""
    async with sessions() as session, session.begin():
        await session.execute(delete(TicketEvent))
        await session.execute(delete(HandoffTicket))
        now: datetime = (await session.execute(select(func.now()))).scalar_one()

        def at(minutes: int | None) -> datetime | None:
            return None if minutes is None else now + timedelta(minutes=minutes)

        for place, wait in enumerate(waits):
            talk = Conversation(channel="web", owner=Owner.QUEUE)
            session.add(talk)
            await session.flush()
            await session.execute(
                insert(HandoffTicket).values(
                    id=f"00000000-0000-4000-8000-{place:012d}",
                    number=str(place),
                    conversation_id=talk.id,
                    reason="asked",
                    skill="general",
                    priority=wait.priority,
                    summary="",
                    trigger_text="",
                    status=TicketStatus.WAITING,
                    created_at=at(wait.created),
                    answer_due_at=at(wait.due),
                    claimed_at=at(wait.claimed),
                )
            )
    return [str(place) for place in range(len(waits))]


@pytest.fixture(scope="module")
def one_database() -> str:
    return fresh_database()


@settings(max_examples=40, deadline=None)
@given(waits=_waits)
def test_the_store_orders_as_the_model_does(one_database: str, waits: list[Wait]) -> None:
    async def run() -> None:
        async with opened(one_database) as sessions:
            numbers = await _fill(sessions, waits)
            expected = sorted(numbers, key=lambda number: _key(waits[int(number)], int(number)))
            async with sessions() as session:
                listed = await session.scalars(select(HandoffTicket).order_by(*in_order()))
                tickets = listed.all()
                assert [ticket.number for ticket in tickets] == expected
                for place, ticket in enumerate(tickets):
                    assert (await line(session, ticket)).ahead == place

    asyncio.run(run())


async def test_they_are_taken_in_that_order(sessions: SessionFactory) -> None:
    waits = [
        Wait(5, -1, 9, None),
        Wait(2, -1, 2, None),
        Wait(1, -1, 1, None),
        Wait(5, -50, -40, None),  # starved: due forty minutes ago
        Wait(5, -30, -20, None),  # late, but not starved
        Wait(4, -20, 3, -10),  # was with a human ten minutes ago
        Wait(1, -2, 0, None),
    ]
    await _fill(sessions, waits)
    agent = await make_staff(sessions, max_load=50)
    taken = []
    while True:
        async with sessions() as session, session.begin():
            got = await claim_next(session, agent.id)
        if got is None:
            break
        taken.append(got.number)
    assert taken == ["3", "6", "2", "4", "5", "1", "0"]


async def test_a_flood_of_urgent_ones_starves_nobody(sessions: SessionFactory) -> None:
    """One urgent ticket enters for every one taken; the old one still gets its turn."""
    waits = [Wait(5, -45, -35, None), *(Wait(1, -1, 1, None) for _ in range(20))]
    await _fill(sessions, waits)
    agent = await make_staff(sessions, max_load=50)
    async with sessions() as session, session.begin():
        got = await claim_next(session, agent.id)
    assert got is not None and got.number == "0"


async def test_a_ticket_from_before_there_were_clocks_is_not_last(sessions: SessionFactory) -> None:
    await _fill(sessions, [Wait(5, -1, 9, None), Wait(5, -10, None, None)])
    agent = await make_staff(sessions)
    async with sessions() as session, session.begin():
        got = await claim_next(session, agent.id)
    assert got is not None and got.number == "1"
