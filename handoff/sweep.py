"""What nobody triggers: consoles that fell silent, clocks that run out. Every gateway looks; each thing is done once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from handoff.events import Kind, happened
from handoff.presence import GRACE, take_back_from_the_vanished
from handoff.sla import WARN_AT, Clock
from store.handoff_models import HandoffTicket, TicketStatus

log = structlog.get_logger("handoff.sweep")
EVERY_S = 5.0
_BATCH = 200


async def watch_clocks(session: AsyncSession) -> tuple[int, int]:
    """Write the warnings and breaches that are due; returns how many of each."""
    warned = breached = 0
    for answer in (True, False):
        due = HandoffTicket.answer_due_at if answer else HandoffTicket.resolve_due_at
        since = HandoffTicket.waiting_since if answer else HandoffTicket.created_at
        alarm = HandoffTicket.answer_alarm if answer else HandoffTicket.resolve_alarm
        nearly = since + (due - since) * WARN_AT
        for kind, step, instant in ((Kind.BREACHED, 2, due), (Kind.WARNED, 1, nearly)):
            rows = await session.scalars(
                select(HandoffTicket)
                .where(
                    HandoffTicket.status != TicketStatus.CLOSED,
                    alarm < step,
                    due.is_not(None),
                    since.is_not(None),
                    instant <= func.clock_timestamp(),
                )
                .order_by(due)
                .limit(_BATCH)
                .with_for_update(skip_locked=True)
            )
            for ticket in rows.all():
                if answer:
                    ticket.answer_alarm = step
                else:
                    ticket.resolve_alarm = step
                clock = _clock_of(ticket, answer)
                await happened(
                    session,
                    kind,
                    ticket_id=ticket.id,
                    number=ticket.number,
                    actor="system",
                    staff_id=ticket.agent_id,
                    detail={"clock": clock.value},
                )
                warned += kind is Kind.WARNED
                breached += kind is Kind.BREACHED
    return warned, breached


def _clock_of(ticket: HandoffTicket, answer: bool) -> Clock:
    if not answer:
        return Clock.RESOLUTION
    return Clock.FIRST_ANSWER if ticket.first_answer_at is None else Clock.NEXT_ANSWER


async def sweep(
    sessions: async_sessionmaker[AsyncSession], every_s: float = EVERY_S, grace: timedelta = GRACE
) -> None:
    """Look again and again until cancelled; a database that is away is waited for."""
    while True:
        try:
            async with sessions() as session, session.begin():
                returned = await take_back_from_the_vanished(session, grace)
            async with sessions() as session, session.begin():
                _, breached = await watch_clocks(session)
            if returned or breached:
                log.info("swept", returned=returned, breached=breached)
        except (SQLAlchemyError, OSError) as error:
            log.warning("sweep_failed", error=type(error).__name__)
        await asyncio.sleep(every_s)
