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
from sanic import Blueprint, Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse

from bot.reload import watch
from bot.turn import Watch, current, watched

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
        self._turns: set[asyncio.Task[Any]] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def _lock(self, sender: str) -> asyncio.Lock:
        lock = self._locks.get(sender)
        if lock is None:
            lock = asyncio.Lock()
            self._locks[sender] = lock
        return lock

    async def _turn(
        self,
        agent: Any,
        on_new_message: Callable[[UserMessage], Awaitable[None]],
        sender: str,
        text: str,
        message_id: str,
        metadata: Any,
    ) -> Optional[list[dict[str, Any]]]:
        """Answers to one message, ``None`` if the turn failed and left no trace."""
        async with self._lock(sender):
            tracker = await agent.tracker_store.retrieve(sender)
            earlier = _already_answered(tracker.events, message_id) if tracker is not None else None
            if earlier is not None:
                return earlier
            watch = Watch()
            current.set(watch)
            agent.processor.action_endpoint = watched(agent.processor.action_endpoint)
            collector = WholeMessages()
            known = metadata if isinstance(metadata, dict) else {}
            try:
                await on_new_message(
                    UserMessage(
                        text,
                        collector,
                        sender,
                        input_channel=self.name(),
                        metadata={**known, "message_id": message_id},
                    )
                )
            except Exception:
                logger.exception("turn failed")
                return None
            return None if watch.failed else collector.messages

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[None]]) -> Blueprint:
        """Routes: ``GET /`` health, ``POST /webhook`` one message."""
        webhook = Blueprint("shuiling_webhook", "shuiling")

        @webhook.listener("after_server_start")
        async def begin(app: Sanic, _: Any = None) -> None:
            watch(app)

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
            # The turn is a task of its own: a caller who gives up waiting must not break it off half way.
            turn = asyncio.create_task(
                self._turn(
                    request.app.ctx.agent, on_new_message, sender, text, message_id, body.get("metadata")
                )
            )
            self._turns.add(turn)
            turn.add_done_callback(self._turns.discard)
            answers = await asyncio.shield(turn)
            if answers is None:
                return response.json({"error": "turn failed"}, status=503)
            return response.json({"messages": answers})

        return webhook
