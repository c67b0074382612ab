"""In which order waiting tickets are taken.

Distress and complaints first, then whose first answer is due soonest. A due time lies a fixed number of staffed
minutes after the entry, so every ticket moves up while it waits; one that is overdue by :data:`STARVED` stands beside
the most urgent ones, so that a flood of those cannot keep it waiting for ever. Who was with a human already and waits
again keeps a place before all that were not due when that human came.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from store.handoff_models import HandoffTicket, TicketStatus

STARVED = timedelta(minutes=30)
_URGENT = 1


def in_order(ticket: type[HandoffTicket] = HandoffTicket) -> tuple[SQLColumnExpression[Any], ...]:
    """What to order waiting tickets by; no two are equal."""
    due = func.coalesce(ticket.answer_due_at, ticket.created_at)
    first = or_(ticket.priority == _URGENT, due < func.now() - STARVED)
    return case((first, 0), else_=1), func.least(due, ticket.claimed_at), ticket.created_at, ticket.id


def ahead_of(ticket_id: uuid.UUID) -> ColumnElement[bool]:
    """The waiting tickets that are taken before this one."""
    itself = aliased(HandoffTicket)
    place = select(*in_order(itself)).where(itself.id == ticket_id).scalar_subquery()
    return and_(HandoffTicket.status == TicketStatus.WAITING, tuple_(*in_order()) < place)
