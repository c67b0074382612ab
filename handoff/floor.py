"""The floor as it is now: who waits, who is there and how busy, and how the clocks stand today."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.events import Kind
from handoff.skills import SKILL_ZH, Skill
from store.handoff_models import HandoffTicket, Presence, Staff, Survey, TicketEvent, TicketStatus

_SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Seat:
    """A member of staff on the floor: open conversations of how many, and since when they were last seen."""

    staff_id: uuid.UUID
    name: str
    presence: Presence
    skills: tuple[str, ...]
    load: int
    max_load: int
    waiting_for_answer: int
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Floor:
    """``longest_s``: seconds the one who waits longest has waited, 0 when nobody waits. Today's figures count from 00:00
    in Shanghai; ``satisfaction`` is the mean score of today's surveys, ``None`` without any.
    """

    waiting: int
    longest_s: int
    with_agents: int
    overdue: int
    by_skill: tuple[tuple[str, int], ...]
    seats: tuple[Seat, ...]
    entered_today: int
    closed_today: int
    breached_today: int
    satisfaction: float | None


async def floor(session: AsyncSession) -> Floor:
    """Read the floor; time is the database's."""
    now = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    midnight = datetime.combine(now.astimezone(_SHANGHAI).date(), time(), _SHANGHAI)
    waiting = HandoffTicket.status == TicketStatus.WAITING
    count, oldest = (
        await session.execute(
            select(
                func.count(), func.min(func.coalesce(HandoffTicket.waiting_since, HandoffTicket.created_at))
            )
            .select_from(HandoffTicket)
            .where(waiting)
        )
    ).one()
    by_skill = dict(
        (
            await session.execute(
                select(HandoffTicket.skill, func.count()).where(waiting).group_by(HandoffTicket.skill)
            )
        ).all()
    )
    with_agents = await session.scalar(
        select(func.count()).select_from(HandoffTicket).where(HandoffTicket.status == TicketStatus.ASSIGNED)
    )
    overdue = await session.scalar(
        select(func.count())
        .select_from(HandoffTicket)
        .where(HandoffTicket.status != TicketStatus.CLOSED, HandoffTicket.answer_due_at < now)
    )
    entered = await session.scalar(
        select(func.count()).select_from(HandoffTicket).where(HandoffTicket.created_at >= midnight)
    )
    closed = await session.scalar(
        select(func.count()).select_from(HandoffTicket).where(HandoffTicket.closed_at >= midnight)
    )
    breached = await session.scalar(
        select(func.count())
        .select_from(TicketEvent)
        .where(TicketEvent.kind == Kind.BREACHED, TicketEvent.at >= midnight)
    )
    score = await session.scalar(select(func.avg(Survey.score)).where(Survey.created_at >= midnight))
    return Floor(
        waiting=int(count),
        longest_s=int((now - oldest).total_seconds()) if count else 0,
        with_agents=int(with_agents or 0),
        overdue=int(overdue or 0),
        by_skill=tuple((SKILL_ZH[s], int(by_skill[s])) for s in Skill if by_skill.get(s)),
        seats=await _seats(session),
        entered_today=int(entered or 0),
        closed_today=int(closed or 0),
        breached_today=int(breached or 0),
        satisfaction=None if score is None else float(score),
    )


async def _seats(session: AsyncSession) -> tuple[Seat, ...]:
    """Everybody who takes conversations, those online first."""
    load = func.count(HandoffTicket.id)
    unanswered = func.count(HandoffTicket.waiting_since)
    rows = await session.execute(
        select(Staff, load, unanswered)
        .outerjoin(
            HandoffTicket,
            (HandoffTicket.agent_id == Staff.id) & (HandoffTicket.status == TicketStatus.ASSIGNED),
        )
        .where(~Staff.disabled, func.cardinality(Staff.skills) > 0)
        .group_by(Staff.id)
        .order_by(Staff.name)
    )
    order = {Presence.ONLINE: 0, Presence.AWAY: 1, Presence.OFFLINE: 2}
    seats = [
        Seat(
            staff.id,
            staff.name,
            Presence(staff.presence),
            tuple(SKILL_ZH[Skill(s)] for s in staff.skills if s in SKILL_ZH),
            int(held),
            staff.max_load,
            int(open_),
            staff.seen_at,
        )
        for staff, held, open_ in rows.all()
    ]
    return tuple(sorted(seats, key=lambda s: order[s.presence]))
