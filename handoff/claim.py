"""Taking a ticket: each is taken by exactly one, however many reach for it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.events import Kind, happened
from handoff.locking import locked_staff, locked_ticket
from handoff.order import in_order
from handoff.thread import tell
from store.handoff_models import HandoffTicket, Presence, Staff, TicketStatus
from store.models import Conversation, Owner

JOINED = "人工坐席{name}已接入，为您服务。"


class CannotClaim(Exception):
    """Why it was not taken, in words for whoever reached for it."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A ticket now in somebody's hands."""

    ticket_id: uuid.UUID
    conversation_id: uuid.UUID
    number: str
    waited: timedelta


async def claim(session: AsyncSession, staff_id: uuid.UUID, ticket_id: uuid.UUID) -> Claimed:
    """Take this ticket.

    Raises:
        CannotClaim: somebody has it, it is closed, or who reaches for it has no room, no skill, or is not online.
    """
    who = await _able(session, staff_id)
    ticket = await session.scalar(locked_ticket(ticket_id))
    if ticket is None:
        raise CannotClaim("没有这张单子。")
    if ticket.status == TicketStatus.ASSIGNED:
        raise CannotClaim("您已经接了。" if ticket.agent_id == staff_id else "已被别人接走了。")
    if ticket.status == TicketStatus.CLOSED:
        raise CannotClaim("这张单子已经结束了。")
    if ticket.skill not in who.skills and ticket.wanted_agent_id != staff_id:
        raise CannotClaim("这张单子要的技能您还没有。")
    return await _take(session, who, ticket)


async def claim_next(session: AsyncSession, staff_id: uuid.UUID) -> Claimed | None:
    """Take the ticket that comes next for this agent's skills; ``None`` when none waits.

    One kept for somebody else is passed over while it is kept. Raises :class:`CannotClaim`.
    """
    who = await _able(session, staff_id)
    following = (
        select(HandoffTicket)
        .where(
            HandoffTicket.status == TicketStatus.WAITING,
            or_(HandoffTicket.skill.in_(who.skills), HandoffTicket.wanted_agent_id == staff_id),
            or_(
                HandoffTicket.wanted_agent_id.is_(None),
                HandoffTicket.wanted_agent_id == staff_id,
                HandoffTicket.wanted_until < func.now(),
            ),
        )
        .order_by(*in_order())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    ticket = await session.scalar(following.with_for_update(skip_locked=True))
    if ticket is None:
        # A locked one may be locked for something else than a claim, so it is waited for before saying that none waits.
        ticket = await session.scalar(following.with_for_update())
    return await _take(session, who, ticket) if ticket is not None else None


async def _able(session: AsyncSession, staff_id: uuid.UUID) -> Staff:
    """Who may take one more; locked until the transaction ends, so two tabs of one agent count as one."""
    who = await session.scalar(locked_staff(staff_id))
    if who is None or who.disabled:
        raise CannotClaim("账号已停用。")
    if who.presence != Presence.ONLINE:
        raise CannotClaim("您现在不是在线状态，请先切换到在线。")
    load = await session.scalar(
        select(func.count())
        .select_from(HandoffTicket)
        .where(HandoffTicket.agent_id == staff_id, HandoffTicket.status == TicketStatus.ASSIGNED)
    )
    if int(load or 0) >= who.max_load:
        raise CannotClaim(f"您手上已有{load}个会话，先结束一个再接。")
    return who


async def _take(session: AsyncSession, who: Staff, ticket: HandoffTicket) -> Claimed:
    now = (await session.execute(select(func.clock_timestamp()))).scalar_one()
    ticket.status = TicketStatus.ASSIGNED
    ticket.agent_id = who.id
    ticket.claimed_at = now
    ticket.wanted_agent_id = None
    ticket.wanted_until = None
    await session.flush()
    await session.execute(
        update(Conversation)
        .where(Conversation.id == ticket.conversation_id)
        .values(owner=Owner.AGENT, agent_id=who.id)
    )
    await tell(session, ticket.conversation_id, JOINED.format(name=who.name))
    await happened(
        session,
        Kind.CLAIMED,
        ticket_id=ticket.id,
        number=ticket.number,
        actor=f"staff:{who.login}",
        staff_id=who.id,
    )
    return Claimed(ticket.id, ticket.conversation_id, ticket.number, now - ticket.created_at)
