"""JSON objects from a WebSocket, bounded."""

from __future__ import annotations

import json
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
