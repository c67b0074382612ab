"""One conversation, one turn at a time: stored messages are answered in order, and none is lost.

A message is stored as ``pending`` before anybody is told it was taken. A worker per conversation answers pending
messages in order; after a crash the pending ones are found and answered. The dialogue gives the same answers to the
same message id, so answering again changes nothing.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import literal_column, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from chat import threads
from chat.hub import Hub
from chat.ports import ActionFailed, Answer, CallHuman, Dialogue, DialogueUnavailable, Guard, Said
from store.models import Conversation, Message, MessageState, Owner

log = structlog.get_logger("chat.turns")

MAX_FAILURES = 3
"""Unexpected failures of one message before a human is called for it."""
SLOW_WORDS = "稍等，系统有点慢，您的话我收到了，正在处理。"


# As a literal, so that the planner sees that the index of pending messages alone will do.
_PENDING = Message.state == literal_column("'pending'")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a turn may take, in seconds: before saying so, and before a human is called."""

    notice_after: float
    give_up_after: float
    retry_every: float = 1.0


async def _nobody(conversation_id: uuid.UUID) -> None:
    """Where no human can own a conversation."""


class Turns:
    """Answers pending messages; those to a human who owns the conversation are only passed on (``to_human``)."""

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        dialogue: Dialogue,
        guard: Guard,
        call_human: CallHuman,
        hub: Hub,
        patience: Patience,
        observe: Callable[[float, str], None] = lambda seconds, outcome: None,
        to_human: Callable[[uuid.UUID], Awaitable[None]] = _nobody,
    ) -> None:
        self._sessions = sessions
        self._dialogue = dialogue
        self._guard = guard
        self._call_human = call_human
        self._hub = hub
        self._patience = patience
        self._observe = observe
        self._to_human = to_human
        self._workers: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._waiting: dict[int, asyncio.Future[list[Message]]] = {}
        self._woken: set[uuid.UUID] = set()
        self._failures: dict[int, int] = {}
        self._closing = False

    def wake(self, conversation_id: uuid.UUID) -> None:
        """Make sure the pending messages of a conversation are being answered."""
        if self._closing:
            return
        self._woken.add(conversation_id)
        worker = self._workers.get(conversation_id)
        if worker is None or worker.done():
            self._workers[conversation_id] = asyncio.create_task(self._drain(conversation_id))

    async def wait_for(self, message: Message) -> list[Message]:
        """The answers to a message, once there are any."""
        future: asyncio.Future[list[Message]] = asyncio.get_running_loop().create_future()
        self._waiting[message.id] = future
        self.wake(message.conversation_id)
        try:
            return await future
        finally:
            self._waiting.pop(message.id, None)

    async def recover(self) -> int:
        """Take up what a crashed process left pending; returns how many conversations."""
        async with self._sessions() as session:
            left = (
                await session.scalars(
                    select(Message.conversation_id).where(Message.state == MessageState.PENDING).distinct()
                )
            ).all()
        for conversation_id in left:
            self.wake(conversation_id)
        return len(left)

    async def close(self) -> None:
        """Stop; what is pending stays pending for the next start."""
        self._closing = True
        workers = [w for w in self._workers.values() if not w.done()]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _drain(self, conversation_id: uuid.UUID) -> None:
        try:
            more = True
            while more:
                self._woken.discard(conversation_id)
                pending = await self._pending(conversation_id)
                if pending:
                    await self._answer_or_hand_over(*pending[0])
                more = len(pending) > 1 or conversation_id in self._woken
        except Exception:
            log.exception("worker_failed", conversation=str(conversation_id))
            if not self._closing:
                await asyncio.sleep(self._patience.retry_every)
                self._workers.pop(conversation_id, None)
                self.wake(conversation_id)
            return
        # Nothing was awaited since the last look at what woke us, so no wake-up can be missed here.
        self._workers.pop(conversation_id, None)

    async def _pending(self, conversation_id: uuid.UUID) -> Sequence[tuple[Message, Owner, str]]:
        """The next two unanswered messages in order, with who owns the conversation now, and its channel."""
        async with self._sessions() as session:
            await threads.at_once(session)
            rows = await session.execute(
                select(Message, Conversation.owner, Conversation.channel)
                .join(Conversation, Message.conversation_id == Conversation.id)
                .where(Message.conversation_id == conversation_id, _PENDING)
                .order_by(Message.id)
                .limit(2)
            )
            return [(message, Owner(owner), channel) for message, owner, channel in rows]

    async def _answer_or_hand_over(self, message: Message, owner: Owner, channel: str) -> None:
        """Answer; a message that keeps failing goes to a human instead of blocking those behind it."""
        try:
            await self._answer(message, owner, channel)
        except SQLAlchemyError:
            raise
        except Exception:
            failures = self._failures.get(message.id, 0) + 1
            if failures < MAX_FAILURES:
                self._failures[message.id] = failures
                raise
            self._failures.pop(message.id, None)
            log.exception("turn_given_up", conversation=str(message.conversation_id), message=message.id)
            words = await self._call_human(message.conversation_id, message.text)
            await self._store(message, (Answer(words),), MessageState.FAILED)

    async def _answer(self, message: Message, owner: Owner, channel: str) -> None:
        began = time.monotonic()
        if owner is Owner.AGENT:
            await self._store(message, (), MessageState.ANSWERED)
            await self._to_human(message.conversation_id)
            return
        self._hub.publish(message.conversation_id, {"type": "typing", "on": True})
        try:
            answers = await self._ask(message, channel, began)
            outcome, state = "answered", MessageState.ANSWERED
        except DialogueUnavailable as error:
            words = await self._call_human(message.conversation_id, message.text)
            answers, state = (Answer(words),), MessageState.FAILED
            outcome = "failed" if isinstance(error, ActionFailed) else "unavailable"
        checked: list[Answer] = []
        for answer in answers:
            verdict = await self._guard.check(message.conversation_id, answer)
            if verdict.replaced_because:
                log.warning(
                    "answer_replaced",
                    conversation=str(message.conversation_id),
                    message=message.id,
                    reason=verdict.replaced_because,
                )
            checked.append(verdict.answer)
        await self._store(message, checked, state)
        seconds = time.monotonic() - began
        self._observe(seconds, outcome)
        log.info("turn", conversation=str(message.conversation_id), ms=round(seconds * 1000), outcome=outcome)

    async def _ask(self, message: Message, channel: str, began: float) -> Sequence[Answer]:
        said = Said(
            str(message.payload.get("said") or message.text), channel, bool(message.payload.get("command"))
        )
        notice = asyncio.create_task(self._notice(message))
        try:
            while True:
                try:
                    return await self._dialogue.send(message.conversation_id, str(message.id), said)
                except ActionFailed:
                    raise
                except DialogueUnavailable:
                    if time.monotonic() - began >= self._patience.give_up_after:
                        raise
                    await asyncio.sleep(self._patience.retry_every)
        finally:
            notice.cancel()

    async def _notice(self, message: Message) -> None:
        await asyncio.sleep(self._patience.notice_after)
        async with self._sessions() as session, session.begin():
            note = await threads.note(session, message.conversation_id, SLOW_WORDS)
        self._hub.publish(message.conversation_id, threads.frame(note))

    async def _store(self, message: Message, answers: Sequence[Answer], state: MessageState) -> None:
        # Before the answers are stored: from then on they may reach the window through the database as well.
        self._hub.publish(message.conversation_id, {"type": "typing", "on": False})
        async with self._sessions() as session:
            await threads.at_once(session)
            stored = await threads.answer(session, message, answers, state)
        for answer in stored:
            self._hub.publish(message.conversation_id, threads.frame(answer))
        future = self._waiting.get(message.id)
        if future is not None and not future.done():
            future.set_result(stored)
