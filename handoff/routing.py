"""For whom a new ticket is kept for a moment: the one who talked with this taxpayer before, else who has most room."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from store.handoff_models import HandoffTicket, Presence, Staff, TicketStatus

KEPT_FOR = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody online with the skill: conversations they have or that are kept for them now, how many they may have,
    when they last took one.
    """

    staff_id: uuid.UUID
    load: int
    max_load: int
    last_claim: datetime | None
    talked_before: bool


def best(candidates: Iterable[Candidate]) -> uuid.UUID | None:
    """Who should take it: has room, talked with them before, is least loaded, has waited longest; ``None``: nobody can."""
    able = [c for c in candidates if c.load < c.max_load]
    if not able:
        return None

    def rank(c: Candidate) -> tuple[bool, float, bool, float]:
        since = c.last_claim.timestamp() if c.last_claim else 0.0
        return not c.talked_before, c.load / c.max_load, c.last_claim is not None, since

    return min(able, key=rank).staff_id


async def candidates(
    session: AsyncSession, skill: str, conversation_id: uuid.UUID, taxpayer_id: uuid.UUID | None
) -> list[Candidate]:
    """Everybody online with ``skill``."""
    # What is kept for somebody counts, or all that comes in one moment would be kept for the same one.
    whose = func.coalesce(HandoffTicket.agent_id, HandoffTicket.wanted_agent_id).label("staff_id")
    held = (
        select(whose, func.count().label("load"))
        .where(
            or_(
                HandoffTicket.status == TicketStatus.ASSIGNED,
                and_(HandoffTicket.status == TicketStatus.WAITING, HandoffTicket.wanted_until > func.now()),
            )
        )
        .group_by(whose)
        .subquery()
    )
    last = (
        select(HandoffTicket.agent_id, func.max(HandoffTicket.claimed_at).label("at"))
        .where(HandoffTicket.claimed_at > func.now() - timedelta(days=1))
        .group_by(HandoffTicket.agent_id)
        .subquery()
    )
    rows = await session.execute(
        select(Staff.id, func.coalesce(held.c.load, 0), Staff.max_load, last.c.at)
        .outerjoin(held, held.c.staff_id == Staff.id)
        .outerjoin(last, last.c.agent_id == Staff.id)
        .where(Staff.presence == Presence.ONLINE, ~Staff.disabled, Staff.skills.contains([skill]))
    )
    found = rows.all()
    if not found:
        return []
    known = await _talked_before(session, conversation_id, taxpayer_id)
    return [Candidate(i, int(load), most, at, i == known) for i, load, most, at in found]


async def _talked_before(
    session: AsyncSession, conversation_id: uuid.UUID, taxpayer_id: uuid.UUID | None
) -> uuid.UUID | None:
    """Who closed the newest ticket of this conversation, or of this taxpayer."""
    theirs = HandoffTicket.conversation_id == conversation_id
    if taxpayer_id is not None:
        theirs = theirs | (HandoffTicket.taxpayer_id == taxpayer_id)
    found: uuid.UUID | None = await session.scalar(
        select(HandoffTicket.agent_id)
        .where(theirs, HandoffTicket.status == TicketStatus.CLOSED, HandoffTicket.agent_id.is_not(None))
        .order_by(HandoffTicket.closed_at.desc())
        .limit(1)
    )
    return found
