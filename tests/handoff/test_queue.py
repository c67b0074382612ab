"""Into the queue and out of it again, over real PostgreSQL."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter

import pytest
from sqlalchemy import func, select, update

from handoff.claim import claim, claim_next
from handoff.entry import enter
from handoff.estimate import ENOUGH, line
from handoff.events import Kind
from handoff.moves import Disposition, close, leave_queue
from handoff.reasons import Reason
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Presence, Staff, TicketEvent, TicketStatus
from store.models import Conversation, Message, Owner
from tests.handoff.invariants import check
from tests.handoff.makers import (
    OPEN,
    SHUT,
    make_conversation,
    make_staff,
    make_staffs,
    make_talk,
    make_ticket,
    make_waiting,
    owner_of,
    put_in_queue,
    ticket_of,
)

pytestmark = pytest.mark.unit


async def _kept_for(sessions: SessionFactory) -> Counter[uuid.UUID | None]:
    async with sessions() as session:
        kept = await session.scalars(
            select(HandoffTicket.wanted_agent_id).where(HandoffTicket.status == TicketStatus.WAITING)
        )
        return Counter(kept.all())


async def test_twenty_at_once_are_one_ticket(sessions: SessionFactory) -> None:
    talk = await make_conversation(sessions, "我要找人工")
    places = await asyncio.gather(*(put_in_queue(sessions, talk) for _ in range(20)))
    assert sum(place.new for place in places) == 1
    assert len({place.number for place in places}) == 1
    assert await owner_of(sessions, talk) == (Owner.QUEUE, None)
    async with sessions() as session:
        entered = await session.scalar(
            select(func.count()).select_from(TicketEvent).where(TicketEvent.kind == Kind.ENTERED)
        )
    assert entered == 1
    await check(sessions)


async def test_the_ticket_holds_what_led_there(sessions: SessionFactory) -> None:
    talk = await make_conversation(sessions, "滞纳金怎么比税还多", "<b>我不服</b>")
    await put_in_queue(sessions, talk, Reason.DISPUTE)
    ticket = await ticket_of(sessions, talk)
    assert (ticket.skill, ticket.priority, ticket.channel) == ("dispute", 3, "web")
    assert ticket.trigger_text == "转人工"
    assert "未核实身份" in ticket.summary
    assert "「滞纳金怎么比税还多」「<b>我不服</b>」" in ticket.summary


async def test_what_is_more_urgent_moves_the_ticket_up_and_nothing_moves_it_down(
    sessions: SessionFactory,
) -> None:
    talk = await make_conversation(sessions, "我要找人工")
    await put_in_queue(sessions, talk, Reason.ASKED)
    before = await ticket_of(sessions, talk)
    again = await put_in_queue(sessions, talk, Reason.DISTRESS)
    raised = await ticket_of(sessions, talk)
    assert not again.new
    assert (raised.id, raised.priority, raised.skill) == (before.id, 1, "hardship")
    assert before.answer_due_at is not None and raised.answer_due_at is not None
    assert raised.answer_due_at < before.answer_due_at
    await put_in_queue(sessions, talk, Reason.ASKED)
    kept = await ticket_of(sessions, talk)
    assert (kept.priority, kept.skill, kept.answer_due_at) == (1, "hardship", raised.answer_due_at)
    await check(sessions)


async def test_outside_office_hours_the_conversation_stays_with_the_bot(sessions: SessionFactory) -> None:
    talk = await make_conversation(sessions)
    place = await put_in_queue(sessions, talk, now=SHUT)
    assert not place.staffed
    assert await owner_of(sessions, talk) == (Owner.BOT, None)
    await check(sessions)


async def test_who_is_online_on_a_sunday_takes_the_queue_all_the_same(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_conversation(sessions)
    place = await put_in_queue(sessions, talk, now=SHUT)
    assert place.staffed and place.agents == 1
    assert await owner_of(sessions, talk) == (Owner.QUEUE, None)
    async with sessions() as session, session.begin():
        assert await claim_next(session, agent.id) is not None
    await check(sessions)


async def test_a_closed_conversation_can_come_back(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await close(session, agent, talk, Disposition.SOLVED)
    assert await owner_of(sessions, talk) == (Owner.CLOSED, None)
    place = await put_in_queue(sessions, talk)
    assert place.new
    assert await owner_of(sessions, talk) == (Owner.QUEUE, None)
    await check(sessions)


async def test_entering_and_leaving_at_once_never_fails_and_never_doubles(sessions: SessionFactory) -> None:
    talk = await make_conversation(sessions)

    async def leave() -> bool:
        async with sessions() as session, session.begin():
            return await leave_queue(session, talk)

    for _ in range(10):
        done = await asyncio.gather(
            *(put_in_queue(sessions, talk) for _ in range(4)), *(leave() for _ in range(4))
        )
        assert len(done) == 8
    await leave()
    assert await owner_of(sessions, talk) == (Owner.BOT, None)
    await check(sessions)


async def test_a_turn_that_enters_while_an_agent_claims_does_not_wait_in_a_circle(
    sessions: SessionFactory,
) -> None:
    """The bot enters first and changes the conversation after, as a claim does."""
    agent = await make_staff(sessions, max_load=50)

    async def turn(talk: uuid.UUID) -> None:
        async with sessions() as session, session.begin():
            await enter(
                session,
                conversation_id=talk,
                who=None,
                reason=Reason.NOT_UNDERSTOOD,
                trigger="什么",
                now=OPEN,
            )
            await session.execute(
                update(Conversation).where(Conversation.id == talk).values(misunderstandings=3)
            )

    async def take(ticket_id: uuid.UUID) -> None:
        async with sessions() as session, session.begin():
            await claim(session, agent.id, ticket_id)

    for _ in range(15):
        ticket = await make_ticket(sessions)
        await asyncio.gather(turn(ticket.conversation_id), take(ticket.id), turn(ticket.conversation_id))
    await check(sessions)


async def test_who_talked_with_them_before_gets_them_again(sessions: SessionFactory) -> None:
    first, *others = await make_staffs(sessions, 3)
    talk = await make_talk(sessions, first)
    async with sessions() as session, session.begin():
        await close(session, first, talk, Disposition.SOLVED)
    for _ in range(2):
        await make_talk(sessions, first)
    await put_in_queue(sessions, talk)
    assert (await ticket_of(sessions, talk)).wanted_agent_id == first.id
    for other in others:
        async with sessions() as session, session.begin():
            assert await claim_next(session, other.id) is None
    async with sessions() as session, session.begin():
        taken = await claim_next(session, first.id)
    assert taken is not None and taken.conversation_id == talk
    await check(sessions)


@pytest.mark.parametrize("gone", ["away", "full", "disabled", "unskilled"])
async def test_who_cannot_take_them_now_is_not_waited_for(sessions: SessionFactory, gone: str) -> None:
    first, other = await make_staffs(sessions, 2)
    talk = await make_talk(sessions, first)
    async with sessions() as session, session.begin():
        await close(session, first, talk, Disposition.SOLVED)
        changed = {
            "away": {"presence": Presence.AWAY},
            "full": {"max_load": 1},
            "disabled": {"disabled": True},
            "unskilled": {"skills": ["dispute"]},
        }[gone]
        await session.execute(update(Staff).where(Staff.id == first.id).values(**changed))
    if gone == "full":
        await make_talk(sessions, first)
    await put_in_queue(sessions, talk)
    assert (await ticket_of(sessions, talk)).wanted_agent_id == other.id


async def test_many_who_come_at_once_are_not_all_kept_for_one(sessions: SessionFactory) -> None:
    people = await make_staffs(sessions, 3, max_load=2)
    for _ in range(7):
        await put_in_queue(sessions, await make_conversation(sessions))
    kept = await _kept_for(sessions)
    assert kept == {**{person.id: 2 for person in people}, None: 1}


async def test_what_is_kept_is_free_again_after_a_moment(sessions: SessionFactory) -> None:
    wanted, other = await make_staffs(sessions, 2)
    talk = await make_conversation(sessions)
    await put_in_queue(sessions, talk)
    kept_for = (await ticket_of(sessions, talk)).wanted_agent_id
    passed_over = other if kept_for == wanted.id else wanted
    async with sessions() as session, session.begin():
        assert await claim_next(session, passed_over.id) is None
    async with sessions() as session, session.begin():
        await session.execute(
            update(HandoffTicket).values(wanted_until=HandoffTicket.created_at - func.make_interval(0, 0, 1))
        )
    async with sessions() as session, session.begin():
        assert await claim_next(session, passed_over.id) is not None
    await check(sessions)


async def test_the_place_in_line_counts_those_who_need_the_same_skill(sessions: SessionFactory) -> None:
    await make_waiting(sessions, 5, Reason.DISPUTE)
    await make_waiting(sessions, 3)
    place = await put_in_queue(sessions, await make_conversation(sessions))
    assert place.ahead == 3


async def test_a_wait_is_named_only_where_claims_and_agents_allow_it(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions, max_load=50)
    for _ in range(ENOUGH - 1):
        await make_talk(sessions, agent)
    place = await put_in_queue(sessions, await make_conversation(sessions))
    assert place.minutes is None
    await make_talk(sessions, agent)
    behind = await make_ticket(sessions)
    async with sessions() as session:
        standing = await line(session, behind)
    # Three within half an hour, and the second in line: two times ten minutes.
    assert (standing.ahead, standing.minutes) == (1, 20)
    async with sessions() as session, session.begin():
        await session.execute(update(Staff).values(presence=Presence.OFFLINE))
    async with sessions() as session:
        assert (await line(session, behind)).minutes is None


async def test_leaving_is_for_who_still_waits(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        assert not await leave_queue(session, talk)
    assert await owner_of(sessions, talk) == (Owner.AGENT, agent.id)
    waiting = await make_ticket(sessions)
    for expected in (True, False):
        async with sessions() as session, session.begin():
            assert await leave_queue(session, waiting.conversation_id) is expected
    async with sessions() as session:
        told = await session.scalars(
            select(Message.text).where(
                Message.conversation_id == waiting.conversation_id, Message.sender == "system"
            )
        )
    assert len(told.all()) == 1
    await check(sessions)
