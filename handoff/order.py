"""In which order waiting tickets are taken.

Distress and complaints first, then whose first answer is due soonest. A due time lies a fixed number of staffed
minutes after the entry, so every ticket moves up while it waits; one that is overdue by :data:`STARVED` stands beside
the most urgent ones, so that a flood of those cannot keep it waiting for ever.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, func, or_

from store.handoff_models import HandoffTicket

STARVED = timedelta(minutes=30)
_URGENT = 1


def _class() -> ColumnElement[int]:
    starved = HandoffTicket.answer_due_at < func.now() - STARVED
    return case((or_(HandoffTicket.priority == _URGENT, starved), 0), else_=1)


def in_order() -> tuple[SQLColumnExpression[Any], ...]:
    """What to order waiting tickets by."""
    return _class(), HandoffTicket.answer_due_at, HandoffTicket.created_at, HandoffTicket.id


def ahead_of(ticket: HandoffTicket, urgent: bool) -> ColumnElement[bool]:
    """The waiting tickets that are taken before ``ticket``; ``urgent``: it stands in the first class itself."""
    earlier = or_(
        HandoffTicket.answer_due_at < ticket.answer_due_at,
        and_(
            HandoffTicket.answer_due_at == ticket.answer_due_at,
            HandoffTicket.created_at < ticket.created_at,
        ),
    )
    first = _class() == 0
    mine = first if urgent else ~first
    before = and_(mine, earlier)
    others = and_(HandoffTicket.status == "waiting", HandoffTicket.id != ticket.id)
    return and_(others, before) if urgent else and_(others, or_(first, before))
