"""What a telephone call needs of the queue: how its ticket stands, and what a human on the line does to it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.estimate import line
from handoff.events import Kind, happened
from handoff.locking import locked_ticket
from handoff.moves import back_to_queue
from handoff.permissions import Action, may
from handoff.thread import held
from store import audit
from store.handoff_models import HandoffTicket, Staff, TicketStatus
from store.models import Conversation, Owner


@dataclass(frozen=True, slots=True)
class CallTicket:
    """The newest ticket of a conversation. ``ahead``, ``agents`` and ``minutes`` as in ``handoff.estimate.Line``; they mean
    something while it waits.
    """

    ticket_id: uuid.UUID
    status: TicketStatus
    agent_id: uuid.UUID | None
    owner: Owner
    ahead: int = 0
    agents: int = 0
    minutes: int | None = None


async def newest(session: AsyncSession, conversation_id: uuid.UUID) -> CallTicket | None:
    """How the newest ticket of a conversation stands; ``None`` where there is none."""
    row = (
        await session.execute(
            select(HandoffTicket, Conversation.owner)
            .join(Conversation, Conversation.id == HandoffTicket.conversation_id)
            .where(HandoffTicket.conversation_id == conversation_id)
            .order_by(HandoffTicket.created_at.desc())
            .limit(1)
        )
    ).one_or_none()
    if row is None:
        return None
    ticket, owner = row
    known = (ticket.id, TicketStatus(ticket.status), ticket.agent_id, Owner(owner))
    if ticket.status != TicketStatus.WAITING:
        return CallTicket(*known)
    standing = await line(session, ticket)
    return CallTicket(*known, standing.ahead, standing.agents, standing.minutes)


@dataclass(frozen=True, slots=True)
class Taken:
    """A ticket in the hands of a member of staff, as they need it to take the call."""

    ticket_id: uuid.UUID
    conversation_id: uuid.UUID
    staff_id: uuid.UUID
    summary: str


async def taken(session: AsyncSession, ticket_id: uuid.UUID, staff_id: uuid.UUID) -> Taken | None:
    """The ticket, if it is this member of staff's now and they may talk with taxpayers; else ``None``."""
    staff = await session.get(Staff, staff_id)
    ticket = await session.get(HandoffTicket, ticket_id)
    if staff is None or staff.disabled or not may(staff.roles, Action.TALK):
        return None
    if ticket is None or ticket.status != TicketStatus.ASSIGNED or ticket.agent_id != staff_id:
        return None
    return Taken(ticket_id, ticket.conversation_id, staff_id, ticket.summary)


async def picked_up(session: AsyncSession, call: Taken) -> None:
    """They speak with the caller from here on: that is their answer.

    Raises:
        NotYours: the ticket has gone to somebody else meanwhile.
    """
    ticket = await held(session, call.staff_id, call.conversation_id)
    staff = await session.get_one(Staff, call.staff_id)
    ticket.first_answer_at = (
        ticket.first_answer_at or (await session.execute(select(func.clock_timestamp()))).scalar_one()
    )
    ticket.waiting_since = ticket.answer_due_at = None
    await session.flush()
    actor = f"staff:{staff.login}"
    await happened(
        session,
        Kind.FIRST_ANSWER,
        ticket_id=ticket.id,
        number=ticket.number,
        actor=actor,
        staff_id=staff.id,
        once="first",
    )
    await audit.record(
        session, actor=actor, action="call.picked_up", subject=f"ticket:{ticket.number}", detail={}
    )


async def put_down(session: AsyncSession, call: Taken, how: str) -> None:
    """They speak with the caller no longer; ``how`` in a word. The ticket stays theirs until they close it."""
    staff = await session.get_one(Staff, call.staff_id)
    ticket = await session.get_one(HandoffTicket, call.ticket_id)
    await audit.record(
        session,
        actor=f"staff:{staff.login}",
        action="call.put_down",
        subject=f"ticket:{ticket.number}",
        detail={"how": how},
    )


async def not_taken(session: AsyncSession, ticket_id: uuid.UUID) -> bool:
    """Whoever has the ticket does not come to the phone: it waits for anybody again. False when nobody has it."""
    ticket = await session.scalar(locked_ticket(ticket_id))
    if ticket is None or ticket.status != TicketStatus.ASSIGNED:
        return False
    await back_to_queue(session, [ticket])
    return True
