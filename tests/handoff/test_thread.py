"""What agents say, once, where it is theirs to say; and how far each side has read."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from sqlalchemy import func, select

from chat import threads
from handoff.events import Kind
from handoff.moves import Disposition, close, release
from handoff.thread import (
    LONGEST,
    BadWords,
    NotYours,
    read_by_agent,
    read_by_taxpayer,
    say,
    taxpayer_spoke,
    write_note,
)
from store.engine import SessionFactory
from store.handoff_models import InternalNote, Staff, TicketEvent
from store.models import Conversation, Message
from tests.handoff.invariants import check
from tests.handoff.makers import OPEN, make_staff, make_staffs, make_talk, make_ticket, ticket_of

pytestmark = pytest.mark.unit

HTML = '<img src=x onerror="alert(1)"><script>alert(2)</script>&amp;'


async def _say(
    sessions: SessionFactory, agent: Staff, talk: uuid.UUID, text: str, client_id: str | None = None
) -> Message:
    async with sessions() as session, session.begin():
        return await say(session, agent, talk, text, client_id=client_id)


async def _spoken(sessions: SessionFactory, talk: uuid.UUID) -> list[str]:
    async with sessions() as session:
        found = await session.scalars(
            select(Message.text)
            .where(Message.conversation_id == talk, Message.sender == "agent")
            .order_by(Message.id)
        )
        return list(found.all())


async def test_only_the_agent_who_has_it_can_speak(sessions: SessionFactory) -> None:
    agent, other = await make_staffs(sessions, 2)
    talk = await make_talk(sessions, agent)
    waiting = await make_ticket(sessions)
    for who, where in ((other, talk), (agent, waiting.conversation_id), (agent, uuid.uuid4())):
        with pytest.raises(NotYours):
            await _say(sessions, who, where, "您好")
    await _say(sessions, agent, talk, "您好")
    async with sessions() as session, session.begin():
        await release(session, agent, talk)
    with pytest.raises(NotYours):
        await _say(sessions, agent, talk, "还有")
    assert await _spoken(sessions, talk) == ["您好"]


async def test_the_same_client_id_is_said_once(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    said = await asyncio.gather(*(_say(sessions, agent, talk, "您好", "a1") for _ in range(8)))
    assert len({message.id for message in said}) == 1
    await _say(sessions, agent, talk, "您好", "a2")
    assert await _spoken(sessions, talk) == ["您好", "您好"]
    await check(sessions)


async def test_a_repetition_after_the_end_is_what_was_said_before(sessions: SessionFactory) -> None:
    """The answer to the first attempt was lost; the conversation has been closed meanwhile."""
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    said = await _say(sessions, agent, talk, "再见", "a1")
    async with sessions() as session, session.begin():
        await close(session, agent, talk, Disposition.SOLVED)
    again = await _say(sessions, agent, talk, "再见", "a1")
    assert again.id == said.id
    with pytest.raises(NotYours):
        await _say(sessions, agent, talk, "再见", "a2")


async def test_markup_is_text(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    message = await _say(sessions, agent, talk, HTML)
    assert message.text == HTML
    frame = threads.frame(message)
    assert frame["text"] == HTML
    assert str(agent.id) not in str(frame)
    async with sessions() as session, session.begin():
        note = await write_note(session, agent, talk, HTML)
    assert note.text == HTML


@pytest.mark.parametrize("text", ["", "  \n ", "长" * (LONGEST + 1)])
async def test_nothing_and_too_much_are_refused(sessions: SessionFactory, text: str) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    with pytest.raises(BadWords):
        await _say(sessions, agent, talk, text)
    async with sessions() as session, session.begin():
        with pytest.raises(BadWords):
            await write_note(session, agent, talk, text)
    assert await _spoken(sessions, talk) == []


async def test_the_first_answer_is_noted_once(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    await asyncio.gather(*(_say(sessions, agent, talk, f"第{n}句") for n in range(6)))
    async with sessions() as session:
        noted = await session.scalar(
            select(func.count()).select_from(TicketEvent).where(TicketEvent.kind == Kind.FIRST_ANSWER)
        )
    assert noted == 1
    first = (await ticket_of(sessions, talk)).first_answer_at
    await _say(sessions, agent, talk, "再一句")
    assert (await ticket_of(sessions, talk)).first_answer_at == first
    await check(sessions)


async def test_an_answer_ends_the_wait_and_words_begin_it(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    assert (await ticket_of(sessions, talk)).waiting_since is not None
    await _say(sessions, agent, talk, "您好")
    ticket = await ticket_of(sessions, talk)
    assert (ticket.waiting_since, ticket.answer_due_at) == (None, None)
    async with sessions() as session, session.begin():
        await taxpayer_spoke(session, talk, OPEN)
    ticket = await ticket_of(sessions, talk)
    assert ticket.waiting_since is not None and ticket.answer_due_at is not None


async def test_words_and_answers_at_once_do_not_wait_in_a_circle(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)

    async def spoke() -> None:
        async with sessions() as session, session.begin():
            await taxpayer_spoke(session, talk, OPEN)

    await asyncio.gather(
        *(_say(sessions, agent, talk, f"{n}") for n in range(8)), *(spoke() for _ in range(8))
    )
    assert sorted(await _spoken(sessions, talk)) == [str(n) for n in range(8)]


async def test_read_marks_only_go_forward_and_only_for_who_has_it(sessions: SessionFactory) -> None:
    agent, other = await make_staffs(sessions, 2)
    talk = await make_talk(sessions, agent)

    async def marks() -> tuple[int, int]:
        async with sessions() as session:
            found = await session.execute(
                select(Conversation.taxpayer_read_id, Conversation.agent_read_id).where(
                    Conversation.id == talk
                )
            )
            taxpayer, agents = found.one()
            return taxpayer, agents

    async with sessions() as session, session.begin():
        await read_by_taxpayer(session, talk, 7)
        await read_by_taxpayer(session, talk, 5)
        await read_by_agent(session, other.id, talk, 9)
        await read_by_agent(session, agent.id, talk, 6)
        await read_by_agent(session, agent.id, talk, 2)
    assert await marks() == (7, 6)


async def test_notes_stay_among_colleagues(sessions: SessionFactory) -> None:
    agent = await make_staff(sessions)
    talk = await make_talk(sessions, agent)
    async with sessions() as session, session.begin():
        await write_note(session, agent, talk, "此人很急")
    async with sessions() as session:
        assert await session.scalar(select(func.count()).select_from(InternalNote)) == 1
        shown = await threads.since(session, talk, 0)
    assert not [message for message in shown if "很急" in message.text]
