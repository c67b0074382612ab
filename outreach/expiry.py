"""Approved deferrals whose last day has passed are marked as run out, once a day.

The late fee does not wait for it: an approved period counts the same whether it runs or has run out
(``tax.deferral.deferral_for_late_fee``). What changes is what officers and taxpayers read, and that the bill may be
applied for no more.
"""

from __future__ import annotations

from sqlalchemy import select

from outreach.clock import SHANGHAI
from outreach.ports import Clock
from store import audit
from store.engine import SessionFactory
from store.models import DeferralApplication
from tax.deferral import Event, Status, advance

BATCH = 200
"""Applications of one transaction: nobody else gets to the audit trail meanwhile."""


async def expire_deferrals(sessions: SessionFactory, clock: Clock) -> int:
    """Mark those that ended before today; returns how many."""
    expired = 0
    while done := await _expire_batch(sessions, clock):
        expired += done
    return expired


async def _expire_batch(sessions: SessionFactory, clock: Clock) -> int:
    async with sessions() as session, session.begin():
        today = (await clock.now(session)).astimezone(SHANGHAI).date()
        found = (
            await session.scalars(
                select(DeferralApplication)
                .where(
                    DeferralApplication.status == Status.APPROVED, DeferralApplication.approved_until < today
                )
                .order_by(DeferralApplication.id)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            )
        ).all()
        for row in found:
            row.status = advance(Status(row.status), Event.EXPIRE).value
        await session.flush()
        for row in found:
            await audit.record(
                session,
                actor="system",
                action="deferral.expired",
                subject=f"deferral:{row.number}",
                detail={"until": row.approved_until.isoformat() if row.approved_until else None},
            )
    return len(found)
