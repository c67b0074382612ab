"""What an agent's page lists: who waits, whom one has, what is over."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.events import Kind
from handoff.order import in_order
from handoff.reasons import reason_zh
from handoff.skills import skill_zh
from store.handoff_models import HandoffTicket, Staff, TicketEvent, TicketStatus
from store.models import Conversation, Message, Taxpayer

SHOWN = 30
"""Rows of a list; a count says how many more there are."""


@dataclass(frozen=True, slots=True)
class Row:
    """A ticket as a line of a list. ``name``: the proven taxpayer, else ``None``; ``unread``: their messages not yet seen."""

    ticket_id: uuid.UUID
    conversation_id: uuid.UUID
    number: str
    name: str | None
    channel: str
    pack: str | None
    reason: str
    skill: str
    priority: int
    status: TicketStatus
    agent: str | None
    kept_for: uuid.UUID | None
    last: str
    summary: str
    trigger: str
    unread: int
    created_at: datetime
    waiting_since: datetime | None
    due_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The first rows of a list and how many there are in all."""

    rows: tuple[Row, ...]
    total: int


async def waiting(session: AsyncSession, staff: Staff | None) -> Listing:
    """Those who wait for this member of staff's skills, in the order in which they are taken; for ``None``, all."""
    wanted: ColumnElement[bool] = HandoffTicket.status == TicketStatus.WAITING
    if staff is not None:
        wanted = and_(
            wanted,
            or_(HandoffTicket.skill.in_(staff.skills), HandoffTicket.wanted_agent_id == staff.id),
        )
    return await _list(session, wanted, *in_order())


async def mine(session: AsyncSession, staff: Staff) -> Listing:
    """The conversations this member of staff has, whoever waits longest for an answer first."""
    wanted = and_(HandoffTicket.status == TicketStatus.ASSIGNED, HandoffTicket.agent_id == staff.id)
    return await _list(
        session, wanted, HandoffTicket.waiting_since.asc().nulls_last(), HandoffTicket.claimed_at
    )


async def held_by_agents(session: AsyncSession) -> Listing:
    """All that agents have now, whoever waits longest for an answer first."""
    wanted = HandoffTicket.status == TicketStatus.ASSIGNED
    return await _list(
        session, wanted, HandoffTicket.waiting_since.asc().nulls_last(), HandoffTicket.claimed_at
    )


async def invited(session: AsyncSession, staff: Staff) -> Listing:
    """Open tickets of others to which this member of staff was asked to look."""
    asked = select(TicketEvent.ticket_id).where(
        TicketEvent.kind == Kind.INVITED, TicketEvent.detail["to"].astext == staff.login
    )
    wanted = and_(
        HandoffTicket.status != TicketStatus.CLOSED,
        HandoffTicket.id.in_(asked),
        or_(HandoffTicket.agent_id.is_(None), HandoffTicket.agent_id != staff.id),
    )
    return await _list(session, wanted, HandoffTicket.created_at)


async def closed(session: AsyncSession, staff: Staff) -> Listing:
    """What this member of staff has finished, newest first."""
    wanted = and_(HandoffTicket.status == TicketStatus.CLOSED, HandoffTicket.closed_by == staff.id)
    return await _list(session, wanted, HandoffTicket.closed_at.desc())


async def one(session: AsyncSession, conversation_id: uuid.UUID) -> Row | None:
    """The newest ticket of a conversation."""
    found = await session.execute(
        _rows()
        .where(HandoffTicket.conversation_id == conversation_id)
        .order_by(HandoffTicket.created_at.desc())
        .limit(1)
    )
    row = found.first()
    return _row(*row) if row is not None else None


async def _list(
    session: AsyncSession, wanted: ColumnElement[bool], *order: SQLColumnExpression[Any]
) -> Listing:
    total = await session.scalar(select(func.count()).select_from(HandoffTicket).where(wanted))
    found = await session.execute(_rows().where(wanted).order_by(*order).limit(SHOWN))
    return Listing(tuple(_row(*row) for row in found.all()), int(total or 0))


def _rows() -> Select[HandoffTicket, str | None, str | None, str | None, int]:
    last = (
        select(Message.text)
        .where(Message.conversation_id == HandoffTicket.conversation_id, Message.sender == "taxpayer")
        .order_by(Message.id.desc())
        .limit(1)
        .correlate(HandoffTicket)
        .scalar_subquery()
    )
    unread = (
        select(func.count())
        .select_from(Message)
        .where(
            Message.conversation_id == HandoffTicket.conversation_id,
            Message.sender == "taxpayer",
            Message.id > Conversation.agent_read_id,
        )
        .correlate(HandoffTicket, Conversation)
        .scalar_subquery()
    )
    return (
        select(HandoffTicket, Taxpayer.name, Staff.name, last, unread)
        .join(Conversation, Conversation.id == HandoffTicket.conversation_id)
        .outerjoin(Taxpayer, Taxpayer.id == HandoffTicket.taxpayer_id)
        .outerjoin(Staff, Staff.id == HandoffTicket.agent_id)
    )


def _row(ticket: HandoffTicket, name: str | None, agent: str | None, last: str | None, unread: int) -> Row:
    return Row(
        ticket_id=ticket.id,
        conversation_id=ticket.conversation_id,
        number=ticket.number,
        name=name,
        channel=ticket.channel,
        pack=ticket.pack,
        reason=reason_zh(ticket.reason),
        skill=skill_zh(ticket.skill),
        priority=ticket.priority,
        status=TicketStatus(ticket.status),
        agent=agent,
        kept_for=ticket.wanted_agent_id,
        last=last or ticket.trigger_text,
        summary=ticket.summary,
        trigger=ticket.trigger_text,
        unread=unread,
        created_at=ticket.created_at,
        waiting_since=ticket.waiting_since,
        due_at=ticket.answer_due_at,
        closed_at=ticket.closed_at,
    )
