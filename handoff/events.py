"""What happens to a ticket, written down once for the reports and once for the audit trail."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from store import audit
from store.handoff_models import TicketEvent


class Kind(StrEnum):
    """Kinds of ticket events."""

    ENTERED = "entered"
    RAISED = "raised"
    CLAIMED = "claimed"
    FIRST_ANSWER = "first_answer"
    TRANSFERRED = "transferred"
    INVITED = "invited"
    RETURNED = "returned"
    """Back to the queue because the agent has gone."""
    RELEASED = "released"
    """Back to the queue because the agent or a supervisor put it there."""
    HANDED_BACK = "handed_back"
    LEFT = "left"
    """The taxpayer left the queue."""
    CLOSED = "closed"
    WARNED = "warned"
    """A clock of the service level is nearly out."""
    BREACHED = "breached"
    OVERRIDDEN = "overridden"
    """An agent sent words the guard had objected to."""


_QUIET = frozenset({Kind.WARNED, Kind.FIRST_ANSWER})
"""Facts about time, not acts: they stand in the ticket's events alone."""


async def happened(
    session: AsyncSession,
    kind: Kind,
    *,
    ticket_id: uuid.UUID,
    number: str,
    actor: str,
    staff_id: uuid.UUID | None = None,
    detail: Mapping[str, Any] | None = None,
    once: str | None = None,
) -> bool:
    """Write an event and its link of the audit trail; nothing and ``False`` if ``once`` is known already.

    ``actor`` is ``staff:<login>``, ``taxpayer``, ``bot`` or ``system``. Call it last in a transaction: the trail is
    written by one transaction at a time.
    """
    added = await session.scalar(
        insert(TicketEvent)
        .values(ticket_id=ticket_id, kind=kind, staff_id=staff_id, detail=dict(detail or {}), once=once)
        .on_conflict_do_nothing(index_elements=["ticket_id", "kind", "once"])
        .returning(TicketEvent.id)
    )
    if added is None:
        return False
    if kind not in _QUIET:
        await audit.record(
            session,
            actor=actor,
            action=f"ticket.{kind}",
            subject=f"ticket:{number}",
            detail=dict(detail or {}),
        )
    return True
