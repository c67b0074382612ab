"""Who has which conversation open in this process."""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

REMEMBERED = 10_000
"""Messages remembered as handed out: this process's own, and the same ones heard of through the database."""
QUEUE_LIMIT = 500
"""Frames kept for a reader that does not read; beyond it the reader is cut and catches up on return."""


class Hub:
    """Delivers frames to every open socket of a conversation."""

    def __init__(self) -> None:
        self._readers: dict[uuid.UUID, set[asyncio.Queue[Mapping[str, Any] | None]]] = defaultdict(set)
        self._delivered: OrderedDict[int, None] = OrderedDict()

    @contextmanager
    def listen(self, conversation_id: uuid.UUID) -> Iterator[asyncio.Queue[Mapping[str, Any] | None]]:
        """A queue of frames; ``None`` means the reader fell behind and must reconnect."""
        queue: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue(QUEUE_LIMIT)
        self._readers[conversation_id].add(queue)
        try:
            yield queue
        finally:
            readers = self._readers[conversation_id]
            readers.discard(queue)
            if not readers:
                self._readers.pop(conversation_id, None)

    def publish(self, conversation_id: uuid.UUID, frame: Mapping[str, Any]) -> None:
        """Hand a frame to every reader without waiting for any; a message is handed out once."""
        if frame.get("type") == "message":
            if frame["id"] in self._delivered:
                return
            self._delivered[frame["id"]] = None
            if len(self._delivered) > REMEMBERED:
                self._delivered.popitem(last=False)
        for queue in tuple(self._readers.get(conversation_id, ())):
            try:
                queue.put_nowait(frame)
            except asyncio.QueueFull:
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)

    def delivered(self, message_id: int) -> bool:
        """Whether this process has just handed out the message."""
        return message_id in self._delivered

    def listening(self, conversation_id: uuid.UUID) -> bool:
        """Whether anybody here has the conversation open."""
        return conversation_id in self._readers

    @property
    def conversations(self) -> tuple[uuid.UUID, ...]:
        """The conversations somebody here has open."""
        return tuple(self._readers)

    @property
    def open_sockets(self) -> int:
        """How many readers there are."""
        return sum(len(readers) for readers in self._readers.values())
