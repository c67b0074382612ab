"""What is said in a thread by humans and by the house, and how far each side has read."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.events import Kind, happened
from handoff.office import hours
from handoff.sla import Clock, due
from store import audit
from store.handoff_models import HandoffTicket, InternalNote, Staff, TicketStatus
from store.live import announce
from store.models import Conversation, Message, Owner

LONGEST = 2000
RECORDED = 200


class NotYours(Exception):
    """The conversation belongs to somebody else now; the words are for who tried to speak in it."""

    def __init__(self) -> None:
        super().__init__("这个会话现在不在您手上，消息没有发出。")


class BadWords(ValueError):
    """Nothing, or too much, was to be said; the words say which."""


def for_the_record(words: str) -> str:
    """Free words that go into the audit trail, cut to :data:`RECORDED`. Raises :class:`BadWords` if a number of a person is in them."""
    if audit.holds_identifier(words):
        raise BadWords("理由和备注里请不要写身份证号、税号或手机号。")
    return words.strip()[:RECORDED]


async def tell(
    session: AsyncSession,
    conversation_id: uuid.UUID,
    words: str,
    *,
    custom: Mapping[str, Any] | None = None,
    buttons: Sequence[Mapping[str, str]] = (),
) -> Message:
    """A note of the house in the thread, for the taxpayer to see."""
    message = Message(
        conversation_id=conversation_id,
        sender="system",
        text=words,
        payload={
            **({"custom": dict(custom)} if custom else {}),
            **({"buttons": [dict(b) for b in buttons]} if buttons else {}),
        },
    )
    session.add(message)
    await session.flush()
    return message


async def say(
    session: AsyncSession,
    staff: Staff,
    conversation_id: uuid.UUID,
    text: str,
    *,
    client_id: str | None = None,
    payload: Mapping[str, Any] | None = None,
) -> Message:
    """An agent's words to the taxpayer; the same ``client_id`` is said once.

    Raises:
        NotYours: ``staff`` does not own the conversation.
        BadWords: empty or longer than :data:`LONGEST` characters.
    """
    words = text.strip()
    if not words:
        raise BadWords("请先写点什么。")
    if len(words) > LONGEST:
        raise BadWords(f"一条消息最多{LONGEST}个字，请分开发。")
    if audit.holds_identifier(words):
        raise BadWords("消息里请不要写身份证号、税号或手机号。")
    ticket = await _held(session, staff.id, conversation_id)
    if client_id is not None:
        # Also for who has closed the conversation meanwhile: a repetition is no new message.
        earlier = await session.scalar(
            select(Message).where(
                Message.conversation_id == conversation_id,
                Message.client_id == client_id,
                Message.payload["staff"].astext == str(staff.id),
            )
        )
        if earlier is not None:
            return earlier
    if ticket is None:
        raise NotYours
    message = Message(
        conversation_id=conversation_id,
        sender="agent",
        client_id=client_id,
        text=words,
        payload={**dict(payload or {}), "by": staff.name, "staff": str(staff.id)},
    )
    session.add(message)
    now = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    first = ticket.first_answer_at is None
    ticket.first_answer_at = ticket.first_answer_at or now
    ticket.waiting_since = None
    ticket.answer_due_at = None
    await session.execute(
        update(Conversation).where(Conversation.id == conversation_id).values(last_message_at=now)
    )
    await session.flush()
    if first:
        await happened(
            session,
            Kind.FIRST_ANSWER,
            ticket_id=ticket.id,
            number=ticket.number,
            actor=f"staff:{staff.login}",
            staff_id=staff.id,
            once="first",
        )
    return message


async def held(session: AsyncSession, staff_id: uuid.UUID, conversation_id: uuid.UUID) -> HandoffTicket:
    """The open ticket of a conversation that ``staff_id`` owns, locked. Raises :class:`NotYours`."""
    ticket = await _held(session, staff_id, conversation_id)
    if ticket is None:
        raise NotYours
    return ticket


async def _held(
    session: AsyncSession, staff_id: uuid.UUID, conversation_id: uuid.UUID
) -> HandoffTicket | None:
    ticket: HandoffTicket | None = await session.scalar(
        select(HandoffTicket)
        .where(
            HandoffTicket.conversation_id == conversation_id,
            HandoffTicket.status == TicketStatus.ASSIGNED,
            HandoffTicket.agent_id == staff_id,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return ticket


async def taxpayer_spoke(session: AsyncSession, conversation_id: uuid.UUID, now: datetime) -> None:
    """The taxpayer waits for a human's answer from here on, if one owns the conversation. ``now``: local business time.

    Call it in a transaction that has not changed the conversation: its ticket is locked before it.
    """
    ticket = await session.scalar(
        select(HandoffTicket)
        .where(
            HandoffTicket.conversation_id == conversation_id, HandoffTicket.status == TicketStatus.ASSIGNED
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if ticket is None or ticket.waiting_since is not None:
        return
    within = due(Clock.NEXT_ANSWER, ticket.priority, now, await hours(session)).within
    ticket.waiting_since = func.clock_timestamp()
    ticket.answer_due_at = func.clock_timestamp() + within
    ticket.answer_alarm = 0
    await session.flush()


async def write_note(
    session: AsyncSession, staff: Staff, conversation_id: uuid.UUID, text: str
) -> InternalNote:
    """A note among colleagues. Raises :class:`BadWords`."""
    words = text.strip()
    if not words or len(words) > LONGEST:
        raise BadWords(f"备注要写1到{LONGEST}个字。")
    note = InternalNote(
        conversation_id=conversation_id, staff_id=staff.id, text=audit.mask_identifiers(words)
    )
    session.add(note)
    await session.flush()
    await announce(session, "conversation", str(conversation_id))
    return note


async def read_by_taxpayer(session: AsyncSession, conversation_id: uuid.UUID, upto: int) -> None:
    """The taxpayer has had message ``upto`` before their eyes; it never goes back."""
    await session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id, Conversation.taxpayer_read_id < upto)
        .values(taxpayer_read_id=upto)
    )


async def read_by_agent(
    session: AsyncSession, staff_id: uuid.UUID, conversation_id: uuid.UUID, upto: int
) -> None:
    """The owning agent has had message ``upto`` before their eyes; nothing if it is not theirs."""
    await session.execute(
        update(Conversation)
        .where(
            Conversation.id == conversation_id,
            Conversation.owner == Owner.AGENT,
            Conversation.agent_id == staff_id,
            Conversation.agent_read_id < upto,
        )
        .values(agent_read_id=upto)
    )
