"""Who is there: heartbeats, and what becomes of the conversations of somebody who is not any more."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from handoff.moves import back_to_queue
from store import audit
from store.handoff_models import HandoffTicket, Presence, Staff, TicketStatus

BEAT_S = 10
GRACE = timedelta(seconds=45)
"""Four missed heartbeats and a little: a reload or a tunnel is forgiven."""


async def beat(session: AsyncSession, staff_id: uuid.UUID) -> None:
    """The console of this member of staff is open. Time is the database's, so gateways' clocks do not matter."""
    await session.execute(update(Staff).where(Staff.id == staff_id).values(seen_at=func.clock_timestamp()))


async def set_presence(session: AsyncSession, staff: Staff, presence: Presence) -> None:
    """Say whether one takes conversations; going offline gives back what one holds at once."""
    await session.execute(
        update(Staff).where(Staff.id == staff.id).values(presence=presence, seen_at=func.clock_timestamp())
    )
    if presence == Presence.OFFLINE:
        await give_back(session, staff.id)
    await audit.record(
        session,
        actor=f"staff:{staff.login}",
        action="staff.presence",
        subject=f"staff:{staff.login}",
        detail={"presence": presence.value},
    )


async def take_back_from_the_vanished(session: AsyncSession, grace: timedelta = GRACE) -> int:
    """Everybody whose console has been silent for ``grace`` is offline; what they held waits again.

    That goes too for what was given to somebody who was offline and has not come. Returns how many conversations that
    were. Several gateways may do this at once: each takes what none other has.
    """
    holding = (
        select(HandoffTicket.id)
        .where(HandoffTicket.agent_id == Staff.id, HandoffTicket.status == TicketStatus.ASSIGNED)
        .exists()
    )
    gone = (
        await session.scalars(
            select(Staff)
            .where(
                or_(Staff.presence != Presence.OFFLINE, holding),
                or_(Staff.seen_at.is_(None), Staff.seen_at < func.clock_timestamp() - grace),
            )
            .order_by(Staff.id)
            .with_for_update(key_share=True, skip_locked=True)
            .execution_options(populate_existing=True)
        )
    ).all()
    for staff in gone:
        staff.presence = Presence.OFFLINE
    await session.flush()
    return await give_back(session, *(staff.id for staff in gone))


async def give_back(session: AsyncSession, *staff_ids: uuid.UUID) -> int:
    """What these members of staff hold waits again; returns how many conversations that were."""
    held = (
        await session.scalars(
            select(HandoffTicket)
            .where(HandoffTicket.agent_id.in_(staff_ids), HandoffTicket.status == TicketStatus.ASSIGNED)
            .order_by(HandoffTicket.created_at, HandoffTicket.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    ).all()
    await back_to_queue(session, held)
    return len(held)
