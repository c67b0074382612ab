"""The gateway's way into Rasa: REST, token-guarded, exactly once for each message id.

Request ``{"sender", "message", "message_id", "metadata"}`` with ``Authorization: Bearer <token>``; answer
``{"messages": [{"text"?, "buttons"?, "custom"?}]}``. A repeated ``message_id`` is not processed again: the answers
given the first time are read back from the tracker, so the gateway may retry after a time-out without doubling
what the taxpayer said.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Optional
from weakref import WeakValueDictionary

from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.shared.core.events import BotUttered, UserUttered
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

logger = logging.getLogger(__name__)


class WholeMessages(CollectingOutputChannel):
    """Keeps text, buttons and custom data of one utterance together instead of splitting them."""

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Collect one utterance as one message."""
        self.messages.append(_message(message.get("text"), message))


def _message(text: Optional[str], data: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if text:
        out["text"] = text
    for key in ("buttons", "custom"):
        if data.get(key):
            out[key] = data[key]
    return out


def _already_answered(events: Any, message_id: str) -> Optional[list[dict[str, Any]]]:
    """Answers to ``message_id`` if the tracker has seen it, else ``None``."""
    found: Optional[list[dict[str, Any]]] = None
    for event in events:
        if isinstance(event, UserUttered):
            if found is not None:
                break
            if (event.metadata or {}).get("message_id") == message_id:
                found = []
        elif found is not None and isinstance(event, BotUttered):
            found.append(_message(event.text, event.data or {}))
    return found


class ShuilingChannel(InputChannel):
    """Rasa input channel used by the gateway only."""

    @classmethod
    def name(cls) -> str:
        """URL prefix under ``/webhooks``."""
        return "shuiling"

    @classmethod
    def from_credentials(cls, credentials: Optional[dict[str, Any]]) -> ShuilingChannel:
        """Build from ``credentials.yml``: ``token`` is required."""
        if not credentials or not credentials.get("token"):
            cls.raise_missing_credentials_exception()
        return cls(str(credentials["token"]))  # type: ignore[index]

    def __init__(self, token: str) -> None:
        self._token = token
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def _lock(self, sender: str) -> asyncio.Lock:
        lock = self._locks.get(sender)
        if lock is None:
            lock = asyncio.Lock()
            self._locks[sender] = lock
        return lock

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[None]]) -> Blueprint:
        """Routes: ``GET /`` health, ``POST /webhook`` one message."""
        webhook = Blueprint("shuiling_webhook", "shuiling")

        @webhook.route("/", methods=["GET"])
        async def health(_: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @webhook.route("/webhook", methods=["POST"])
        async def receive(request: Request) -> HTTPResponse:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
                return response.json({"error": "forbidden"}, status=403)
            body = request.json or {}
            sender, text, message_id = body.get("sender"), body.get("message"), body.get("message_id")
            if not (isinstance(sender, str) and isinstance(text, str) and isinstance(message_id, str)):
                return response.json({"error": "sender, message and message_id must be strings"}, status=422)
            lock = self._lock(sender)
            async with lock:
                tracker = await request.app.ctx.agent.tracker_store.retrieve(sender)
                if tracker is not None:
                    earlier = _already_answered(tracker.events, message_id)
                    if earlier is not None:
                        return response.json({"messages": earlier})
                collector = WholeMessages()
                metadata = {**(body.get("metadata") or {}), "message_id": message_id}
                try:
                    await on_new_message(
                        UserMessage(text, collector, sender, input_channel=self.name(), metadata=metadata)
                    )
                except Exception:
                    logger.exception("turn failed")
                    return response.json({"error": "turn failed"}, status=500)
                return response.json({"messages": collector.messages})

        return webhook
