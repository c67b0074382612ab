"""One open chat window: what goes over its WebSocket after the first frame, JSON both ways.

The widget says:

===========  ========================================================================================================
say          ``client_id``, ``text``: a message; the same ``client_id`` is taken once
read         ``upto``: the taxpayer has had messages up to this id before their eyes
typing       the taxpayer is writing; passed on at most once in :data:`TYPING_EVERY_S`
leave_queue  they no longer wait for a human
ping         answered by ``pong``
===========  ========================================================================================================

It hears:

===========  ========================================================================================================
ready        ``owner``: it is in
status       ``handoff.status.Status``: after ``ready``, and whenever it changes
message      ``chat.threads.frame``; a question for a rating also carries the ``score`` given, if one was
typing       ``on``, and ``by``: ``agent`` where it is a human
rated        ``ticket``, ``score``: a talk was rated in this window or another one
error        ``code``, ``text``, and the ``client_id`` of the message it is about
pong         after ``ping``
===========  ========================================================================================================
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from fastapi import WebSocket
from sqlalchemy import select

from chat import threads
from chat.incoming import BadMessage, clean
from chat.limits import RateLimit
from gateway.parts import Parts, address
from gateway.routes.frames import receive_object, until_one_ends
from handoff.moves import leave_queue
from handoff.status import status_of
from handoff.survey import scores_of
from handoff.thread import read_by_taxpayer
from store.live import announce
from store.models import Conversation, Message, Owner

FRAME_LIMIT = 64 * 1024
"""Characters of one WebSocket frame; the text limit inside is far lower."""
REMEMBERED = 4096
"""Messages remembered as sent to a window: all it catches up on, and what comes while it is open."""
TYPING_EVERY_S = 1.0
READS_PER_MINUTE = 240
TOO_FAST = "您发得有点快，我跟不上了，请过几秒再发。"
MALFORMED = "这条消息的格式不对，没有收下。"
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Window:
    """A window whose token has been seen; :meth:`serve` runs it until it closes."""

    def __init__(self, parts: Parts, socket: WebSocket, conversation_id: uuid.UUID) -> None:
        self._parts = parts
        self._socket = socket
        self._id = conversation_id
        self._sent: OrderedDict[int, None] = OrderedDict()
        self._status: Mapping[str, Any] | None = None
        self._typed_at = float("-inf")
        self._reads = RateLimit(READS_PER_MINUTE, keys=1)

    async def serve(self, owner: Owner, after: int) -> None:
        """Send what came after message ``after``, then go on both ways."""
        with self._parts.hub.listen(self._id) as queue:
            await self._socket.send_json({"type": "ready", "owner": owner})
            await self._refresh_status()
            for frame in await self._missed(after):
                await self._show(frame)
            await until_one_ends(self._write(queue), self._read())

    async def _missed(self, after: int) -> list[Mapping[str, Any]]:
        async with self._parts.sessions() as session:
            frames = [threads.frame(m) for m in await threads.since(session, self._id, after)]
            scores = await scores_of(session, self._id) if any(map(_asks_for_rating, frames)) else {}
        return [
            {**frame, "custom": {**frame["custom"], "score": scores.get(frame["custom"].get("ticket"))}}
            if _asks_for_rating(frame)
            else frame
            for frame in frames
        ]

    async def _show(self, frame: Mapping[str, Any]) -> None:
        """Send a frame, unless the window has it.

        The same message comes from this process and through the database, and one with a smaller id may come after
        one with a larger.
        """
        if frame["type"] == "message":
            if frame["id"] in self._sent:
                return
            self._sent[frame["id"]] = None
            if len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)
        elif frame["type"] == "status":
            if frame == self._status:
                return
            self._status = frame
        await self._socket.send_json(frame)

    async def _refresh_status(self) -> None:
        known = self._status
        async with self._parts.sessions() as session:
            status = await status_of(session, self._id, self._parts.clock.now())
        # What was published while this was being read is newer.
        if self._status is known:
            await self._show(status.to_frame())

    async def _write(self, queue: asyncio.Queue[Mapping[str, Any] | None]) -> None:
        while (frame := await queue.get()) is not None:
            await self._show(frame)
        await self._socket.close(1013)

    async def _read(self) -> None:
        while True:
            data = await receive_object(self._socket, FRAME_LIMIT)
            match data.get("type"):
                case "ping":
                    await self._ping()
                case "say":
                    await self._say(data)
                case "read":
                    await self._read_upto(data.get("upto"))
                case "typing":
                    await self._typing()
                case "leave_queue":
                    await self._leave_queue()
                case _:
                    await self._refuse("frame", MALFORMED)

    async def _refuse(self, code: str, text: str, **about: str) -> None:
        await self._socket.send_json({"type": "error", "code": code, "text": text, **about})

    async def _ping(self) -> None:
        await self._socket.send_json({"type": "pong"})
        # A place in line changes by what happens to others, of which nobody tells this conversation.
        if self._status is not None and self._status["owner"] == Owner.QUEUE:
            await self._refresh_status()

    async def _say(self, data: dict[str, Any]) -> None:
        parts = self._parts
        raw_id = data.get("client_id")
        client_id = raw_id if isinstance(raw_id, str) and _CLIENT_ID.fullmatch(raw_id) else str(uuid.uuid4())
        text = data.get("text")
        try:
            if not (
                parts.message_rate.allow(str(self._id)) and parts.address_rate.allow(address(self._socket))
            ):
                raise BadMessage("rate", TOO_FAST)
            cleaned = clean(text if isinstance(text, str) else "", parts.settings.max_message_chars)
            async with parts.sessions() as session, session.begin():
                accepted = await threads.accept(
                    session, parts.cipher, self._id, cleaned, client_id, parts.clock.today()
                )
        except BadMessage as error:
            parts.metrics.refused(error.code)
            await self._refuse(error.code, str(error), client_id=client_id)
            return
        if accepted.new:
            parts.hub.publish(self._id, threads.frame(accepted.message))
            parts.turns.wake(self._id)
        else:
            await self._socket.send_json(threads.frame(accepted.message))

    async def _read_upto(self, upto: object) -> None:
        if not self._reads.allow(""):
            return
        known = None
        if isinstance(upto, int) and not isinstance(upto, bool) and 0 < upto < 2**62:
            async with self._parts.sessions() as session, session.begin():
                known = await session.scalar(
                    select(Message.id).where(Message.id == upto, Message.conversation_id == self._id)
                )
                if known is not None:
                    await read_by_taxpayer(session, self._id, known)
        if known is None:
            await self._refuse("frame", MALFORMED)

    async def _typing(self) -> None:
        now = time.monotonic()
        if now - self._typed_at < TYPING_EVERY_S:
            return
        self._typed_at = now
        async with self._parts.sessions() as session, session.begin():
            await announce(session, "typing", str(self._id), "taxpayer")

    async def _leave_queue(self) -> None:
        if not self._parts.message_rate.allow(str(self._id)):
            await self._refuse("rate", TOO_FAST)
            return
        async with self._parts.sessions() as session, session.begin():
            await leave_queue(session, self._id)
        async with self._parts.sessions() as session:
            status = await status_of(session, self._id, self._parts.clock.now())
        # Asked for, so told even if nothing has changed: a human may have come first.
        self._status = None
        self._parts.hub.publish(self._id, status.to_frame())


async def greeted(parts: Parts, hello: dict[str, Any]) -> Conversation | None:
    """The conversation that the first frame of a window opens; ``None`` if it opens none."""
    token = hello.get("token")
    if hello.get("type") != "hello" or not isinstance(token, str):
        return None
    async with parts.sessions() as session:
        return await threads.by_token(session, token)


def after(hello: dict[str, Any]) -> int:
    """Up to which message the window has everything; 0 if it does not say so."""
    said = hello.get("after")
    if not isinstance(said, int) or isinstance(said, bool):
        return 0
    return said if 0 <= said < 2**62 else 0


def _asks_for_rating(frame: Mapping[str, Any]) -> bool:
    custom = frame["custom"]
    return isinstance(custom, Mapping) and custom.get("kind") == "survey"
