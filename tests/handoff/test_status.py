"""What a taxpayer's window is told about whom it talks to and where it stands."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import update

from handoff.claim import claim
from handoff.moves import Disposition, close, hand_back, leave_queue
from handoff.status import Status, status_of
from handoff.thread import read_by_agent, say
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Presence, Staff
from store.models import Owner
from tests.handoff.makers import (
    OPEN,
    SHUT,
    make_conversation,
    make_staff,
    make_talk,
    make_ticket,
    put_in_queue,
    ticket_of,
)

pytestmark = pytest.mark.unit
HOURS = "工作日9点到12点、14点到18点"


async def standing(sessions: SessionFactory, conversation_id: uuid.UUID, now: object = OPEN) -> Status:
    async with sessions() as session:
        return await status_of(session, conversation_id, now)  # type: ignore[arg-type]


async def test_with_the_bot_there_is_no_ticket_and_nobodys_name(sessions: SessionFactory) -> None:
    talk = await make_conversation(sessions, "你好")
    assert await standing(sessions, talk) == Status(Owner.BOT, None, 0, None, True, None, HOURS, 0)


async def test_in_the_queue_everyone_has_their_own_place(sessions: SessionFactory) -> None:
    await make_staff(sessions)
    tickets = [await make_ticket(sessions) for _ in range(3)]
    for place, ticket in enumerate(tickets):
        status = await standing(sessions, ticket.conversation_id)
        assert (status.owner, status.ahead, status.number) == (Owner.QUEUE, place, ticket.number)
    async with sessions() as session, session.begin():
        assert await leave_queue(session, tickets[0].conversation_id)
    assert (await standing(sessions, tickets[2].conversation_id)).ahead == 1
    left = await standing(sessions, tickets[0].conversation_id)
    assert (left.owner, left.number, left.ahead) == (Owner.BOT, None, 0)


async def test_minutes_are_named_only_after_enough_claims(sessions: SessionFactory) -> None:
    staff = await make_staff(sessions, max_load=10)
    waiting = await make_ticket(sessions)
    assert (await standing(sessions, waiting.conversation_id)).minutes is None
    for _ in range(3):
        await make_talk(sessions, staff)
    status = await standing(sessions, waiting.conversation_id)
    assert (status.ahead, status.minutes) == (0, 10), "three claims in half an hour: one in ten minutes"
    async with sessions() as session, session.begin():
        await session.execute(update(Staff).values(presence=Presence.OFFLINE))
    assert (await standing(sessions, waiting.conversation_id)).minutes is None


async def test_outside_hours_it_says_so_and_the_bot_keeps_the_talk(sessions: SessionFactory) -> None:
    talk = await make_conversation(sessions, "转人工")
    place = await put_in_queue(sessions, talk, now=SHUT)
    status = await standing(sessions, talk, SHUT)
    assert (status.owner, status.staffed, status.number) == (Owner.BOT, False, place.number)
    assert status.hours == HOURS
    await make_staff(sessions)
    assert (await standing(sessions, talk, SHUT)).staffed


async def test_with_an_agent_it_names_them_and_how_far_they_have_read(sessions: SessionFactory) -> None:
    staff = await make_staff(sessions)
    ticket = await make_ticket(sessions)
    async with sessions() as session, session.begin():
        await claim(session, staff.id, ticket.id)
        message = await say(session, staff, ticket.conversation_id, "您好")
        await read_by_agent(session, staff.id, ticket.conversation_id, message.id)
    status = await standing(sessions, ticket.conversation_id)
    assert status.to_frame() == {
        "type": "status",
        "owner": "agent",
        "agent": staff.name,
        "ahead": 0,
        "minutes": None,
        "staffed": True,
        "number": ticket.number,
        "hours": HOURS,
        "read": message.id,
    }


@pytest.mark.parametrize(("end", "owner"), [(hand_back, Owner.BOT), (close, Owner.CLOSED)])
async def test_afterwards_nobodys_name_is_left(sessions: SessionFactory, end: object, owner: Owner) -> None:
    staff = await make_staff(sessions)
    talk = await make_talk(sessions, staff)
    async with sessions() as session, session.begin():
        await end(session, staff, talk, Disposition.SOLVED)  # type: ignore[operator]
    status = await standing(sessions, talk)
    assert (status.owner, status.agent, status.number) == (owner, None, None)


async def test_a_new_ticket_after_a_closed_one_is_the_one_shown(sessions: SessionFactory) -> None:
    ticket = await make_ticket(sessions)
    async with sessions() as session, session.begin():
        await leave_queue(session, ticket.conversation_id)
    await put_in_queue(sessions, ticket.conversation_id)
    newest: HandoffTicket = await ticket_of(sessions, ticket.conversation_id)
    status = await standing(sessions, ticket.conversation_id)
    assert status.number == newest.number != ticket.number


async def test_no_such_conversation(sessions: SessionFactory) -> None:
    with pytest.raises(LookupError):
        await standing(sessions, uuid.uuid4())
