"""Brings changes made anywhere to the chat windows open here: messages, who owns the conversation, typing, read marks."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from chat import threads
from chat.hub import Hub
from handoff.status import status_of
from store.live import RESYNC, Change, Live
from store.models import Conversation, Message, Owner

log = structlog.get_logger("gateway.live")
EVERY_S = 2.0
"""How often those who wait are told their new place, when the queue has moved."""
_BATCH = 200


class WindowPump:
    """Listens for changes and publishes what concerns the windows open in this process."""

    def __init__(
        self, sessions: async_sessionmaker[AsyncSession], hub: Hub, live: Live, now: Callable[[], datetime]
    ) -> None:
        self._sessions = sessions
        self._hub = hub
        self._now = now
        self._changes: asyncio.Queue[Change] = asyncio.Queue()
        self._moved = False
        self._unsubscribe = live.subscribe(self._heard)
        self._tasks = [asyncio.create_task(self._pump()), asyncio.create_task(self._places())]

    async def close(self) -> None:
        """Stop."""
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _heard(self, change: Change) -> None:
        if change.kind == "ticket":
            self._moved = True
        if change is RESYNC or self._concerns_us(change):
            self._changes.put_nowait(change)

    def _concerns_us(self, change: Change) -> bool:
        if change.kind not in ("message", "conversation", "ticket", "typing"):
            return False
        if change.kind == "message" and self._hub.delivered(int(change.ids[1])):
            return False
        return self._hub.listening(uuid.UUID(change.ids[0]))

    async def _pump(self) -> None:
        while True:
            change = await self._changes.get()
            with contextlib.suppress(asyncio.QueueEmpty):
                more = [change]
                while len(more) < _BATCH:
                    more.append(self._changes.get_nowait())
            try:
                await self._publish(more)
            except (SQLAlchemyError, OSError) as error:
                # The connection that listens is lost too, and its return brings a resync.
                log.warning("live_not_published", error=type(error).__name__, changes=len(more))

    async def _publish(self, changes: list[Change]) -> None:
        if any(change is RESYNC for change in changes):
            await self._resync()
            return
        for change in changes:
            if change.kind == "typing" and change.ids[1] == "agent":
                self._hub.publish(uuid.UUID(change.ids[0]), {"type": "typing", "on": True, "by": "agent"})
        wanted = sorted({int(c.ids[1]) for c in changes if c.kind == "message"})
        if wanted:
            async with self._sessions() as session:
                await threads.at_once(session)
                found = await session.scalars(
                    select(Message).where(Message.id.in_(wanted)).order_by(Message.id)
                )
                for message in found.all():
                    self._hub.publish(message.conversation_id, threads.frame(message))
        for conversation_id in dict.fromkeys(
            uuid.UUID(c.ids[0]) for c in changes if c.kind in ("conversation", "ticket")
        ):
            await self._status(conversation_id)

    async def _resync(self) -> None:
        """After a gap: what the open windows may have missed."""
        for conversation_id in self._hub.conversations:
            async with self._sessions() as session:
                newest = await threads.since(session, conversation_id, 0)
            for message in newest[-_BATCH // 10 :]:
                self._hub.publish(conversation_id, threads.frame(message))
            await self._status(conversation_id)

    async def _status(self, conversation_id: uuid.UUID) -> None:
        async with self._sessions() as session:
            status = await status_of(session, conversation_id, self._now())
        self._hub.publish(conversation_id, status.to_frame())

    async def _places(self) -> None:
        """Somebody was claimed: those behind have moved up."""
        while True:
            await asyncio.sleep(EVERY_S)
            if not self._moved:
                continue
            self._moved = False
            try:
                for conversation_id in await self._queued():
                    await self._status(conversation_id)
            except (SQLAlchemyError, OSError) as error:
                log.warning("place_not_told", error=type(error).__name__)

    async def _queued(self) -> Sequence[uuid.UUID]:
        """Whose windows are open here and who wait for a human."""
        here = self._hub.conversations
        if not here:
            return ()
        async with self._sessions() as session:
            return (
                await session.scalars(
                    select(Conversation.id).where(
                        Conversation.id.in_(here), Conversation.owner == Owner.QUEUE
                    )
                )
            ).all()
