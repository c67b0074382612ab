"""Calls that a human can take in the console: which run here, and who may take one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from fastapi import WebSocket

from gateway.calls.agent_leg import AgentLeg, Ending
from gateway.calls.tokens import AgentTokens
from handoff.calls import Taken, taken
from store.engine import SessionFactory
from telephony.call.session import Session
from telephony.voice.base import Style, Voice

log = structlog.get_logger("gateway.calls")
PATH = "/console/ws/call/{ticket_id}"


@dataclass(eq=False, slots=True)
class OpenCall:
    """A running call; ``leg`` is the human's end of it, if there is one. ``over`` is set when the call has ended."""

    call_id: uuid.UUID
    conversation_id: uuid.UUID
    session: Session
    style: Style
    over: asyncio.Event = field(default_factory=asyncio.Event)
    leg: AgentLeg | None = None

    def moved(self, staff_id: uuid.UUID | None) -> None:
        """The ticket is this member of staff's instead, or nobody's: whoever else is on the line leaves it."""
        if self.leg is not None and self.leg.taken.staff_id != staff_id:
            self.leg.end(Ending.MOVED)

    def line(self, speaker: str, text: str) -> None:
        """Something was said: the human reads along."""
        if self.leg is not None:
            self.leg.show(speaker, text)


class AgentCalls:
    """All calls of this process, by conversation, and the way into them."""

    def __init__(self, tokens: AgentTokens, sessions: SessionFactory, voice: Voice) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._voice = voice
        self._calls: dict[uuid.UUID, OpenCall] = {}

    @contextmanager
    def running(self, call: OpenCall) -> Iterator[None]:
        """While a call runs."""
        self._calls[call.conversation_id] = call
        try:
            yield
        finally:
            del self._calls[call.conversation_id]
            call.over.set()

    def live(self, conversation_id: uuid.UUID) -> bool:
        """Whether the caller of this conversation is on the line, in this process."""
        return conversation_id in self._calls

    def agent_call_token(self, ticket_id: uuid.UUID, staff_id: uuid.UUID) -> str:
        """A token with which the owner of the ticket takes its call, once; who they are is checked again then."""
        return self._tokens.make(ticket_id, staff_id)

    def agent_call_url(self, ticket_id: uuid.UUID, staff_id: uuid.UUID) -> str:
        """What the page's element opens. The token stands behind ``#``, so it is in no request line and in no log."""
        return f"{PATH.format(ticket_id=ticket_id)}#{self.agent_call_token(ticket_id, staff_id)}"

    async def admit(self, ticket_id: uuid.UUID, token: str) -> Taken | None:
        """The ticket of whoever shows this token, if it is still theirs; the token is used up."""
        staff_id = self._tokens.spend(ticket_id, token)
        if staff_id is None:
            return None
        async with self._sessions() as session:
            return await taken(session, ticket_id, staff_id)

    async def serve(self, socket: WebSocket, ticket: Taken) -> None:
        """The human's end of the call, on an accepted socket, until it is over."""
        call = self._calls.get(ticket.conversation_id)
        if call is None:
            await socket.send_json({"type": "ended", "reason": Ending.CALLER_LEFT.value})
            return
        leg = AgentLeg(socket, ticket, call.session, self._voice, call.style, self._sessions)
        before, call.leg = call.leg, leg
        if before is not None:
            before.end(Ending.ELSEWHERE)
        try:
            await leg.run(call.over)
        finally:
            if call.leg is leg:
                call.leg = None
