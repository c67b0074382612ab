"""One human's end of a call, on a WebSocket of the console.

The page sends ``{"type": "accept"}``, ``{"type": "leave"}`` and, as binary messages, µ-law at 8 kHz. It hears binary
messages of 20 ms and:

========  ==========================================================================================================
summary   ``text``: what the talk is about, being said now
ready     it has been said
joined    the caller hears you
line      ``speaker`` (``caller``, ``bot``), ``text``: the transcript goes on
parted    the caller no longer hears you
ended     ``reason``: a value of :class:`Ending`; the socket closes
========  ==========================================================================================================
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from contextlib import aclosing
from enum import StrEnum
from typing import Any

import structlog
from fastapi import WebSocket
from fastapi.websockets import WebSocketDisconnect
from sqlalchemy.exc import SQLAlchemyError

from handoff.calls import Taken, picked_up, put_down
from handoff.thread import NotYours
from store.engine import SessionFactory
from telephony.call.bridge import beats
from telephony.call.inputs import AgentJoined, AgentLeft, Leaving
from telephony.call.session import Session
from telephony.events import FRAME_BYTES
from telephony.voice.base import Style, Voice, VoiceError

log = structlog.get_logger("gateway.calls")
TEXT_LIMIT = 256
AUDIO_LIMIT = 50 * FRAME_BYTES
"""Bytes of one message of sound: a second."""
LEAD = "有一个电话转给您。"


class Ending(StrEnum):
    """Why the socket closes."""

    LEFT = "left"
    """They hung up, or did not take the call."""
    CALLER_LEFT = "caller_left"
    """There is no caller, or not any more."""
    ELSEWHERE = "elsewhere"
    """They have taken the call in another window."""
    MOVED = "moved"
    """The ticket is closed, or somebody else's."""


class AgentLeg:
    """Says what it is about, lets the human in when they accept, carries sound both ways."""

    def __init__(
        self,
        socket: WebSocket,
        ticket: Taken,
        session: Session,
        voice: Voice,
        style: Style,
        sessions: SessionFactory,
    ) -> None:
        self.taken = ticket
        self._socket = socket
        self._session = session
        self._voice = voice
        self._style = style
        self._sessions = sessions
        self._messages: deque[dict[str, Any]] = deque()
        self._summary: deque[bytes] = deque()
        self._summarising = True
        self._accepted = False
        self._told_joined = False
        self._ending: Ending | None = None

    def end(self, why: Ending) -> None:
        """Close the socket soon, telling why; the call is told by whoever ends it."""
        self._ending = self._ending or why

    def show(self, speaker: str, text: str) -> None:
        """A line of the transcript."""
        self._messages.append({"type": "line", "speaker": speaker, "text": text})

    async def run(self, over: asyncio.Event) -> None:
        """Until the human leaves, their socket breaks, or the call is ``over``."""
        self._messages.append({"type": "summary", "text": self.taken.summary})
        sides = [
            asyncio.create_task(work)
            for work in (self._read(), self._write(), self._until(over), self._say_summary())
        ]
        try:
            # The summary alone may end without ending anything.
            await asyncio.wait(sides[:3], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for side in sides:
                side.cancel()
            results = await asyncio.gather(*sides, return_exceptions=True)
            await self._part()
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect | RuntimeError):
                log.error("agent_leg_failed", exc_info=result)

    async def _part(self) -> None:
        ending = self._ending
        if self._accepted and ending in (None, Ending.ELSEWHERE):
            # Whoever changes windows has not yet taken the call in the other one.
            self._session.put(AgentLeft(Leaving.VANISHED))
        if ending is not None:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await self._socket.send_json({"type": "ended", "reason": ending.value})
        if self._accepted:
            try:
                async with self._sessions() as session, session.begin():
                    await put_down(session, self.taken, ending.value if ending else "vanished")
            except (SQLAlchemyError, OSError) as error:
                log.error("put_down_not_noted", error=type(error).__name__)

    async def _until(self, over: asyncio.Event) -> None:
        await over.wait()
        self.end(Ending.CALLER_LEFT)

    # --- from the page ---

    async def _read(self) -> None:
        while self._ending is None:
            raw = await self._socket.receive()
            if raw["type"] == "websocket.disconnect":
                return
            sound, text = raw.get("bytes"), raw.get("text")
            if sound is not None and self._accepted and len(sound) <= AUDIO_LIMIT:
                self._session.bridge.from_agent(sound)
            elif text is not None and len(text) <= TEXT_LIMIT:
                await self._told(text)

    async def _told(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "accept" and not self._accepted:
            await self._accept()
        elif kind == "leave":
            self._session.put(AgentLeft(Leaving.DONE if self._accepted else Leaving.DECLINED))
            self.end(Ending.LEFT)

    async def _accept(self) -> None:
        try:
            async with self._sessions() as session, session.begin():
                await picked_up(session, self.taken)
        except NotYours:
            self.end(Ending.MOVED)
            return
        self._accepted = True
        self._summarising = False
        self._summary.clear()
        self._session.put(AgentJoined())

    # --- to the page ---

    async def _say_summary(self) -> None:
        try:
            async with aclosing(self._voice.say(f"{LEAD}{self.taken.summary}", self._style)) as pieces:
                async for piece in pieces:
                    sound = piece.mulaw
                    self._summary.extend(
                        sound[at : at + FRAME_BYTES] for at in range(0, len(sound), FRAME_BYTES)
                    )
        except VoiceError:
            log.warning("summary_not_said")
        self._summary.append(b"")

    async def _write(self) -> None:
        async for _ in beats():
            if self._ending is not None:
                return
            self._notice_the_bridge()
            while self._messages:
                await self._socket.send_json(self._messages.popleft())
            sound = self._next_sound()
            if sound:
                await self._socket.send_bytes(sound)

    def _next_sound(self) -> bytes | None:
        if not self._summarising:
            return self._session.bridge.to_agent.pop()
        if not self._summary:
            return None
        sound = self._summary.popleft()
        if not sound:
            self._summarising = False
            self._messages.append({"type": "ready"})
        return sound

    def _notice_the_bridge(self) -> None:
        joined = self._accepted and self._session.bridge.connected
        if joined != self._told_joined:
            self._told_joined = joined
            self._messages.append({"type": "joined" if joined else "parted"})
