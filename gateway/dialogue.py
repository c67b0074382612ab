"""The dialogue client: one message to Rasa over the loopback, typed answers back."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import httpx

from chat.incoming import defuse
from chat.ports import Answer, DialogueUnavailable

SILENT = Answer(
    "这句我没答上来，请换个说法再问一次，或者转人工。", ({"title": "转人工", "payload": "转人工"},)
)
"""Said when the dialogue ends a turn without a word: nobody is left without an answer."""


class RasaDialogue:
    """Speaks to ``bot.channel``; safe to repeat, because the channel answers a message id only once."""

    def __init__(self, client: httpx.AsyncClient, token: str, today: Callable[[], date]) -> None:
        self._client = client
        self._token = token
        self._today = today

    async def send(self, conversation_id: uuid.UUID, message_id: str, text: str) -> Sequence[Answer]:
        """Answers to one message; :class:`DialogueUnavailable` when Rasa is slow, dead or failing."""
        try:
            response = await self._client.post(
                "/webhooks/shuiling/webhook",
                headers={"Authorization": f"Bearer {self._token}"},
                json={
                    "sender": str(conversation_id),
                    "message": defuse(text),
                    "message_id": message_id,
                    "metadata": {"today": self._today().isoformat()},
                },
            )
            response.raise_for_status()
            answers = [_answer(message) for message in response.json()["messages"]]
        except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise DialogueUnavailable(type(error).__name__) from error
        return [a for a in answers if a.text or a.custom] or [SILENT]

    async def healthy(self) -> bool:
        """Whether Rasa answers and has its model."""
        try:
            response = await self._client.get("/webhooks/shuiling/", timeout=2.0)
        except httpx.HTTPError:
            return False
        return response.status_code == httpx.codes.OK


def _answer(message: dict[str, Any]) -> Answer:
    custom = message.get("custom") or {}
    return Answer(
        text=str(message.get("text") or ""),
        buttons=tuple(
            {"title": str(b["title"]), "payload": str(b["payload"])} for b in message.get("buttons") or ()
        ),
        custom=custom.get("show"),
        facts=tuple(custom.get("facts") or ()),
    )
