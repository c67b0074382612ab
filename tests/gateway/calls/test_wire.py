"""The media stream on a socket: whoever ends a call is obeyed also in the very instant that a frame comes in."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from fastapi import WebSocket

from gateway.calls.wire import SocketWire

pytestmark = pytest.mark.unit


class OneMessage:
    """A socket that gives one message, when told to, and then nothing."""

    def __init__(self) -> None:
        self.message: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def receive(self) -> dict[str, Any]:
        message = await self.message
        self.message = asyncio.get_running_loop().create_future()
        return message


@pytest.mark.parametrize("steps", range(5))
async def test_an_end_in_the_instant_of_a_frame_ends_the_listening(steps: int) -> None:
    socket = OneMessage()
    listening = asyncio.create_task(SocketWire(cast(WebSocket, socket)).receive())
    await asyncio.sleep(0.01)
    socket.message.set_result({"type": "websocket.receive", "text": '{"event": "connected"}'})
    for _ in range(steps):
        await asyncio.sleep(0)
    listening.cancel()
    await asyncio.wait({listening}, timeout=0.2)
    assert listening.cancelled()
