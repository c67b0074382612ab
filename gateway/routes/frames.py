"""What our WebSockets share: JSON objects, bounded, and their two sides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

from fastapi import WebSocket
from fastapi.websockets import WebSocketDisconnect


async def receive_object(socket: WebSocket, limit: int) -> dict[str, Any]:
    """The next message's object; an empty one for anything else, and for more than ``limit`` characters.

    Raises:
        WebSocketDisconnect: the other side has gone.
    """
    raw = await socket.receive()
    if raw["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(raw.get("code", 1000))
    text = raw.get("text")
    if text is None or len(text) > limit:
        return {}
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


async def until_one_ends(*work: Coroutine[Any, Any, None]) -> None:
    """Run the two sides of a socket until one of them ends; the other is cancelled, an error raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
