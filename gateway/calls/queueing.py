"""What becomes of a call's ticket in the queue, told to the call as it happens."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from handoff.calls import CallTicket, newest
from store.engine import SessionFactory
from store.handoff_models import TicketStatus
from store.live import RESYNC, Change, Live
from store.models import Owner
from telephony.call.inputs import AgentClaimed, AgentLeft, Input, Leaving, PlaceChanged, Standing

log = structlog.get_logger("gateway.calls")
OFTEN_S, SELDOM_S = 5.0, 30.0
"""How often the store is asked without having been told of a change: while a ticket is open, and while there is none."""


def news(before: CallTicket | None, now: CallTicket | None) -> list[Input]:
    """What the call has to hear of a ticket that was ``before`` and is ``now``. Pure."""
    if now is None:
        return []
    had = _holder(before) if before is not None and before.ticket_id == now.ticket_id else None
    has = _holder(now)
    told: list[Input] = []
    if had is not None and has != had:
        told.append(AgentLeft(_how(now)))
    if has is not None and has != had:
        told.append(AgentClaimed())
    if now.status is TicketStatus.WAITING:
        told.append(PlaceChanged(Standing(now.ahead, now.agents, now.minutes)))
    return told


def _holder(ticket: CallTicket) -> uuid.UUID | None:
    return ticket.agent_id if ticket.status is TicketStatus.ASSIGNED else None


def _how(now: CallTicket) -> Leaving:
    if now.status is not TicketStatus.CLOSED:
        return Leaving.IN_LINE
    return Leaving.TO_BOT if now.owner is Owner.BOT else Leaving.DONE


class TicketWatch:
    """Watches the ticket of one conversation while its call runs; it never fails, only learns late.

    ``tell`` brings the news to the call; ``left`` is told before that whose the ticket is instead (``None``: nobody's) when a
    human has it no longer.
    """

    def __init__(
        self,
        sessions: SessionFactory,
        live: Live,
        conversation_id: uuid.UUID,
        tell: Callable[[Input], None],
        left: Callable[[uuid.UUID | None], None],
    ) -> None:
        self._sessions = sessions
        self._live = live
        self._conversation_id = conversation_id
        self._tell = tell
        self._left = left
        self._known: CallTicket | None = None
        self._stirred = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        end = self._live.subscribe(self._changed)
        try:
            while True:
                self._stirred.clear()
                await self._look()
                try:
                    async with asyncio.timeout(OFTEN_S if self._open else SELDOM_S):
                        await self._stirred.wait()
                except TimeoutError:
                    continue
        finally:
            end()

    @property
    def _open(self) -> bool:
        return self._known is not None and self._known.status is not TicketStatus.CLOSED

    def _changed(self, change: Change) -> None:
        mine = change.kind == "ticket" and change.ids[:1] == (str(self._conversation_id),)
        if mine or change == RESYNC:
            self._stirred.set()

    async def _look(self) -> None:
        try:
            async with self._sessions() as session:
                now = await newest(session, self._conversation_id)
        except (SQLAlchemyError, OSError) as error:
            log.warning("ticket_not_read", error=type(error).__name__)
            return
        told = news(self._known, now)
        self._known = now
        for item in told:
            if isinstance(item, AgentLeft) and now is not None:
                self._left(_holder(now))
            self._tell(item)
