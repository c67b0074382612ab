"""Anger that grows over the talk: a human comes, said once and calmly; nobody is argued with or nagged."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from actions.core import Context, Reply
from actions.handoff import CALL_BACK, GO_ON, open_ticket, queue_words
from actions.screening import beyond
from handoff.moves import Disposition
from handoff.reasons import ROUTES, Reason
from store.handoff_models import HandoffTicket, TicketStatus

_SPARED = timedelta(hours=1)
"""After somebody left the queue, or a human had come for their anger, none is called for it again so soon."""
_ENOUGH = frozenset(
    {"opt_out", "wrong_person", "goodbye", "busy_now", "request_human", "complain", "distress"}
)
"""Wishes to be left alone, and such as bring a human by themselves."""
_ENDS_WITH_A_HUMAN = frozenset({"complaint_form", "dispute_form"})


async def soothe(ctx: Context) -> Reply:
    """Call a human and say so, unless one has been called for as much already; then nothing.

    A ticket that waits becomes more urgent and keeps its field of work.
    """
    turn = ctx.turn
    if turn.intent in _ENOUGH or turn.active_loop in _ENDS_WITH_A_HUMAN or beyond(turn) is not None:
        return Reply()
    tickets = (
        await ctx.session.scalars(
            select(HandoffTicket).where(
                HandoffTicket.conversation_id == turn.conversation_id,
                (HandoffTicket.status != TicketStatus.CLOSED)
                | (HandoffTicket.closed_at > func.now() - _SPARED),
            )
        )
    ).all()
    open_one = next((t for t in tickets if t.status != TicketStatus.CLOSED), None)
    if open_one is None:
        if any(t.reason == Reason.UPSET or t.disposition == Disposition.LEFT for t in tickets):
            return Reply()
        place = await open_ticket(ctx, Reason.UPSET)
        words = f"让您着急了，对不起。我请人工来帮您。{queue_words(place, ctx)}"
        return Reply.say(words, buttons=(CALL_BACK,) if turn.active_loop else (CALL_BACK, GO_ON))
    if open_one.status == TicketStatus.ASSIGNED or open_one.priority <= ROUTES[Reason.UPSET].priority:
        return Reply()
    place = await open_ticket(ctx, Reason.UPSET)
    return Reply.say(f"让您着急了，对不起，我已经请人工优先来接。{queue_words(place, ctx)}")
