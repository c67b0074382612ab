"""The gateway's way into Rasa: REST, token-guarded, exactly once for each message id.

Request ``{"sender", "message", "message_id", "metadata"}`` with ``Authorization: Bearer <token>``; answer
``{"messages": [{"text"?, "buttons"?, "custom"?}]}``. A repeated ``message_id`` is not processed again: the answers
given the first time are read back from the tracker, so the gateway may retry after a time-out without doubling
what the taxpayer said. While the turn still runs, a repeat waits for it. A turn that failed leaves no trace: 503 where
it may succeed when repeated, 424 where an action failed that would fail again. For a call, ``asks`` beside the messages
is the slot that a form is waiting for. ``POST /understand``
``{"message", "metadata"}`` reads words without a conversation and does nothing with them: ``{"intent", "intents",
"intent_ranking", "entities"}``.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Optional, Union
from weakref import WeakValueDictionary

from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.shared.core.constants import REQUESTED_SLOT
from rasa.shared.core.events import BotUttered, UserUttered
from sanic import Blueprint, Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse

from bot.action_schema import compile_once
from bot.components.ahead import read_ahead
from bot.reload import watch
from bot.turn import TurnBroken, break_off

logger = logging.getLogger(__name__)


PHONE = "phone"
_NOT_NOW, _ACTION_FAILED = 503, 424
_READ = ("intent", "intents", "intent_ranking", "entities")


class WholeMessages(CollectingOutputChannel):
    """Keeps text, buttons and custom data of one utterance together instead of splitting them."""

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Collect one utterance as one message."""
        self.messages.append(_message(message.get("text"), message))


class SpokenMessages(WholeMessages):
    """The same for a call: responses of ``domain.yml`` may have words of their own for it (``channel: phone``)."""

    @classmethod
    def name(cls) -> str:
        """Name of the channel in ``domain.yml``."""
        return PHONE


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
        compile_once()
        break_off()
        return cls(str(credentials["token"]))  # type: ignore[index]

    def __init__(self, token: str) -> None:
        self._token = token
        self._thinking = ThreadPoolExecutor(1, thread_name_prefix="vectors")
        self._turns: dict[tuple[str, str], asyncio.Task[Any]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def _allowed(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode())

    async def _read_ahead(self, text: str) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thinking, read_ahead, text)
        except Exception:
            # Whatever is wrong with it, reading itself will say so.
            logger.exception("nothing read ahead")

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
    ) -> Union[list[dict[str, Any]], int]:
        """Answers to one message, or the status that says how the turn failed; it has left no trace then."""
        async with self._lock(sender):
            tracker = await agent.tracker_store.retrieve(sender)
            earlier = _already_answered(tracker.events, message_id) if tracker is not None else None
            if earlier is not None:
                return earlier
            known = metadata if isinstance(metadata, dict) else {}
            collector = SpokenMessages() if known.get("channel") == PHONE else WholeMessages()
            await self._read_ahead(text)
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
            except TurnBroken as broken:
                logger.error("turn broken off: %s", broken)
                return _NOT_NOW if broken.passing else _ACTION_FAILED
            except Exception:
                logger.exception("turn failed")
                return _NOT_NOW
            return collector.messages

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[None]]) -> Blueprint:
        """Routes: ``GET /`` health, ``POST /webhook`` one message, ``POST /understand`` words to be read only."""
        webhook = Blueprint("shuiling_webhook", "shuiling")

        @webhook.listener("after_server_start")
        async def begin(app: Sanic, _: Any = None) -> None:
            watch(app)

        @webhook.route("/", methods=["GET"])
        async def health(_: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @webhook.route("/webhook", methods=["POST"])
        async def receive(request: Request) -> HTTPResponse:
            if not self._allowed(request):
                return response.json({"error": "forbidden"}, status=403)
            body = request.json or {}
            sender, text, message_id = body.get("sender"), body.get("message"), body.get("message_id")
            if not (isinstance(sender, str) and isinstance(text, str) and isinstance(message_id, str)):
                return response.json({"error": "sender, message and message_id must be strings"}, status=422)
            # The turn is a task of its own: a caller who gives up waiting must not break it off half way, and who
            # asks again meanwhile must not have it run once more when it has failed.
            turn = self._turns.get((sender, message_id))
            if turn is None:
                turn = asyncio.create_task(
                    self._turn(
                        request.app.ctx.agent, on_new_message, sender, text, message_id, body.get("metadata")
                    )
                )
                self._turns[sender, message_id] = turn
                turn.add_done_callback(lambda _: self._turns.pop((sender, message_id)))
            answers = await asyncio.shield(turn)
            if isinstance(answers, int):
                return response.json({"error": "turn failed"}, status=answers)
            if (body.get("metadata") or {}).get("channel") != PHONE:
                return response.json({"messages": answers})
            tracker = await request.app.ctx.agent.tracker_store.retrieve(sender)
            asks = tracker.get_slot(REQUESTED_SLOT) if tracker is not None and tracker.active_loop else None
            return response.json({"messages": answers, "asks": asks})

        @webhook.route("/understand", methods=["POST"])
        async def understand(request: Request) -> HTTPResponse:
            if not self._allowed(request):
                return response.json({"error": "forbidden"}, status=403)
            body = request.json or {}
            text = body.get("message")
            if not isinstance(text, str) or not text.strip():
                return response.json({"error": "message must be words"}, status=422)
            await self._read_ahead(text)
            parsed = await request.app.ctx.agent.processor.parse_message(
                UserMessage(text, metadata=body.get("metadata")), only_output_properties=True
            )
            return response.json({name: parsed.get(name) for name in _READ})

        return webhook
