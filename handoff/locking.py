"""Locks on rows, always in this order: staff, tickets, conversations, the audit trail.

Whoever holds one of them may wait for those further on and for nothing before, so nobody waits in a circle. Rows are
read anew when they are locked: what the session knew of them may be what they were before the wait.
"""

from __future__ import annotations

import uuid

from sqlalchemy import Select, select

from store.handoff_models import HandoffTicket, Staff


def locked_staff(staff_id: uuid.UUID) -> Select[Staff]:
    """One member of staff, locked until the transaction ends. Rows that name them can be written meanwhile."""
    return (
        select(Staff)
        .where(Staff.id == staff_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def locked_ticket(ticket_id: uuid.UUID) -> Select[HandoffTicket]:
    """One ticket, locked until the transaction ends."""
    return (
        select(HandoffTicket)
        .where(HandoffTicket.id == ticket_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
