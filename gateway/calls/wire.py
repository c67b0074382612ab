"""A media stream on a WebSocket of ours: bad messages are counted and passed over, a broken socket is a stopped stream."""

from __future__ import annotations

import asyncio

import structlog
from fastapi import WebSocket
from fastapi.websockets import WebSocketDisconnect

from telephony.events import StreamStarted, StreamStopped, WireIn, WireOut
from telephony.media.twilio_stream import Garbage, Ignored, Reader, write

SILENT_STREAM_S = 20.0
"""A stream that brings nothing at all for so long is dead; a living one brings fifty frames a second."""
log = structlog.get_logger("gateway.media")


class SocketWire:
    """Implements ``telephony.call.ports.Wire`` on an accepted socket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._reader = Reader()
        self._started: StreamStarted | None = None
        self._gone = False
        self._garbage = 0

    async def opening(self) -> StreamStarted | None:
        """Wait for the stream's start, which :meth:`receive` then gives again; ``None`` when there is none."""
        first = await self._next()
        self._started = first if isinstance(first, StreamStarted) else None
        return self._started

    async def receive(self) -> WireIn:
        """What comes next."""
        if self._started is not None:
            started, self._started = self._started, None
            return started
        return await self._next()

    async def send(self, item: WireOut) -> None:
        """Send; nothing happens when the socket is gone."""
        if self._gone:
            return
        try:
            await self._socket.send_text(write(item, self._reader.stream_id))
        except (RuntimeError, WebSocketDisconnect):
            self._gone = True

    async def _next(self) -> WireIn:
        while not self._gone:
            try:
                async with asyncio.timeout(SILENT_STREAM_S):
                    raw = await self._socket.receive()
            except (RuntimeError, WebSocketDisconnect):
                break
            except TimeoutError:
                log.warning("stream_silent")
                break
            if raw["type"] == "websocket.disconnect":
                break
            message = raw.get("text")
            item = self._reader.read(message if message is not None else raw.get("bytes") or b"")
            if isinstance(item, Garbage):
                self._garbage += 1
                if self._reader.hopeless:
                    log.warning("stream_hopeless", reason=item.reason, bad=self._garbage)
                    break
            elif not isinstance(item, Ignored):
                return item
        self._gone = True
        return StreamStopped()
