"""Staff, conversations and tickets for tests and for the bench of the queue."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select, update

from handoff.claim import claim
from handoff.entry import Place, enter
from handoff.reasons import ROUTES, Reason
from handoff.skills import Skill
from store.engine import SessionFactory
from store.handoff_models import HandoffTicket, Presence, Staff, TicketStatus
from store.models import Conversation, Message, Owner

SHANGHAI = ZoneInfo("Asia/Shanghai")
OPEN = datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI)
"""A Monday, within office hours."""
SHUT = datetime(2026, 11, 22, 10, 0, tzinfo=SHANGHAI)
"""The Sunday before."""
EVERY_SKILL = tuple(skill.value for skill in Skill)


async def make_staffs(
    sessions: SessionFactory,
    count: int,
    *,
    skills: Sequence[str] = EVERY_SKILL,
    max_load: int = 4,
    presence: Presence = Presence.ONLINE,
) -> list[Staff]:
    """Agents whose consoles have just been heard of, alike but for their names."""
    people = [
        Staff(
            id=uuid.uuid4(),
            login=f"s{secrets.token_hex(5)}",
            name=f"坐席{number}",
            roles=["agent"],
            skills=list(skills),
            max_load=max_load,
            presence=presence,
            seen_at=func.clock_timestamp(),
            password_hash="none",
        )
        for number in range(1, count + 1)
    ]
    async with sessions() as session, session.begin():
        session.add_all(people)
        await session.flush()
        for person in people:
            await session.refresh(person)
    return people


async def make_staff(
    sessions: SessionFactory,
    *,
    skills: Sequence[str] = EVERY_SKILL,
    max_load: int = 4,
    presence: Presence = Presence.ONLINE,
) -> Staff:
    """One of them."""
    return (await make_staffs(sessions, 1, skills=skills, max_load=max_load, presence=presence))[0]


async def make_conversation(sessions: SessionFactory, *said: str) -> uuid.UUID:
    """A chat in which the taxpayer has said something."""
    conversation = Conversation(id=uuid.uuid4(), channel="web")
    async with sessions() as session, session.begin():
        session.add(conversation)
        await session.flush()
        session.add_all(
            Message(conversation_id=conversation.id, sender="taxpayer", text=text) for text in said
        )
    return conversation.id


async def put_in_queue(
    sessions: SessionFactory,
    conversation_id: uuid.UUID,
    reason: Reason = Reason.ASKED,
    now: datetime = OPEN,
) -> Place:
    """As the bot does it."""
    async with sessions() as session, session.begin():
        return await enter(
            session, conversation_id=conversation_id, who=None, reason=reason, trigger="转人工", now=now
        )


async def ticket_of(sessions: SessionFactory, conversation_id: uuid.UUID) -> HandoffTicket:
    """The newest ticket of a conversation."""
    async with sessions() as session:
        found = await session.scalars(
            select(HandoffTicket)
            .where(HandoffTicket.conversation_id == conversation_id)
            .order_by(HandoffTicket.created_at.desc())
            .limit(1)
        )
        return found.one()


async def owner_of(sessions: SessionFactory, conversation_id: uuid.UUID) -> tuple[Owner, uuid.UUID | None]:
    """Who answers a conversation."""
    async with sessions() as session:
        found = await session.execute(
            select(Conversation.owner, Conversation.agent_id).where(Conversation.id == conversation_id)
        )
        owner, agent_id = found.one()
        return Owner(owner), agent_id


async def make_ticket(sessions: SessionFactory, reason: Reason = Reason.ASKED) -> HandoffTicket:
    """A new conversation in the queue, kept for nobody."""
    conversation_id = await make_conversation(sessions, "我要找人工")
    await put_in_queue(sessions, conversation_id, reason)
    async with sessions() as session, session.begin():
        await session.execute(
            update(HandoffTicket)
            .where(HandoffTicket.conversation_id == conversation_id)
            .values(wanted_agent_id=None, wanted_until=None)
        )
    return await ticket_of(sessions, conversation_id)


async def make_talk(sessions: SessionFactory, agent: Staff) -> uuid.UUID:
    """A conversation that ``agent`` has."""
    ticket = await make_ticket(sessions)
    async with sessions() as session, session.begin():
        await claim(session, agent.id, ticket.id)
    return ticket.conversation_id


async def make_waiting(
    sessions: SessionFactory, count: int, reason: Reason = Reason.ASKED
) -> list[uuid.UUID]:
    """Many who wait, written at once, the first for longest; ids of their tickets."""
    route = ROUTES[reason]
    talks = [uuid.uuid4() for _ in range(count)]
    tickets = [uuid.uuid4() for _ in range(count)]
    batch = secrets.token_hex(4)
    async with sessions() as session, session.begin():
        await session.execute(
            insert(Conversation), [{"id": talk, "channel": "web", "owner": Owner.QUEUE} for talk in talks]
        )
        await session.execute(
            insert(Message),
            [{"conversation_id": talk, "sender": "taxpayer", "text": "我要找人工"} for talk in talks],
        )
        now = (await session.execute(select(func.now()))).scalar_one()
        await session.execute(
            insert(HandoffTicket),
            [
                {
                    "id": ticket,
                    "number": f"{batch}-{place}",
                    "conversation_id": talk,
                    "reason": reason.value,
                    "skill": route.skill.value,
                    "priority": route.priority,
                    "summary": "要求人工服务。",
                    "trigger_text": "转人工",
                    "status": TicketStatus.WAITING,
                    "waiting_since": now,
                    "created_at": now + timedelta(milliseconds=place),
                    "answer_due_at": now + timedelta(minutes=10, milliseconds=place),
                    "resolve_due_at": now + timedelta(hours=8),
                }
                for place, (ticket, talk) in enumerate(zip(tickets, talks, strict=True))
            ],
        )
    return tickets
