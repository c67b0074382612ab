"""What happens to a ticket, written down once for the reports and once for the audit trail."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a ticket.

    ``actor`` is ``staff:<login>``, ``taxpayer``, ``bot`` or ``system``. ``once`` names what may happen only once.
    """

    kind: Kind
    ticket_id: uuid.UUID
    number: str
    actor: str
    staff_id: uuid.UUID | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    once: str | None = None


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
    """Write one event and its link of the audit trail; nothing and ``False`` if ``once`` is known already.

    Call it last in a transaction: the trail is written by one transaction at a time.
    """
    event = Event(kind, ticket_id, number, actor, staff_id, dict(detail or {}), once)
    return await all_happened(session, [event]) == 1


async def all_happened(session: AsyncSession, events: Sequence[Event]) -> int:
    """Write several; returns how many were new.

    Rows first, links after: who holds the trail must wait for nobody's rows, or two transactions wait for each other.
    """
    if not events:
        return 0
    rows = await session.execute(
        insert(TicketEvent)
        .values(
            [
                {
                    "ticket_id": event.ticket_id,
                    "kind": event.kind,
                    "staff_id": event.staff_id,
                    "detail": dict(event.detail),
                    "once": event.once,
                }
                for event in events
            ]
        )
        .on_conflict_do_nothing(index_elements=["ticket_id", "kind", "once"])
        .returning(TicketEvent.ticket_id, TicketEvent.kind, TicketEvent.once)
    )
    added = {(ticket_id, kind, once) for ticket_id, kind, once in rows}
    new = [event for event in events if (event.ticket_id, event.kind, event.once) in added]
    links = [
        audit.Entry(event.actor, f"ticket.{event.kind}", f"ticket:{event.number}", event.detail)
        for event in new
        if event.kind not in _QUIET
    ]
    if links:
        await audit.record_all(session, links)
    return len(new)
