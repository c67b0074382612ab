"""What nobody triggers: consoles that fell silent, clocks that run out. Every gateway looks; each thing is done once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import and_, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from handoff.events import Event, Kind, all_happened
from handoff.presence import GRACE, take_back_from_the_vanished
from handoff.sla import WARN_AT, Clock
from store.handoff_models import HandoffTicket, TicketStatus

log = structlog.get_logger("handoff.sweep")
EVERY_S = 5.0
BATCH = 200


async def watch_clocks(session: AsyncSession) -> tuple[int, int]:
    """Write the warnings and breaches that are due, at most :data:`BATCH` of a kind and clock; returns how many of each kind."""
    events: list[Event] = []
    for answer in (True, False):
        due = HandoffTicket.answer_due_at if answer else HandoffTicket.resolve_due_at
        since = HandoffTicket.waiting_since if answer else HandoffTicket.created_at
        alarm = HandoffTicket.answer_alarm if answer else HandoffTicket.resolve_alarm
        now = func.clock_timestamp()
        # As seconds, since SQLAlchemy has no product of an interval.
        ran, whole = (func.extract("epoch", instant - since) for instant in (now, due))
        for kind, step, reached in (
            (Kind.BREACHED, 2, due <= now),
            (Kind.WARNED, 1, and_(due > now, ran >= whole * WARN_AT)),
        ):
            rows = await session.scalars(
                select(HandoffTicket)
                .where(
                    HandoffTicket.status != TicketStatus.CLOSED,
                    alarm < step,
                    due.is_not(None),
                    since.is_not(None),
                    reached,
                )
                .order_by(due)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
                .execution_options(populate_existing=True)
            )
            for ticket in rows.all():
                if answer:
                    ticket.answer_alarm = step
                else:
                    ticket.resolve_alarm = step
                detail = {"clock": _clock_of(ticket, answer).value}
                events.append(Event(kind, ticket.id, ticket.number, "system", ticket.agent_id, detail))
            await session.flush()
    await all_happened(session, events)
    breached = sum(event.kind is Kind.BREACHED for event in events)
    return len(events) - breached, breached


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
            breached = 0
            while True:
                async with sessions() as session, session.begin():
                    warned, late = await watch_clocks(session)
                breached += late
                if warned + late < BATCH:
                    break
            if returned or breached:
                log.info("swept", returned=returned, breached=breached)
        except (SQLAlchemyError, OSError) as error:
            log.warning("sweep_failed", error=type(error).__name__)
        await asyncio.sleep(every_s)
