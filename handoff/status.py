"""Whom a taxpayer is talking to and where they stand in line, as their window shows it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.estimate import agents_online, line
from handoff.office import hours
from store.handoff_models import HandoffTicket, Staff, TicketStatus
from store.models import Conversation, Owner


@dataclass(frozen=True, slots=True)
class Status:
    """``agent``: the name of the human who owns the conversation. ``ahead`` and ``minutes`` mean something while a
    ticket waits; ``minutes`` is ``None`` where no honest estimate can be given. ``staffed``: within office hours, or
    somebody is online all the same. ``number``: the open ticket's. ``hours``: the office hours in words. ``read``: the
    agent has read up to this message.
    """

    owner: Owner
    agent: str | None
    ahead: int
    minutes: int | None
    staffed: bool
    number: str | None
    hours: str
    read: int

    def to_frame(self) -> dict[str, Any]:
        """The frame for the taxpayer's window."""
        return {
            "type": "status",
            "owner": self.owner.value,
            "agent": self.agent,
            "ahead": self.ahead,
            "minutes": self.minutes,
            "staffed": self.staffed,
            "number": self.number,
            "hours": self.hours,
            "read": self.read,
        }


async def status_of(session: AsyncSession, conversation_id: uuid.UUID, now: datetime) -> Status:
    """How things stand with a conversation. ``now`` is the local business time.

    Raises:
        LookupError: there is no such conversation.
    """
    row = (
        await session.execute(
            select(Conversation.owner, Conversation.agent_read_id, Staff.name, HandoffTicket)
            .outerjoin(Staff, Conversation.agent_id == Staff.id)
            .outerjoin(
                HandoffTicket,
                and_(
                    HandoffTicket.conversation_id == Conversation.id,
                    HandoffTicket.status != TicketStatus.CLOSED,
                ),
            )
            .where(Conversation.id == conversation_id)
        )
    ).one_or_none()
    if row is None:
        raise LookupError(f"no conversation {conversation_id}")
    agent: str | None = row.name
    ticket: HandoffTicket | None = row.HandoffTicket
    waiting = ticket if ticket is not None and ticket.status == TicketStatus.WAITING else None
    standing = await line(session, waiting) if waiting is not None else None
    opening = await hours(session)
    return Status(
        owner=Owner(row.owner),
        agent=agent,
        ahead=standing.ahead if standing else 0,
        minutes=standing.minutes if standing else None,
        staffed=opening.staffed(now) or await agents_online(session) > 0,
        number=ticket.number if ticket is not None else None,
        hours=opening.in_words(),
        read=row.agent_read_id,
    )
