"""Where somebody stands in line and how long that takes, said only where recent claims allow it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.order import ahead_of
from store.handoff_models import HandoffTicket, Presence, Staff

WINDOW = timedelta(minutes=30)
ENOUGH = 3
"""Claims within the window below which no time is named."""
LONGEST_MIN = 120
"""Beyond this an estimate is no help."""


@dataclass(frozen=True, slots=True)
class Line:
    """``ahead`` tickets of the same skill are taken first; ``agents`` with the skill are online; ``minutes`` until one's turn, or unknown."""

    ahead: int
    agents: int
    minutes: int | None


def minutes_for(ahead: int, claims: int, agents: int) -> int | None:
    """Whole minutes until the turn of who has ``ahead`` before them, at the pace of ``claims`` in :data:`WINDOW`."""
    if claims < ENOUGH or agents == 0:
        return None
    pace = claims / (WINDOW.total_seconds() / 60)
    estimate = math.ceil((ahead + 1) / pace)
    return estimate if estimate <= LONGEST_MIN else None


async def agents_online(session: AsyncSession, skill: str | None = None) -> int:
    """How many are online, of those with ``skill`` if named."""
    asked = select(func.count()).select_from(Staff).where(Staff.presence == Presence.ONLINE, ~Staff.disabled)
    if skill is not None:
        asked = asked.where(Staff.skills.contains([skill]))
    return int(await session.scalar(asked) or 0)


async def line(session: AsyncSession, ticket: HandoffTicket) -> Line:
    """Where a waiting ticket stands now among those that need the same skill."""
    ahead = await session.scalar(
        select(func.count())
        .select_from(HandoffTicket)
        .where(ahead_of(ticket.id), HandoffTicket.skill == ticket.skill)
    )
    claims = await session.scalar(
        select(func.count())
        .select_from(HandoffTicket)
        .where(HandoffTicket.claimed_at > func.now() - WINDOW, HandoffTicket.skill == ticket.skill)
    )
    agents = await agents_online(session, ticket.skill)
    return Line(int(ahead or 0), agents, minutes_for(int(ahead or 0), int(claims or 0), agents))
