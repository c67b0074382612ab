"""The dialogue client: one message to Rasa over the loopback, typed answers back."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

import httpx

from chat.incoming import defuse
from chat.ports import ActionFailed, Answer, DialogueUnavailable, Said

PHONE = "phone"
"""Name of the channel of calls, in conversations and in ``domain.yml``."""

_BUSY = 2
"""With so many questions open, Rasa has no time for what nobody has asked yet."""
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
        self._asked = 0
        """Questions that wait for Rasa's answer."""

    async def send(self, conversation_id: uuid.UUID, message_id: str, said: Said) -> Sequence[Answer]:
        """Answers to one message; :class:`DialogueUnavailable` when Rasa is slow, dead or failing.

        It is :class:`ActionFailed` when an action failed that would fail again.
        """
        try:
            response = await self._post(
                "webhook",
                {
                    "sender": str(conversation_id),
                    "message": said.text if said.command else defuse(said.text),
                    "message_id": message_id,
                    "metadata": {"today": self._today().isoformat(), "channel": said.channel},
                },
            )
            if response.status_code == httpx.codes.FAILED_DEPENDENCY:
                raise ActionFailed
            response.raise_for_status()
            body = response.json()
            cue = _cue(body) if said.channel == PHONE else None
            answers = [_answer(message, cue) for message in body["messages"]]
        except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise DialogueUnavailable(type(error).__name__) from error
        return [a for a in answers if a.text or a.custom] or [replace(SILENT, cue=cue)]

    async def understand(self, text: str) -> Mapping[str, Any]:
        """How words are read, nothing done with them: Rasa's ``intent``, ``intent_ranking``, ``entities``.

        Raises :class:`DialogueUnavailable`.
        """
        try:
            response = await self._post(
                "understand",
                {"message": defuse(text), "metadata": {"today": self._today().isoformat()}},
            )
            response.raise_for_status()
            body = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise DialogueUnavailable(type(error).__name__) from error
        if not isinstance(body, dict):
            raise DialogueUnavailable("not an object")
        return body

    async def foresee(self, text: str) -> None:
        """Have words read that will probably be asked about: what that costs is remembered. Not while others wait for answers."""
        if self._asked < _BUSY:
            # Where Rasa does not answer, the question itself will find out.
            with suppress(DialogueUnavailable):
                await self.understand(text)

    async def _post(self, route: str, body: Mapping[str, Any]) -> httpx.Response:
        self._asked += 1
        try:
            return await self._client.post(
                f"/webhooks/shuiling/{route}", headers={"Authorization": f"Bearer {self._token}"}, json=body
            )
        finally:
            self._asked -= 1

    async def healthy(self) -> bool:
        """Whether Rasa answers and has its model."""
        try:
            response = await self._client.get("/webhooks/shuiling/", timeout=2.0)
        except httpx.HTTPError:
            return False
        return response.status_code == httpx.codes.OK


def _cue(body: dict[str, Any]) -> dict[str, str]:
    """What the turn came to: the action and intent of its last message that names them, and what is asked for next."""
    acted = [
        m["custom"] for m in body["messages"] if isinstance(m.get("custom"), dict) and "action" in m["custom"]
    ]
    cue = {name: str(acted[-1].get(name) or "") for name in ("action", "intent")} if acted else {}
    if body.get("asks"):
        cue["asks"] = str(body["asks"])
    return cue


def _answer(message: dict[str, Any], cue: Mapping[str, str] | None) -> Answer:
    custom = message.get("custom") or {}
    return Answer(
        text=str(message.get("text") or ""),
        buttons=tuple(
            {"title": str(b["title"]), "payload": str(b["payload"])} for b in message.get("buttons") or ()
        ),
        custom=custom.get("show"),
        facts=tuple(custom.get("facts") or ()),
        cue=cue,
    )
